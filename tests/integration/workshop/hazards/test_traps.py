"""What makes an observation go wrong, and must not: each trap that was met while measuring."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from migration_runner.workshop.hazards.judgement import judge
from migration_runner.workshop.hazards.statement import Change, ChangeKind, Lock
from tests.fixtures.captured import Ran
from tests.fixtures.hazards import Shop

_DRIVERS = ["psycopg", "psycopg2", "asyncpg", "psycopg_async"]
_HEADER = "import sqlalchemy as sa\nfrom alembic import op\n\n\ndef upgrade():\n"


Run = Callable[..., Ran]


@pytest.fixture
def run(hazard_shop: Shop, tmp_path: Path) -> Run:
    """Return a function of an upgrade's lines, and of a driver: it runs them on the shop."""

    def run_lines(body: str, driver: str = "psycopg") -> Ran:
        path = tmp_path / "revision.py"
        path.write_text(_HEADER + textwrap.indent(body.strip(), "    ") + "\n")
        return hazard_shop.run(path, driver)

    return run_lines


def _checks(ran: Ran) -> list[str]:
    return [each.check for each in judge(ran.statements, major=18)]


@pytest.mark.parametrize("driver", _DRIVERS)
def test_the_level_of_messages_is_the_revisions_own(run: Run, driver: str) -> None:
    ran = run(
        """
query = "SELECT current_setting('client_min_messages')"
show = lambda: op.get_bind().exec_driver_sql(query).scalar()
first = show()
op.execute("ALTER TABLE orders ADD COLUMN a text")
op.execute("SET client_min_messages = warning")
op.execute("ALTER TABLE orders ADD COLUMN b text")
second = show()
with op.get_context().autocommit_block():
    for statement in ("ALTER TABLE no ADD a text", "DROP INDEX CONCURRENTLY no"):
        try:
            op.execute(statement)
        except sa.exc.ProgrammingError:
            pass
    third = show()
    op.execute("DROP INDEX CONCURRENTLY ix_orders_country")
    fourth = show()
return first, second, third, fourth
""",
        driver,
    )
    assert "" == ran.error
    assert ("notice", "warning", "warning", "warning") == ran.answer


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_only_the_revisions_own_messages_reach_it(run: Run, driver: str) -> None:
    ran = run(
        """
import logging

log, seen = logging.getLogger("sqlalchemy.dialects.postgresql"), []
log.setLevel(logging.INFO)
log.addFilter(lambda record: seen.append(record.getMessage()))
op.execute("DO $$ BEGIN RAISE NOTICE 'hello'; ALTER TABLE lines ALTER quantity TYPE bigint; END $$")
return [each.strip().replace("NOTICE:  ", "NOTICE: ") for each in seen]
""",
        driver,
    )
    assert ["NOTICE: hello"] == ran.answer
    assert ["table-rewrite"] == _checks(ran)


@pytest.mark.parametrize("driver", _DRIVERS)
def test_an_aborted_transaction_is_left_as_it_is(run: Run, driver: str) -> None:
    ran = run(
        """
for statement in ("SELECT nothing", "ALTER TABLE orders ADD COLUMN a text"):
    try:
        op.execute(statement)
    except sa.exc.DBAPIError:
        pass
""",
        driver,
    )
    assert ["42703", "25P02"] == [each.error for each in ran.statements]
    assert [] == _checks(ran)


@pytest.mark.parametrize("driver", _DRIVERS)
def test_every_line_is_found(run: Run, driver: str) -> None:
    ran = run(
        """
def change(column):
    op.execute(
        f"ALTER TABLE orders ADD COLUMN {column} text"
    )

for column in ("a", "b"):
    change(column)
[op.execute("SELECT 1") for _ in "x"]
op.bulk_insert(
    sa.table("lines", sa.column("quantity", sa.Integer)), [{"quantity": 1}, {"quantity": 2}]
)
""",
        driver,
    )
    assert "" == ran.error
    found = [(each.line, " ".join(each.sql.split())) for each in ran.statements]
    assert [7, 7, 13, 14] == [line for line, _ in found]
    assert "ALTER TABLE orders ADD COLUMN b text" == found[1][1]
    assert found[3][1].startswith("INSERT INTO lines (quantity) VALUES (1")


def test_questions_that_sqlalchemy_asks_are_left_out(run: Run) -> None:
    ran = run(
        """
sa.inspect(op.get_bind()).get_columns("orders")
sa.inspect(op.get_bind()).has_table("orders")
sa.MetaData().reflect(op.get_bind(), only=["lines"])
sa.Enum("a", name="new_type").create(op.get_bind(), checkfirst=True)
with sa.create_engine(op.get_bind().engine.url).connect() as connection:
    connection.execute(sa.text("SELECT 1"))
""",
    )
    assert "" == ran.error
    assert [(9, "CREATE TYPE new_type AS ENUM ('a')"), (11, "SELECT 1")] == [
        (each.line, each.sql) for each in ran.statements
    ]


def test_what_is_rolled_back_to_a_savepoint_has_not_happened(run: Run) -> None:
    ran = run(
        """
for _ in range(2):
    with op.get_bind().begin_nested() as savepoint:
        op.execute("ALTER TABLE lines DROP COLUMN quantity")
        savepoint.rollback()
""",
    )
    changes = [Change(ChangeKind.COLUMN_DROPPED, "lines", "quantity")]
    assert [changes, changes] == [[*each.seen.changes] for each in ran.statements]


def test_statements_of_an_event_loop_in_the_revision_are_found(run: Run) -> None:
    ran = run(
        """
import asyncio
from sqlalchemy.ext.asyncio import create_async_engine

async def work(url):
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE lines ALTER quantity TYPE bigint"))
    await engine.dispose()

asyncio.run(work(op.get_bind().engine.url.set(drivername="postgresql+asyncpg")))
""",
    )
    assert "" == ran.error
    assert [12] == [each.line for each in ran.statements]
    assert ["table-rewrite"] == _checks(ran)


def test_a_lock_that_is_held_already_is_seen_with_its_line(run: Run) -> None:
    ran = run(
        """
op.execute("ALTER TABLE customers ADD COLUMN a text")
op.execute("CREATE INDEX ON orders (legacy_id)")
""",
    )
    assert (Lock("customers", "ACCESS EXCLUSIVE", line=6), Lock("orders", "SHARE")) == tuple(
        each for each in ran.statements[1].seen.locks
    )
    message = judge(ran.statements, major=18)[1].message
    assert (
        "Builds an index on orders, while customers is locked in ACCESS EXCLUSIVE mode since line"
        " 6: reads and writes wait for a time that grows with the table." == message
    )


def test_scans_of_other_transactions_are_not_this_statements(run: Run) -> None:
    ran = run(
        """
with op.get_context().autocommit_block():
    for _ in range(3):
        op.execute("SELECT count(*) FROM lines")
op.execute("ALTER TABLE lines ADD COLUMN a text")
""",
    )
    assert [(), (), (), ()] == [each.seen.scanned for each in ran.statements]


def test_a_time_zone_decides_on_a_rewrite(hazard_shop: Shop, run: Run) -> None:
    with hazard_shop.server.connect(hazard_shop.name) as connection:
        connection.execute(
            f"ALTER DATABASE {hazard_shop.name} SET timezone = 'Europe/Berlin'".encode()
        )
    ran = run(
        'op.execute("ALTER TABLE customers ALTER created_at TYPE timestamptz")',
    )
    assert ["table-rewrite"] == _checks(ran)


def test_new_files_of_a_truncated_and_a_reindexed_table_are_told_apart(run: Run) -> None:
    ran = run(
        """
op.execute("TRUNCATE orders")
op.execute("REINDEX TABLE customers")
op.execute("ALTER SEQUENCE customers_id_seq RESTART WITH 7")
""",
    )
    seen = [(each.seen.rewritten, each.seen.reindexed) for each in ran.statements]
    assert [((), ()), ((), ("customers",)), ((), ())] == seen


def test_autocommit_is_seen_and_changes_nothing(run: Run) -> None:
    ran = run(
        """
with op.get_context().autocommit_block():
    op.execute("ALTER TABLE lines ALTER quantity TYPE bigint")
    op.execute("DO $$ BEGIN UPDATE lines SET quantity = 1; COMMIT; END $$")
    return op.get_bind().exec_driver_sql("SELECT pg_current_xact_id_if_assigned()").scalar()
""",
    )
    assert ("", None) == (ran.error, ran.answer)
    assert ["table-rewrite"] == _checks(ran)
    assert Lock("lines", "ACCESS EXCLUSIVE") in ran.statements[0].seen.locks
    assert [False] * 3 == [each.transactional for each in ran.statements]


def test_a_deletion_without_rows_is_still_one_of_the_whole_table(run: Run) -> None:
    ran = run('op.execute(sa.delete(sa.table("lines")))')
    assert [0] == [each.rows for each in ran.statements]
    assert ["whole-table-write"] == _checks(ran)


def test_a_revision_may_end_all_other_sessions(run: Run) -> None:
    ran = run(
        """
op.execute(
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
op.execute("ALTER TABLE lines ALTER quantity TYPE bigint")
""",
    )
    assert "" == ran.error
    assert ["table-rewrite"] == _checks(ran)


def test_every_table_that_vacuum_full_rewrites_is_named(run: Run) -> None:
    ran = run(
        """
with op.get_context().autocommit_block():
    op.execute("VACUUM FULL orders, lines")
"""
    )
    [seen] = [each.seen for each in ran.statements]
    assert ("lines", "orders") == seen.rewritten
    assert (Lock("lines", "ACCESS EXCLUSIVE"), Lock("orders", "ACCESS EXCLUSIVE")) == seen.locks
