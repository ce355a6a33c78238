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
_BETWEEN: Final = "stands between the runner and the server"
_TRANSACTIONS: Final = f"A pooler that pools transactions {_BETWEEN}"
_STATEMENTS: Final = f"A pooler that pools statements {_BETWEEN}"
_NO_OTHER: Final = (
    f"A pooler {_BETWEEN}, and has no second connection free to find out how it pools"
)
_NOT_OTHERS: Final = (
    f"A pooler {_BETWEEN}, and env.py's driver does not tell the way to it, so that there is no"
    " finding out how it pools"
)
# https://www.pgbouncer.org/features.html: it refuses BEGIN in this mode.
_STATEMENT_MODE: Final = "not allowed in statement pooling mode"

Pid = Callable[[], int]


def require_session(
    ours: Pid, open_other: Callable[[], AbstractContextManager[int | None]]
) -> None:
    """Raise `ConfigError` unless the server connection behind the pooler is ours alone.

    `ours` asks the work session for its backend, in a transaction of its own each time.
    `open_other` opens another session, in a transaction, and gives its backend, None where
    the way is not known; it raises `TimeoutError` when it gets none. In session mode ours
    never changes and nobody else gets it; in transaction mode another one gets it, being free, or
    ours changes while that is busy.
    """
    first = ours()
    for _ in range(_LOOKS):
        try:
            with open_other() as other:
                # Asked only while ours is not with the other one, or it would wait for that.
                shared = other == first or ours() != first
        except TimeoutError:
            raise _refusal(pooling="unknown", why=_NO_OTHER) from None
        if other is None:
            raise _refusal(pooling="unknown", why=_NOT_OTHERS)
        if shared:
            raise _refusal(pooling="transactions", why=_TRANSACTIONS)


def recognize_statement_pooler(error: BaseException) -> ConfigError | None:
    """Return what to raise if `error` is a pooler's in statement mode: it takes no transactions."""
    return (
        _refusal(pooling="statements", why=_STATEMENTS) if _STATEMENT_MODE in str(error) else None
    )


def _refusal(pooling: str, why: str) -> ConfigError:
    return ConfigError(f"{why}.{_ADVICE}", reason="pooler", pooling=pooling)
