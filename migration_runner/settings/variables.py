"""Every `MIGRATE_` variable: its name, parser, default, and one line of help."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from migration_runner.settings.durations import parse_duration

PREFIX: Final = "MIGRATE_"


@dataclass(frozen=True)
class Variable:
    """One setting: its environment variable, its parser, and its default as text."""

    name: str
    parse: Callable[[str], Any]
    default: str
    help: str

    @property
    def field(self) -> str:
        """The setting's attribute in `Settings`: `MIGRATE_WAIT_TIMEOUT` is `wait_timeout`."""
        return self.name.removeprefix(PREFIX).lower()

    @property
    def flag(self) -> str:
        """The setting's flag: `MIGRATE_WAIT_TIMEOUT` is `--wait-timeout`."""
        return "--" + self.field.replace("_", "-")


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() in choices:
            return text.lower()
        message = f"must be one of {', '.join(choices)}"
        raise ValueError(message)

    return parse


def _parse_switch(text: str) -> bool:
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    message = "must be true or false"
    raise ValueError(message)


def _parse_lock_key(text: str) -> int | None:
    """Parse a key for `pg_try_advisory_lock(bigint)`; None, for a derived key, if it is empty."""
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
    Variable("MIGRATE_TARGET", str, "head", "what to upgrade to, as in `alembic upgrade`"),
    Variable("MIGRATE_WAIT_TIMEOUT", parse_duration, "60s", "how long to wait for the database"),
    Variable("MIGRATE_CONNECT_TIMEOUT", parse_duration, "5s", "how long to try to connect"),
    Variable(
        "MIGRATE_WAIT_FOR_DATABASE",
        _parse_switch,
        "false",
        "also wait for a database that does not exist yet",
    ),
    Variable(
        "MIGRATE_POOLER", _one_of("detect", "session"), "detect", "trust a pooler's session mode"
    ),
    Variable(
        "MIGRATE_HISTORIES",
        _parse_list,
        "",
        "several histories in one run: sections (-n) or config files (-c), comma-separated",
    ),
    Variable("MIGRATE_RUN_LOCK", _one_of("on", "off"), "on", "allow one run at a time, by a lock"),
    Variable("MIGRATE_RUN_LOCK_TIMEOUT", parse_duration, "10m", "how long to wait for other runs"),
    Variable("MIGRATE_RUN_LOCK_KEY", _parse_lock_key, "", "advisory lock key (default: derived)"),
    Variable("MIGRATE_DDL_LOCK_TIMEOUT", parse_duration, "5s", "lock_timeout inside a revision"),
    Variable("MIGRATE_DDL_RETRY_TIMEOUT", parse_duration, "10m", "how long to retry a revision"),
    Variable(
        "MIGRATE_CONCURRENT_LOCK_TIMEOUT",
        parse_duration,
        "0",
        "lock_timeout of CREATE INDEX CONCURRENTLY and similar (0: none)",
    ),
    Variable(
        "MIGRATE_TRANSACTIONS",
        _one_of("project", "revision"),
        "project",
        "env.py's transactions, or one per revision",
    ),
    Variable("MIGRATE_STATEMENT_TIMEOUT", parse_duration, "0", "statement_timeout (0: none)"),
    Variable(
        "MIGRATE_REPAIR_INVALID_INDEXES",
        _parse_switch,
        "false",
        "rebuild an invalid index that an earlier attempt left",
    ),
    Variable("MIGRATE_ROLE", str, "", "role to SET before migrating"),
    Variable(
        "MIGRATE_ON_AHEAD", _one_of("ok", "fail"), "ok", "if the database is newer than the image"
    ),
    Variable("MIGRATE_LEDGER", _one_of("on", "off", "require"), "on", "record applied revisions"),
    Variable(
        "MIGRATE_CHECKSUM",
        _one_of("warn", "fail", "off"),
        "warn",
        "if the file of an applied revision was edited",
    ),
    Variable("MIGRATE_HEARTBEAT", parse_duration, "10s", "how often a long revision is reported"),
    Variable("MIGRATE_LOG_FORMAT", _one_of("auto", "json", "console"), "auto", "log format"),
    Variable(
        "MIGRATE_LOG_LEVEL", _one_of("debug", "info", "warning", "error"), "info", "log level"
    ),
    Variable("MIGRATE_TERMINATION_LOG", Path, "/dev/termination-log", "termination message file"),
    Variable("MIGRATE_BUILD", str, "", "build to name in the report and the ledger"),
)
