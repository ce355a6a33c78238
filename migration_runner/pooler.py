"""Whether a session is a session: poolers that share one server connection give none.

A pooler shows itself, since it makes up the process id of the login: it has to tell the cancel
requests of its clients apart. Pooling sessions it is harmless; pooling transactions or statements
it would give the run lock to whoever comes next, and our timeouts to the application.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from migration_runner.errors import ConfigError

_LOOKS: Final = 3
_ADVICE: Final = (
    " A run needs a session of its own, for its lock. Set MIGRATE_DATABASE_URL to the server's own"
    " address (the application keeps DATABASE_URL), or pool sessions and set"
    " MIGRATE_POOLER=session."
)
# https://www.pgbouncer.org/features.html: it refuses BEGIN in this mode.
_STATEMENT_MODE: Final = "not allowed in statement pooling mode"

Pid = Callable[[], int]


def require_session(ours: Pid, open_other: Callable[[], AbstractContextManager[int]]) -> None:
    """Raise `ConfigError` unless the server connection behind the pooler is ours alone.

    `ours` asks the work session for its backend, in a transaction of its own each time.
    `open_other` opens another session, in a transaction, and gives its backend; it raises
    `TimeoutError` when it gets none. In session mode ours never changes and nobody else gets it;
    in transaction mode another one gets it, being free, or ours changes while that is busy.
    """
    first = ours()
    for _ in range(_LOOKS):
        try:
            with open_other() as other:
                seen = {ours(), other}
        except TimeoutError:
            message = (
                "A pooler stands between the runner and the server, and has no second connection"
                f" free to find out how it pools.{_ADVICE}"
            )
            raise ConfigError(message, reason="pooler", pooling="unknown") from None
        if seen != {first, other} or other == first:
            raise _refusal(pooling="transactions")


def refuse_statement_pooler(error: BaseException) -> None:
    """Raise `ConfigError` if `error` is a pooler's in statement mode: it takes no transactions."""
    if _STATEMENT_MODE in str(error):
        raise _refusal(pooling="statements") from error


def _refusal(pooling: str) -> ConfigError:
    message = f"A pooler that pools {pooling} stands between the runner and the server.{_ADVICE}"
    return ConfigError(message, reason="pooler", pooling=pooling)
