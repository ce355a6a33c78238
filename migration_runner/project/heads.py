"""Alembic's upkeep of the version table, and who writes a step's change in its place.

What is private here: `alembic.runtime.migration` makes its `HeadMaintainer` by that name, and the
three methods that write (the same since 2014).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from alembic.runtime import migration
from alembic.runtime.migration import HeadMaintainer, MigrationContext, MigrationInfo

from migration_runner.database.version_tables import VersionChange

# Makes a step's only change; False where Alembic shall do it.
Write = Callable[[MigrationInfo, VersionChange], bool]
_OPTION: Final = "migrate_steps"


class _Steps:
    """Who writes the steps of a context, and whether that was so with the last one."""

    def __init__(self, write: Write) -> None:
        self.write = write
        self.written = False


def hand_steps_over(context: MigrationContext, write: Write) -> None:
    """Let `write` make the change of each step that changes one row, where it can."""
    context.opts[_OPTION] = _Steps(write)


def was_written(context: MigrationContext) -> bool:
    """Whether the change of the last step was handed over."""
    steps: _Steps | None = context.opts.get(_OPTION)
    return steps is not None and steps.written


class _Heads(HeadMaintainer):
    """Alembic's, which gathers the changes of a step before it makes them."""

    def __init__(self, context: MigrationContext, heads: Any) -> None:
        super().__init__(context, heads)
        self._changes: list[VersionChange] | None = None

    def update_to_step(self, step: Any) -> None:
        steps: _Steps | None = self.context.opts.get(_OPTION)
        if steps is not None:
            heads = set(self.heads)
            changes = self._gather(step)
            steps.written = len(changes) == 1 and steps.write(step.info, changes[0])
            if steps.written:
                return
            self.heads = heads
        super().update_to_step(step)

    def _gather(self, step: Any) -> list[VersionChange]:
        changes: list[VersionChange] = []
        self._changes = changes
        try:
            super().update_to_step(step)
        finally:
            self._changes = None
        return changes

    def _insert_version(self, version: str) -> None:
        if self._changes is None:
            super()._insert_version(version)
            return
        self.heads.add(version)
        self._changes.append(VersionChange(None, version))

    def _delete_version(self, version: str) -> None:
        if self._changes is None:
            super()._delete_version(version)
            return
        self.heads.remove(version)
        self._changes.append(VersionChange(version, None))

    def _update_version(self, from_: str, to_: str) -> None:
        if self._changes is None:
            super()._update_version(from_, to_)
            return
        self.heads.remove(from_)
        self.heads.add(to_)
        self._changes.append(VersionChange(from_, to_))


@contextlib.contextmanager
def steps_handed_over() -> Iterator[None]:
    """Let Alembic's contexts hand their steps over."""
    migration.HeadMaintainer = _Heads  # type: ignore[misc]  # see the module's docstring
    try:
        yield
    finally:
        migration.HeadMaintainer = HeadMaintainer  # type: ignore[misc]  # as above
