"""Alembic's updates of the version table, which the runner can take over for a step.

Private names used: `HeadMaintainer`, which `alembic.runtime.migration` looks up by that name, and
its three methods that write (unchanged since 2014).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from alembic.runtime import migration
from alembic.runtime.migration import HeadMaintainer, MigrationContext, MigrationInfo

from migration_runner.database.version_tables import VersionChange

# Writes a step's only change; False to leave it to Alembic.
Write = Callable[[MigrationInfo, VersionChange], bool]
_OPTION: Final = "migrate_steps"


class _Steps:
    """The function that writes a context's steps, and whether it wrote the last one."""

    def __init__(self, write: Write) -> None:
        self.write = write
        self.written = False


def delegate_steps(context: MigrationContext, write: Write) -> None:
    """Let `write` make the change of each step that changes a single row."""
    context.opts[_OPTION] = _Steps(write)


def was_delegated(context: MigrationContext) -> bool:
    """Whether `write` made the change of the last step."""
    steps: _Steps | None = context.opts.get(_OPTION)
    return steps is not None and steps.written


class _Heads(HeadMaintainer):
    """Alembic's class, but it collects the changes of a step before it writes them."""

    def __init__(self, context: MigrationContext, heads: Any) -> None:
        super().__init__(context, heads)
        self._changes: list[VersionChange] | None = None

    def update_to_step(self, step: Any) -> None:
        steps: _Steps | None = self.context.opts.get(_OPTION)
        if steps is not None:
            heads = set(self.heads)
            changes = self._collect(step)
            steps.written = len(changes) == 1 and steps.write(step.info, changes[0])
            if steps.written:
                return
            self.heads = heads
        super().update_to_step(step)

    def _collect(self, step: Any) -> list[VersionChange]:
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
def delegated_steps() -> Iterator[None]:
    """Let Alembic's contexts delegate their steps."""
    migration.HeadMaintainer = _Heads  # type: ignore[misc]  # see the module's docstring
    try:
        yield
    finally:
        migration.HeadMaintainer = HeadMaintainer  # type: ignore[misc]  # as above
