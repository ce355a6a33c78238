"""`migrate verify`: what it finds in each revision, and in what around them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.workshop import MODELS, NO_ORDERS, ORDERS, Workshop

ASYNC_ENV = """\
import asyncio

from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

from models import Base

# Of the module, as many applications have it: bound to the event loop that uses it first.
engine = create_async_engine("postgresql+asyncpg://nobody:secret-canary@nowhere.invalid/other")


def work(connection):
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    async with engine.connect() as connection:
        await connection.run_sync(work)


asyncio.run(main())
"""


def _checks(found: dict[str, object]) -> list[tuple[str, str | None]]:
    findings = found["findings"]
    assert isinstance(findings, list)
    return [(each["check"], each["revision"]) for each in findings if not each["waived"]]


def test_a_history_without_a_finding(workshop: Workshop) -> None:
    workshop.orders()

    exit_code, found = workshop.verify()

    assert (0, []) == (exit_code, found["findings"])
    assert "a throw-away PostgreSQL 18" in found["server"]
    assert (1, 1) == (found["revisions"], found["all_revisions"])


def test_a_second_command_has_the_same_answer(workshop: Workshop) -> None:
    workshop.orders()

    first, second = workshop.verify(), workshop.verify()
    workshop.add_columns("land = sa.Column(sa.Text)")
    third = workshop.run("check", "--deep")

    assert first == second
    assert 4 == third.exit_code
    assert "land" in third.stdout


def test_a_downgrade_that_leaves_something(workshop: Workshop) -> None:
    workshop.revision(
        "moods",
        "op.execute(\"CREATE TYPE mood AS ENUM ('good')\")\nop.execute('CREATE TABLE x (m mood)')",
        "op.execute('DROP TABLE x')",
    )
    workshop.revision(
        "sequence",
        "op.execute('CREATE SEQUENCE IF NOT EXISTS numbers')",
    )

    exit_code, found = workshop.verify()

    assert 65 == exit_code
    assert {
        ("second-upgrade-fails", "moods"),
        ("asymmetric", "sequence"),
        ("models-differ", None),
    } == set(_checks(found))
    message = next(
        each["message"] for each in found["findings"] if each["check"] == "second-upgrade-fails"
    )
    assert 'type "mood" already exists' in message


def test_a_waiver_accepts_it(workshop: Workshop) -> None:
    workshop.orders()
    workshop.revision(
        "sequence",
        "op.execute('CREATE SEQUENCE IF NOT EXISTS numbers')",
        header='waives = {"asymmetric": "the numbers are kept"}\n',
    )

    exit_code, found = workshop.verify()

    assert (0, []) == (exit_code, _checks(found))
    assert ["the numbers are kept"] == [each["waived"] for each in found["findings"]]


def test_what_only_a_full_run_hides(workshop: Workshop) -> None:
    """In one process, SQLAlchemy remembers which types it has made."""
    column = "sa.Column('m', sa.Enum('good', name='mood', metadata=shared))"
    make = "op.create_table({!r}, " + column + ")"
    shared = "shared = sa.MetaData()\n"
    workshop.revision("first", make.format("x"), "op.drop_table('x')", header=shared)
    workshop.revision("second", make.format("y"), "op.drop_table('y')", header=shared)

    exit_code, found = workshop.verify()

    assert 65 == exit_code
    assert ("upgrade-fails", "second") in _checks(found)


def test_downgrades_that_promise_nothing(workshop: Workshop) -> None:
    workshop.orders()
    workshop.revision("final", "op.execute('CREATE SEQUENCE s')", "raise NotImplementedError")

    exit_code, found = workshop.verify()

    assert (0, []) == (exit_code, found["findings"])
    assert any("final" in note for note in found["notes"])


def test_a_downgrade_that_fails(workshop: Workshop) -> None:
    workshop.orders()
    workshop.revision("wrong", "op.execute('SELECT 1')", "op.execute('DROP TABLE nothing')")
    workshop.revision("after", "op.execute('SELECT 2')", "op.execute('SELECT 3')")

    exit_code, found = workshop.verify()

    assert (65, [("downgrade-fails", "wrong")]) == (exit_code, _checks(found))


@pytest.mark.parametrize(
    ("after", "note"),
    [
        (("after",), "What comes after wrong was not checked, nor were the models."),
        ((), "The models were not checked."),
    ],
)
def test_one_that_cannot_be_applied_ends_the_trial(
    workshop: Workshop, after: tuple[str, ...], note: str
) -> None:
    workshop.orders()
    path = workshop.revision("wrong", "op.execute('SELECT nothing')")
    for each in after:
        workshop.revision(each, "op.execute('SELECT 1')")

    exit_code, found = workshop.verify()

    assert (65, [("upgrade-fails", "wrong")]) == (exit_code, _checks(found))
    (finding,) = found["findings"]
    place = str(path.relative_to(workshop.folder))
    assert (place, 11) == (finding["file"], finding["line"])
    assert note in found["notes"]


def test_a_hazard_and_how_bad_it_has_to_be(workshop: Workshop) -> None:
    workshop.orders()
    workshop.revision(
        "wide",
        "op.execute('ALTER TABLE orders ALTER note TYPE varchar(10)')",
        "op.execute('ALTER TABLE orders ALTER note TYPE text')",
    )
    workshop.write("models.py", MODELS.replace("sa.Text", "sa.String(10)"))

    exit_code, found = workshop.verify()
    accepted, _ = workshop.verify("--all", "--fail-on", "never")

    assert ("table-rewrite", "wide") in _checks(found)
    assert (5, 0) == (exit_code, accepted)


def test_only_what_the_base_does_not_have(workshop: Workshop) -> None:
    workshop.revision("old", "op.execute('CREATE SEQUENCE old')")
    workshop.git("init", "--quiet", "--initial-branch=main")
    workshop.git("add", ".")
    workshop.git("commit", "--quiet", "-m", "old")
    workshop.git("checkout", "--quiet", "-b", "mine")
    workshop.orders()

    exit_code, found = workshop.verify("--since", "main")
    by_default, again = workshop.verify("--format", "json")
    unknown = workshop.run("verify", "--since", "nothing")

    assert (0, 1, 2) == (exit_code, found["revisions"], found["all_revisions"])
    assert (0, found) == (by_default, again)
    assert 64 == unknown.exit_code


def test_an_async_engine_that_names_another_database(workshop: Workshop) -> None:
    workshop.write("migrations/env.py", ASYNC_ENV)
    workshop.orders()
    workshop.revision("more", "op.execute('SELECT 1')", "op.execute('SELECT 1')")

    exit_code, found = workshop.verify()

    assert (0, []) == (exit_code, found["findings"])


def test_a_role_that_a_revision_takes_for_granted(workshop: Workshop) -> None:
    grant = "op.execute('GRANT SELECT ON orders TO app, \"the readers\"')"
    workshop.orders()
    workshop.revision("grant", grant, grant.replace("GRANT", "REVOKE").replace(" TO ", " FROM "))

    exit_code, found = workshop.verify()
    again, cached = workshop.verify()

    assert (0, 0) == (exit_code, again), found
    assert "app, the readers" in found["server"]
    assert found["server"] == cached["server"]


def test_an_extension_that_is_stood_in_for(workshop: Workshop) -> None:
    extension = "op.execute('CREATE EXTENSION \"uuid-ossp\"')"
    workshop.orders()
    workshop.revision(
        "uuid",
        f"{extension}\nop.execute('SELECT uuid_generate_v5(uuid_ns_dns(), $$x$$)')",
        extension.replace("CREATE", "DROP"),
    )

    exit_code, found = workshop.verify()

    assert (0, []) == (exit_code, found["findings"])
    assert "uuid-ossp" in found["server"]


def test_an_extension_that_is_not_there(workshop: Workshop) -> None:
    workshop.revision("geo", "op.execute('CREATE EXTENSION postgis')")

    result = workshop.run("verify", "--all")

    assert 78 == result.exit_code
    for word in ("postgis", "MIGRATE_POSTGRES", "--shadow URL"):
        assert word in result.stderr


@pytest.mark.parametrize(
    ("env", "word"),
    [
        ("import os\nos.environ['APP_SECRET']\n", "APP_SECRET"),
        ("import no_such_package\n", "no_such_package"),
    ],
)
def test_an_environment_that_lacks_something(workshop: Workshop, env: str, word: str) -> None:
    workshop.orders()
    path = workshop.folder / "migrations" / "env.py"
    path.write_text(env + path.read_text())

    exit_code, found = workshop.verify()

    assert 65 == exit_code
    assert ["env"] == [each["check"] for each in found["findings"]][:1]
    assert word in found["findings"][0]["message"]


def test_a_broken_history_needs_no_server(workshop: Workshop) -> None:
    workshop.orders()
    workshop.revision("left", "pass", down="orders")
    workshop.revision("right", "pass", down="orders")

    exit_code, found = workshop.verify("--all", MIGRATE_POSTGRES="9")

    assert (65, [("several-heads", None)]) == (exit_code, _checks(found))


def test_no_such_server(workshop: Workshop) -> None:
    """The extra is installed here, and does not help."""
    workshop.orders()

    result = workshop.run("verify", "--all", MIGRATE_POSTGRES="9")

    assert 78 == result.exit_code
    for way in ("(here: 18", "MIGRATE_POSTGRES", "--shadow URL"):
        assert way in result.stderr


def test_what_a_database_does_not_have(workshop: Workshop, any_database: Database) -> None:
    workshop.orders()
    url = {"DATABASE_URL": any_database.url}
    assert 0 == workshop.run("upgrade", **url).exit_code
    workshop.revision("new", "op.execute('CREATE SEQUENCE s')", "op.execute('DROP SEQUENCE s')")

    exit_code, found = workshop.verify("--since", "applied", **url)

    assert (0, 1, 2) == (exit_code, found["revisions"], found["all_revisions"])
    # The throw-away server is 18.
    noted = any("MIGRATE_POSTGRES=16" in note for note in found["notes"])
    assert (any_database.server.major == 16) is noted
    assert [] == any_database.query("SELECT relname FROM pg_class WHERE relname = 's'")


def test_an_extension_that_the_project_does_without(workshop: Workshop) -> None:
    """As airflow does: on another server, it would have another schema."""
    workshop.orders()
    workshop.revision(
        "geo",
        "try:\n"
        "    with op.get_bind().begin_nested():\n"
        "        op.execute('CREATE EXTENSION IF NOT EXISTS postgis')\n"
        "except sa.exc.DBAPIError:\n"
        "    pass",
    )

    first, found = workshop.verify()
    second, cached = workshop.verify()

    assert (0, 0) == (first, second), found
    assert "missing extensions: postgis" in found["server"]
    assert found["server"] == cached["server"]


def test_what_takes_long_is_said(workshop: Workshop) -> None:
    pipe = workshop.folder / "pipe"
    os.mkfifo(pipe)
    once = "if pipe.exists():\n    pipe.read_text()\n    pipe.unlink()"
    begin = f"import pathlib\npipe = pathlib.Path({str(pipe)!r})\n{once}"
    workshop.revision("orders", f"{begin}\n{ORDERS}", NO_ORDERS)
    program = (
        "import sys; import migration_runner.workshop.processes as p; p._PATIENCE = 0.2;"
        "from migration_runner.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "verify", "--all", "--log-format", "json"]

    with subprocess.Popen(  # noqa: S603 - our own arguments
        command,
        cwd=workshop.folder,
        env={**workshop.migrate.environment, **workshop.variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        waiting = next(line for line in process.stderr if "upgrade orders" in line)
        pipe.write_text("go on")
        process.stderr.read()

    assert ("tool_waiting", 0) == (json.loads(waiting)["event"], process.returncode)
