"""The connection dies while a revision is committed: what became of it is looked up."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.faults import HISTORY, Gate, assert_all_applied, in_commit_of, recorded
from tests.fixtures.project import Project
from tests.fixtures.proxy import Proxy
from tests.fixtures.runner import Migrate, Result


@pytest.fixture(autouse=True)
def _open_gate(gate: Gate, database: Database, proxy: Proxy) -> None:
    gate.shut(database)
    gate.wake(database)
    proxy.upstream_port = database.server.port


def _assert_looked_up(result: Result, *, kept: bool) -> None:
    (event,) = result.of("session_lost")
    assert (["r1"], ["r2"]) == (event["committed"], event["uncertain"])
    tries = [event["revision"] for event in result.of("revision_started")]
    assert tries == (HISTORY if kept else ["r1", "r2", "r2", "r3"])


@pytest.mark.parametrize("ledger", ["on", "off"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not_kept"])
def test_the_revision_is_applied_once(
    database: Database, migrate: Migrate, proxy: Proxy, ledger: str, *, kept: bool
) -> None:
    in_commit_of(proxy, "two", proxy.cut, kept=kept)

    result = migrate.run(DATABASE_URL=database.url_at(proxy.port), MIGRATE_LEDGER=ledger)

    assert_all_applied(result, database)
    _assert_looked_up(result, kept=kept)
    if ledger == "on":
        assert HISTORY == recorded(database)


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not_kept"])
def test_the_last_revision(
    database: Database, migrate: Migrate, proxy: Proxy, *, kept: bool
) -> None:
    """Nothing is pending when the run looks again, and it has applied something nevertheless."""
    in_commit_of(proxy, "three", proxy.cut, kept=kept)

    result = migrate.run(DATABASE_URL=database.url_at(proxy.port))

    assert_all_applied(result, database)
    assert "applied" == result.finished["outcome"]
    assert [] == result.finished["from_revisions"]
    assert HISTORY == recorded(database)


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not_kept"])
def test_another_run_does_the_rest_meanwhile(
    database: Database, migrate: Migrate, proxy: Proxy, *, kept: bool
) -> None:
    """Only the ledger knows which of the two has applied the revision that was in doubt."""

    def cut_and_overtake() -> None:
        proxy.mode = "black_hole"
        proxy.cut()
        overtakers.append(migrate.run(DATABASE_URL=database.url))
        proxy.mode = "forward"

    overtakers: list[Result] = []
    in_commit_of(proxy, "two", cut_and_overtake, kept=kept)

    result = migrate.run(DATABASE_URL=database.url_at(proxy.port), MIGRATE_CONNECT_TIMEOUT="500ms")

    assert 0 == result.exit_code, result.stdout
    assert HISTORY == recorded(database)
    ours = HISTORY[: 2 if kept else 1]
    assert ours == [each["revision"] for each in result.finished["applied"]]
    assert HISTORY[-1:] == result.finished["to_revisions"]
    (overtaker,) = overtakers
    theirs = [each["revision"] for each in overtaker.finished["applied"]]
    assert HISTORY[len(ours) :] == theirs


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not_kept"])
def test_the_database_does_not_come_back(
    database: Database, migrate: Migrate, proxy: Proxy, *, kept: bool
) -> None:
    """What nobody can ask is not said to be committed."""

    def cut_for_good() -> None:
        proxy.mode = "reset"
        proxy.cut()

    in_commit_of(proxy, "two", cut_for_good, kept=kept)

    result = migrate.run(DATABASE_URL=database.url_at(proxy.port), MIGRATE_WAIT_TIMEOUT="3s")

    assert 75 == result.exit_code, result.stdout
    assert ["r1"] == [each["revision"] for each in result.finished["applied"]]
    assert result.finished["to_revisions"] is None
    assert "current revision could not be read" in result.finished["summary"]
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    assert HISTORY == recorded(database)


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not_kept"])
def test_the_ledgers_own_making(
    database: Database, migrate: Migrate, proxy: Proxy, *, kept: bool
) -> None:
    in_commit_of(proxy, "IF NOT EXISTS migration_runner.ledger", proxy.cut, kept=kept)

    result = migrate.run(DATABASE_URL=database.url_at(proxy.port))

    assert_all_applied(result, database)
    assert HISTORY == recorded(database)
    assert 1 == len(result.of("session_lost"))


def test_a_revision_that_commits_in_between(
    database: Database, project: Project, migrate: Migrate, proxy: Proxy
) -> None:
    """Its autocommit_block was kept, and it is written so that a second try can live with that."""
    project.revision(
        "r4",
        """\
        with op.get_context().autocommit_block():
            op.execute("CREATE TABLE IF NOT EXISTS kept (id bigint)")
        op.execute("CREATE TABLE four (id bigint)")
        """,
    )
    in_commit_of(proxy, "four", proxy.cut, kept=False)

    result = migrate.run(DATABASE_URL=database.url_at(proxy.port))

    assert 0 == result.exit_code, result.stdout
    assert [*HISTORY, "r4"] == recorded(database)
    assert [(2,)] == database.query(
        "SELECT count(*) FROM pg_tables WHERE tablename IN ('four', 'kept')"
    )
