"""The glance: is there anything to do at all? In most runs of a cluster there is not.

It finds out before anything is imported: with modules that are part of the interpreter, libpq as
`glance_libpq` calls it, and the manifest of `migrate build`. Where all is exactly as it expects, it
says what the full path would say, in the same lines, and the run is over. Where anything is not, it
has said nothing and changed nothing, and the full path runs as if there were no glance.

What it takes for granted is what the manifest says; `manifest` tells how that was found out.
"""

import posix

from migration_runner.glance_report import UpToDate, now, require_no_secret, write_all
from migration_runner.glance_settings import ordinary
from migration_runner.glance_url import parse_ordinary_url
from migration_runner.manifest_file import (
    Manifest,
    files_unchanged,
    manifest_beside,
    read_manifest,
    revisions_unchanged,
)

# A database that is there answers in milliseconds; waiting is for the full path.
_SECONDS = 1.0
_VERBS = (["upgrade"], ["upgrade", "head"], ["upgrade", "heads"], ["wait"])
_STATUS = (["status", "--check"], ["status", "--check", "--json"])
_OVERRIDE = "MIGRATE_DATABASE_URL"
_URL = "DATABASE_URL"
_DEFAULT_TERMINATION_LOG = "/dev/termination-log"


class _Unusual(Exception):
    """Something that the full path has to look at."""


def glance(words: list[str]) -> int | None:
    """Return the exit code of a run that has nothing to do; None where there may be something.

    `words` are those of the command line.
    """
    try:
        return _glance(words or ["upgrade"])
    except Exception:  # noqa: BLE001 - whatever it is, the full path will meet it and report it
        return None


def _glance(words: list[str]) -> int:
    environment = _environment()
    status = words in _STATUS
    if not (status or words in _VERBS) or not ordinary(environment):
        raise _Unusual
    for number in (0, 1, 2):
        posix.fstat(number)
    if posix.isatty(1):
        raise _Unusual
    config = environment.get("ALEMBIC_CONFIG") or "alembic.ini"
    manifest = read_manifest(manifest_beside(config))
    if manifest is None or not _made_for(manifest, config, environment):
        raise _Unusual
    named = words[1] if words[0] == "upgrade" and words[1:] else environment.get("MIGRATE_TARGET")
    target = named or "head"
    heads: list[str] = manifest["heads"]  # type: ignore[assignment]  # as `manifest` writes it
    if target == "head" and len(heads) != 1:
        raise _Unusual
    looks = words[0] != "upgrade"
    address = _address(environment, offered=bool(manifest["offered"]))
    run_id = posix.urandom(6).hex()
    report = UpToDate(run_id, environment.get("MIGRATE_BUILD", ""), target, heads)
    query = str(manifest["status_query" if status else "query"])
    login, backend, *facts, waited = _ask(manifest, query, address, run_id, looks=looks)
    database, version, schema, found, ledger, rest = map(str, facts)
    if found != ",".join(heads) or ledger != manifest["digest"] or None in facts:
        raise _Unusual
    if login != backend and not looks:
        # A pooler.
        raise _Unusual
    version = version.split()[0]
    lines, message = report.render(database, version, now(), float(str(waited)))
    if status:
        table = f"{schema}.{manifest['version_table']}"
        lines = report.status(database, version, table, str(manifest["count"]), rest)
    require_no_secret(lines, address)
    termination_log = environment.get("MIGRATE_TERMINATION_LOG") or _DEFAULT_TERMINATION_LOG
    write_all(lines, message, termination_log)
    return 0


def _environment() -> dict[str, str]:
    pairs = posix.environ.items()
    return {name.decode("utf-8"): value.decode("utf-8", "surrogateescape") for name, value in pairs}


def _made_for(manifest: Manifest, config: str, environment: dict[str, str]) -> bool:
    """Whether the manifest is of this project, and env.py finds what it found then."""
    variables: dict[str, str | None] = manifest["variables"]  # type: ignore[assignment]  # as above
    return (
        manifest["config"] == config
        and manifest["folder"] == posix.getcwd()
        and all(environment.get(name) == value for name, value in variables.items())
    )


def _fresh(manifest: Manifest) -> bool:
    """Whether everything is as it was that the glance depends on."""
    return revisions_unchanged(manifest) and files_unchanged(manifest["files"])  # type: ignore[arg-type]  # as above


def _address(environment: dict[str, str], *, offered: bool) -> dict[str, str]:
    """Return libpq's parameters. Not `offered`: env.py reads DATABASE_URL for itself."""
    for name in (_OVERRIDE, _URL):
        url, file = environment.get(name, "").strip(), environment.get(f"{name}_FILE", "")
        if url and file:
            raise _Unusual
        if file and (offered or name == _OVERRIDE):
            url = _read(file).decode("utf-8").removeprefix("\ufeff").strip()
        if url:
            address = parse_ordinary_url(url)
            if address is None or not (offered or "?" not in url):
                raise _Unusual
            return address
        if file:
            break
    raise _Unusual


def _read(file: str) -> bytes:
    number = posix.open(file, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(number, 65536)
    finally:
        posix.close(number)


def _ask(
    manifest: Manifest, query: str, address: dict[str, str], run_id: str, *, looks: bool
) -> list[str | None]:
    """Return what the database answers, having looked at the files meanwhile."""
    from migration_runner.glance_libpq import Question  # noqa: PLC0415 - the dearest import, last

    parameters = {
        **address,
        "application_name": f"migrate {run_id} {posix.uname().nodename}",
        "client_encoding": "UTF8",
        "connect_timeout": "2",
        "target_session_attrs": "any" if looks else "read-write",
    }
    question = Question(str(manifest["libpq"]), parameters, query)
    fresh = _fresh(manifest)
    row = question.answer(_SECONDS)
    if not fresh or row is None:
        raise _Unusual
    return row
