"""Whether a connection is a session of its own: in some modes, poolers share it among clients.

A pooler is detected by the process id of the login, which it makes up to distinguish its clients'
cancel requests. Session mode is safe; in transaction or statement mode, the run lock and the
runner's timeouts would pass to another client.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, TypeGuard

from migration_runner.errors import ConfigError, MigrationError

_REASON: Final = "pooler"
_LOOKS: Final = 3
_ADVICE: Final = (
    " The run lock needs a session of its own. Set MIGRATE_DATABASE_URL to the server's own"
    " address (the application keeps DATABASE_URL), or use session mode and set"
    " MIGRATE_POOLER=session."
)
_ENV_ADVICE: Final = (
    " The run lock needs a session of its own. env.py connects by itself{place}: give it the"
    " server's own address there, or the runner's connection (config.attributes), or use session"
    " mode and set MIGRATE_POOLER=session."
)
_TRANSACTIONS: Final = "The connection goes through a pooler in transaction mode"
_STATEMENTS: Final = "The connection goes through a pooler in statement mode"
_UNKNOWN_MODE: Final = "The connection goes through a pooler whose mode could not be determined"
_NO_OTHER: Final = f"{_UNKNOWN_MODE}: the pooler has no second connection free"
_NOT_OTHERS: Final = f"{_UNKNOWN_MODE}: env.py's driver does not reveal its connection parameters"
# https://www.pgbouncer.org/features.html: it refuses BEGIN in this mode.
_STATEMENT_MODE: Final = "not allowed in statement pooling mode"

Pid = Callable[[], int]


def require_session(
    ours: Pid, open_other: Callable[[], AbstractContextManager[int | None]]
) -> None:
    """Raise `ConfigError` unless the server connection behind the pooler is ours alone.

    `ours` returns the work session's backend, in a new transaction each time. `open_other` opens
    another session, in a transaction, and yields its backend, None if the parameters are not known;
    it raises `TimeoutError` if it gets no connection. In session mode our backend never changes,
    and no other session gets it; in transaction mode the other session gets it while it is free, or
    ours changes while it is busy.
    """
    first = ours()
    for _ in range(_LOOKS):
        try:
            with open_other() as other:
                # Not while the other session has our backend, or this would wait for it.
                shared = other == first or ours() != first
        except TimeoutError:
            raise _refusal(pooling="unknown", why=_NO_OTHER) from None
        if other is None:
            raise _refusal(pooling="unknown", why=_NOT_OTHERS)
        if shared:
            raise _refusal(pooling="transactions", why=_TRANSACTIONS)


def recognize_statement_pooler(error: BaseException) -> ConfigError | None:
    """Return what to raise if `error` is from a pooler in statement mode, or None."""
    return (
        _refusal(pooling="statements", why=_STATEMENTS) if _STATEMENT_MODE in str(error) else None
    )


def advise_env(error: MigrationError, place: str) -> ConfigError:
    """Return a refusal for an env.py that connects to `place` by itself, whatever the settings."""
    advice = _ENV_ADVICE.format(place=f", to {place}" if place else "")
    return ConfigError(error.message.removesuffix(_ADVICE) + advice, **error.facts)


def is_refusal(error: BaseException) -> TypeGuard[ConfigError]:
    """Whether an error is a pooler's refusal."""
    return isinstance(error, ConfigError) and error.facts.get("reason") == _REASON


def _refusal(pooling: str, why: str) -> ConfigError:
    return ConfigError(f"{why}.{_ADVICE}", reason=_REASON, pooling=pooling)
