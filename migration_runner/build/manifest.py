"""Writes the manifest: what a run would determine about a project, determined in a build.

For the fast path: where the version table is, how env.py connects (`env_probe`), the query for
whether a database is at head, and its result if so. The query reads the heads and what a run
checks in the ledger: that every revision is recorded, and that its file was not edited since it
was applied.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from psycopg import pq

from migration_runner.build.env_probe import EnvFacts, NoFastPath, probe_env
from migration_runner.build.start_lock_query import start_lock_queries
from migration_runner.build.status_query import status_query
from migration_runner.database.network import KEEPALIVES
from migration_runner.database.sql_literals import identifier, literal
from migration_runner.fast_path.manifest_file import (
    Manifest,
    Stamps,
    manifest_beside,
    render_manifest,
    stamp,
)
from migration_runner.history.manifest_history import ManifestRevision
from migration_runner.ledger.rows import digest_of, digest_query
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import Settings

# As cheap as possible for a new server process, whose caches are empty: looking up each function
# and table takes time. Only several heads need an order.
_QUERY: Final = """\
SELECT pg_backend_pid(), current_database(), current_setting('server_version'), {schema},
  (SELECT string_agg(version_num, ','{order}) FROM {table}), ({digest}), {status}"""
_IN_ORDER: Final = ' ORDER BY version_num COLLATE "C"'
# If the name has to be quoted, it does not match the ledger's, and the run takes the full path.
_SCHEMA_OF_TABLE: Final = (
    "(SELECT relnamespace::regnamespace::text FROM pg_catalog.pg_class"
    " WHERE oid = {quoted}::regclass)"
)


class NoManifest(Exception):
    """Why no manifest can be written."""


def write_manifest(
    settings: Settings, project: AlembicProject, *, sealed: bool
) -> tuple[Path, str]:
    """Write the manifest beside the Alembic configuration.

    `sealed`: no file is edited in place, so that a run checks only the folders.
    Returns its path, and why the fast path is off, if it is.
    Raises `NoManifest` or `OSError`; then there is no manifest, not even an old one.
    """
    config = settings.alembic.files[0]
    path = Path(manifest_beside(config))
    path.unlink(missing_ok=True)
    if len(settings.alembic.files) > 1:
        message = "there are several configuration files"
        raise NoManifest(message)
    history = project.manifest_revisions()
    if history is None:
        message = "a revision file computes its revision or down_revision: write them as constants"
        raise NoManifest(message)
    folders = _with_subfolders(project.folders[1:])
    configuration = [Path(config), Path(config).with_name("pyproject.toml")]
    revisions = [Path(each.path) for each in history]
    manifest: Manifest = {
        "config": config,
        "folder": str(Path.cwd()),
        "sealed": sealed,
        "heads": sorted(project.history.heads),
    }
    fast_path_off, files = "", [project.folders[0] / "env.py"]
    try:
        facts = probe_env(project, Path.cwd())
        manifest |= _fast_path_part(facts, history, project.history.heads)
        files += map(Path, sorted(facts.files))
    except NoFastPath as error:
        fast_path_off = str(error)
    _wait_for_the_next_second([*folders, *configuration, *files, *revisions])
    manifest |= {
        "folders": _stamps(folders),
        "configuration": _stamps(configuration),
        "files": _stamps([*configuration, *files]),
    }
    parts: dict[str, object] = {
        "history": [tuple(each) for each in history],
        "ids": [each.id for each in history],
        "revisions": _stamps(revisions),
    }
    path.write_bytes(render_manifest(manifest, parts))
    return path, fast_path_off


def _fast_path_part(
    facts: EnvFacts, history: Sequence[ManifestRevision], heads: Sequence[str]
) -> Manifest:
    if not all(each.id.isascii() for each in history):
        message = "a revision id has non-ASCII characters"
        raise NoFastPath(message)
    return {
        "libpq": _libpq(),
        "keepalives": KEEPALIVES,
        "offered": facts.offered,
        "version_table": facts.version_table,
        "count": len(history),
        **_queries(facts, _IN_ORDER if len(heads) > 1 else ""),
        "digest": digest_of((each.id, each.file_sha256) for each in history),
        "variables": _variables(facts),
    }


def _queries(facts: EnvFacts, order: str) -> dict[str, object]:
    """Return the queries for whether a database is at head, for its status, and for the lock."""
    schema, name = facts.version_table_schema, facts.version_table
    table = ".".join(map(identifier, [schema, name] if schema else [name]))
    place = literal(schema) if schema else _SCHEMA_OF_TABLE.format(quoted=literal(table))
    digest = digest_query(place, literal(name))
    status = f"({status_query(place, literal(name))})"
    query = functools.partial(_QUERY.format, table=table, digest=digest, order=order)
    return {
        "query": query(schema="''", status="''"),
        "status_query": query(schema=place, status=status),
        "start_lock": start_lock_queries(table, schema, name),
    }


def _variables(facts: EnvFacts) -> dict[str, str | None]:
    """Return the variables that must be the same in a run: PYTHONPATH, and env.py's, unset."""
    unset = dict.fromkeys(facts.variables - {"DATABASE_URL"})
    return {**unset, "PYTHONPATH": os.environ.get("PYTHONPATH")}


def _libpq() -> str:
    """Return the path of the libpq that psycopg has loaded. Raises `NoFastPath`."""
    pq.version()
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.partition("/")[2]
        if Path(path).name.startswith("libpq") and ".so" in path:
            return f"/{path}"
    message = "psycopg does not load libpq as a shared library"
    raise NoFastPath(message)


def _with_subfolders(folders: Iterable[Path]) -> list[Path]:
    found = {Path(place) for folder in folders for place, _, _ in os.walk(folder)}
    return sorted(folder for folder in found if folder.name != "__pycache__")


def _stamps(paths: Iterable[Path]) -> Stamps:
    return {str(path): stamp(str(path)) for path in paths}


def _wait_for_the_next_second(paths: Iterable[Path]) -> None:
    """Return when a change would be detected: times are recorded in whole seconds."""
    newest = max(found[0] for path in paths if (found := stamp(str(path))))
    now = time.time()
    if 0 <= now - newest < 1:
        time.sleep(newest + 1 - now)
