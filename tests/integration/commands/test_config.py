"""`migrate config`: what is in force and where it comes from, and no secret."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest

from migration_runner.settings.variables import VARIABLES
from tests.fixtures.databases import CANARY
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate, Result
from tests.fixtures.terminal import run_on_terminal

URL = f"postgresql://owner:{quote(CANARY, safe='')}@db:5433/shop?sslmode=verify-full"
Row = tuple[str, str]


def _rows(result: Result) -> dict[str, Row]:
    """Return value and origin of each setting; standard output is one JSON document."""
    return {row["name"]: (row["value"], row["origin"]) for row in json.loads(result.stdout)}


def test_every_setting_has_its_default(project: Project, migrate: Migrate) -> None:
    project.revision("r1")

    result = migrate.run("config", DATABASE_URL=URL)

    assert (0, "") == (result.exit_code, result.stderr)
    rows = _rows(result)
    place = "user=owner password=*** host=db port=5433 dbname=shop sslmode=verify-full"
    assert {
        "database": (place, "DATABASE_URL"),
        "env.py": (place, "DATABASE_URL"),
        "ALEMBIC_CONFIG": ("alembic.ini", "default"),
        **{variable.name: (variable.default, "default") for variable in VARIABLES},
    } == rows


def test_a_flag_wins_over_its_variable(project: Project, migrate: Migrate) -> None:
    project.revision("r1")

    result = migrate.run(
        *("config", "--json", "--wait-timeout", "7s", "-c", str(project.folder / "alembic.ini")),
        DATABASE_URL=URL,
        MIGRATE_WAIT_TIMEOUT="1m",
        MIGRATE_LOG_LEVEL="debug",
        ALEMBIC_CONFIG="other.ini",
        MIGRATE_ROLE="",
    )

    rows = _rows(result)
    assert ("7s", "--wait-timeout") == rows["MIGRATE_WAIT_TIMEOUT"]
    assert ("debug", "MIGRATE_LOG_LEVEL") == rows["MIGRATE_LOG_LEVEL"]
    assert ("auto", "default") == rows["MIGRATE_LOG_FORMAT"]
    assert (str(project.folder / "alembic.ini"), "--config") == rows["ALEMBIC_CONFIG"]
    assert ("", "default") == rows["MIGRATE_ROLE"]


@pytest.mark.parametrize("name", ["DATABASE_URL_FILE", "MIGRATE_DATABASE_URL_FILE"])
def test_a_file_with_the_url(project: Project, migrate: Migrate, name: str) -> None:
    project.revision("r1")
    secret = project.folder / "url"
    secret.write_text(URL + "\n")

    result = migrate.run("config", **{name: str(secret)})

    assert f"{name} ({secret})" == _rows(result)["database"][1]
    assert "host=db" in _rows(result)["database"][0]


def test_the_runners_own_url(project: Project, migrate: Migrate) -> None:
    project.revision("r1")

    result = migrate.run(
        "config", MIGRATE_DATABASE_URL=URL, DATABASE_URL="postgresql://pooler/shop"
    )

    assert "MIGRATE_DATABASE_URL" == _rows(result)["database"][1]
    assert "host=db" in _rows(result)["database"][0]


def test_libpqs_own_variables(project: Project, migrate: Migrate) -> None:
    project.revision("r1")

    result = migrate.run("config", PGHOST="db", PGDATABASE="shop", PGPASSWORD=CANARY)

    assert ("PGDATABASE=shop PGHOST=db PGPASSWORD=***", "PGDATABASE") == _rows(result)["database"]


@pytest.mark.parametrize(
    "variables",
    [
        {"DATABASE_URL": URL},
        {"DATABASE_URL": f"postgresql://owner:{CANARY}@db/shop"},
        {"DATABASE_URL": f"postgresql://owner:{quote_plus(CANARY)}@db/shop"},
        {"DATABASE_URL": f"postgresql://owner@db/shop?password={quote(CANARY, safe='')}"},
        {"DATABASE_URL": "postgresql://owner@db/shop", "PGPASSWORD": CANARY},
        {"DATABASE_URL": f"postgresql://owner@db/shop?sslpassword={quote(CANARY, safe='')}"},
        {"DATABASE_URL": f"postgresql://owner:{CANARY}@db/shop", "DATABASE_URL_FILE": "x"},
        {"DATABASE_URL": f"mysql://owner:{CANARY}@db/shop"},
        {"DATABASE_URL": URL, "MIGRATE_BUILD": f"build {CANARY}"},
        {"DATABASE_URL": URL, "MIGRATE_TARGET": quote(CANARY), "MIGRATE_WAIT_TIMEOUT": CANARY},
        {"PGHOST": "db", "PGPASSWORD": CANARY, "PGSSLPASSWORD": CANARY},
    ],
)
def test_the_password_is_hidden_in_every_spelling(
    project: Project, migrate: Migrate, variables: dict[str, str]
) -> None:
    project.revision("r1")

    result = migrate.run("config", **variables)
    screen = run_on_terminal(project, migrate, "config", **variables)

    assert _rows(result)
    assert "canary" not in result.stdout + result.stderr + screen.text
    assert "canary" not in quote(result.stdout + screen.text)


def test_a_password_that_is_a_public_word_is_hidden_in_its_place(
    project: Project, migrate: Migrate
) -> None:
    project.revision("r1")

    result = migrate.run("config", DATABASE_URL="postgresql://owner:shop@db/shop")

    assert "user=owner password=*** host=db dbname=shop" == _rows(result)["database"][0]


def test_wrong_settings_are_printed_all_the_same(migrate: Migrate) -> None:
    result = migrate.run(
        "config", ALEMBIC_CONFIG="none.ini", MIGRATE_WAIT_TIMEOUT="soon", MIGRATE_TARGT="head"
    )

    assert 78 == result.exit_code
    rows = _rows(result)
    assert ("soon", "MIGRATE_WAIT_TIMEOUT") == rows["MIGRATE_WAIT_TIMEOUT"]
    assert ("none.ini", "ALEMBIC_CONFIG") == rows["ALEMBIC_CONFIG"]
    assert "(not set: env.py must provide it)" == rows["database"][0]
    assert "-" == rows["database"][1]
    (line,) = result.stderr.splitlines()
    problems = "\n".join(json.loads(line)["error"]["problems"])
    for words in ("'soon'", "MIGRATE_TARGT is not a setting", "none.ini"):
        assert words in problems


def test_on_a_terminal_it_is_a_table(project: Project, migrate: Migrate) -> None:
    project.revision("r1")

    screen = run_on_terminal(project, migrate, "config", DATABASE_URL=URL, MIGRATE_ROLE="shop")

    assert 0 == screen.exit_code
    header, *lines = screen.text.splitlines()
    assert ["setting", "value", "from"] == header.split()
    assert ["database", "user=owner", "password=***"] == lines[0].split()[:3]
    assert "DATABASE_URL" == lines[0].split()[-1]
    assert ["sslmode=verify-full"] == lines[2].split()
    assert {"database", "env.py", "ALEMBIC_CONFIG", *(variable.name for variable in VARIABLES)} == {
        line.split()[0] for line in lines if not line.startswith(" ")
    }
    (role,) = (line for line in lines if line.startswith("MIGRATE_ROLE"))
    assert ["MIGRATE_ROLE", "shop", "environment"] == role.split()
    assert [] == [line for line in lines if len(line) > 80]


OWN_URL = "postgresql+psycopg://owner:secretword@elsewhere:7777/own"
OWN_ENGINE = f"""\
from sqlalchemy import create_engine, event

engine = create_engine({OWN_URL!r})
with engine.connect():
    raise AssertionError
"""


@pytest.mark.parametrize(
    ("env", "shown"),
    [
        (OWN_ENGINE, "elsewhere:7777/own"),
        (OWN_ENGINE.replace("psycopg:", "psycopg2:"), "elsewhere:7777/own"),
        (
            "import asyncio\nfrom sqlalchemy.ext.asyncio import create_async_engine\n"
            f"engine = create_async_engine({OWN_URL.replace('psycopg', 'asyncpg')!r})\n"
            "async def main():\n    async with engine.connect():\n        raise AssertionError\n"
            "asyncio.run(main())\n",
            "elsewhere:7777/own",
        ),
        # As a project that retries does.
        (
            "from sqlalchemy import create_engine\n"
            f"engine = create_engine({OWN_URL!r})\n"
            "while True:\n"
            "    try:\n        engine.connect()\n    except Exception:\n        pass\n",
            "elsewhere:7777/own",
        ),
        (
            OWN_ENGINE.replace(
                "with engine",
                "@event.listens_for(engine, 'do_connect')\n"
                "def token(dialect, record, arguments, words):\n    words['host'] = 'found'\n"
                "with engine",
            ),
            "found:7777/own",
        ),
        (OWN_ENGINE.replace(OWN_URL, "sqlite:////none/own.db"), "sqlite:////none/own.db"),
        ("raise RuntimeError('no luck')", "no luck"),
        ("pass", "(not known: env.py has opened no connection)"),
    ],
)
def test_the_database_of_env_py_is_the_one_that_it_would_connect_to(
    project: Project, migrate: Migrate, env: str, shown: str
) -> None:
    """Nothing is opened: no server is there, and no such folder."""
    project.revision("r1")
    project.write_env(env)

    result = migrate.run("config", DATABASE_URL=URL)

    assert 0 == result.exit_code, result.stderr
    value, origin = _rows(result)["env.py"]
    assert (True, "env.py") == (shown in value, origin)
    assert shown == value or value.startswith("(not known: ")
    assert "secretword" not in result.stdout + result.stderr
