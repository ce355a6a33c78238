"""What can be wrong with an env.py: said clearly, with nothing half done."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

AFTER_CONFIGURE = ENV_PY.replace("    with context.begin_transaction():\n", "    {}\n    with context.begin_transaction():\n")  # fmt: skip  # noqa: E501 - a line of env.py


@dataclass(frozen=True)
class Bad:
    """An env.py, the exit code and the reason that it leads to, and what is said of it."""

    env: str
    code: int
    reason: str
    said: tuple[str, ...]


BAD = [
    Bad("raise RuntimeError('no luck')", 78, "env_failed", ("env.py, line 1", "no luck")),
    Bad("def f(:", 78, "env_failed", ("env.py, line 1", "SyntaxError")),
    Bad("import sys; sys.exit(3)", 78, "env_failed", ("sys.exit(3)", "env.py, line 1")),
    Bad("import sys; sys.exit()", 78, "env_failed", ("sys.exit(None)",)),
    Bad("", 1, "nothing_happened", ("did not call context.configure()",)),
    Bad(
        ENV_PY.replace("context.run_migrations()", "pass"),
        1,
        "nothing_happened",
        ("the database is not at the target",),
    ),
    Bad(
        AFTER_CONFIGURE.format("raise RuntimeError('too late')"),
        78,
        "env_failed",
        ("too late", "line 8"),
    ),
    Bad(AFTER_CONFIGURE.format("import sys; sys.exit(4)"), 78, "env_failed", ("sys.exit(4)",)),
    Bad(
        "import a_package_of_nobodys",
        78,
        "import_error",
        ("env.py, line 1", "No module named 'a_package_of_nobodys'", "Install the package"),
    ),
    Bad("import models", 78, "import_error", ("models.py, line 2", "that provides nobodys.")),
    Bad(
        "import shop.models",
        78,
        "import_error",
        ("It is in", "/src, which is not on Python's path: set prepend_sys_path"),
    ),
    Bad(
        "from decimal import Decimals",
        78,
        "import_error",
        ("cannot import name 'Decimals'", "Check that the installed version"),
    ),
]


@pytest.mark.parametrize(
    "bad", BAD, ids=[bad.env.splitlines()[0] if bad.env else "" for bad in BAD]
)
def test_it_is_said(database: Database, project: Project, migrate: Migrate, bad: Bad) -> None:
    (project.folder / "models.py").write_text("import sys\nimport nobodys.things\n")
    (project.folder / "src" / "shop").mkdir(parents=True)
    (project.folder / "src" / "shop" / "models.py").write_text("")
    project.write_env(bad.env)
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url)

    assert bad.code == result.exit_code, result.stdout
    assert bad.reason == result.finished["error"]["reason"]
    for words in bad.said:
        assert words in result.finished["summary"]
    assert [] == result.finished["applied"]
    assert [] == database.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
    assert "" == result.stderr


def test_a_running_event_loop_does_nothing_and_that_is_seen(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """`asyncio.run` refuses there, and some env.py take that for a reason to do without."""
    project.write_env(
        "import asyncio\n"
        "from alembic import context\n"
        "from migration_runner.database.engine import engine_from_environment\n"
        "async def run():\n"
        "    context.configure(connection=engine_from_environment().connect())\n"
        "    context.run_migrations()\n"
        "async def main():\n"
        "    asyncio.ensure_future(asyncio.sleep(0))\n"
        "    run().close()\n"
        "asyncio.run(main())\n"
    )
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url)

    assert 1 == result.exit_code, result.stdout
    assert "nothing_happened" == result.finished["error"]["reason"]


SQLITE = """\
from alembic import context
from sqlalchemy import create_engine

with create_engine("sqlite:///shop.db").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def test_another_database_has_no_lock(project: Project, migrate: Migrate) -> None:
    project.write_env(SQLITE)
    project.table("r1", "one")

    result = migrate.run()

    assert 78 == result.exit_code, result.stdout
    assert "other_database" == result.finished["error"]["reason"]
    assert "set MIGRATE_RUN_LOCK=off" in result.finished["summary"]
    assert not result.of("revision_started")


def test_another_database_without_a_lock(project: Project, migrate: Migrate) -> None:
    project.write_env(SQLITE)
    project.table("r1", "one")
    project.table("r2", "two")

    first, second = (migrate.run(MIGRATE_RUN_LOCK="off") for _ in range(2))

    assert 0 == first.exit_code, first.stdout + first.stderr
    assert ["r1", "r2"] == [each["revision"] for each in first.finished["applied"]]
    assert "up_to_date" == second.finished["outcome"]
    assert not first.of("run_lock_acquired")
    status = migrate.run("status", "--check")
    assert 0 == status.exit_code, status.stderr
    down = migrate.run("downgrade", "-1", "--yes", MIGRATE_RUN_LOCK="off")
    assert ["r2"] == [each["revision"] for each in down.finished["undone"]], down.stdout
    assert "r1 " not in migrate.run("current").stdout
    assert "r1" in migrate.run("current").stdout


def test_a_failure_in_another_database_says_what_is_kept(
    project: Project, migrate: Migrate
) -> None:
    project.write_env(SQLITE)
    project.table("r1", "one")
    project.revision("r2", 'op.execute("CREATE TABLE two (id)")\nop.execute("SELECT nothing")')

    result = migrate.run(MIGRATE_RUN_LOCK="off")

    assert 1 == result.exit_code, result.stdout
    assert "earlier changes remain" in result.finished["summary"]


@pytest.mark.parametrize("ledger", ["require"])
def test_a_ledger_cannot_be_required_there(project: Project, migrate: Migrate, ledger: str) -> None:
    project.write_env(SQLITE)
    project.table("r1", "one")

    result = migrate.run(MIGRATE_RUN_LOCK="off", MIGRATE_LEDGER=ledger)

    assert 78 == result.exit_code, result.stdout


def test_a_run_on_postgres_without_a_lock(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_RUN_LOCK="off")

    assert 0 == result.exit_code, result.stdout
    assert not result.of("run_lock_acquired")
    assert ["r1"] == [each["revision"] for each in result.finished["applied"]]


def test_waiting_for_another_database_comes_to_an_end(project: Project, migrate: Migrate) -> None:
    project.write_env(SQLITE)
    project.table("r1", "one")

    result = migrate.run("wait", MIGRATE_WAIT_TIMEOUT="1s")

    assert 3 == result.exit_code, result.stdout


def test_the_name_of_another_database_is_env_pys_affair(project: Project, migrate: Migrate) -> None:
    project.write_env(
        SQLITE.replace('"sqlite:///shop.db"', 'os.environ["DATABASE_URL"]').replace(
            "from alembic", "import os\nfrom alembic", 1
        )
    )
    project.table("r1", "one")
    variables = {"DATABASE_URL": "sqlite:///other.db", "MIGRATE_RUN_LOCK": "off"}

    result = migrate.run(**variables)

    assert 0 == result.exit_code, result.stdout
    assert (project.folder / "other.db").exists()
    assert "sqlite 3." in result.finished["server_version"]
    ledger = migrate.run("ledger", **variables)
    assert 78 == ledger.exit_code, ledger.stderr
    assert "There is no ledger in sqlite" in ledger.stderr


@pytest.mark.parametrize(
    "text",
    [
        "raise ValueError('postgresql://shop:canary@db/shop')",
        "raise ValueError('mysql+pymysql://shop:p%40canary@db/shop?a=b')",
    ],
)
def test_a_password_in_what_env_py_says_is_hidden(
    project: Project, migrate: Migrate, text: str
) -> None:
    project.write_env(text)
    project.revision("r1")

    result = migrate.run()

    assert 78 == result.exit_code
    assert "canary" not in result.stdout + result.stderr
    assert "://shop:***@db/shop" in result.finished["summary"]


def test_a_per_cent_sign_in_the_ini(project: Project, migrate: Migrate) -> None:
    ini = project.folder / "alembic.ini"
    ini.write_text(ini.read_text() + "sqlalchemy.url = postgresql://shop:p%40canary@db/shop\n")
    project.write_env(
        "from alembic import context\ncontext.config.get_main_option('sqlalchemy.url')\n"
    )
    project.revision("r1")

    result = migrate.run()

    assert 78 == result.exit_code, result.stdout
    assert "canary" not in result.stdout + result.stderr
    assert "%%40" in result.finished["summary"]


@pytest.mark.parametrize("verb", ["upgrade", "build"])
def test_a_folder_of_revisions_that_is_missing(
    project: Project, migrate: Migrate, verb: str
) -> None:
    project.versions.rmdir()

    result = migrate.run(verb)

    assert 78 == result.exit_code, result.stdout
    assert "The folder of revisions does not exist" in result.finished["summary"]


def test_an_image_without_revisions_is_not_built(project: Project, migrate: Migrate) -> None:
    assert project.versions.is_dir()

    result = migrate.run("build")

    assert 65 == result.exit_code, result.stdout
    assert "There are no revisions in" in result.finished["summary"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["upgrade", ""], "The target is empty"),
        (["--check", "status"], "Unknown flag --check"),
        (["-n", "a", "upgrade", "-n", "b"], "-n is given twice"),
        (["upgrade", "a@head", "b@head", "--sql"], "one target at a time"),
    ],
)
def test_words_that_make_no_sense(
    project: Project, migrate: Migrate, words: list[str], said: str
) -> None:
    project.revision("r1")

    result = migrate.run(*words)

    assert 64 == result.exit_code, result.stdout + result.stderr
    assert said in result.stdout + result.stderr
