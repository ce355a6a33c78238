"""What somebody's env.py does, found out in a build: by running it where it can reach nothing.

It gets a connection over which nothing can be asked, and a `DATABASE_URL` that leads nowhere, and
is watched: what it configures, where it connects, which variables and files it reads. What it does
beyond that would have to be done in every run, so there is no fast path then.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Connection, Engine

from migration_runner.build.env_recorder import Reaching, audited, recorded_environment
from migration_runner.build.offline_connection import (
    OFFLINE_URL,
    offered_connection,
    offline_connections,
)
from migration_runner.database.version_tables import VersionChange
from migration_runner.history.request import CompletedStep, PlannedStep, Request
from migration_runner.log import logs
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.context import ConfiguredContext

_URL: Final = "DATABASE_URL"


class Unlearnable(Exception):
    """Why the fast path cannot stand for this env.py."""


@dataclass
class EnvFacts:
    """What env.py configures, and on what that depends.

    `offered`: it takes the runner's connection; otherwise it goes where DATABASE_URL says.
    """

    offered: bool = False
    version_table: str = ""
    version_table_schema: str | None = None
    variables: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


class _Watch:
    """Watches env.py, as `EnvListener` and by what it reads."""

    def __init__(self) -> None:
        self.facts = EnvFacts()
        self.offered: Connection | None = None
        self.engine: Engine | None = None
        self._configured = 0

    def configured(self, context: ConfiguredContext) -> None:
        self._configured += 1
        if self._configured > 1:
            message = "env.py configures more than one context"
            raise Reaching(message)
        connection = context.connection
        if connection is None:
            message = "env.py configures no connection"
            raise Reaching(message)
        if context.translates_schemas:
            message = "env.py translates schemas"
            raise Reaching(message)
        self.engine = connection.engine
        self.facts.offered = connection is self.offered
        self.facts.version_table = context.version_table
        self.facts.version_table_schema = context.version_table_schema
        context.run_nothing()

    def apply(self, plan: Callable[[], list[PlannedStep]]) -> Iterable[PlannedStep]:  # noqa: ARG002 - as `EnvListener` has it
        return ()

    def write(self, step: CompletedStep, change: VersionChange, *, last: bool) -> bool:  # noqa: ARG002 - as above
        """Nothing is made."""
        return False

    def made(self, step: CompletedStep) -> None:
        """Nothing is made."""

    def offer(self) -> Connection:
        """Offer the runner's connection."""
        if self.offered is None:
            self.offered = offered_connection()
        return self.offered


def learn_env(project: AlembicProject, root: Path) -> EnvFacts:
    """Return what the env.py of a project does, whose own modules lie in `root`.

    Raises `Unlearnable`.
    """
    watch = _Watch()
    Reaching.reasons.clear()
    try:
        with (
            recorded_environment(watch.facts.variables, OFFLINE_URL),
            audited(watch.facts.files),
            offline_connections(lambda: watch.engine),
            logs.collected_lines() as lines,
            logs.captured_prints(),
        ):
            project.run_env(Request("upgrade", ("heads",)), watch.offer, watch)
    except (Reaching, Exception, SystemExit) as error:
        raise Unlearnable(str(error) or type(error).__name__) from error
    if Reaching.reasons:
        raise Unlearnable(Reaching.reasons[0])
    facts = watch.facts
    if lines or not facts.version_table:
        message = "env.py says something in every run" if lines else "env.py configures nothing"
        raise Unlearnable(message)
    for name in sorted(facts.variables - {_URL}):
        if os.environ.get(name):
            message = f"env.py reads the variable {name}"
            raise Unlearnable(message)
    facts.files |= {str(path) for path in _modules_in(root)}
    return facts


def _modules_in(root: Path) -> Iterator[Path]:
    """Give the files of modules that are the project's own, also those that revisions imported."""
    installed = [Path(prefix) for prefix in (sys.prefix, sys.base_prefix) if prefix != "/usr"]
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        path = Path(file).absolute() if file else None
        if path and path.is_relative_to(root) and not any(map(path.is_relative_to, installed)):
            yield path
