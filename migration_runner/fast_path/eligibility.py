"""Whether a run's settings allow the fast path; see `look`."""

# Values that make no difference for a database at head. Any other variable or value is read, and
# perhaps refused, by the full path.
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
_POSITIVE = ("MIGRATE_CONNECT_TIMEOUT", "MIGRATE_HEARTBEAT")
_FREE = (
    "MIGRATE_BUILD",
    "MIGRATE_TERMINATION_LOG",
    "MIGRATE_DATABASE_URL",
    "MIGRATE_DATABASE_URL_FILE",
)
# libpq reads these itself, on both paths, and none is a secret.
_LIBPQS = ("PGSSLMODE", "PGSSLROOTCERT", "PGAPPNAME", "PGCONNECT_TIMEOUT", "PGTZ", "PGDATA")
_LONGEST_DIGITS = 4


def ordinary(environment: dict[str, str]) -> bool:
    """Whether `environment` has no setting that needs the full path."""
    for name, value in environment.items():
        if not value or not name.startswith(("MIGRATE_", "PG")):
            continue
        if name in _DURATIONS:
            if not _duration(value) or (value.startswith("0") and name in _POSITIVE):
                return False
        elif name not in _FREE and name not in _LIBPQS and value not in _ORDINARY.get(name, ()):
            return False
    return True


def _duration(text: str) -> bool:
    """Whether it is a duration without a fraction, and valid for Postgres in any unit."""
    for unit in ("ms", "s", "m", ""):
        digits = text.removesuffix(unit)
        if digits.isascii() and digits.isdecimal():
            return len(digits) <= _LONGEST_DIGITS
    return False
