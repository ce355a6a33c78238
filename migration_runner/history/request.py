"""What a run is to do with a database, in Alembic's words, and the steps of it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

Direction = Literal["upgrade", "downgrade", "stamp"]
_RELATIVE: Final = re.compile(r"(?:.+@)?[+-]\d+")


class Step(Protocol):
    """One of Alembic's steps; only its function is used here."""

    migration_fn: Any


@dataclass(frozen=True)
class Request:
    """A command in Alembic's words: `upgrade head`, `downgrade -1`, `stamp --purge a b`."""

    direction: Direction
    targets: tuple[str, ...]
    purge: bool = False
    tag: str | None = None

    @property
    def target(self) -> str:
        """The target as it is written on the command line."""
        return " ".join(self.targets)

    @property
    def words(self) -> list[str]:
        """Alembic's command line, where `upgrade` takes one target."""
        targets = self.targets[:1] if self.direction == "upgrade" else self.targets
        options = ["--purge"] if self.purge else []
        if self.tag is not None:
            options += ["--tag", self.tag]
        return [self.direction, *targets, *options]

    @property
    def relative(self) -> bool:
        """Whether the target is relative to the database's revision: `-1`, `branch@+2`."""
        return any(_RELATIVE.fullmatch(target) for target in self.targets)


@dataclass(frozen=True)
class PlannedStep:
    """One step of a request: the revision that is applied, undone or stamped."""

    revision: str
    step: Step

    def guard(self, around: Callable[[Callable[[], None]], None]) -> None:
        """Wrap the revision's own function in `around`."""
        function = self.step.migration_fn

        @functools.wraps(function)
        def guarded(**kwargs: Any) -> None:
            around(lambda: function(**kwargs))

        self.step.migration_fn = guarded


@dataclass(frozen=True)
class CompletedStep:
    """A step that is written to the version table; its transaction is still open."""

    direction: Direction
    revisions: tuple[str | None, ...]
