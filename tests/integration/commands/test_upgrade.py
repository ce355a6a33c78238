"""`migrate`: what it applies, and what it leaves."""

from __future__ import annotations

import pytest
from psycopg import sql

from tests.fixtures.databases import Database, create_database, drop_database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

VERSION = "SELECT version_num FROM alembic_version ORDER BY 1"


def _tables(database: Database) -> set[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    return {name for (name,) in database.query(query)} - {"alembic_version"}


def test_applies_every_pending_revision(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    project.table("r2", "two")

    result = migrate.run(DATABASE_URL=any_database.url, MIGRATE_BUILD="build-7")

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert [
        "run_started",
        "database_ready",
        "run_lock_acquired",
        "ledger_created",
        "revision_started",
        "revision_applied",
        "revision_started",
        "revision_applied",
        "run_finished",
    ] == result.names
    finished = result.finished
    assert "applied" == finished["outcome"]
    assert [] == finished["from_revisions"]
    assert ["r2"] == finished["to_revisions"]
    assert ["r1", "r2"] == [each["revision"] for each in finished["applied"]]
    assert all(each["duration_seconds"] > 0 for each in finished["applied"])
    assert "build-7" == finished["build"]
    assert str(any_database.server.major) == finished["server_version"].partition(".")[0]
    assert [("r2",)] == any_database.query(VERSION)
    assert {"one", "two"} == _tables(any_database)
    assert "" == result.stderr


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_is_not_in_utf_8(
    database: Database, project: Project, migrate: Migrate, encoding: str
) -> None:
    """Of SQL_ASCII psycopg makes bytes, with which SQLAlchemy cannot even read the version."""
    project.revision("r1", """op.execute("CREATE TABLE one AS SELECT 'Zoë' AS name")""")
    other = create_database(database.server, encoding)
    try:
        result = migrate.run(DATABASE_URL=other.url)

        assert 0 == result.exit_code, result.stdout
        assert ["r1"] == result.finished["to_revisions"]
        assert other.name == result.finished["database"]
        assert [(3 if encoding == "LATIN1" else 4,)] == other.query("SELECT length(name) FROM one")
    finally:
        drop_database(other)


def test_at_the_target_it_takes_no_lock(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    migrate.run(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")

        result = migrate.run(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")

    assert 0 == result.exit_code, result.stdout
    assert "up_to_date" == result.finished["outcome"]
    assert ["run_started", "database_ready", "run_finished"] == result.names


def test_a_project_without_revisions_is_up_to_date_at_base(
    database: Database, migrate: Migrate
) -> None:
    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert "up_to_date" == result.finished["outcome"]
    assert "Up to date: the database is at base." == result.finished["summary"]


def test_a_failing_revision_is_rolled_back_and_the_next_run_goes_on_there(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    broken = project.revision(
        "r2",
        """\
        op.execute("CREATE TABLE two (id bigint CONSTRAINT positive CHECK (id > 0))")
        op.execute("INSERT INTO two VALUES (-1)")
        """,
    )
    project.table("r3", "three")

    failed = migrate.run(DATABASE_URL=any_database.url)

    assert 1 == failed.exit_code, failed.stdout
    assert "failed" == failed.finished["outcome"]
    assert ["r1"] == failed.finished["to_revisions"]
    assert ["r1"] == [each["revision"] for each in failed.finished["applied"]]
    (event,) = failed.of("revision_failed")
    assert {
        "revision": "r2",
        "file": str(broken),
        "line": 11,
        "statement": "INSERT INTO two VALUES (-1)",
        "sqlstate": "23514",
        "detail": "Failing row contains (-1).",
    }.items() <= event.items()
    assert failed.finished["summary"].endswith(
        "This run applied 1 revision; the database is at r1."
    )
    assert {"one"} == _tables(any_database)

    broken.write_text(broken.read_text().replace("(-1)", "(1)"))
    mended = migrate.run(DATABASE_URL=any_database.url)

    assert 0 == mended.exit_code, mended.stdout
    assert ["r2", "r3"] == [each["revision"] for each in mended.finished["applied"]]


def test_a_revision_that_fails_behind_its_own_commit_says_that_something_was_kept(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision(
        "r1",
        """\
        op.execute("CREATE TABLE one (id bigint)")
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY one_id ON one (id)")
        op.execute("SELECT nonsense")
        """,
    )

    failed = migrate.run(DATABASE_URL=database.url)

    assert 1 == failed.exit_code, failed.stdout
    assert "up to its last commit (autocommit_block, or COMMIT)" in failed.finished["summary"]
    assert {"one"} == _tables(database)


def test_python_that_fails_in_a_revision_is_the_revisions_failure(
    database: Database, project: Project, migrate: Migrate
) -> None:
    path = project.revision("r1", 'raise ValueError("no such customer")')

    failed = migrate.run(DATABASE_URL=database.url)

    assert 1 == failed.exit_code, failed.stdout
    (event,) = failed.of("revision_failed")
    assert {"file": str(path), "line": 10, "message": "no such customer"}.items() <= event.items()


def test_autocommit_blocks_work(any_database: Database, project: Project, migrate: Migrate) -> None:
    project.table("r1", "one")
    project.revision(
        "r2",
        """\
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY one_id ON one (id)")
        """,
    )

    result = migrate.run(DATABASE_URL=any_database.url)

    assert 0 == result.exit_code, result.stdout
    index = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_id'::regclass"
    assert [(True,)] == any_database.query(index)


def test_every_revision_gets_the_sessions_settings(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    show = """\
        op.execute("CREATE TABLE {table} AS SELECT current_setting('lock_timeout') AS lock,"
            " current_setting('statement_timeout') AS statement, current_user::text AS role,"
            " current_setting('client_connection_check_interval') AS interval,"
            " current_setting('application_name') AS name")
        op.execute("SET lock_timeout = 0")
        op.execute("RESET ROLE")
    """
    project.revision("r1", show.format(table="one"))
    project.revision("r2", show.format(table="two"))
    role = f"{any_database.owner}_ddl"
    with any_database.server.connect(any_database.name) as admin:
        names = sql.Identifier(role), sql.Identifier(any_database.owner)
        admin.execute(sql.SQL("CREATE ROLE {0}; GRANT {0} TO {1}").format(*names))
        admin.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(names[0]))

    result = migrate.run(
        DATABASE_URL=any_database.url,
        MIGRATE_DDL_LOCK_TIMEOUT="1500ms",
        MIGRATE_STATEMENT_TIMEOUT="1h",
        MIGRATE_ROLE=role,
    )

    with any_database.server.connect(any_database.name) as admin:
        rows = [
            admin.execute("SELECT * FROM one").fetchone(),
            admin.execute("SELECT * FROM two").fetchone(),
        ]
        admin.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))
    assert 0 == result.exit_code, result.stdout
    for row in rows:
        assert row is not None
        *settings, name = row
        assert ["1500ms", "1h", role, "2s"] == settings
        assert name.startswith(f"migrate {result.finished['run_id']} ")


@pytest.mark.parametrize(
    ("target", "applied"),
    [
        ("head", ["r1", "r2", "r3"]),
        ("heads", ["r1", "r2", "r3"]),
        ("r2", ["r1", "r2"]),
        ("+1", ["r1"]),
        ("shop@head", ["r1", "r2", "r3"]),
    ],
)
def test_targets_are_alembics(
    database: Database, project: Project, migrate: Migrate, target: str, applied: list[str]
) -> None:
    project.revision("r1", header='branch_labels = ("shop",)')
    project.revision("r2")
    project.revision("r3")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_TARGET=target)

    assert 0 == result.exit_code, result.stdout
    assert applied == [each["revision"] for each in result.finished["applied"]]


def test_several_heads_can_be_had_by_name(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1")
    project.revision("left", down="r1")
    project.revision("right", down="r1")

    result = migrate.run("upgrade", "heads", DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert [("left",), ("right",)] == database.query(VERSION)


def test_an_env_that_commits_nothing_is_found_out(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    project.write_env(
        "from alembic import context\n"
        'connection = context.config.attributes["connection"]\n'
        "connection.begin()\n"
        "context.configure(connection=connection)\n"
        "context.run_migrations()\n"
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code, result.stdout
    assert "nothing_happened" == result.finished["error"]["reason"]
    assert set() == _tables(database)


def test_a_revision_that_brings_its_session_down_is_not_tried_for_ever(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    project.revision("r2", 'op.execute("SELECT pg_terminate_backend(pg_backend_pid())")')

    result = migrate.run(DATABASE_URL=database.url)

    assert 75 == result.exit_code, result.stdout
    assert 3 == len(result.of("session_lost"))
    assert ["r1"] == result.finished["to_revisions"]
    assert "lost 3 times without progress (revision r2)" in result.finished["summary"]


def test_a_table_in_use_is_temporary(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    project.revision("r2", 'op.execute("ALTER TABLE one ADD COLUMN name text")')
    migrate.run("upgrade", "r1", DATABASE_URL=database.url)
    with database.connect() as other, other.transaction():
        other.execute("SELECT * FROM one")

        result = migrate.run(
            DATABASE_URL=database.url,
            MIGRATE_DDL_LOCK_TIMEOUT="50ms",
            MIGRATE_DDL_RETRY_TIMEOUT="0",
        )

    assert 75 == result.exit_code, result.stdout
    assert "55P03" == result.finished["error"]["sqlstate"]


@pytest.mark.parametrize(
    ("grant", "advice"),
    [
        ("", "grant the role USAGE on it"),
        ("GRANT USAGE ON SCHEMA public TO PUBLIC", "Grant the privilege"),
    ],
)
def test_a_missing_privilege_is_a_rejection(
    database: Database, project: Project, migrate: Migrate, grant: str, advice: str
) -> None:
    project.revision("r1")
    with database.server.connect(database.name) as admin:
        admin.execute(f"DROP SCHEMA public; CREATE SCHEMA public; {grant}".encode())

    result = migrate.run(DATABASE_URL=database.url)

    assert 77 == result.exit_code, result.stdout
    assert advice in result.finished["summary"]
