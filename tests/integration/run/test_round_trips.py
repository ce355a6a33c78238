"""What a revision costs beside its own statements: round trips, which are counted, not timed."""

from __future__ import annotations

import itertools
import time

import pytest

from tests.fixtures.databases import CANARY, Database
from tests.fixtures.env_kinds import ENV
from tests.fixtures.project import Project
from tests.fixtures.proxy import Message, Proxy
from tests.fixtures.runner import Migrate

# BEGIN, the revision's own statement, COMMIT; and one for the version table, the look for invalid
# indexes, the row of the ledger, and the settings of the next revision.
ROUND_TRIPS = 3 + 1
REVISIONS = 12
POLLS = 5
ENV_PY = ENV.format(
    body="""
with create_engine(url).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
)


def _round_trips(messages: list[Message]) -> list[int]:
    """Return how many there are from each change of the version table to the next."""
    counts = [0]
    for message in messages:
        if "observer" in message.application:
            continue
        if 'UPDATE "public"."alembic_version"' in message.statement:
            counts.append(0)
        counts[-1] += message.sender == "server" and message.kind == b"Z"
    # What comes before the first one and behind the last is the run's, not a revision's.
    return counts[1:-1]


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_revision_costs_as_few_round_trips_as_the_last_one(
    database: Database, proxy: Proxy, project: Project, migrate: Migrate, driver: str
) -> None:
    """Drivers that prepare statements must not do that, and undo it, for ours."""
    project.write_env(ENV_PY)
    for number in range(REVISIONS):
        project.revision(f"r{number:02}", f'op.execute("ALTER TABLE one ADD COLUMN c{number} int")')
    database.query("CREATE TABLE one (id bigint)")
    proxy.upstream_port = database.server.port
    messages: list[Message] = []
    proxy.tap = messages.append
    url = database.url_at(proxy.port).replace("postgresql://", f"postgresql+{driver}://")

    result = migrate.run(SHOP_URL=url)

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert CANARY not in result.stdout
    assert REVISIONS == len(database.query("SELECT 1 FROM migration_runner.ledger"))
    assert [ROUND_TRIPS] * (REVISIONS - 2) == _round_trips(messages)


def test_a_poll_for_the_run_lock_costs_three_round_trips(
    database: Database, proxy: Proxy, project: Project, migrate: Migrate
) -> None:
    """The lock, whether the version table is there, and what it says."""
    project.table("r1", "one")
    project.table("r2", "two")
    first = migrate.run("upgrade", "r1", DATABASE_URL=database.url)
    assert 0 == first.exit_code, first.stdout + first.stderr
    proxy.upstream_port = database.server.port
    messages: list[Message] = []
    proxy.tap = messages.append
    with database.connect() as connection:
        [held] = first.of("run_lock_acquired")
        connection.execute("SELECT pg_advisory_lock(%s)", [held["key"]])
        running = migrate.start(DATABASE_URL=database.url_at(proxy.port))
        running.wait_for_event("run_lock_busy")
        messages.clear()
        polls = 0
        while polls < POLLS:
            assert running.process.poll() is None
            time.sleep(0.1)
            polls = sum("pg_try_advisory_lock" in each.statement for each in list(messages))

    result = running.wait()

    assert 0 == result.exit_code, result.stdout + result.stderr
    statements = [each.statement for each in messages if each.statement]
    asked = [at for at, text in enumerate(statements) if "pg_try_advisory_lock" in text]
    waited = asked[:POLLS]
    assert {3} == {later - at for at, later in itertools.pairwise(waited)}
    assert not {"BEGIN", "COMMIT"} & {*statements[waited[0] : waited[-1]]}


def test_what_a_revision_sets_does_not_reach_the_next(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Also not where the next one rolls its transaction back."""
    project.revision("r1", "op.execute(\"SET lock_timeout = '77s'\")")
    look = "op.get_bind().exec_driver_sql(\"SELECT current_setting('lock_timeout')\").scalar_one()"
    project.revision(
        "r2", f'print("then", {look})\nop.get_bind().rollback()\nprint("still", {look})'
    )
    result = migrate.run(DATABASE_URL=database.url, MIGRATE_DDL_LOCK_TIMEOUT="3s")

    printed = [event["event"] for event in result.events if event.get("logger") == "print"]
    assert ["then 3s", "still 3s"] == printed, result.stdout + result.stderr


def test_a_revision_can_be_rolled_back_after_one_that_was_not_in_a_transaction(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Our own statements need no transaction, and leave the connection as they found it."""
    project.revision(
        "r1",
        """\
        with op.get_context().autocommit_block():
            op.execute("CREATE TABLE one (id bigint)")
        """,
    )
    project.revision("r2", 'op.execute("CREATE TABLE two (id bigint)")\nop.execute("SELECT 1 / 0")')

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code
    assert [(True, False)] == database.query(
        "SELECT to_regclass('one') IS NOT NULL, to_regclass('two') IS NOT NULL"
    )
