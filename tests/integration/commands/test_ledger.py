"""`migrate ledger`: for people and for programs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from psycopg import sql

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Result
from tests.fixtures.terminal import run_on_terminal


def _three_revisions(project: Project, migrate: Migrate, database: Database) -> Result:
    for number in (1, 2, 3):
        project.table(f"r{number}", f"table{number}")
    result = migrate.run(DATABASE_URL=database.url, MIGRATE_BUILD="build-7")
    assert 0 == result.exit_code, result.stdout
    return result


def _answer(result: Result) -> list[dict[str, Any]]:
    assert 0 == result.exit_code, result.stdout + result.stderr
    assert "" == result.stderr
    (line,) = result.stdout.splitlines()
    return list(json.loads(line))


def _on_a_terminal(
    migrate: Migrate, project: Project, database: Database, *words: str, **variables: str
) -> list[str]:
    """Return the lines that a person sees."""
    variables["DATABASE_URL"] = database.url
    screen = run_on_terminal(project, migrate, "ledger", *words, **variables)
    assert 0 == screen.exit_code, screen.text
    return screen.text.splitlines()


def test_a_program_gets_every_row_newest_first(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    run = _three_revisions(project, migrate, any_database)

    rows = _answer(migrate.run("ledger", DATABASE_URL=any_database.url))

    assert ["r3", "r2", "r1"] == [row["revision"] for row in rows]
    columns = any_database.query(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'migration_runner.ledger'::regclass"
        " AND attnum > 0"
    )
    assert {name for (name,) in columns} == set(rows[0])
    assert {
        "parents": ["r2"],
        "build": "build-7",
        "run_id": run.finished["run_id"],
        "direction": "upgrade",
    }.items() <= rows[0].items()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", rows[0]["started_at"])


def test_as_many_rows_as_are_wanted(database: Database, project: Project, migrate: Migrate) -> None:
    _three_revisions(project, migrate, database)

    rows = _answer(migrate.run("ledger", "--limit", "2", DATABASE_URL=database.url))
    none = migrate.run("ledger", "--limit", "-1", DATABASE_URL=database.url)

    assert ["r3", "r2"] == [row["revision"] for row in rows]
    assert 64 == none.exit_code, none.stdout


def test_a_person_gets_a_table(database: Database, project: Project, migrate: Migrate) -> None:
    run = _three_revisions(project, migrate, database)
    host = json.loads(migrate.run("ledger", DATABASE_URL=database.url).stdout)[0]["host"]

    lines = _on_a_terminal(migrate, project, database, COLUMNS="200")

    header, *rows = lines
    assert ["#", "when", "(UTC)", "what", "revision", "took", "build", "by", "message"] == (
        header.split()
    )
    pattern = rf"3  .{{10}} .{{8}}  upgrade  r3 +\d+\.\d\d s  build-7  {database.owner}@{host}  r3 "
    assert re.match(pattern, rows[0]), rows
    assert ["3", "2", "1"] == [row.split()[0] for row in rows]
    assert run.finished["run_id"] not in "".join(lines)
    narrow = _on_a_terminal(migrate, project, database)
    assert 7 == len(narrow)
    assert [] == [line for line in narrow if len(line) > 80]


def test_a_person_can_have_json_too(database: Database, project: Project, migrate: Migrate) -> None:
    _three_revisions(project, migrate, database)

    lines = _on_a_terminal(migrate, project, database, "--json", "--limit", "1")

    assert ["r3"] == [row["revision"] for row in json.loads("".join(lines))]


def test_with_several_histories_a_row_names_its_own(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _three_revisions(project, migrate, database)
    database.query(
        "INSERT INTO migration_runner.ledger (version_table_schema, version_table, direction,"
        " run_id, runner_version) VALUES ('shop', 'versions', 'stamp', 'x', '1')"
    )

    lines = _on_a_terminal(migrate, project, database)

    assert "  base" in lines[1]
    assert lines[2].startswith("    version table: shop.versions, by: ")
    assert "  r3" in lines[3]
    assert lines[4].startswith("    version table: public.alembic_version, ")


def test_before_the_first_run_there_is_nothing(
    database: Database, project: Project, migrate: Migrate
) -> None:
    assert [] == _answer(migrate.run("ledger", DATABASE_URL=database.url))
    assert ["The ledger is empty."] == _on_a_terminal(migrate, project, database)


@pytest.mark.parametrize(
    "missing", ["USAGE ON SCHEMA migration_runner", "ON migration_runner.ledger"]
)
def test_without_the_right_to_read_it_is_refused(
    database: Database, project: Project, migrate: Migrate, missing: str
) -> None:
    _three_revisions(project, migrate, database)
    with database.server.connect(database.name) as admin:
        admin.execute("ALTER SCHEMA migration_runner OWNER TO postgres")
        admin.execute("ALTER TABLE migration_runner.ledger OWNER TO postgres")
        owner = sql.Identifier(database.owner)
        if "SCHEMA" in missing:
            admin.execute(sql.SQL("GRANT SELECT ON migration_runner.ledger TO {}").format(owner))
        else:
            admin.execute(sql.SQL("GRANT USAGE ON SCHEMA migration_runner TO {}").format(owner))

    result = migrate.run("ledger", DATABASE_URL=database.url)

    assert 77 == result.exit_code, result.stdout
    assert "" == result.stdout
    last = json.loads(result.stderr.splitlines()[-1])
    assert "GRANT USAGE ON SCHEMA migration_runner" in last["summary"]
