"""The version table is lost, hidden, or another one: nothing is applied a second time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.plain_alembic import alembic
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate, Result

APPLIED = [("upgrade", "r1"), ("upgrade", "r2")]
LEDGER = "SELECT direction, revision FROM migration_runner.ledger ORDER BY sequence"


@pytest.fixture(autouse=True)
def _two_revisions(project: Project) -> None:
    for name in ("r1", "r2"):
        project.revision(name, 'op.execute("INSERT INTO runs DEFAULT VALUES")')


@pytest.fixture
def used(database: Database, migrate: Migrate) -> Database:
    """Return a database at head; table `runs` has a row for each time that a revision ran."""
    database.query("CREATE TABLE public.runs (id int GENERATED ALWAYS AS IDENTITY)")
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    return database


def _refused(reason: str, migrate: Migrate, url: str, **variables: str) -> Result:
    """Run, ask and wait, and expect the same contradiction of all of them."""
    result = migrate.run(DATABASE_URL=url, **variables)
    assert 65 == result.exit_code, result.stdout
    assert reason == result.finished["error"]["reason"]
    finished = result.finished
    assert (None, None) == (finished["from_revisions"], finished["to_revisions"])
    assert finished["summary"].endswith("The database was not touched.")
    checked = migrate.run("status", "--check", "--json", DATABASE_URL=url, **variables)
    assert 65 == checked.exit_code, checked.stdout
    facts: dict[str, Any] = json.loads(checked.stdout)
    assert ("contradictory", None) == (facts["relation"], facts["database"]["heads"])
    assert [] == facts["pending"]
    assert facts["contradiction"]["message"] in finished["summary"]
    waited = migrate.run("wait", DATABASE_URL=url, **variables)
    assert (65, reason) == (waited.exit_code, waited.finished["error"]["reason"])
    return result


def _outcome(migrate: Migrate, url: str) -> Any:
    result = migrate.run(DATABASE_URL=url)
    assert 0 == result.exit_code, result.stdout
    return result.finished["outcome"]


def _runs(database: Database) -> int:
    [(count,)] = database.query("SELECT count(*) FROM public.runs")
    return int(count)


def test_a_lost_one_is_stamped_with_what_is_there(used: Database, migrate: Migrate) -> None:
    used.query("DROP TABLE alembic_version")

    result = _refused("version_table_missing", migrate, used.url)

    assert "the ledger has r1, r2 as applied" in result.finished["summary"]
    assert "migrate stamp r2." in result.finished["summary"]
    assert APPLIED == used.query(LEDGER)
    assert 0 == migrate.run("stamp", "r2", DATABASE_URL=used.url).exit_code
    assert "up_to_date" == _outcome(migrate, used.url)
    assert 2 == _runs(used)


def test_a_schema_that_was_emptied_is_stamped_with_nothing(
    used: Database, migrate: Migrate
) -> None:
    """The ledger has its own schema. Emptied again, it is a contradiction again."""
    for _ in range(2):
        used.query("DROP TABLE alembic_version, runs")
        used.query("CREATE TABLE runs (id int GENERATED ALWAYS AS IDENTITY)")
        _refused("version_table_missing", migrate, used.url)

        assert 0 == migrate.run("stamp", "base", DATABASE_URL=used.url).exit_code
        assert "applied" == _outcome(migrate, used.url)
        assert 2 == _runs(used)


def test_what_was_undone_by_whatever_means_is_applied_again(
    used: Database, project: Project, migrate: Migrate
) -> None:
    alembic(project.folder, "downgrade", "base", DATABASE_URL=used.url)
    assert "applied" == _outcome(migrate, used.url)
    assert 0 == migrate.run("downgrade", "--yes", "base", DATABASE_URL=used.url).exit_code
    used.query("DROP TABLE alembic_version")
    assert "applied" == _outcome(migrate, used.url)
    assert 6 == _runs(used)


@pytest.fixture
def login(used: Database) -> Iterator[str]:
    """Return the URL of a role that owns nothing, but may use the tables."""
    role = f"{used.owner}_login"
    with used.server.connect(used.name) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p'")
        admin.execute(f"GRANT {used.owner} TO {role} WITH INHERIT FALSE")
        admin.execute(f"GRANT ALL ON alembic_version, runs TO {role}")
        admin.execute(f"GRANT USAGE ON SCHEMA migration_runner TO {role}")
        admin.execute(f"GRANT SELECT, INSERT ON migration_runner.ledger TO {role}")
    yield used.url.replace(used.owner, role).replace(quote_of(used), "p")
    with used.server.connect(used.name) as admin:
        admin.execute(f"DROP OWNED BY {role}")
        admin.execute(f"DROP ROLE {role}")


def quote_of(database: Database) -> str:
    """Return the owner's password as it is in the URL."""
    return database.url.split("@")[0].rsplit(":", 1)[1]


def test_hidden_rows(used: Database, migrate: Migrate, login: str) -> None:
    used.query("ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY")

    result = _refused("version_rows_hidden", migrate, login)

    assert "Row-level security hides rows" in result.finished["summary"]
    assert "the ledger has r1, r2 as applied" in result.finished["summary"]
    as_owner = migrate.run(DATABASE_URL=login, MIGRATE_ROLE=used.owner)
    assert "up_to_date" == as_owner.finished["outcome"], as_owner.stdout
    used.query("CREATE POLICY readable ON alembic_version USING (true)")
    assert "up_to_date" == migrate.run(DATABASE_URL=login).finished["outcome"]
    assert 2 == _runs(used)


def test_some_rows_are_hidden(
    used: Database, project: Project, migrate: Migrate, login: str
) -> None:
    """A branch that is recorded is not applied again, because its head is not visible."""
    project.revision("b1", 'op.execute("INSERT INTO runs DEFAULT VALUES")', down=None)
    both = migrate.run("upgrade", "heads", DATABASE_URL=used.url)
    assert 0 == both.exit_code, both.stdout
    used.query("ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY")
    used.query("CREATE POLICY part ON alembic_version USING (version_num <> 'b1')")

    result = _refused("version_rows_hidden", migrate, login, MIGRATE_TARGET="heads")

    assert ["b1"] == result.finished["error"]["revisions"]
    assert 3 == _runs(used)


@pytest.mark.parametrize("ledger", ["off", "hidden"])
def test_hidden_rows_without_a_ledger(
    used: Database, migrate: Migrate, login: str, ledger: str
) -> None:
    """Without a policy, no row could be visible or written."""
    used.query("ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY")
    used.query("ALTER TABLE migration_runner.ledger ENABLE ROW LEVEL SECURITY")

    mode = "off" if ledger == "off" else "on"
    _refused("version_rows_hidden", migrate, login, MIGRATE_LEDGER=mode)

    assert 2 == _runs(used)


def test_a_hidden_ledger_is_no_ledger(used: Database, migrate: Migrate, login: str) -> None:
    used.query("ALTER TABLE migration_runner.ledger ENABLE ROW LEVEL SECURITY")

    result = migrate.run(DATABASE_URL=login, MIGRATE_LEDGER="require")

    assert 77 == result.exit_code, result.stdout
    assert "row-level security hides all rows" in result.finished["summary"]
    assert "up_to_date" == migrate.run(DATABASE_URL=login).finished["outcome"]
    assert APPLIED == used.query(LEDGER)


def test_an_empty_one_that_is_found_first(used: Database, migrate: Migrate) -> None:
    used.query(f"CREATE SCHEMA {used.owner}")
    used.query(f"CREATE TABLE {used.owner}.alembic_version (LIKE public.alembic_version)")

    result = _refused("version_table_shadowed", migrate, used.url)

    summary = result.finished["summary"]
    assert f"leads to the version table {used.owner}.alembic_version" in summary
    assert "does not have r1, r2, but by the ledger public.alembic_version has" in summary
    assert 2 == _runs(used)
    assert 0 == migrate.run("stamp", "base", DATABASE_URL=used.url).exit_code
    assert "applied" == _outcome(migrate, used.url)


def test_one_that_is_behind_and_found_first(used: Database, migrate: Migrate) -> None:
    used.query(f"CREATE SCHEMA {used.owner}")
    used.query(f"CREATE TABLE {used.owner}.alembic_version AS SELECT 'r1'::text AS version_num")

    result = _refused("version_table_shadowed", migrate, used.url)

    assert ["r2"] == result.finished["error"]["revisions"]
    assert 2 == _runs(used)
    assert 0 == migrate.run("stamp", "r1", DATABASE_URL=used.url).exit_code
    assert "applied" == _outcome(migrate, used.url)
    assert 3 == _runs(used)


def test_a_tenant_of_its_own_is_none(used: Database, project: Project, migrate: Migrate) -> None:
    """The same revisions in another schema, which env.py names, or which is the only one."""
    named = ENV_PY.replace(
        "connection=connection,", 'connection=connection, version_table_schema="t1",'
    )
    used.query("CREATE SCHEMA t1")
    used.query("CREATE SCHEMA t2")
    used.query("CREATE TABLE t2.runs (LIKE public.runs INCLUDING IDENTITY)")
    project.write_env(named)
    assert "applied" == _outcome(migrate, used.url)
    project.write_env(ENV_PY)

    result = migrate.run(DATABASE_URL=f"{used.url}?options={quote('-c search_path=t2')}")

    assert "applied" == result.finished["outcome"], result.stdout
    assert 4 == _runs(used)


def test_a_view_works_as_before(used: Database, migrate: Migrate) -> None:
    """Its rows have no transaction ids."""
    used.query("ALTER TABLE alembic_version RENAME TO versions")
    used.query("CREATE VIEW alembic_version AS SELECT * FROM versions")

    assert "up_to_date" == _outcome(migrate, used.url)
