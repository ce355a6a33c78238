"""Writing the manifest: what a run would find out about a project, found out in a build.

For the glance: where the version table is and how env.py gets there (`env_probe`), the query that
tells whether a database is at head, and what it then answers. The query reads the heads, and of
the ledger what a run would look at: that every revision is recorded, and that its file has not
been edited since it was applied.
"""

from __future__ import annotations

import marshal
import os
import time
from collections.abc import Iterable
from hashlib import md5
from pathlib import Path
from typing import Final

from psycopg import pq, sql

from migration_runner.alembic_bridge import AlembicProject
from migration_runner.env_probe import EnvFacts, learn_env
from migration_runner.history import History
from migration_runner.ledger import TABLE
from migration_runner.manifest_file import Stamp, first_line, manifest_beside, stamp
from migration_runner.revision_digest import file_sha256
from migration_runner.settings import Settings

_QUERY: Final = """\
SELECT pg_backend_pid(), current_database(), current_setting('server_version'),
  (SELECT string_agg(version_num::text, ',' ORDER BY version_num::text COLLATE "C") FROM {table}),
  (SELECT md5(string_agg(revision || ':' || file_sha256, ',' ORDER BY revision COLLATE "C"))
    FROM (SELECT DISTINCT ON (revision COLLATE "C") revision, direction, file_sha256
      FROM {ledger} WHERE version_table = {name} AND revision IS NOT NULL
        AND version_table_schema = {schema}
      ORDER BY revision COLLATE "C", sequence DESC) AS latest
    WHERE direction <> 'downgrade')"""
_SCHEMA_OF_TABLE: Final = """\
(SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n
  ON n.oid = c.relnamespace WHERE c.oid = to_regclass({quoted}))"""


class NoGlance(Exception):
    """Why there is nothing that a glance could see."""


def write_manifest(settings: Settings, project: AlembicProject, *, sealed: bool) -> Path:
    """Write the manifest beside the Alembic configuration, and return its path.

    `sealed`: nobody edits the files where they lie, so that a glance looks at the folders only.
    Raises `NoGlance`, `Unlearnable` or `OSError`; then there is none, nor an old one.
    """
    config = settings.alembic.files[0]
    path = Path(manifest_beside(config))
    path.unlink(missing_ok=True)
    if len(settings.alembic.files) > 1 or Path(config).suffix != ".ini":
        message = "the configuration is not one .ini file"
        raise NoGlance(message)
    if not all(revision.isascii() for revision in project.history.revisions):
        message = "revision ids have other characters than ASCII's"
        raise NoGlance(message)
    facts = learn_env(project, Path.cwd())
    folders = _with_subfolders(project.folders[1:])
    revisions = [Path(each.path) for each in project.history.revisions.values()]
    files = [Path(config), project.folders[0] / "env.py", *map(Path, sorted(facts.files))]
    _wait_for_the_next_second([*folders, *files, *revisions])
    manifest = {
        "config": config,
        "folder": str(Path.cwd()),
        "sealed": sealed,
        "libpq": _libpq(),
        "offered": facts.offered,
        "heads": sorted(project.history.heads),
        "query": _query(facts),
        "digest": _digest(project.history),
        "variables": _variables(facts),
        "folders": _stamps(folders),
        "files": _stamps(files),
        "revisions": _stamps(revisions),
    }
    path.write_bytes(first_line() + marshal.dumps(manifest))
    return path


def _query(facts: EnvFacts) -> str:
    names = (facts.version_table_schema, facts.version_table)
    table = sql.Identifier(*[name for name in names if name])
    if facts.version_table_schema:
        schema: sql.Composable = sql.Literal(facts.version_table_schema)
    else:
        quoted = sql.Literal(table.as_string(None))
        schema = sql.SQL(_SCHEMA_OF_TABLE).format(quoted=quoted)
    query = sql.SQL(_QUERY).format(
        table=table,
        ledger=sql.Identifier(*TABLE.split(".")),
        name=sql.Literal(facts.version_table),
        schema=schema,
    )
    return query.as_string(None)


def _digest(history: History) -> str:
    """Return what the query finds where every revision is recorded as it is here."""
    lines = (f"{each}:{file_sha256(history.revisions[each].path)}" for each in history.revisions)
    return md5(",".join(sorted(lines)).encode(), usedforsecurity=False).hexdigest()


def _variables(facts: EnvFacts) -> dict[str, str | None]:
    """Return the variables that must be as they were: not set, but for where Python looks."""
    unset = dict.fromkeys(facts.variables - {"DATABASE_URL"})
    return {**unset, "PYTHONPATH": os.environ.get("PYTHONPATH")}


def _libpq() -> str:
    """Return the file of the libpq that psycopg has loaded. Raises `NoGlance`."""
    pq.version()
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.partition("/")[2]
        if Path(path).name.startswith("libpq") and ".so" in path:
            return f"/{path}"
    message = "psycopg's libpq is not a library of its own"
    raise NoGlance(message)


def _with_subfolders(folders: Iterable[Path]) -> list[Path]:
    found = {Path(place) for folder in folders for place, _, _ in os.walk(folder)}
    return sorted(folder for folder in found if folder.name != "__pycache__")


def _stamps(paths: Iterable[Path]) -> bytes:
    stamps: dict[str, Stamp] = {str(path): stamp(str(path)) for path in paths}
    return marshal.dumps(stamps)


def _wait_for_the_next_second(paths: Iterable[Path]) -> None:
    """Return when a change would show: times are kept in whole seconds."""
    newest = max(found[0] for path in paths if (found := stamp(str(path))))
    now = time.time()
    if 0 <= now - newest < 1:
        time.sleep(newest + 1 - now)
