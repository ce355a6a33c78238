"""A ledger that cannot be used is a warning; the revisions are applied all the same."""

from __future__ import annotations

import pytest
from psycopg import sql

from migration_runner.ledger.schema import CREATE_LEDGER
from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

SCHEMA = "CREATE SCHEMA migration_runner"
UNUSABLE = {
    "a column is missing": (
        [*CREATE_LEDGER, "ALTER TABLE migration_runner.ledger DROP COLUMN breaks_before"],
        "breaks_before",
    ),
    "an older shape": (
        [SCHEMA, "CREATE TABLE migration_runner.ledger (sequence bigint, revision text)"],
        "version_table",
    ),
    "a sequence": ([SCHEMA, "CREATE SEQUENCE migration_runner.ledger"], "not a table"),
    "a view": ([SCHEMA, "CREATE VIEW migration_runner.ledger AS SELECT 1"], "not a table"),
    "a column of another type": (
        [
            *CREATE_LEDGER,
            "ALTER TABLE migration_runner.ledger ALTER COLUMN run_id TYPE int USING 1",
        ],
        "integer",
    ),
    "an identity that is behind": (
        [
            *CREATE_LEDGER,
            "INSERT INTO migration_runner.ledger (version_table_schema, version_table, direction,"
            " run_id, runner_version) SELECT '', '', 'stamp', '', '' FROM generate_series(1, 9)",
            "ALTER TABLE migration_runner.ledger ALTER COLUMN sequence RESTART",
        ],
        "duplicate key",
    ),
    "a trigger that refuses rows": (
        [
            *CREATE_LEDGER,
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION 'no rows here'; END $$",
            "CREATE TRIGGER guard BEFORE INSERT ON migration_runner.ledger"
            " FOR EACH ROW EXECUTE FUNCTION refuse()",
        ],
        "no rows here",
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_ledger_of_another_shape(
    name: str, database: Database, project: Project, migrate: Migrate
) -> None:
    statements, detail = UNUSABLE[name]
    with database.connect() as connection:
        for statement in statements:
            connection.execute(statement.encode())
    project.table("r1", "one")
    project.table("r2", "two")

    result = migrate.run(DATABASE_URL=database.url)
    again = migrate.run(DATABASE_URL=database.url)
    required = migrate.run(DATABASE_URL=database.url, MIGRATE_LEDGER="require", MIGRATE_TARGET="r2")

    assert 0 == result.exit_code, result.stdout
    (warning,) = result.of("ledger_unavailable")
    assert detail in warning["detail"]
    assert ["r1", "r2"] == [each["revision"] for each in result.finished["applied"]]
    assert (0, "up_to_date") == (again.exit_code, again.finished["outcome"]), again.stdout
    if name not in ("an identity that is behind", "a trigger that refuses rows"):
        # These show only when something is recorded.
        assert 77 == required.exit_code, required.stdout


def test_an_event_trigger_that_refuses_schemas(
    database: Database, project: Project, migrate: Migrate
) -> None:
    with database.server.connect(database.name) as admin:
        admin.execute(
            "CREATE FUNCTION only_us() RETURNS event_trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION 'schemas are made by the platform team'; END $$"
        )
        admin.execute(
            "CREATE EVENT TRIGGER guard ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA')"
            " EXECUTE FUNCTION only_us()"
        )
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    (warning,) = result.of("ledger_unavailable")
    assert "made by the platform team" in warning["detail"]
    assert [("r1",)] == database.query("SELECT version_num FROM alembic_version")


def test_what_is_recorded_may_be_no_utf_8(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    (file,) = (project.folder / "migrations" / "versions").glob("*r1*")
    file.write_text('"""A \\ud800 b."""\n' + file.read_text().split("\n", 1)[1])

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_BUILD="caf\udce9")

    assert 0 == result.exit_code, result.stdout
    assert [] == result.of("ledger_unavailable")
    query = sql.SQL("SELECT message, build FROM migration_runner.ledger")
    assert [("A \\ud800 b.", "caf\\udce9")] == database.query(query.as_string())


def test_nothing_is_adopted_into_a_ledger_that_cannot_be_read(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """It would record again what is recorded already."""
    project.table("r1", "one")
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    database.query("ALTER TABLE migration_runner.ledger ALTER COLUMN started_at TYPE text")
    project.table("r2", "two")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert ["r2"] == [each["revision"] for each in result.finished["applied"]]
    assert 1 == len(result.of("ledger_unavailable"))
    recorded = database.query("SELECT direction, revision FROM migration_runner.ledger")
    assert [("upgrade", "r1")] == recorded
