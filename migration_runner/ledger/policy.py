"""What an unavailable ledger means: a warning, or the end of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from migration_runner.documentation import docs_page
from migration_runner.errors import DatabaseRejected
from migration_runner.log import events, logs

_ADVICE: Final = (
    "Let the role create it (GRANT CREATE ON DATABASE), let an administrator create it"
    f" ({docs_page('privileges')}), or set MIGRATE_LEDGER=off"
)


@dataclass
class LedgerPolicy:
    """The setting `MIGRATE_LEDGER`: `on`, `off` or `require`; a run warns once."""

    mode: str
    warned: bool = False

    def unavailable(self, detail: str) -> None:
        """Warn, or raise `DatabaseRejected` if the ledger is required."""
        if self.mode == "require":
            message = f"The ledger cannot be written: {detail}. {_ADVICE}."
            raise DatabaseRejected(message, reason="ledger_unavailable")
        if not self.warned:
            self.warned = True
            logs.get_logger().warning(events.LEDGER_UNAVAILABLE, detail=detail, advice=_ADVICE)
