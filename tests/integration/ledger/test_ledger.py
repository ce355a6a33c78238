"""The ledger has a row for every revision, in the revision's own transaction."""

from __future__ import annotations

import hashlib
import socket
from typing import Any

import pytest
from psycopg import sql
from psycopg.rows import dict_row

from migration_runner import __version__
from migration_runner.history.revision_digest import digest_revision
from tests.fixtures.databases import Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate
from tests.fixtures.templates import use_template

# Its own engine, on which every statement is a transaction of its own.
AUTOCOMMIT_ENV = """\
import os
import sqlalchemy
from alembic import context

url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
# As a schema for each tenant has it: as many version tables in a run as are named.
TABLES_ENV = """\
import os
from alembic import context

connection = context.config.attributes["connection"]
for name in os.environ["VERSION_TABLES"].split():
    schema, _, table = name.rpartition(".")
    context.configure(
        connection=connection,
        version_table=table,
        version_table_schema=schema or None,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
"""


def _rows(database: Database) -> list[dict[str, Any]]:
    with database.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SELECT * FROM migration_runner.ledger ORDER BY sequence")
        return cursor.fetchall()


def _steps(database: Database) -> list[tuple[str, str, str, str]]:
    query = (
        "SELECT version_table_schema, version_table, direction, revision"
        " FROM migration_runner.ledger ORDER BY sequence"
    )
    return [
        (schema, table, what, revision) for schema, table, what, revision in database.query(query)
    ]


def test_a_row_says_who_applied_what_when_and_from_which_build(
    every_database: Database, project: Project, migrate: Migrate
) -> None:
    database, role = every_database, f"{every_database.owner}_ddl"
    project.revision("r1")
    project.revision("left", down="r1")
    project.revision("right", down="r1", header='breaks_before = "r1"')
    merge = project.revision(
        "merge",
        'op.execute("CREATE TABLE one AS SELECT clock_timestamp() AS time")',
        down=("left", "right"),
    )
    with database.server.connect(database.name) as admin:
        names = [sql.Identifier(name) for name in (role, database.owner, database.name)]
        admin.execute(sql.SQL("CREATE ROLE {0}; GRANT {0} TO {1}").format(*names))
        admin.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {0}").format(*names))
        admin.execute(sql.SQL("GRANT CREATE ON DATABASE {2} TO {0}").format(*names))
    ((before,),) = database.query("SELECT clock_timestamp()")
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")
        running = migrate.start(
            DATABASE_URL=database.url,
            MIGRATE_ROLE=role,
            MIGRATE_BUILD="build-7",
            MIGRATE_RUN_LOCK_KEY="7",
        )
        running.wait_for_event("run_lock_busy")
    result = running.wait()

    assert 0 == result.exit_code, result.stdout
    finished = result.finished
    ((after,),) = database.query("SELECT clock_timestamp()")
    ((made,),) = database.query("SELECT time FROM one")
    rows = _rows(database)
    with database.server.connect(database.name) as admin:
        admin.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(names[0]))
    assert [1, 2, 3, 4] == [row["sequence"] for row in rows]
    assert {"r1": None, "left": None, "right": "r1", "merge": None} == {
        row["revision"]: row["breaks_before"] for row in rows
    }
    assert {"r1": [], "left": ["r1"], "right": ["r1"], "merge": ["left", "right"]} == {
        row["revision"]: sorted(row["parents"]) for row in rows
    }
    row = rows[-1]
    started, seconds = row["started_at"], row["duration_seconds"]
    assert {
        "revision": "merge",
        "version_table_schema": "public",
        "version_table": "alembic_version",
        "direction": "upgrade",
        "message": "merge does its work.",
        "file": "merge.py",
        "file_sha256": hashlib.sha256(merge.read_bytes()).hexdigest(),
        "code_sha256": digest_revision(str(merge)).code_sha256,
        "run_id": finished["run_id"],
        "runner_version": __version__,
        "build": "build-7",
        "role": role,
        "host": socket.gethostname(),
        "run_lock_wait_seconds": finished["waited_for_run_lock_seconds"],
    }.items() <= row.items()
    assert row["run_lock_wait_seconds"] > 0
    assert before <= started < after
    assert made.timestamp() <= started.timestamp() + seconds <= after.timestamp()
    assert 0 < seconds <= finished["applied"][-1]["duration_seconds"] + 0.001


@pytest.mark.parametrize(
    ("env", "kept"),
    [("ours", ["r1"]), ("generic", []), ("async", []), ("autocommit", ["r1"])],
)
def test_what_is_not_kept_has_no_row(
    database: Database, project: Project, migrate: Migrate, env: str, kept: list[str]
) -> None:
    """One transaction for each revision, one for all of them, none at all."""
    if env == "autocommit":
        project.write_env(AUTOCOMMIT_ENV)
    elif env != "ours":
        use_template(project, database, env)
    project.table("r1", "one")
    broken = project.revision("r2", 'op.execute("SELECT nonsense")')

    failed = migrate.run(DATABASE_URL=database.url)

    assert 1 == failed.exit_code, failed.stdout
    assert kept == [row["revision"] for row in _rows(database)]
    assert kept == failed.finished["to_revisions"]

    broken.write_text(broken.read_text().replace("nonsense", "1"))
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code

    rows = _rows(database)
    assert ["r1", "r2"] == [row["revision"] for row in rows]
    assert {"upgrade"} == {row["direction"] for row in rows}


def test_a_revision_without_transactions_keeps_its_row(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    project.revision(
        "r2",
        """\
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY one_id ON one (id)")
        """,
    )

    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code

    assert ["r1", "r2"] == [row["revision"] for row in _rows(database)]


def test_several_histories_share_it(database: Database, project: Project, migrate: Migrate) -> None:
    """Of the same revisions even, as with a schema for each tenant."""
    project.write_env(TABLES_ENV)
    project.revision("r1")
    database.query("CREATE SCHEMA shop")
    first = migrate.run(DATABASE_URL=database.url, VERSION_TABLES="shop.versions Other")

    project.revision("r2")
    second = migrate.run(DATABASE_URL=database.url, VERSION_TABLES="alembic_version shop.versions")

    assert (0, 0) == (first.exit_code, second.exit_code), first.stdout + second.stdout
    assert [
        ("shop", "versions", "upgrade", "r1"),
        ("public", "Other", "upgrade", "r1"),
        ("public", "alembic_version", "upgrade", "r1"),
        ("public", "alembic_version", "upgrade", "r2"),
        ("shop", "versions", "upgrade", "r2"),
    ] == _steps(database)


def test_one_history_proves_nothing_for_another(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(TABLES_ENV)
    project.revision("r1")
    newer = project.revision("r2")
    migrate.run(DATABASE_URL=database.url, VERSION_TABLES="alembic_version")
    database.query("CREATE TABLE other AS TABLE alembic_version")
    newer.unlink()

    known = migrate.run(DATABASE_URL=database.url, VERSION_TABLES="alembic_version")
    foreign = migrate.run(DATABASE_URL=database.url, VERSION_TABLES="other")

    assert "ahead" == known.finished["outcome"]
    assert "unknown_revision" == foreign.finished["error"]["reason"]


def test_downgrades_and_stamps_are_recorded(
    database: Database, project: Project, migrate: Migrate
) -> None:
    for name in ("r1", "r2", "r3"):
        project.revision(name)
    migrate.run("upgrade", "r2", DATABASE_URL=database.url)
    migrate.run("downgrade", "--yes", "r1", DATABASE_URL=database.url)
    migrate.run("stamp", "r3", DATABASE_URL=database.url)
    migrate.run("stamp", "base", DATABASE_URL=database.url)

    assert [
        ("upgrade", "r1"),
        ("upgrade", "r2"),
        ("downgrade", "r2"),
        # What a stamp jumps over has not run here.
        ("adopted", "r2"),
        ("stamp", "r3"),
        ("stamp", None),
    ] == [(what, revision) for _, _, what, revision in _steps(database)]


@pytest.mark.parametrize(
    "body",
    [
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "SET lock_timeout = '1ms'",
        "SET DateStyle = 'SQL, DMY'; SET TIME ZONE 'Asia/Tokyo'",
    ],
)
def test_what_a_revision_sets_does_not_keep_it_out(
    database: Database, project: Project, migrate: Migrate, body: str
) -> None:
    """As pg_dump's output does, which is many a first revision."""
    project.write_env(ENV_PY.replace("True", 'True, version_table_schema="public"'))
    project.revision("r1", f'op.execute("""{body}""")')
    project.table("r2", "public.two")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert ["r1", "r2"] == [row["revision"] for row in _rows(database)]
    assert not result.of("ledger_unavailable")
