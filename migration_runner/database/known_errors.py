"""The errors that migrations meet: whether another try helps, and what does.

One table, by an error's origin and its SQLSTATE; of the rows that fit, the first holds.
Failures without a SQLSTATE, libpq's own and those of poolers, are recognized by their text.
https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from migration_runner.errors import (
    ConfigError,
    DatabaseRejected,
    DatabaseUnavailable,
    MigrationError,
    RevisionFailed,
    TemporaryFailure,
)

# Alembic's own column: `version_num VARCHAR(32)`.
LONGEST_REVISION_ID: Final = 32
MISSING_DATABASE: Final = "missing_database"
TOO_MANY_CONNECTIONS: Final = "too_many_connections"
_BAD_PARAMETERS, _NO_USER = "bad_parameters", "no_user"
# The reasons that no server has given.
INVALID_PARAMETERS: Final = frozenset((_BAD_PARAMETERS, _NO_USER))


class Origin(Enum):
    """Where an error arises; `RUNNING` is in and outside of revisions."""

    CONNECTING = "connecting"
    LOST = "a session that ended"
    OUTSIDE = "outside of any revision"
    REVISION = "in a revision"
    RUNNING = "in a statement"


@dataclass(frozen=True)
class Situation:
    """What is known about the run and the error, besides its SQLSTATE.

    `revision` is the one that failed, "" outside of any. `in_catalog`: the error is about a row of
    the system catalogs. `routine`: the server's function that reported it. `shares_transaction`:
    with revisions before it. `new`: the database had no revision when the run began. `locking`: the
    statement is the run lock's.
    """

    revision: str = ""
    in_catalog: bool = False
    routine: str = ""
    shares_transaction: bool = False
    new: bool = False
    locking: bool = False


@dataclass(frozen=True)
class KnownError:
    """One row: what it fits, the error that it becomes, and what to do, in sentences.

    `states` are separated by blanks; `text` is a regular expression, `reason` the event's.
    """

    origin: Origin
    states: str
    kind: type[MigrationError]
    advice: str
    reason: str = ""
    text: str = ""
    fits: Callable[[Situation], bool] | None = None


def _connecting(
    reason: str, kind: type[MigrationError], states: str, text: str, advice: str
) -> KnownError:
    return KnownError(Origin.CONNECTING, states, kind, advice, reason, text)


def _lost(states: str, advice: str) -> KnownError:
    return KnownError(Origin.LOST, states, TemporaryFailure, advice)


def _outside(
    states: str, advice: str, fits: Callable[[Situation], bool] | None = None
) -> KnownError:
    return KnownError(Origin.OUTSIDE, states, DatabaseRejected, advice, fits=fits)


def _revision(
    states: str, advice: str, fits: Callable[[Situation], bool] | None = None
) -> KnownError:
    return KnownError(Origin.REVISION, states, RevisionFailed, advice, fits=fits)


def _temporary(
    states: str, advice: str, fits: Callable[[Situation], bool] | None = None
) -> KnownError:
    return KnownError(Origin.RUNNING, states, TemporaryFailure, advice, fits=fits)


def _from(*routines: str) -> Callable[[Situation], bool]:
    """Fit errors that these functions of the server report: no translation changes their names."""
    return lambda situation: situation.routine in routines


_WAIT, _REFUSED, _WRONG = DatabaseUnavailable, DatabaseRejected, ConfigError
_CHECK_ROWS: Final = (
    "Rows that are there already violate it: correct them in the revision before this statement"
)

# Of several hosts' failures, a temporary one comes first, then a refusal, then no answer at all.
_CONNECTING: Final = (
    _connecting(
        "not_accepting_connections",
        _WAIT,
        "57P03",
        r"the database system is |is not currently accepting connections",
        "The server is starting up, shutting down or in recovery: check its log.",
    ),
    _connecting(
        TOO_MANY_CONNECTIONS,
        _WAIT,
        "53300",
        r"too many clients|remaining connection slots are reserved|too many connections for"
        r"|max_client_conn|no more connections allowed|max client(?:s| connections) reached",
        "Raise max_connections (or the pooler's limit), or terminate idle sessions.",
    ),
    _connecting(
        "server_busy",
        _WAIT,
        "53000 53100 53200 53400 58000 58030",
        r"could not fork new process|out of memory|Too many open files|query_wait_timeout",
        "The server is short of memory, disk or processes: check its log.",
    ),
    _connecting(
        "read_only",
        _WAIT,
        "25006",
        r"session is read-only|server is in hot standby mode|server is not in hot standby",
        "The server is a standby or read-only (default_transaction_read_only):"
        " use the primary's address, or list several hosts.",
    ),
    _connecting(
        "not_postgres",
        _REFUSED,
        "",
        r"received invalid response to SSL negotiation|expected authentication request from server"
        r"|invalid response to GSSAPI negotiation",
        "What listens there is not a PostgreSQL server (HTTP, MySQL or TLS, for example):"
        " check host and port.",
    ),
    _connecting(
        _NO_USER,
        _WRONG,
        "",
        r"could not look up local user|local user with ID|no PostgreSQL user name specified"
        r"|user name lookup failure|could not determine user name",
        "No user is named, and the operating system has no name for this one: name it in the URL,"
        " or set PGUSER.",
    ),
    # asyncpg's, of any other answer than the two that a server has.
    _connecting(
        "tls_refused",
        _REFUSED,
        "",
        r"rejected SSL upgrade",
        "The server does not offer TLS, or is not a PostgreSQL server: check sslmode, host and"
        " port.",
    ),
    _connecting(
        "tls_refused",
        _REFUSED,
        "",
        r"does not support SSL|certificate verify failed"
        r"|does not match host name|server does not support GSSAPI|channel binding"
        r"|root certificate file|could not load (?:private key|root certificate)"
        r"|could not read (?:certificate|root certificate)|no certificate|certificate file"
        r"|private key file|SSL error: (?!unexpected eof)|requires? (?:a )?valid client cert"
        r"|certificate revoked|certificate has expired|SSL required|SSL connection is required",
        "Check sslmode and sslrootcert against the server's certificate.",
    ),
    _connecting(
        "authentication_failed",
        _REFUSED,
        "28P01",
        r"authentication failed|no password supplied|fe_sendauth|password is empty"
        r"|authentication method|is not permitted to log in|SCRAM|SASL",
        "Check the user name and the password in DATABASE_URL, PGPASSWORD, the secret, or env.py.",
    ),
    _connecting(
        "unknown_role",
        _REFUSED,
        "",
        r'role "[^"]*" does not exist|no such user|tenant or user not found',
        "Create the role, or correct the user in the URL.",
    ),
    _connecting(
        MISSING_DATABASE,
        _REFUSED,
        "3D000",
        r'database ".*" does not exist|no such database',
        "Create the database (`migrate create`), correct its name in the URL, or set"
        " MIGRATE_WAIT_FOR_DATABASE=true if another step creates it.",
    ),
    _connecting(
        "endpoint_unknown",
        _REFUSED,
        "",
        r"endpoint ID is not specified|endpoint (?:is disabled|could not be found)"
        r"|No pool configured for",
        "The provider's proxy does not know the address: check host, user and database in the URL"
        " against the provider's connection string.",
    ),
    _connecting(
        "not_allowed",
        _REFUSED,
        "28000 42501",
        r"pg_hba\.conf|permission denied for database|on socket .*Permission denied",
        "Allow this user and address in pg_hba.conf, or GRANT CONNECT on the database.",
    ),
    _connecting(
        _BAD_PARAMETERS,
        _WRONG,
        "22023 42601 42704 0A000",
        r"could not match|invalid (?:connection option|port|integer|\w+ value)|missing \"=\""
        r"|unrecognized configuration parameter|unsupported startup parameter"
        r"|definition of service|service file .* not found|syntax error in service file"
        r"|invalid value for parameter|invalid (?:URI|percent-encoded)",
        "Correct the options in the URL or libpq's variables.",
    ),
    _connecting(
        "host_unknown",
        _WAIT,
        "",
        r"failed to resolve host|could not translate host name|Name or service not known"
        r"|Temporary failure in name resolution|No address associated with hostname",
        "Check the host name in the URL, and DNS.",
    ),
    _connecting(
        "timeout",
        _WAIT,
        "",
        r"timeout expired|timed[ -]out",
        "There is no answer: check host, port, firewall and network policy.",
    ),
    _connecting(
        "connection_refused",
        _WAIT,
        "",
        r"Connection refused|No such file or directory|Connect call failed",
        "No server listens there: check host and port, and that the server is running.",
    ),
    _connecting(
        "connection_lost",
        _WAIT,
        "57P01 57P02 57P04 57P05 08000 08003 08006",
        r"closed the connection unexpectedly|reset by peer|unexpected eof|EOF detected"
        r"|could not (?:send|receive)|server login (?:has been )?failing|unexpected connection_lost"
        r"|cannot connect to server|connection was closed in the middle"
        r"|could ?n.t connect to compute node",
        "The connection was accepted, then closed: by a proxy without a server, by a server that"
        " crashes, or by one that is not PostgreSQL.",
    ),
    _connecting(
        "unreachable",
        _WAIT,
        "",
        r"unreachable|No route to host|Cannot assign requested address",
        "Check host, routes, firewall and network policy.",
    ),
)
_LOST: Final = (
    _lost("57P01", "A shutdown, a failover or an administrator ended it."),
    _lost("57P02", "The server crashed: check its log."),
    _lost("57P03", "The server was shutting down or in recovery."),
    _lost("57P04", "The database was dropped: restore it, or correct the address."),
    _lost("57P05", "It was idle for longer than idle_session_timeout allows: raise that setting."),
    _lost(
        "25P03",
        "Its transaction was idle for longer than idle_in_transaction_session_timeout allows: raise"
        " that setting for the role.",
    ),
    _lost("25P04", "Its transaction took longer than transaction_timeout allows: raise that."),
    _lost("53200", "The server had no memory left: check its log."),
)
_STATEMENTS: Final = (
    # Only DDL of two sessions at once gets there: even `IF NOT EXISTS` fails like this.
    _temporary(
        "23505", "Another session created the same at the same moment.", lambda at: at.in_catalog
    ),
    _temporary(
        "XX000",
        "Another session changed the same at the same moment.",
        _from("simple_heap_update", "simple_heap_delete", "heap_inplace_lock"),
    ),
    _temporary("53100", "The server's disk is full: free space on it."),
    _temporary(
        "53200",
        "The server had no memory for it: raise max_locks_per_transaction if the revision changes"
        " many tables.",
    ),
    _temporary(
        "53400",
        "A limit of the server's configuration was reached (temp_file_limit, for example): raise"
        " it.",
    ),
    _temporary("53000 53300 58000 58030", "Check the server's log."),
    _temporary("72000", "Its snapshot was too old: raise old_snapshot_threshold."),
    KnownError(
        Origin.RUNNING,
        "XX001 XX002",
        RevisionFailed,
        "The server's data are corrupt: do not run anything more on them before its log was read"
        " and a backup is at hand.",
    ),
    # Outside of a revision, these are about the run lock, the role and the version table.
    _outside(
        "0A000 42883",
        "The database has no advisory locks, and so no run lock: the runner needs PostgreSQL, or"
        " MIGRATE_RUN_LOCK=off where nothing else can run at the same time.",
        lambda at: at.locking,
    ),
    # env.py looks first, as `create_all` does, and so do other replicas at the same moment.
    KnownError(
        Origin.OUTSIDE,
        "42P04 42P06 42P07 42701 42710 42723",
        TemporaryFailure,
        "Another session created the same at the same moment; or, if this happens in every run,"
        " env.py does not look for it first.",
    ),
    KnownError(
        Origin.OUTSIDE,
        "55006",
        TemporaryFailure,
        "Another session uses the object: end that session.",
    ),
    KnownError(
        Origin.OUTSIDE,
        "XX000",
        TemporaryFailure,
        "An internal error of the server's; another session may have changed the same at the same"
        " moment. If it happens again, check the server's log.",
    ),
    _outside("42501", "Grant the privilege, or set MIGRATE_ROLE."),
    _outside(
        "3F000",
        "Create the version table's schema; if it exists, grant the role USAGE on it, or set"
        " MIGRATE_ROLE.",
    ),
    _outside("22023 0P000", "Correct MIGRATE_ROLE, or create the role."),
    # The run and its transactions.
    _revision(
        "55P04 55006",
        "It needs the revisions before it committed, and env.py runs all of them in one"
        " transaction: set MIGRATE_TRANSACTIONS=revision, or pass transaction_per_migration=True to"
        " context.configure().",
        lambda at: at.shares_transaction,
    ),
    _revision(
        "55P04",
        "A new value of an enum can be used once it is committed: add it in a revision of its own,"
        " or in a block of `with op.get_context().autocommit_block():`.",
    ),
    _revision(
        "55006",
        "Its own transaction still uses the table: run SET CONSTRAINTS ALL IMMEDIATE before, read"
        " open results to their end, or do it in a revision of its own.",
        _from("CheckTableNotInUse"),
    ),
    KnownError(
        Origin.REVISION,
        "55006",
        TemporaryFailure,
        "Another session uses the object: end that session.",
    ),
    _revision(
        "25001",
        "It cannot run in a transaction: put it into a block of"
        " `with op.get_context().autocommit_block():`.",
    ),
    _revision(
        "25P02",
        "A statement before it had failed; the server's log has its error. Correct that statement,"
        " or let it fail in a savepoint: `with op.get_bind().begin_nested():`.",
    ),
    _revision(
        "25006",
        "Its transaction is read-only: remove what makes it so from the revision or env.py"
        " (SET TRANSACTION, postgresql_readonly).",
    ),
    _revision(
        "25P01 2D000 3B000 3B001 0B000 25000",
        "It ends or begins transactions itself: leave that to the runner, and use"
        " `with op.get_bind().begin_nested():` for a savepoint.",
    ),
    _revision(
        "57014",
        "Canceled by an administrator, or by statement_timeout (MIGRATE_STATEMENT_TIMEOUT): make it"
        " shorter, or raise the timeout.",
    ),
    # What is there, and what is not.
    _revision(
        "22001",
        f"Its id is longer than the {LONGEST_REVISION_ID} characters that the version table takes:"
        " give it a shorter one.",
        lambda at: len(at.revision) > LONGEST_REVISION_ID,
    ),
    _revision(
        "42P06 42P07 42701 42710 42723",
        "The database has it already, but no revision is recorded in it. If the application has"
        " created its tables itself (create_all), record the revision that they correspond to:"
        " migrate stamp REVISION.",
        lambda at: at.new,
    ),
    _revision(
        "42P06 42P07 42701 42710 42723 42P04",
        "The database has it already: made by hand, or by an earlier attempt that committed."
        " Compare it with the revision; then drop it, or let the revision skip it (IF NOT EXISTS).",
    ),
    _revision(
        "42P01 42703",
        "Check the name and the search_path, and whether it was dropped or renamed by hand.",
    ),
    _revision(
        "42883 42704",
        "Check its name and arguments. If an extension provides it, create the extension in a"
        " revision before this one, in a schema of the search_path.",
    ),
    _revision("3F000", "Create the schema in a revision before this one, or correct its name."),
    _revision(
        "0A000 58P01",
        "The server does not have the extension: install its package there, or choose a server that"
        " provides it.",
        _from("parse_extension_control_file", "get_extension_control_directories"),
    ),
    _revision(
        "0A000",
        "A view or rule uses the column: drop it in the revision before this statement, and create"
        " it again behind it.",
        _from(
            "RememberAllDependentForRebuilding", "ATPrepAlterColumnType", "ATExecAlterColumnType"
        ),
    ),
    _revision("0A000", "This server, of its version, does not support it: change the statement."),
    _revision(
        "2BP01",
        "Drop the objects that depend on it before (the detail has them), or add CASCADE.",
    ),
    # The rows that are there.
    _revision(
        "23502",
        "Rows that are there have no value for it: fill them in the revision before this"
        " statement, or give the column a server_default.",
    ),
    _revision(
        "23503 23514",
        f"{_CHECK_ROWS}, or add the constraint NOT VALID and validate it later.",
    ),
    _revision("23505 23P01 23000 23001", f"{_CHECK_ROWS}."),
    _revision(
        "22001 22003 22007 22008 22P02 22P05 22021 22012 22018",
        "A value does not fit: correct the rows before, or convert them (postgresql_using).",
    ),
    _revision("42804 42846", "Say how the values are converted: postgresql_using."),
    _revision("22023", "The server does not accept this value: correct it."),
    # The statement itself.
    _revision("42501", "Grant the privilege, or set MIGRATE_ROLE to a role that has it."),
    _revision("0LP01 0L000 0P000 28000", "The role cannot grant or become this one: check roles."),
    _revision(
        "42601",
        "Correct the SQL: psql's commands (\\...) are none, and asyncpg takes one statement at a"
        " time.",
    ),
    _revision(
        "42830", "Give the columns that it refers to a primary key or a unique constraint first."
    ),
    _revision("42P10", "Create a unique index on these columns first."),
    _revision("42P17", "Use functions that are marked IMMUTABLE."),
    _revision("42P16 42611 42P13 42809 42P18 42P02 42702 42725", "Correct the definition."),
    _revision("42939 42602 42622", "Choose another name."),
    _revision(
        "54000",
        "A value or an index entry is too large: index an expression of it (md5, left), or use"
        " another kind of index.",
    ),
    _revision("54001 54011 54023", "Make it smaller: a limit of the server was reached."),
    _revision(
        "55000",
        "The object or the server is not in the state that this needs (a replica identity, a unique"
        " index, wal_level): see the message and the hint.",
    ),
    _revision("55P02", "It can be set in the server's configuration only, or needs a new session."),
    _revision("P0001 P0004", "A trigger, a function or the revision itself raised it."),
    _revision("P0002 P0003 21000", "A query returned no row, or more than one: check the data."),
    KnownError(
        Origin.REVISION,
        "08000 08001 08003 08004 08006 HV00N",
        TemporaryFailure,
        "Another server, which the revision connects to (dblink, a foreign table), did not answer.",
    ),
    _revision("XX000", "An internal error of the server's: check its log."),
)
KNOWN_ERRORS: Final = (*_CONNECTING, *_LOST, *_STATEMENTS)


def find_known(
    origin: Origin, sqlstate: str | None, situation: Situation | None = None
) -> KnownError | None:
    """Return the first row that fits an error with this SQLSTATE; None if nothing is known."""
    origins = (origin,) if origin in (Origin.CONNECTING, Origin.LOST) else (origin, Origin.RUNNING)
    for row in KNOWN_ERRORS:
        fits = row.fits is None or row.fits(situation or Situation())
        if fits and row.origin in origins and sqlstate in row.states.split():
            return row
    return None
