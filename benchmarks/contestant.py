"""A contestant: a tool, how its project is written, and how it is run."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from benchmarks.places import postgres_programs
from benchmarks.revisions import Revision
from benchmarks.server import Database

_INHERITED: Final = ("LANG", "LD_LIBRARY_PATH", "JAVA_HOME")


class Work(Enum):
    """What a run has to do. Only psql uses it, since psql does not look at the database."""

    NOTHING = "nothing"
    LAST = "the last revision"
    ALL = "all revisions"


@dataclass(frozen=True)
class Command:
    """A process to run."""

    arguments: Sequence[str | Path]
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment, with the real psql in front for tools that call it."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        path = f"{postgres_programs()}:{os.environ['PATH']}"
        return {**inherited, "HOME": str(self.folder), "PATH": path, **self.variables}


class Contestant(ABC):
    """A tool that is measured."""

    name: str
    setup: str
    # It takes a run lock, or at least records what it applied: it can run in a herd and be killed.
    takes_part_in_races = True
    # How many fit into the memory of a typical machine.
    herd_limit = 100

    @property
    @abstractmethod
    def program(self) -> Path | None:
        """The program, which exists if the tool is installed."""

    @abstractmethod
    def version(self) -> str:
        """Return the tool's version."""

    @abstractmethod
    def write(self, folder: Path, revisions: Sequence[Revision]) -> None:
        """Write a project with these revisions, over one with fewer of them if one is there."""

    @abstractmethod
    def run(self, folder: Path, database: Database, work: Work) -> Command:
        """Return the command that applies what is pending."""

    def build(self, _folder: Path) -> Command | None:
        """Return the command that readies a project when an image is built, if there is one."""
        return None

    @property
    def installed(self) -> bool:
        """Whether it can be run here."""
        return self.program is not None and self.program.exists()
