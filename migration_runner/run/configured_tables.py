"""The version tables that env.py has configured in one attempt: most have one, some thousands."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy

from migration_runner.run.configured_table import ConfiguredTable


class ConfiguredTables:
    """The current one, and those with which something is left to do; the others are not kept."""

    def __init__(self) -> None:
        # The one that was configured last.
        self.current: ConfiguredTable | None = None
        # In the order in which they were configured.
        self._left: dict[ConfiguredTable, None] = {}

    @property
    def left(self) -> Sequence[ConfiguredTable]:
        """Those with which something is left to do."""
        return tuple(self._left)

    def enter(self, table: ConfiguredTable) -> None:
        """Make a table the current one."""
        self.current = table
        self._left[table] = None

    def leave(self, following: sqlalchemy.Connection) -> None:
        """Leave the current table, before the next is configured on the `following` connection."""
        if self.current in self._left and self.current.leave(following):
            self.drop(self.current)

    def drop(self, table: ConfiguredTable) -> None:
        """Drop a table with which nothing is left to do."""
        table.applies = False
        self._left.pop(table, None)
