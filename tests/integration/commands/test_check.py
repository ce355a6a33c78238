"""`migrate check`: do the models match the database? It lists what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate, Result
from tests.fixtures.shop import SHOP_CONFIG
from tests.fixtures.terminal import run_on_terminal

MODELS = """\
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("country", sa.Text, nullable=False),
    sa.Column("status", sa.Text, server_default="pending"),
    sa.Index("ix_orders_country", "country"),
)
"""
TABLE = """\
op.execute('''
    CREATE TABLE orders (
        id bigserial PRIMARY KEY, country text NOT NULL, status text DEFAULT 'pending'
    );
    CREATE INDEX ix_orders_country ON orders (country)
''')
"""
METADATA_ENV = ENV_PY.replace(
    "connection=connection,",
    "connection=connection, target_metadata=metadata, compare_server_default=True,",
).replace(
    "from alembic import context", "from alembic import context\n\nfrom models import metadata"
)


@pytest.fixture(autouse=True)
def _orders(database: Database, project: Project, migrate: Migrate) -> None:
    """One table, in the models and in the database."""
    (project.folder / "models.py").write_text(MODELS)
    project.write_env(METADATA_ENV)
    project.revision("r1", TABLE)
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code


def _differences(result: Result) -> Any:
    return json.loads(result.stdout)["differences"]


def test_no_drift(database: Database, migrate: Migrate) -> None:
    result = migrate.run("check", DATABASE_URL=database.url)

    assert (0, "") == (result.exit_code, result.stderr)
    assert {"differences": []} == json.loads(result.stdout)


@pytest.mark.parametrize(
    ("drift", "line"),
    [
        ("CREATE TABLE extra (id int)", "remove_table extra"),
        ("DROP INDEX ix_orders_country", "add_index ix_orders_country on orders"),
        ("ALTER TABLE orders DROP status", "add_column orders.status"),
        ("ALTER TABLE orders ADD extra int", "remove_column orders.extra"),
        (
            "ALTER TABLE orders ALTER status TYPE int USING 1, ALTER status DROP DEFAULT",
            "modify_type orders.status: INTEGER -> TEXT;"
            " modify_default orders.status: None -> pending",
        ),
        (
            "ALTER TABLE orders ALTER country DROP NOT NULL",
            "modify_nullable orders.country: True -> False",
        ),
        (
            "ALTER TABLE orders ALTER status SET DEFAULT 'new'",
            "modify_default orders.status: 'new'::text -> pending",
        ),
    ],
)
def test_drift_is_listed(database: Database, migrate: Migrate, drift: str, line: str) -> None:
    database.query(drift)

    result = migrate.run("check", DATABASE_URL=database.url)

    assert 4 == result.exit_code, result.stdout
    assert [line] == _differences(result)
    finished = json.loads(result.stderr.splitlines()[-1])
    assert ("SchemaDrift", 1) == (finished["error"]["kind"], finished["error"]["differences"])
    assert f"differ in 1 place: {line}. Write" in finished["summary"]


def test_every_difference_is_there(database: Database, project: Project, migrate: Migrate) -> None:
    database.query("DROP TABLE orders; CREATE TABLE extra (id int)")

    result = migrate.run("check", DATABASE_URL=database.url)
    screen = run_on_terminal(project, migrate, "check", DATABASE_URL=database.url)

    # Alembic's own order.
    listed = ["add_table orders", "add_index ix_orders_country on orders", "remove_table extra"]
    assert listed == _differences(result)
    assert (4, listed) == (screen.exit_code, screen.text.splitlines()[:3])


def test_many_differences_are_all_in_the_answer_and_counted_in_the_log(
    database: Database, migrate: Migrate
) -> None:
    for number in range(40):
        database.query(f"CREATE TABLE extra{number} (id int)")
    database.query(f"ALTER TABLE orders ALTER status SET DEFAULT '{'long ' * 1000}'")

    result = migrate.run("check", DATABASE_URL=database.url)

    found = _differences(result)
    assert 41 == len(found)
    (line,) = result.stderr.splitlines()
    assert len(line) < 3000
    finished = json.loads(line)
    assert 41 == finished["error"]["differences"]
    assert f"differ in 41 places: {found[0]}; " in finished["summary"]
    assert ", and 36 more. Write the missing revision" in finished["summary"]
    shown = finished["summary"].partition(": ")[2].partition(", and ")[0]
    assert 5 == len(shown.split("; "))


def test_on_a_terminal_no_drift_is_a_sentence(
    database: Database, project: Project, migrate: Migrate
) -> None:
    screen = run_on_terminal(project, migrate, "check", DATABASE_URL=database.url)

    assert (0, "Models and database match.\n") == screen


def test_a_database_that_is_behind(database: Database, project: Project, migrate: Migrate) -> None:
    project.table("r2", "two")

    result = migrate.run("check", DATABASE_URL=database.url)

    assert (3, "") == (result.exit_code, result.stdout)
    finished = json.loads(result.stderr.splitlines()[-1])
    assert ("PendingRevisions", ["r2"]) == (finished["error"]["kind"], finished["error"]["pending"])


def test_a_target_below_the_head_does_not_make_it_current(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """The models are the head's."""
    project.table("r2", "two")

    result = migrate.run("check", DATABASE_URL=database.url, MIGRATE_TARGET="r1")

    assert 3 == result.exit_code, result.stderr


def test_several_heads_are_no_drift(database: Database, project: Project, migrate: Migrate) -> None:
    project.revision("a1", down=None)
    migrate.run(DATABASE_URL=database.url, MIGRATE_TARGET="heads")

    result = migrate.run("check", DATABASE_URL=database.url)

    assert (0, "") == (result.exit_code, result.stderr)


def test_a_database_that_the_image_does_not_know(database: Database, migrate: Migrate) -> None:
    database.query("UPDATE alembic_version SET version_num = 'r9'")

    result = migrate.run("check", DATABASE_URL=database.url)

    assert (65, "") == (result.exit_code, result.stdout)


def test_the_ledger_is_no_drift(database: Database, project: Project, migrate: Migrate) -> None:
    """Not even where env.py looks at all schemas."""
    project.write_env(
        METADATA_ENV.replace("compare_server", "include_schemas=True, compare_server")
    )

    result = migrate.run("check", DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert [("migration_runner.ledger",)] == database.query(
        "SELECT to_regclass('migration_runner.ledger')::text"
    )


def test_nothing_is_changed_and_no_lock_is_taken(database: Database, migrate: Migrate) -> None:
    database.query("ALTER TABLE orders ADD extra int")
    before = database.server.dump(database.name)
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")

        result = migrate.run("check", DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")

    assert 4 == result.exit_code
    assert before == database.server.dump(database.name)


def test_the_shops_models_match_its_history(every_database: Database, migrate: Migrate) -> None:
    variables = {**SHOP_CONFIG, "DATABASE_URL": every_database.url}
    assert 0 == migrate.run(**variables).exit_code

    result = migrate.run("check", **variables)

    assert (0, "") == (result.exit_code, result.stderr), result.stdout
