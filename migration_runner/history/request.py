"""Where a run is to take a database, step by step, in Alembic's words."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

Direction = Literal["upgrade", "downgrade", "stamp"]
_RELATIVE: Final = re.compile(r"(?:.+@)?[+-]\d+")


class Step(Protocol):
    """One of Alembic's steps: all that matters of it here is its function."""

    migration_fn: Any


@dataclass(frozen=True)
class Request:
    """Where to, in Alembic's words: `upgrade head`, `downgrade -1`, `stamp --purge a b`."""

    direction: Direction
    targets: tuple[str, ...]
    purge: bool = False
    tag: str | None = None

    @property
    def target(self) -> str:
        """The target as people write it."""
        return " ".join(self.targets)

    @property
    def words(self) -> list[str]:
        """The command line that Alembic would have: `upgrade` takes one target there."""
        targets = self.targets[:1] if self.direction == "upgrade" else self.targets
        options = ["--purge"] if self.purge else []
        if self.tag is not None:
            options += ["--tag", self.tag]
        return [self.direction, *targets, *options]

    @property
    def relative(self) -> bool:
        """Whether the target counts from where the database is: `-1`, `branch@+2`."""
        return any(_RELATIVE.fullmatch(target) for target in self.targets)


@dataclass(frozen=True)
class PlannedStep:
    """One step of a request: the revision that is applied or undone, or what is stamped."""

    revision: str
    step: Step

    def guard(self, around: Callable[[Callable[[], None]], None]) -> None:
        """Let `around` call the revision's own function."""
        function = self.step.migration_fn

        @functools.wraps(function)
        def guarded(**kwargs: Any) -> None:
            around(lambda: function(**kwargs))

        self.step.migration_fn = guarded


@dataclass(frozen=True)
class StepMade:
    """What Alembic has just written to the version table, its transaction still open."""

    direction: Direction
    revisions: tuple[str | None, ...]
