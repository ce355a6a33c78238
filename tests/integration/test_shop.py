"""What each careful revision of the shop promises, with the runner and with plain Alembic."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.plain_alembic import alembic
from tests.fixtures.runner import Migrate
from tests.fixtures.shop import HEAD, SHOP, SHOP_CONFIG

COUNTRY_BACKFILL = "9e69d02a8cf6"
CUSTOMER_INDEX = "85f8b7010b27"
NAME_EXPANDED = "5dc7abcc8678"


@pytest.fixture
def in_shop(migrate: Migrate) -> Migrate:
    """Return the command `migrate` for the shop."""
    migrate.environment |= SHOP_CONFIG
    return migrate


def _psql(database: Database, script: str) -> None:
    file = database.server.folder.with_suffix(".sql")
    file.write_text(script)
    file.chmod(0o644)
    database.server.program(
        "psql", "-X", "-v", "ON_ERROR_STOP=1", "-d", database.url, "-f", str(file)
    )


def _schema(database: Database) -> set[tuple[object, ...]]:
    """Return every column, constraint and index of the database."""
    return {
        *database.query(
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'public'"
        ),
        *database.query(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
        ),
        *database.query("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"),
        *database.query("SELECT enumlabel FROM pg_enum"),
    }


def _insert_customers(database: Database, count: int) -> None:
    database.query(
        "INSERT INTO customers (email, full_name, country)"
        " SELECT n || '@example.org', 'Customer ' || n, CASE n % 3 WHEN 0 THEN 'UK' ELSE 'FR' END"
        f" FROM generate_series(1, {count}) AS n"
    )
    database.query("INSERT INTO orders (customer_id) SELECT id FROM customers ORDER BY id")


def test_data_that_is_there_is_right_afterwards(any_database: Database, in_shop: Migrate) -> None:
    in_shop.run("upgrade", "1f0b219cc636", DATABASE_URL=any_database.url)
    _insert_customers(any_database, 2500)

    result = in_shop.run(DATABASE_URL=any_database.url)

    assert 0 == result.exit_code, result.stdout
    assert [("FR", 1667), ("GB", 833)] == any_database.query(
        "SELECT country, count(*) FROM orders GROUP BY 1 ORDER BY 1"
    )
    assert [(2500,)] == any_database.query(
        "SELECT count(*) FROM customers"
        " WHERE display_name = 'Customer ' || split_part(email, '@', 1)"
    )


def test_a_backfill_that_was_killed_goes_on_where_it_was(
    database: Database, in_shop: Migrate
) -> None:
    """A row's lock, which somebody else has, stops it behind the first committed batch."""
    in_shop.run("upgrade", "1f0b219cc636", DATABASE_URL=database.url)
    _insert_customers(database, 2500)
    with database.connect() as other, other.transaction():
        other.execute("SELECT * FROM orders WHERE id = 2001 FOR UPDATE")
        killed = in_shop.start(DATABASE_URL=database.url)
        killed.wait_for_event("revision_started", revision=COUNTRY_BACKFILL)
        session = (
            "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND query ~ 'DO'"
        )
        database.wait_until(f"1 {session} AND wait_event_type = 'Lock'")
        killed.kill()
        database.wait_until(f"1 WHERE NOT EXISTS (SELECT {session})")
    done = database.query("SELECT count(*) FROM orders WHERE country IS NOT NULL")
    assert [(2000,)] == done

    result = in_shop.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert COUNTRY_BACKFILL == result.finished["applied"][0]["revision"]
    assert [(0,)] == database.query("SELECT count(*) FROM orders WHERE country IS NULL")


def test_an_index_that_was_left_invalid_is_built_again(
    database: Database, in_shop: Migrate
) -> None:
    in_shop.run("upgrade", "a18230fec1c5", DATABASE_URL=database.url)
    index = "ix_orders_customer_id_placed_at"
    database.query(f"CREATE INDEX {index} ON orders (customer_id)")
    which = f"WHERE indexrelid = '{index}'::regclass"
    with database.server.connect(database.name) as admin:
        admin.execute(f"UPDATE pg_index SET indisvalid = false {which}".encode())

    result = in_shop.run("upgrade", CUSTOMER_INDEX, DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert [(True, 2)] == database.query(f"SELECT indisvalid, indnatts FROM pg_index {which}")


def test_releases_with_either_name_work_side_by_side(database: Database, in_shop: Migrate) -> None:
    in_shop.run("upgrade", NAME_EXPANDED, DATABASE_URL=database.url)

    database.query(
        "INSERT INTO customers (email, country, full_name) VALUES ('old', 'FR', 'Old'),"
        " ('older', 'FR', 'Older')"
    )
    database.query(
        "INSERT INTO customers (email, country, display_name) VALUES ('new', 'FR', 'New')"
    )
    database.query("UPDATE customers SET full_name = 'Oldest' WHERE email = 'older'")
    database.query("UPDATE customers SET display_name = 'Newer' WHERE email = 'new'")

    assert [("Newer", "Newer"), ("Old", "Old"), ("Oldest", "Oldest")] == database.query(
        "SELECT full_name, display_name FROM customers ORDER BY 1"
    )


def test_plain_alembic_stands_alone(database: Database) -> None:
    alembic(SHOP, "upgrade", "head", DATABASE_URL=database.url)

    assert f"{HEAD} (head)" in alembic(SHOP, "current", DATABASE_URL=database.url)
    alembic(SHOP, "downgrade", "-1", DATABASE_URL=database.url)
    alembic(SHOP, "upgrade", "+1", DATABASE_URL=database.url)
    assert "No new upgrade operations" in alembic(SHOP, "check", DATABASE_URL=database.url)


def test_offline_sql_gives_the_same_schema(any_database: Database) -> None:
    script = alembic(SHOP, "upgrade", "head", "--sql")

    _psql(any_database, script)
    offline = _schema(any_database)

    alembic(SHOP, "downgrade", "base", DATABASE_URL=any_database.url)
    alembic(SHOP, "upgrade", "head", DATABASE_URL=any_database.url)
    assert _schema(any_database) == offline


def test_the_runner_and_plain_alembic_give_the_same_schema(
    database: Database, in_shop: Migrate
) -> None:
    in_shop.run(DATABASE_URL=database.url)
    ours = _schema(database)

    alembic(SHOP, "downgrade", "base", DATABASE_URL=database.url)
    alembic(SHOP, "upgrade", "head", DATABASE_URL=database.url)
    assert _schema(database) == ours


def test_a_new_revision_asks_what_a_reviewer_asks(
    database: Database, tmp_path: Path, in_shop: Migrate
) -> None:
    in_shop.run(DATABASE_URL=database.url)
    folder = tmp_path / "shop"
    shutil.copytree(SHOP, folder)

    alembic(folder, "revision", "--autogenerate", "-m", "Gift cards", DATABASE_URL=database.url)

    (file,) = folder.glob("migrations/versions/*_gift_cards.py")
    text = file.read_text()
    assert "Locks taken" in text
    assert f'down_revision = "{HEAD}"' in text
    compile(text, str(file), "exec")
