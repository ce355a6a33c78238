"""Whether a run's settings are so ordinary that the fast path may answer for it; see `look`."""

# Every value that changes nothing for a database that is at head already. What is not listed here,
# or has another value, is for the full path to read, and to refuse.
_ORDINARY = {
    "MIGRATE_TARGET": ("head", "heads"),
    "MIGRATE_WAIT_FOR_DATABASE": ("true", "false"),
    "MIGRATE_POOLER": ("detect",),
    "MIGRATE_RUN_LOCK": ("on",),
    "MIGRATE_TRANSACTIONS": ("project", "revision"),
    "MIGRATE_REPAIR_INVALID_INDEXES": ("true", "false"),
    "MIGRATE_ON_AHEAD": ("ok", "fail"),
    "MIGRATE_LEDGER": ("on",),
    "MIGRATE_CHECKSUM": ("warn", "fail"),
    "MIGRATE_LOG_FORMAT": ("auto", "json"),
    "MIGRATE_LOG_LEVEL": ("info",),
}
_DURATIONS = (
    "MIGRATE_WAIT_TIMEOUT",
    "MIGRATE_CONNECT_TIMEOUT",
    "MIGRATE_RUN_LOCK_TIMEOUT",
    "MIGRATE_DDL_LOCK_TIMEOUT",
    "MIGRATE_DDL_RETRY_TIMEOUT",
    "MIGRATE_CONCURRENT_LOCK_TIMEOUT",
    "MIGRATE_STATEMENT_TIMEOUT",
    "MIGRATE_HEARTBEAT",
)
_MORE_THAN_NONE = ("MIGRATE_CONNECT_TIMEOUT", "MIGRATE_HEARTBEAT")
_FREE = (
    "MIGRATE_BUILD",
    "MIGRATE_TERMINATION_LOG",
    "MIGRATE_DATABASE_URL",
    "MIGRATE_DATABASE_URL_FILE",
)
# libpq reads these by itself, here as there, and none has a secret.
_LIBPQS = ("PGSSLMODE", "PGSSLROOTCERT", "PGAPPNAME", "PGCONNECT_TIMEOUT", "PGTZ", "PGDATA")
_LONGEST_DIGITS = 4


def ordinary(environment: dict[str, str]) -> bool:
    """Whether nothing in `environment` asks for more than a look at a database at head."""
    for name, value in environment.items():
        if not value or not name.startswith(("MIGRATE_", "PG")):
            continue
        if name in _DURATIONS:
            if not _duration(value) or (value.startswith("0") and name in _MORE_THAN_NONE):
                return False
        elif name not in _FREE and name not in _LIBPQS and value not in _ORDINARY.get(name, ()):
            return False
    return True


def _duration(text: str) -> bool:
    """Whether it is one without a fraction, and short enough for Postgres in each unit."""
    for unit in ("ms", "s", "m", ""):
        digits = text.removesuffix(unit)
        if digits.isascii() and digits.isdecimal():
            return len(digits) <= _LONGEST_DIGITS
    return False
