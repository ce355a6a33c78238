"""What revisions of others do, and what they expect of a connection."""

from __future__ import annotations

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import OWN_ENGINE, shop_url
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


def test_one_transaction_for_each_revision_can_be_forced(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(OWN_ENGINE)
    project.table("r1", "one")
    project.revision("r2", 'op.execute("SELECT 1/0")')

    as_it_is = migrate.run(SHOP_URL=shop_url(database))
    forced = migrate.run(SHOP_URL=shop_url(database), MIGRATE_TRANSACTIONS="revision")

    assert [] == as_it_is.finished["applied"]
    assert ["r1"] == [each["revision"] for each in forced.finished["applied"]]


def test_a_second_connection_of_a_revision(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """Over the URL of the first, which the runner has made: the password is in it."""
    project.revision(
        "r1",
        """\
        with sa.create_engine(op.get_bind().engine.url).begin() as second:
            second.execute(sa.text("CREATE TABLE one (id bigint)"))
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout


def test_revisions_that_were_written_for_psycopg2(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """It leaves the types of values to the server; an env.py takes our connection nevertheless."""
    database.query("CREATE TABLE one (number int)")
    project.revision(
        "r1",
        """\
        one = sa.table("one", sa.column("number"))
        op.execute(one.insert().values(number=sa.literal("1")))
        op.execute(one.update().values(number=sa.literal("2")))
        op.get_bind().execute(sa.text("SELECT 'a' || :suffix").bindparams(suffix=1)).scalar_one()
        """,
    )

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert [(2,)] == database.query("SELECT number FROM one")
