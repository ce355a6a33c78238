"""Classifies failed connection attempts: whether to try again, and what to do if not.

libpq reports no SQLSTATE for a connection that was not established, only text, so this matches
the text of `src/backend/libpq/auth.c`, `utils/init/postinit.c` and
`interfaces/libpq/fe-connect.c`; asyncpg reports the SQLSTATE. Over libpq, a server whose messages
are not in English (`lc_messages`) is retried until the time is up.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Final

# libpq has one hint or address per line, tab-indented; psycopg lists all attempts after this.
_ALL_FAILURES: Final = "Multiple connection attempts failed."


@dataclass(frozen=True)
class ConnectionFailure:
    """One failed attempt: its class, whether another attempt can succeed, and what to do if not."""

    reason: str
    retryable: bool
    advice: str
    detail: str = ""


_UNKNOWN: Final = ConnectionFailure("unknown", retryable=True, advice="Check the server's log.")
MISSING_DATABASE: Final = "missing_database"
TOO_MANY_CONNECTIONS: Final = "too_many_connections"
# There was not even a refusal.
NO_ANSWER: Final = frozenset({"timeout", "unreachable"})

# In order: a server's temporary state takes precedence over a refusal by another host,
# and a refusal over hosts that do not answer.
_KINDS: Final = tuple(
    (pattern, ConnectionFailure(reason, retryable, advice))
    for reason, retryable, pattern, advice in (
        (
            "not_accepting_connections",
            True,
            r"the database system is |is not currently accepting connections",
            "The server is starting up, shutting down or in recovery: check its log.",
        ),
        (
            TOO_MANY_CONNECTIONS,
            True,
            r"too many clients|remaining connection slots are reserved|too many connections for",
            "Raise max_connections, or terminate idle sessions.",
        ),
        (
            "read_only",
            True,
            r"session is read-only|server is in hot standby mode|server is not in hot standby",
            "The server is a standby or read-only (default_transaction_read_only):"
            " use the primary's address, or list several hosts.",
        ),
        (
            "tls_refused",
            False,
            r"does not support SSL|rejected SSL upgrade|certificate verify failed"
            r"|does not match host name"
            r"|root certificate file|could not load (?:private key|root certificate)"
            r"|could not read (?:certificate|root certificate)|no certificate|certificate file"
            r"|private key file|SSL error: (?!unexpected eof)|requires? (?:a )?valid client cert"
            r"|certificate revoked|certificate has expired",
            "Check sslmode and sslrootcert against the server's certificate.",
        ),
        (
            "authentication_failed",
            False,
            r"authentication failed|no password supplied|fe_sendauth|password is empty"
            r"|authentication method|is not permitted to log in|SCRAM|SASL",
            "Check the user name and the password in DATABASE_URL, PGPASSWORD, the secret, or"
            " env.py.",
        ),
        (
            "unknown_role",
            False,
            r'role "[^"]*" does not exist|no such user',
            "Create the role, or correct the user in the URL.",
        ),
        (
            MISSING_DATABASE,
            False,
            r'database "[^"]*" does not exist|no such database',
            "Create the database, correct its name in the URL, or set"
            " MIGRATE_WAIT_FOR_DATABASE=true if another step creates it.",
        ),
        (
            "not_allowed",
            False,
            r"pg_hba\.conf|permission denied for database",
            "Allow this user and address in pg_hba.conf, or GRANT CONNECT on the database.",
        ),
        (
            "bad_parameters",
            False,
            r"could not match|invalid (?:connection option|port|integer|\w+ value)|missing \"=\""
            r"|unrecognized configuration parameter|unsupported startup parameter",
            "Correct the options in the URL or libpq's variables.",
        ),
        (
            "host_unknown",
            True,
            r"failed to resolve host|could not translate host name|Name or service not known"
            r"|Temporary failure in name resolution|No address associated with hostname",
            "Check the host name in the URL, and DNS.",
        ),
        (
            "timeout",
            True,
            r"timeout expired|timed out",
            "There is no answer: check host, port, firewall and network policy.",
        ),
        (
            "connection_refused",
            True,
            r"Connection refused|No such file or directory|Connect call failed",
            "No server listens there: check host and port, and that the server is running.",
        ),
        (
            "connection_lost",
            True,
            r"closed the connection unexpectedly|reset by peer|unexpected eof|EOF detected"
            r"|could not (?:send|receive)|server login (?:has been )?failing"
            r"|cannot connect to server|connection was closed in the middle",
            "The connection was accepted, then closed: by a proxy without a server, or by a server"
            " that crashes.",
        ),
        (
            "unreachable",
            True,
            r"unreachable|No route to host",
            "Check host, routes, firewall and network policy.",
        ),
    )
)


def classify(message: str) -> ConnectionFailure:
    """Classify `message`, a connection error of psycopg's."""
    detail = join_lines(message.partition(_ALL_FAILURES)[0])
    for pattern, kind in _KINDS:
        if re.search(pattern, message, re.IGNORECASE):
            return ConnectionFailure(kind.reason, kind.retryable, kind.advice, detail)
    return ConnectionFailure(_UNKNOWN.reason, _UNKNOWN.retryable, _UNKNOWN.advice, detail)


# https://www.postgresql.org/docs/current/errcodes-appendix.html
_REASON_OF: Final = {
    "57P03": "not_accepting_connections",
    "53300": TOO_MANY_CONNECTIONS,
    "28P01": "authentication_failed",
    "3D000": MISSING_DATABASE,
    "42501": "not_allowed",
}
_KIND_OF: Final = {kind.reason: kind for _, kind in _KINDS}


def classify_error(error: BaseException) -> ConnectionFailure:
    """Classify an error that any driver raised on connecting."""
    reason = _REASON_OF.get(getattr(error, "sqlstate", None) or "")
    text = str(error) or type(error).__name__
    if reason is None and isinstance(error, TimeoutError) and not str(error):
        reason, text = "timeout", "connection timed out"
    if reason is None:
        return classify(text)
    return dataclasses.replace(_KIND_OF[reason], detail=join_lines(text))


def join_lines(message: str) -> str:
    """Join a message's lines as sentences: libpq puts a hint on a line of its own."""
    lines = [" ".join(line.split()) for line in message.splitlines() if line.strip()]
    ended = (line if line.endswith((".", "?", ":", ",")) else f"{line}." for line in lines)
    return " ".join(ended).removesuffix(".")
