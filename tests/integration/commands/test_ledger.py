"""`migrate ledger`: for people and for programs."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from tests.fixtures.databases import Database
from tests.fixtures.plain_alembic import alembic
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


def _edit(path: Path, text: str) -> None:
    path.write_text(path.read_text().replace("pass", text, 1))


def test_an_edited_revision_is_accepted_for_good(
    database: Database, project: Project, migrate: Migrate
) -> None:
    path = project.revision("r1")
    project.revision("r2")
    fail = {"DATABASE_URL": database.url, "MIGRATE_CHECKSUM": "fail"}
    assert 0 == migrate.run(**fail).exit_code
    _edit(path, "op.execute('SELECT 1')")
    refused = migrate.run(**fail)
    assert 65 == refused.exit_code
    assert "migrate ledger accept r1" in refused.finished["summary"]

    accepted = migrate.run("ledger", "accept", "r1", DATABASE_URL=database.url)

    assert 0 == accepted.exit_code, accepted.stderr
    assert {"accepted": ["r1"]} == json.loads(accepted.stdout)
    well = migrate.run(**fail)
    assert (0, "up_to_date", []) == (
        well.exit_code,
        well.finished["outcome"],
        well.of("revision_edited"),
    )
    # What was applied stays recorded, and who has accepted what now is.
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    rows = database.query(
        "SELECT direction, role, file_sha256, message FROM migration_runner.ledger"
        " WHERE revision = 'r1' ORDER BY sequence"
    )
    assert ["upgrade", "adopted"] == [row[0] for row in rows]
    assert digest != rows[0][2]
    assert (database.owner, digest, "accepted edit: r1 does its work.") == rows[1][1:]
    again = migrate.run("ledger", "accept", "r1", DATABASE_URL=database.url)
    assert {"accepted": []} == json.loads(again.stdout)
    # A later edit is another one.
    _edit(path, "op.execute('SELECT 2')")
    assert 65 == migrate.run(**fail).exit_code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["accept"], 64),
        (["refuse", "r1"], 64),
        (["accept", "r7"], 65),
        # It is not applied yet.
        (["accept", "r1", "r2"], 65),
    ],
)
def test_what_cannot_be_accepted(
    database: Database, project: Project, migrate: Migrate, words: list[str], code: int
) -> None:
    project.revision("r1")
    migrate.run(DATABASE_URL=database.url)
    project.revision("r2")

    result = migrate.run("ledger", *words, DATABASE_URL=database.url)

    assert code == result.exit_code, result.stderr


def test_what_others_have_applied_is_recorded_before_an_acceptance(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Newer rows of the ledger would hide that others have written the version table."""
    path = project.revision("r1")
    migrate.run(DATABASE_URL=database.url)
    project.revision("r2")
    alembic(project.folder, "upgrade", "head", DATABASE_URL=database.url)
    _edit(path, "op.execute('SELECT 1')")

    result = migrate.run("ledger", "accept", "r1", DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stderr
    assert ["r1", "r2", "r1"] == [
        revision
        for (revision,) in database.query(
            "SELECT revision FROM migration_runner.ledger ORDER BY sequence"
        )
    ]
