"""Wrong settings and arguments end a run before it touches anything."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import CANARY, Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate
from tests.fixtures.service_links import links


def test_every_problem_is_told_at_once(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1")

    result = migrate.run(
        DATABASE_URL=database.url,
        DATABASE_URL_FILE="/nowhere/url",
        MIGRATE_WAIT_TIMOUT="5s",
        MIGRATE_CONNECT_TIMEOUT="soon",
        MIGRATE_RUN_LOCK_KEY="one",
        ALEMBIC_CONFIG="missing.ini",
    )

    assert 78 == result.exit_code, result.stdout
    problems = "\n".join(result.finished["error"]["problems"])
    for words in (
        "MIGRATE_WAIT_TIMOUT is not a setting (did you mean MIGRATE_WAIT_TIMEOUT?)",
        "MIGRATE_CONNECT_TIMEOUT",
        "'soon'",
        "MIGRATE_RUN_LOCK_KEY must be an integer",
        "'missing.ini' does not exist",
        "DATABASE_URL and DATABASE_URL_FILE are both set",
    ):
        assert words in problems
    assert result.finished["summary"].endswith("The database was not touched.")
    assert "canary" not in result.stdout
    assert [(None,)] == database.query("SELECT to_regclass('alembic_version')::text")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"DATABASE_URL": f"mysql://root:{CANARY}@127.0.0.1/shop"},
        {"DATABASE_URL": f"owner:{CANARY}"},
        {"DATABASE_URL_FILE": "/nowhere/url"},
    ],
    ids=["none", "other dialect", "no URL", "no file"],
)
def test_a_database_that_is_not_named(migrate: Migrate, variables: dict[str, str]) -> None:
    result = migrate.run(**variables)

    assert 78 == result.exit_code, result.stdout
    assert "DATABASE_URL" in result.finished["summary"]
    assert "canary" not in result.stdout + result.stderr


def test_a_configuration_that_is_no_configuration(
    database: Database, project: Project, migrate: Migrate
) -> None:
    (project.folder / "alembic.ini").write_text("script_location = here\n")

    result = migrate.run(DATABASE_URL=database.url)

    assert 78 == result.exit_code, result.stdout
    assert "not a valid Alembic configuration" in result.finished["summary"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("upgrade --wait-timout=5s", "Unknown flag --wait-timout (did you mean --wait-timeout?)."),
        ("--ledger maybe", "--ledger must be one of on, off, require (it is 'maybe')."),
        ("--heartbeat 0 wait", "--heartbeat must be more than 0 (it is '0')."),
    ],
)
def test_wrong_arguments(migrate: Migrate, words: str, message: str) -> None:
    result = migrate.run(*words.split())

    assert 64 == result.exit_code, result.stdout
    assert f"{message} The database was not touched." == result.finished["summary"]


def test_a_wrong_variable(migrate: Migrate) -> None:
    result = migrate.run(MIGRATE_HEARTBEAT="0", DATABASE_URL="postgresql://db/shop")

    assert 78 == result.exit_code, result.stdout
    assert "MIGRATE_HEARTBEAT must be more than 0 (it is '0')" in result.finished["summary"]


def test_a_secret_file_and_flags(database: Database, project: Project, migrate: Migrate) -> None:
    project.revision("r1")
    secret = project.folder / "url"
    secret.write_text(database.url + "\n")

    result = migrate.run("--wait-timeout", "10s", "--build=7", DATABASE_URL_FILE=str(secret))

    assert 0 == result.exit_code, result.stdout
    assert "7" == result.finished["build"]


def test_libpqs_own_variables(database: Database, project: Project, migrate: Migrate) -> None:
    project.revision("r1")

    result = migrate.run(
        PGHOST="127.0.0.1",
        PGPORT=str(database.server.port),
        PGUSER=database.owner,
        PGPASSWORD=CANARY,
        PGDATABASE=database.name,
    )

    assert 0 == result.exit_code, result.stdout
    assert database.name == result.finished["database"]


def test_a_role_that_is_not_there(database: Database, project: Project, migrate: Migrate) -> None:
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_ROLE="nobody_here")

    assert 77 == result.exit_code, result.stdout
    assert "MIGRATE_ROLE" in result.finished["summary"]


def test_a_version_tables_schema_that_is_not_there(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    project.write_env(
        ENV_PY.replace("transaction_per", 'version_table_schema="vs", transaction_per')
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 77 == result.exit_code, result.stdout
    assert "Create the version table's schema" in result.finished["summary"]


def test_flags_behind_the_verb(database: Database, project: Project, migrate: Migrate) -> None:
    project.table("r1", "one")
    project.table("r2", "two")

    result = migrate.run(
        "--log-level", "error", "upgrade", "r1", "--run-lock-key", "7", DATABASE_URL=database.url
    )

    assert ["r1"] == result.finished["to_revisions"]
    assert ["run_finished"] == result.names


def test_a_service_named_migrate_is_named_at_debug_and_changes_nothing(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    variables = {"DATABASE_URL": database.url, **links("MIGRATE")}

    result = migrate.run(**variables, MIGRATE_LOG_LEVEL="debug")
    again = migrate.run(**variables)

    assert 0 == result.exit_code, result.stdout
    (ignored,) = result.of("variables_ignored")
    assert ("debug", sorted(links("MIGRATE"))) == (ignored["level"], ignored["variables"])
    assert "enableServiceLinks: false" in ignored["detail"]
    assert ["run_started", "database_ready", "run_finished"] == again.names
