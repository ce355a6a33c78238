"""The grants of docs/privileges.md are enough, and none of them is too much."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import psycopg
import pytest
from psycopg import sql

from migration_runner.documentation import docs_page
from tests.fixtures.databases import CANARY, Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import ROOT, Migrate, Result
from tests.fixtures.shop import SHOP_CONFIG

_DOCUMENT: Final = (ROOT / "docs" / "privileges.md").read_text()
_SECTIONS: Final = {
    section.partition("\n")[0]: re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    for section in _DOCUMENT.split("\n## ")
}
BASE, OWN_LEDGER, ADMINISTRATORS_LEDGER = _SECTIONS["To migrate"]
(LOOK,) = _SECTIONS["To read only"]
(APPLICATION,) = _SECTIONS["The application"]
(SEE,) = _SECTIONS["To see blockers"]
LOOK_GRANTS: Final = [line for line in LOOK.splitlines() if line.strip()]


class Roles:
    """The document's roles, in a database in which nobody may do anything by default."""

    def __init__(self, database: Database) -> None:
        self.database = database
        suffix = uuid.uuid4().hex[:8]
        self.names = {
            name: f"{name}_{suffix}" for name in ("shop_migrate", "shop_app", "shop_status")
        }
        for name in self.names.values():
            self._run(f"CREATE ROLE {name} LOGIN PASSWORD {sql.Literal(CANARY).as_string()}")
        self._run(f"REVOKE ALL ON DATABASE {database.name} FROM PUBLIC")
        self._run("REVOKE ALL ON SCHEMA public FROM PUBLIC")

    def grant(self, *blocks: str) -> None:
        """Run the document's statements, by an administrator."""
        for block in blocks:
            text = re.sub(r"\bDATABASE shop\b", f"DATABASE {self.database.name}", block)
            for name, ours in self.names.items():
                text = re.sub(rf"\b{name}\b", ours, text)
            self._run(text)

    def url(self, name: str) -> str:
        """Return the URL with which a role logs in."""
        return replace(self.database, owner=self.names[name]).url

    def drop(self) -> None:
        """Drop the roles, and what they own."""
        for name in self.names.values():
            self._run(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")

    def _run(self, text: str) -> None:
        with self.database.server.connect(self.database.name) as admin:
            admin.execute(text.encode())


@pytest.fixture
def roles(any_database: Database) -> Iterator[Roles]:
    """Return the roles, without any right yet."""
    roles = Roles(any_database)
    yield roles
    roles.drop()


def _migrate_shop(roles: Roles, migrate: Migrate, **variables: str) -> Result:
    return migrate.run(DATABASE_URL=roles.url("shop_migrate"), **SHOP_CONFIG, **variables)


def _recorded(roles: Roles) -> int:
    with roles.database.server.connect(roles.database.name) as admin:
        row = admin.execute(
            "SELECT count(*) FROM migration_runner.ledger WHERE role = %s",
            [roles.names["shop_migrate"]],
        ).fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize("ledger", [OWN_LEDGER, ADMINISTRATORS_LEDGER], ids=["own", "made"])
def test_the_migrating_role_migrates_the_shop(roles: Roles, migrate: Migrate, ledger: str) -> None:
    roles.grant(BASE, ledger)

    result = _migrate_shop(roles, migrate, MIGRATE_LEDGER="require")

    assert 0 == result.exit_code, result.stdout
    assert [] == [event for event in result.events if event["level"] != "info"]
    assert len(result.finished["applied"]) == _recorded(roles) > 10


def test_without_a_ledger_it_migrates_all_the_same(roles: Roles, migrate: Migrate) -> None:
    roles.grant(BASE)

    refused = _migrate_shop(roles, migrate, MIGRATE_LEDGER="require")
    result = _migrate_shop(roles, migrate)

    assert (77, []) == (refused.exit_code, refused.of("revision_started")), refused.stdout
    assert 0 == result.exit_code, result.stdout
    assert 1 == len(result.of("ledger_unavailable"))
    assert docs_page("privileges") in result.of("ledger_unavailable")[0]["advice"]


def test_the_administrators_ledger_is_the_runners_own(roles: Roles, migrate: Migrate) -> None:
    """Column for column."""
    columns = (
        "SELECT column_name, data_type, is_nullable, column_default, identity_generation"
        " FROM information_schema.columns WHERE table_schema = 'migration_runner' ORDER BY 1"
    )
    roles.grant(ADMINISTRATORS_LEDGER)
    with roles.database.server.connect(roles.database.name) as admin:
        theirs = admin.execute(columns).fetchall()
        admin.execute("DROP SCHEMA migration_runner CASCADE")
        roles.grant(BASE, OWN_LEDGER)
        assert 0 == _migrate_shop(roles, migrate).exit_code

        assert theirs == admin.execute(columns).fetchall()


def test_the_looking_role_looks(roles: Roles, migrate: Migrate) -> None:
    roles.grant(BASE, OWN_LEDGER)
    _migrate_shop(roles, migrate)
    roles.grant(LOOK)
    # Such roles are often told so.
    roles.grant("ALTER ROLE shop_status SET default_transaction_read_only = on")

    for words in (["status", "--check"], ["wait"], ["check"], ["ledger"], ["config"]):
        result = migrate.run(*words, DATABASE_URL=roles.url("shop_status"), **SHOP_CONFIG)

        assert (0, "") == (result.exit_code, result.stderr), (words, result.stdout)

    ledger = migrate.run("ledger", DATABASE_URL=roles.url("shop_status"), **SHOP_CONFIG)
    assert _recorded(roles) == len(json.loads(ledger.stdout))
    roles.grant("ALTER ROLE shop_status RESET default_transaction_read_only")
    assert (
        77
        == migrate.run(
            DATABASE_URL=roles.url("shop_status"), **{**SHOP_CONFIG, "MIGRATE_LEDGER": "require"}
        ).exit_code
    )


@pytest.mark.parametrize("left_out", LOOK_GRANTS)
def test_no_grant_to_look_is_too_much(
    database: Database, project: Project, migrate: Migrate, left_out: str
) -> None:
    project.table("r1", "one")
    migrate.run(DATABASE_URL=database.url)
    roles = Roles(database)
    roles.grant(*(grant for grant in LOOK_GRANTS if grant != left_out))

    codes = [
        migrate.run(*words, DATABASE_URL=roles.url("shop_status")).exit_code
        for words in (["status", "--check"], ["ledger"])
    ]

    roles.drop()
    assert [0, 0] != codes
    assert 70 not in codes


@pytest.mark.parametrize("seen", [False, True])
def test_the_lock_holders_statement_needs_a_right_of_its_own(
    roles: Roles,
    project: Project,
    migrate: Migrate,
    seen: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    project.write_env(ENV_PY)
    roles.grant(
        "GRANT CONNECT ON DATABASE shop TO shop_status", *[SEE.replace("migrate", "status")] * seen
    )
    with roles.database.server.connect(roles.database.name, application_name="psql") as holder:
        holder.execute("SELECT pg_advisory_lock(7)")

        result = migrate.run(
            "status", DATABASE_URL=roles.url("shop_status"), MIGRATE_RUN_LOCK_KEY="7"
        )

        told = json.loads(result.stdout)["run_lock"]["holder"]
        assert (holder.info.backend_pid, "psql", "postgres") == (
            told["pid"],
            told["application_name"],
            told["role"],
        )
    hidden = {told["query"], told["state"], told["connected_seconds"]}
    assert (hidden == {None}) is not seen


def test_the_application_works_with_what_the_revisions_create_and_changes_no_table(
    roles: Roles, project: Project, migrate: Migrate
) -> None:
    create = "CREATE TABLE {} (id bigserial PRIMARY KEY, name text)"
    project.revision("r1", f'op.execute("{create.format("customers")}")')
    roles.grant(BASE, OWN_LEDGER, APPLICATION)
    assert 0 == migrate.run(DATABASE_URL=roles.url("shop_migrate")).exit_code

    with psycopg.connect(roles.url("shop_app"), autocommit=True) as application:
        application.execute("INSERT INTO customers (name) VALUES ('one')")
        application.execute("UPDATE customers SET name = 'two'")
        assert [("two",)] == application.execute("SELECT name FROM customers").fetchall()
        application.execute("DELETE FROM customers")
        for refused in ("ALTER TABLE customers ADD COLUMN x int", create.format("mine")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(refused.encode())
