"""Determines in a build what env.py does, by running it offline.

It gets an offline connection, which runs no queries, and a `DATABASE_URL` of a server that does not
exist. Recorded are what it configures, where it connects, and which variables and files it reads.
Anything else that it does would have to happen in every run, so it turns the fast path off.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Connection, Engine

from migration_runner.build.env_recorder import Obstacle, audited, recorded_environment
from migration_runner.build.offline_connection import (
    OFFLINE_URL,
    offered_connection,
    offline_connections,
)
from migration_runner.database.version_tables import VersionChange
from migration_runner.history.request import CompletedStep, PlannedStep, Request
from migration_runner.log import capture, streams
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.context import ConfiguredContext

_URL: Final = "DATABASE_URL"


class NoFastPath(Exception):
    """Why the fast path is not possible with this project."""


@dataclass
class EnvFacts:
    """What env.py configures, and what that depends on.

    `offered`: it uses the runner's connection; otherwise it connects to DATABASE_URL itself.
    """

    offered: bool = False
    version_table: str = ""
    version_table_schema: str | None = None
    variables: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


class _Probe:
    """The `EnvListener` that records what env.py configures."""

    def __init__(self) -> None:
        self.facts = EnvFacts()
        self.offered: Connection | None = None
        self.engine: Engine | None = None
        self._configured = 0

    def configured(self, context: ConfiguredContext) -> None:
        self._configured += 1
        if self._configured > 1:
            message = "env.py configures more than one context"
            raise Obstacle(message)
        connection = context.connection
        if connection is None:
            message = "env.py configures no connection"
            raise Obstacle(message)
        if context.translates_schemas:
            message = "env.py uses schema_translate_map"
            raise Obstacle(message)
        self.engine = connection.engine
        self.facts.offered = connection is self.offered
        self.facts.version_table = context.version_table
        self.facts.version_table_schema = context.version_table_schema
        context.run_nothing()

    def apply(self, plan: Callable[[], list[PlannedStep]]) -> Iterable[PlannedStep]:  # noqa: ARG002 - as `EnvListener` has it
        return ()

    def write(self, step: CompletedStep, change: VersionChange, *, last: bool) -> bool:  # noqa: ARG002 - as above
        """No step is run."""
        return False

    def completed(self, step: CompletedStep) -> None:
        """No step is run."""

    def offer(self) -> Connection:
        """Offer an offline connection in place of the runner's."""
        if self.offered is None:
            self.offered = offered_connection()
        return self.offered


def probe_env(project: AlembicProject, root: Path) -> EnvFacts:
    """Return what a project's env.py does; the project's own modules are in `root`.

    Raises `NoFastPath`.
    """
    probe = _Probe()
    Obstacle.reasons.clear()
    try:
        with (
            recorded_environment(probe.facts.variables, OFFLINE_URL),
            audited(probe.facts.files),
            offline_connections(lambda: probe.engine),
            streams.collected_lines() as lines,
            capture.captured_prints(),
        ):
            project.run_env(Request("upgrade", ("heads",)), probe.offer, probe)
    except (Obstacle, Exception, SystemExit) as error:
        raise NoFastPath(str(error) or type(error).__name__) from error
    if Obstacle.reasons:
        raise NoFastPath(Obstacle.reasons[0])
    facts = probe.facts
    if lines or not facts.version_table:
        message = "env.py prints or logs in every run" if lines else "env.py configures no context"
        raise NoFastPath(message)
    for name in sorted(facts.variables - {_URL}):
        if os.environ.get(name):
            message = f"env.py reads the variable {name}, which is set"
            raise NoFastPath(message)
    facts.files |= {str(path) for path in _modules_in(root)}
    return facts


def _modules_in(root: Path) -> Iterator[Path]:
    """Yield the files of the project's own modules, also of those that revisions import."""
    installed = [Path(prefix) for prefix in (sys.prefix, sys.base_prefix) if prefix != "/usr"]
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        path = Path(file).absolute() if file else None
        if path and path.is_relative_to(root) and not any(map(path.is_relative_to, installed)):
            yield path
