"""Whether a run's settings allow the fast path; see `look`."""

# Values that make no difference for a database at head. Any other variable, even an empty one, and
# any other value is read, and perhaps refused, by the full path; but not a Service's, see
# `service_links`.
_ORDINARY = {
    "MIGRATE_TARGET": ("head", "heads"),
    "MIGRATE_WAIT_FOR_DATABASE": ("true", "false"),
    "MIGRATE_CREATE_DATABASE": ("true", "false"),
    "MIGRATE_POOLER": ("detect",),
    "MIGRATE_RUN_LOCK": ("on",),
    "MIGRATE_TRANSACTIONS": ("project", "revision"),
    "MIGRATE_REPAIR_INVALID_INDEXES": ("true", "false"),
    "MIGRATE_ON_AHEAD": ("ok", "fail"),
    "MIGRATE_ON_OTHER_DATABASE": ("warn",),
    "MIGRATE_ON_TENANT_FAILURE": ("stop", "continue"),
    "MIGRATE_LEDGER": ("on",),
    "MIGRATE_CHECKSUM": ("warn", "fail"),
    "MIGRATE_LOG_FORMAT": ("auto", "json"),
    "MIGRATE_LOG_LEVEL": ("info",),
    "MIGRATE_HISTORIES": (),
    "MIGRATE_ROLE": (),
    "MIGRATE_SEARCH_PATH": (),
    "MIGRATE_RUN_LOCK_KEY": (),
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
    "MIGRATE_CREATE_DATABASE_OWNER",
    "MIGRATE_CREATE_DATABASE_ENCODING",
    "MIGRATE_CREATE_DATABASE_TEMPLATE",
    "MIGRATE_DATABASE_URL",
    "MIGRATE_DATABASE_URL_FILE",
    # A developer's tools' own.
    "MIGRATE_SHADOW",
    "MIGRATE_POSTGRES",
    "MIGRATE_CACHE",
)
# libpq reads these itself, on both paths, and none is a secret.
_LIBPQS = ("PGSSLMODE", "PGSSLROOTCERT", "PGAPPNAME", "PGCONNECT_TIMEOUT", "PGTZ", "PGDATA")
_LONGEST_DIGITS = 4


def ordinary(environment: dict[str, str]) -> bool:
    """Whether `environment` has no setting that needs the full path."""
    others = [name for name, value in environment.items() if not _is_ordinary(name, value)]
    if others:
        from migration_runner.fast_path.service_links import service_links  # noqa: PLC0415 - rarely needed

        return set(others).issubset(service_links(environment))
    return True


def _is_ordinary(name: str, value: str) -> bool:
    if not name.startswith(("MIGRATE_", "PG")) or name in _FREE or name in _LIBPQS:
        return True
    if name in _DURATIONS:
        return not value or _duration(value, positive=name in _POSITIVE)
    return name in _ORDINARY and (not value or value in _ORDINARY[name])


def _duration(text: str, *, positive: bool) -> bool:
    """Whether it is a duration without a fraction, and valid for Postgres in any unit."""
    if positive and text.startswith("0"):
        return False
    for unit in ("ms", "s", "m", ""):
        digits = text.removesuffix(unit)
        if digits.isascii() and digits.isdecimal():
            return len(digits) <= _LONGEST_DIGITS
    return False
