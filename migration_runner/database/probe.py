"""Connecting, and waiting for a database that is not available yet."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import psycopg
import tenacity

from migration_runner.clock import Clock, Stopwatch
from migration_runner.database.bounded import call_within
from migration_runner.database.connection_errors import ConnectionFailure, classify_error
from migration_runner.database.first_answer import require_answer
from migration_runner.database.known_errors import (
    INVALID_PARAMETERS,
    MISSING_DATABASE,
    TOO_MANY_CONNECTIONS,
)
from migration_runner.database.network import KEEPALIVES
from migration_runner.database.refusals import ask_refusals
from migration_runner.errors import (
    ConfigError,
    DatabaseRejected,
    DatabaseUnavailable,
    MigrationError,
)
from migration_runner.fast_path.kept_connection import close_kept
from migration_runner.log import events, logs
from migration_runner.settings.database_address import with_current_secrets
from migration_runner.settings.database_url import DatabaseAddress
from migration_runner.settings.environment_secrets import hide_environment_secrets
from migration_runner.settings.search_path import with_search_path

Connection = psycopg.Connection[Any]
_Connected = TypeVar("_Connected")

_REFUSED_LOGIN: Final = "authentication_failed"
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
# The timeout of libpq and psycopg is in whole seconds, at least two.
_LIBPQ_SHORTEST: Final = 2
_SHORTEST_LAST_ATTEMPT: Final = 1.0
_NEARLY_ALL: Final = 0.95
_NOT_SEEN: Final = "the database has been created, but cannot be connected to yet"
# A shorter pause is not worthwhile, and may be below the clock's resolution.
_MOMENT: Final = 0.001


@dataclass(frozen=True)
class WaitLimits:
    """How long to wait in all and for one attempt (per host), in seconds, and for what.

    `create` creates a missing database, or returns why that is not possible for now.
    """

    total: float
    attempt: float
    missing_database: bool = False
    create: Callable[[], str] | None = None


@dataclass(frozen=True)
class ConnectionAttempt(Generic[_Connected]):
    """How to connect once: `open` gets the seconds that it may take, raises one of the `failures`.

    `ask` returns the SQLSTATEs of the servers that refuse, within as many seconds, where the driver
    does not report them.
    """

    open: Callable[[float], _Connected]
    failures: tuple[type[BaseException], ...] = (psycopg.Error, OSError)
    hosts: int = 1
    ask: Callable[[float], Sequence[str]] | None = None


class _AttemptFailed(Exception):
    def __init__(self, failure: ConnectionFailure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


def connection_parameters(
    address: DatabaseAddress, application_name: str, *, writes: bool = True
) -> dict[str, str]:
    """Return libpq's parameters for `address`, with the runner's defaults.

    Without `writes`, a read-only session will do, unless there are several hosts, of which the
    primary is chosen.
    """
    parameters = {**KEEPALIVES, **address.parameters, "application_name": application_name}
    if not os.environ.get("PGCLIENTENCODING"):
        # In an SQL_ASCII database's own encoding, psycopg returns text as bytes.
        parameters.setdefault("client_encoding", "UTF8")
    if not os.environ.get("PGTARGETSESSIONATTRS"):
        several = "," in (parameters.get("host") or os.environ.get("PGHOST", ""))
        wanted = "read-write" if writes or several else "any"
        parameters.setdefault("target_session_attrs", wanted)
    if address.search_path:
        options = parameters.get("options")
        parameters["options"] = with_search_path(options, address.search_path)
    return parameters


def connect_or_make_room(
    attempt: Callable[[], _Connected], ask: Callable[[], Sequence[str]] | None = None
) -> _Connected:
    """Call `attempt`; if there are too many connections, again without the start lock's."""
    try:
        return attempt()
    except Exception as error:
        if classify_error(error, ask).reason != TOO_MANY_CONNECTIONS or not close_kept():
            raise
    return attempt()


def connect_when_ready(
    parameters: dict[str, str],
    limits: WaitLimits,
    clock: Clock,
    connect: Callable[..., Connection] = psycopg.connect,
) -> Connection:
    """Connect to a server that accepts writes, waiting for it within `limits`.

    Raises what `try_until_ready` raises.
    """

    def attempt(seconds: float) -> Connection:
        words = {"connect_timeout": str(libpq_timeout(limits.attempt)), **parameters}
        return open_answering(lambda: connect(**words, autocommit=True), seconds, limits.attempt)

    hosts = parameters.get("host", "").count(",") + 1

    def ask(seconds: float) -> list[str]:
        return ask_refusals(with_current_secrets(parameters), seconds)

    return try_until_ready(ConnectionAttempt(attempt, hosts=hosts, ask=ask), limits, clock)


def try_until_ready(
    attempt: ConnectionAttempt[_Connected], limits: WaitLimits, clock: Clock
) -> _Connected:
    """Open a connection, until there is one.

    The pauses between attempts grow exponentially, with full jitter
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    Raises `DatabaseUnavailable` when the time is up, `DatabaseRejected` at once if the server
    refuses for good, `ConfigError` for invalid parameters; their cause is the last of the
    `failures`. (`TimeoutError` is an `OSError`.)
    """
    stopwatch = Stopwatch(clock)
    reserve = min(_SHORTEST_LAST_ATTEMPT, limits.attempt, limits.total / 4)
    jitter = tenacity.wait_random_exponential(multiplier=_FIRST_PAUSE, max=_LONGEST_PAUSE)

    def pause(state: tenacity.RetryCallState) -> float:
        # So that the last attempt ends within the total.
        return max(0.0, min(jitter(state), stopwatch.remaining(limits.total) - reserve))

    def time_is_up(_state: tenacity.RetryCallState) -> bool:
        return stopwatch.remaining(limits.total) <= reserve + _MOMENT

    def try_once() -> _Connected:
        # Files that libpq or env.py reads can have been replaced.
        hide_environment_secrets(os.environ)
        seconds = limits.attempt * attempt.hosts
        if limits.total:
            seconds = min(seconds, max(stopwatch.remaining(limits.total), reserve))
        ask = attempt.ask
        ask_once = functools.cache(lambda: ask(seconds)) if ask else None
        try:
            return connect_or_make_room(lambda: attempt.open(seconds), ask_once)
        except attempt.failures as error:
            failure = classify_error(error, ask_once)
            if failure.reason == MISSING_DATABASE and limits.create is not None:
                obstacle = _create(limits.create, error)
                # A pooler may still say for a while that it is missing.
                failure = dataclasses.replace(failure, retryable=True, detail=obstacle)
                if not obstacle:
                    with contextlib.suppress(*attempt.failures):
                        return attempt.open(seconds)
                    failure = dataclasses.replace(failure, detail=_NOT_SEEN)
            elif failure.reason == MISSING_DATABASE and limits.missing_database:
                failure = dataclasses.replace(failure, retryable=True)
            logs.get_logger().warning(
                events.DATABASE_UNAVAILABLE,
                reason=failure.reason,
                attempt=retrying.statistics["attempt_number"],
                remaining_seconds=round(max(0.0, stopwatch.remaining(limits.total)), 1),
                detail=failure.detail,
            )
            raise _AttemptFailed(failure) from error

    retrying = tenacity.Retrying(
        sleep=clock.sleep,
        stop=time_is_up,
        wait=pause,
        retry=tenacity.retry_if_exception(_can_help),
        reraise=True,
    )
    try:
        return retrying(try_once)
    except _AttemptFailed as error:
        raise _translate(error.failure, stopwatch.elapsed()) from error.__cause__


def _create(create: Callable[[], str], missing: BaseException) -> str:
    """Call `create`; what it raises is because of the `missing` database."""
    try:
        return create()
    except MigrationError as refusal:
        raise refusal from missing


def _can_help(error: BaseException) -> bool:
    return isinstance(error, _AttemptFailed) and error.failure.retryable


def _translate(
    failure: ConnectionFailure, waited: float
) -> DatabaseUnavailable | DatabaseRejected | ConfigError:
    facts = {"reason": failure.reason, "detail": failure.detail, "advice": failure.advice}
    detail = failure.detail if failure.detail.endswith("?") else f"{failure.detail}."
    if failure.retryable:
        message = f"The database was not ready within {waited:.1f} s: {detail}"
        return DatabaseUnavailable(f"{message} {failure.advice}", **facts)
    if failure.reason in INVALID_PARAMETERS:
        message = f"Invalid connection options: {detail} {failure.advice}"
        return ConfigError(message, **facts)
    message = f"The server refused the connection: {detail} {failure.advice}"
    return DatabaseRejected(message, **facts)


def libpq_timeout(seconds: float) -> int:
    """Return the nearest valid `connect_timeout` of libpq's: whole seconds, at least two."""
    return max(_LIBPQ_SHORTEST, round(seconds))


def connect_within(
    seconds: float,
    parameters: dict[str, str],
    host_seconds: float,
    connect: Callable[..., Connection] = psycopg.connect,
) -> Connection:
    """Connect, and wait at most `seconds` for it in all. Raises `TimeoutError`."""
    words = {"connect_timeout": str(libpq_timeout(host_seconds)), **parameters}
    return call_within(
        seconds,
        lambda: connect(**words, autocommit=True),
        lambda connection: connection.close(),
    )


def connect_again(
    parameters: Mapping[str, Any], connect: Callable[[dict[str, Any]], _Connected]
) -> _Connected:
    """Connect like an earlier session, with its password as it is now.

    Where that is refused, it came perhaps from libpq's password file, which has another one now.
    """
    words = with_current_secrets(parameters)
    try:
        return connect(words)
    except psycopg.OperationalError as error:
        refused = classify_error(error).reason == _REFUSED_LOGIN
        if not (refused and "password" in words and _has_password_file(words)):
            raise
        del words["password"]
        try:
            return connect(words)
        except psycopg.OperationalError:
            raise error from None


def _has_password_file(words: Mapping[str, Any]) -> bool:
    usual = f"{os.environ.get('HOME', '')}/.pgpass"
    named = words.get("passfile") or os.environ.get("PGPASSFILE") or usual
    return bool(os.environ.get("PGSERVICE")) or Path(named).is_file()


def open_answering(
    open_: Callable[[], _Connected],
    seconds: float,
    answer_seconds: float,
    *,
    is_async: bool = False,
) -> _Connected:
    """Call what opens a connection, and wait for its server's first answer.

    At most `seconds` in all, and `answer_seconds` for the answer. Raises `TimeoutError`.
    """
    started = time.monotonic()

    def open_and_ask() -> _Connected:
        connection = open_()
        # A little earlier, to say what there is no time left for.
        left = (started + seconds - time.monotonic()) * _NEARLY_ALL
        try:
            require_answer(connection, max(0.0, min(answer_seconds, left)), is_async=is_async)
        except BaseException:
            _close(connection)
            raise
        return connection

    if is_async:
        # It belongs to this thread's event loop, and has to limit itself.
        return open_and_ask()
    return call_within(seconds, open_and_ask, _close)


def _close(connection: object) -> None:
    with contextlib.suppress(Exception):
        connection.close()  # type: ignore[attr-defined]  # every driver's has it
