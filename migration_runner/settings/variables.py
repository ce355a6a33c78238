"""Every `MIGRATE_` variable: its name, what it takes, how it is read, its default, and its help."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from migration_runner.settings.durations import parse_duration

PREFIX: Final = "MIGRATE_"


@dataclass(frozen=True)
class Variable:
    """One setting: its environment variable, how its text is read, and its default, as text.

    `takes` names in the help what it is set to; where only a few values are valid, they are its
    `choices`.
    """

    name: str
    takes: str
    parse: Callable[[str], Any]
    default: str
    help: str
    choices: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """The setting's attribute in `Settings`: `MIGRATE_WAIT_TIMEOUT` is `wait_timeout`."""
        return self.name.removeprefix(PREFIX).lower()

    @property
    def flag(self) -> str:
        """The setting's flag: `MIGRATE_WAIT_TIMEOUT` is `--wait-timeout`."""
        return "--" + self.field.replace("_", "-")


def _choice(name: str, choices: tuple[str, ...], default: str, help_: str) -> Variable:
    parse = functools.partial(_parse_choice, choices)
    return Variable(name, "|".join(choices), parse, default, help_, choices)


def _parse_choice(choices: tuple[str, ...], text: str) -> str:
    if text.lower() in choices:
        return text.lower()
    message = f"must be one of {', '.join(choices)}"
    raise ValueError(message)


def _switch(name: str, default: str, help_: str) -> Variable:
    return Variable(name, "true|false", _parse_switch, default, help_, ("true", "false"))


def _parse_switch(text: str) -> bool:
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    message = "must be true or false"
    raise ValueError(message)


def _duration(name: str, default: str, help_: str) -> Variable:
    return Variable(name, "DURATION", parse_duration, default, help_)


def _interval(name: str, default: str, help_: str) -> Variable:
    return Variable(name, "DURATION", _parse_interval, default, help_)


def _parse_interval(text: str) -> float:
    seconds = parse_duration(text)
    if seconds == 0:
        message = "must be more than 0"
        raise ValueError(message)
    return seconds


def _parse_lock_key(text: str) -> int | None:
    """Read a signed 64-bit integer, as for `pg_try_advisory_lock(bigint)`; None if empty."""
    if not text:
        return None
    try:
        key = int(text)
    except ValueError:
        message = "must be an integer"
        raise ValueError(message) from None
    if not -(2**63) <= key < 2**63:
        message = "must fit in a signed 64-bit integer"
        raise ValueError(message)
    return key


def _parse_list(text: str) -> tuple[str, ...]:
    names = tuple(os.path.normpath(part) for each in text.split(",") if (part := each.strip()))
    if len(set(names)) < len(names):
        message = "has a name twice"
        raise ValueError(message)
    return names


VARIABLES: Final = (
    Variable(
        "MIGRATE_TARGET",
        "REVISION",
        str,
        "head",
        "The target of the upgrade, as for `alembic upgrade`. Several are separated by spaces.",
    ),
    Variable(
        "MIGRATE_HISTORIES",
        "NAMES",
        _parse_list,
        "",
        "Several histories in one run, comma-separated: sections of the configuration (as for -n)"
        " or configuration files (as for -c).",
    ),
    _duration(
        "MIGRATE_WAIT_TIMEOUT",
        "60s",
        "How long to wait for the database; for `migrate wait`, also for the revisions.",
    ),
    _interval("MIGRATE_CONNECT_TIMEOUT", "5s", "How long one connection attempt may take."),
    _switch("MIGRATE_WAIT_FOR_DATABASE", "false", "Wait for a database that does not exist yet."),
    _switch("MIGRATE_CREATE_DATABASE", "false", "Create the database if it does not exist."),
    Variable(
        "MIGRATE_CREATE_DATABASE_OWNER",
        "ROLE",
        str,
        "",
        "The owner of a database that is created. By default MIGRATE_ROLE, or who connects.",
    ),
    Variable(
        "MIGRATE_CREATE_DATABASE_ENCODING",
        "NAME",
        str,
        "",
        "The encoding of a database that is created. By default the template's.",
    ),
    Variable(
        "MIGRATE_CREATE_DATABASE_TEMPLATE",
        "NAME",
        str,
        "",
        "The database that is copied to create one. By default the server's: template1.",
    ),
    _choice(
        "MIGRATE_POOLER",
        ("detect", "session"),
        "detect",
        "`session` declares that the pooler pools sessions.",
    ),
    _choice("MIGRATE_RUN_LOCK", ("on", "off"), "on", "Allow only one run at a time."),
    _duration("MIGRATE_RUN_LOCK_TIMEOUT", "10m", "How long to wait for another run."),
    Variable(
        "MIGRATE_RUN_LOCK_KEY",
        "NUMBER",
        _parse_lock_key,
        "",
        "The key of the advisory lock. By default it is derived from the database and the version"
        " table.",
    ),
    _duration("MIGRATE_DDL_LOCK_TIMEOUT", "5s", "`lock_timeout` inside a revision."),
    _duration(
        "MIGRATE_DDL_RETRY_TIMEOUT",
        "10m",
        "How long to retry a revision after a DDL lock timeout, a deadlock or a serialization"
        " failure (0: no retry).",
    ),
    _duration(
        "MIGRATE_CONCURRENT_LOCK_TIMEOUT",
        "0",
        "`lock_timeout` of CREATE INDEX CONCURRENTLY and similar statements (0: none).",
    ),
    _choice(
        "MIGRATE_TRANSACTIONS",
        ("project", "revision"),
        "project",
        "`project` leaves transactions to env.py; `revision` runs each revision in its own.",
    ),
    _duration("MIGRATE_STATEMENT_TIMEOUT", "0", "`statement_timeout` inside a revision (0: none)."),
    _switch(
        "MIGRATE_REPAIR_INVALID_INDEXES",
        "false",
        "Before CREATE INDEX CONCURRENTLY, drop the invalid index that an earlier attempt left.",
    ),
    Variable("MIGRATE_ROLE", "ROLE", str, "", "SET ROLE to this role in every session."),
    Variable(
        "MIGRATE_SEARCH_PATH",
        "SCHEMAS",
        str,
        "",
        "The search_path of every session: a tenant's schema, and perhaps others behind it,"
        " comma-separated. The version table has to be in the first.",
    ),
    _choice(
        "MIGRATE_ON_AHEAD",
        ("ok", "fail"),
        "ok",
        "When the ledger proves that the database is newer than the image: `ok` exits with 0,"
        " `fail` with 65.",
    ),
    _choice(
        "MIGRATE_ON_OTHER_DATABASE",
        ("warn", "fail"),
        "warn",
        "When env.py connects to another database than the settings name: `fail` exits with 78.",
    ),
    _choice(
        "MIGRATE_ON_TENANT_FAILURE",
        ("stop", "continue"),
        "stop",
        "If env.py has several version tables and one fails: `continue` migrates the others, and"
        " then fails.",
    ),
    _choice(
        "MIGRATE_LEDGER",
        ("on", "off", "require"),
        "on",
        "Record what was applied; `require` fails if it cannot be recorded.",
    ),
    _choice(
        "MIGRATE_CHECKSUM",
        ("warn", "fail", "off"),
        "warn",
        "What to do if the file of an applied revision was edited.",
    ),
    _interval("MIGRATE_HEARTBEAT", "10s", "How often a long revision is reported."),
    _choice(
        "MIGRATE_LOG_FORMAT",
        ("auto", "json", "console"),
        "auto",
        "The format of the log; `auto` is console on a terminal, JSON elsewhere.",
    ),
    _choice(
        "MIGRATE_LOG_LEVEL",
        ("debug", "info", "warning", "error"),
        "info",
        "The lowest level to log; `debug` logs every SQL statement.",
    ),
    Variable(
        "MIGRATE_TERMINATION_LOG",
        "PATH",
        Path,
        "/dev/termination-log",
        "Where to write the termination message, if the file exists.",
    ),
    Variable(
        "MIGRATE_SHADOW",
        "URL",
        str,
        "",
        "A server on which `verify`, `revision` and `check --deep` make databases of their own, and"
        " remove them. `new`: a server that they start, as without a database.",
    ),
    Variable(
        "MIGRATE_POSTGRES",
        "SERVER",
        str,
        "",
        "The server that these commands start: the major version of an installed PostgreSQL, or the"
        " folder of its programs.",
    ),
    Variable(
        "MIGRATE_CACHE",
        "FOLDER",
        str,
        "",
        "Where these commands keep the schemas that they have built (`off`: nowhere). By default it"
        " is in the user's cache folder.",
    ),
    Variable("MIGRATE_BUILD", "NAME", str, "", "The build that the report and the ledger name."),
)
