"""The fast path: is there anything to do? Most runs in a cluster have nothing to do.

Decided before anything else is imported: with the interpreter's built-in modules, libpq, and the
manifest of `migrate build`. If everything is exactly as expected, it writes the lines that the
full path would write, and the run ends. Otherwise it has written nothing and changed nothing, and
the full path runs as if there were no fast path.

It relies on what the manifest says, see `build/manifest.py`, and on what the project declares: that
a run depends on nothing but the runner's connection, the image's files and one version table.
"""

import posix

from migration_runner.fast_path.eligibility import ordinary
from migration_runner.fast_path.manifest_file import (
    Manifest,
    Stamps,
    manifest_beside,
    read_manifest,
)
from migration_runner.fast_path.report import Moment, UpToDate, now, require_plain, write_all
from migration_runner.fast_path.url import parse_ordinary_url

# An available database answers in milliseconds, or, with many runs at once, within a second. The
# full path waits for others.
_SECONDS = 2.0
_VERBS = (["upgrade"], ["upgrade", "head"], ["upgrade", "heads"], ["wait"])
_STATUS = (["status", "--check"], ["status", "--check", "--json"])
_OVERRIDE = "MIGRATE_DATABASE_URL"
_URL = "DATABASE_URL"
# Whoever sets these expects the lines that the full path logs while it waits.
WAIT_SETTINGS = ("MIGRATE_RUN_LOCK_TIMEOUT", "MIGRATE_HEARTBEAT")
_DEFAULT_CONFIG = "alembic.ini"
_DEFAULT_TERMINATION_LOG = "/dev/termination-log"
# The size of a file with a URL.
_LONGEST = 65536


class _NeedsFullPath(Exception):
    """Something that only the full path handles."""


def try_fast_path(words: list[str]) -> int | None:
    """Return the exit code of a run that has nothing to do; None if there may be something to do.

    `words` are the command line's arguments.
    """
    try:
        return _try(words or ["upgrade"])
    except Exception:  # noqa: BLE001 - the full path runs into the same error, and reports it
        return None


def _try(words: list[str]) -> int:
    environment = _environment()
    status = words in _STATUS
    if not (status or words in _VERBS) or not ordinary(environment):
        raise _NeedsFullPath
    for number in (0, 1, 2):
        posix.fstat(number)
    if posix.isatty(1):
        raise _NeedsFullPath
    config = environment.get("ALEMBIC_CONFIG", "")
    manifest = read_manifest(manifest_beside(config or _DEFAULT_CONFIG))
    if manifest is None or "query" not in manifest or not _is_valid_for(manifest, config):
        raise _NeedsFullPath
    named = words[1] if words[0] == "upgrade" and words[1:] else environment.get("MIGRATE_TARGET")
    target = named or "head"
    heads: list[str] = manifest["heads"]  # type: ignore[assignment]  # as `manifest` writes it
    if target == "head" and len(heads) != 1:
        raise _NeedsFullPath
    read_only = words[0] != "upgrade"
    address = _address(environment)
    run_id = posix.urandom(6).hex()
    report = UpToDate(run_id, environment.get("MIGRATE_BUILD", ""), target, heads)
    query = str(manifest["status_query" if status else "query"])
    name = f"migrate {run_id} {posix.uname().nodename}"
    parameters = _parameters(manifest, address, name)
    parameters["target_session_attrs"] = "any" if read_only else "read-write"
    waits = not read_only and not any(environment.get(name) for name in WAIT_SETTINGS)
    row, ready, waited, lock_wait = _ask(manifest, query, parameters, waits=waits)
    login, backend, database, version, schema, _, rest = row
    if login != backend and not read_only:
        # A pooler.
        raise _NeedsFullPath
    version = version.split()[0]
    lines, message = report.render(database, version, ready, waited, lock_wait)
    if status:
        table = f"{schema}.{manifest['version_table']}"
        lines = report.status(database, version, table, str(manifest["count"]), rest)
    require_plain(lines, address, environment)
    termination_log = environment.get("MIGRATE_TERMINATION_LOG") or _DEFAULT_TERMINATION_LOG
    write_all(lines, message, termination_log)
    return 0


def _environment() -> dict[str, str]:
    pairs = posix.environ.items()
    return {name.decode("utf-8"): value.decode("utf-8", "surrogateescape") for name, value in pairs}


def _is_valid_for(manifest: Manifest, config: str) -> bool:
    """Whether the manifest is this project's; without `config`, of the default one."""
    if not config:
        config = _DEFAULT_CONFIG
        files: Stamps = manifest["files"]  # type: ignore[assignment]  # as `manifest` writes it
        if files.get(_DEFAULT_CONFIG) is None:
            config = "pyproject.toml"
    return manifest["config"] == config and manifest["folder"] == posix.getcwd()


def _fresh(manifest: Manifest) -> bool:
    """Whether the files that the fast path depends on are unchanged."""
    from migration_runner.fast_path.files import revisions_unchanged, unchanged  # noqa: PLC0415 - while the server answers

    files: Stamps = manifest["files"]  # type: ignore[assignment]  # as above
    return revisions_unchanged(manifest) and unchanged(files, sealed=bool(manifest["sealed"]))


def _address(environment: dict[str, str]) -> dict[str, str]:
    """Return libpq's parameters for the connection that the runner offers to env.py."""
    for name in (_OVERRIDE, _URL):
        url, file = environment.get(name, "").strip(), environment.get(f"{name}_FILE", "")
        if url and file:
            raise _NeedsFullPath
        if file:
            url = _read(file).decode("utf-8").removeprefix("\ufeff").strip()
        if url:
            address = parse_ordinary_url(url)
            if address is None:
                raise _NeedsFullPath
            return address
        if file:
            break
    raise _NeedsFullPath


def _read(file: str) -> bytes:
    """Read a small file. A pipe, which has no size, can be read only once: not here."""
    if not 0 < posix.stat(file).st_size < _LONGEST:
        raise _NeedsFullPath
    number = posix.open(file, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(number, _LONGEST)
    finally:
        posix.close(number)


def _parameters(manifest: Manifest, address: dict[str, str], name: str) -> dict[str, str]:
    """Return libpq's parameters for a session with this application name."""
    keepalives: dict[str, str] = manifest["keepalives"]  # type: ignore[assignment]  # as above
    return {
        **keepalives,
        **address,
        "application_name": name,
        "client_encoding": "UTF8",
        "connect_timeout": "2",
    }


def _ask(
    manifest: Manifest, query: str, parameters: dict[str, str], *, waits: bool
) -> tuple[list[str], Moment, float, float]:
    """Return the row of a database at head; the files are checked in the meantime.

    Also returned: when the first row came, and the seconds waited for it and for another run.
    `waits`: if the database is behind, wait for a run that may be upgrading it.
    """
    from migration_runner.fast_path.libpq import Connection  # noqa: PLC0415 - the slowest import, so last

    connection = Connection(str(manifest["libpq"]), parameters)
    try:
        connection.send(query)
        fresh = _fresh(manifest)
        row = connection.fetch(_SECONDS)
        ready, lock_wait = now(), 0.0
        if fresh and waits and not _at_head(manifest, row):
            from migration_runner.fast_path.start_lock import wait_for_head  # noqa: PLC0415 - rarely needed

            if wait_for_head(connection, manifest):
                connection.send(query)
                row = connection.fetch(_SECONDS)
                lock_wait = now()[1] - ready[1]
    finally:
        connection.close()
    if not fresh or row is None or not _at_head(manifest, row):
        raise _NeedsFullPath
    return [str(each) for each in row], ready, connection.connect_seconds or 0.0, lock_wait


def _at_head(manifest: Manifest, row: list[str | None] | None) -> bool:
    """Whether the database has the image's heads, and the ledger their revisions."""
    heads: list[str] = manifest["heads"]  # type: ignore[assignment]  # as above
    state = f"{','.join(heads)};{manifest['digest']}"
    return row is not None and None not in row and row[5] == state
