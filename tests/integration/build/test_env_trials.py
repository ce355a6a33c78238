"""`migrate build` tries env.py out where its source does not say whether its imports succeed."""

from __future__ import annotations

import socket
from typing import Any, Final

import pytest

from tests.fixtures.env_sources import ENV_SOURCES
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate, Result

# Lets it be tried out.
DOUBTFUL: Final = "try:\n    import speedups_of_nobody\nexcept ImportError:\n    pass\n"
_RUN: Final = "def run_migrations(connection):\n"
LAZY: Final = ENV_PY.replace(_RUN, f"{_RUN}    from tables import Base\n")
_CALL: Final = "connection = context.config"
ASYNC: Final = ENV_SOURCES["async_psycopg"].format(options="")
OWN: Final = ENV_SOURCES["own"].format(options="")
PLACEHOLDER: Final = "driver://user:pass@localhost/dbname"
FROM_CONFIG: Final = """\
from alembic import context
from sqlalchemy import engine_from_config

{before}
engine = engine_from_config(context.config.get_section("alembic"), prefix="sqlalchemy.")
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def _build(
    project: Project, migrate: Migrate, env: str, files: dict[str, str] | None = None
) -> Result:
    project.revision("r1")
    project.write_env(env)
    for name, text in (files or {}).items():
        path = project.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return migrate.run("build", "--seal")


# What is said, and the module and line.
FAILS: Final[dict[str, tuple[str, str, str, int]]] = {
    "in a function that it calls": (LAZY, "No module named 'tables'", "tables", 7),
    "behind its own connection": (
        OWN.replace("    context.configure(", "    import tables.user\n    context.configure("),
        "No module named 'tables'",
        "tables",
        9,
    ),
    "in what runs over an async connection": (
        ASYNC.replace("    context.configure(", "    import tables\n    context.configure("),
        "No module named 'tables'",
        "tables",
        9,
    ),
    "by import_module": (
        "from importlib import import_module\nimport_module('tables')\n" + ENV_PY,
        "No module named 'tables'",
        "tables",
        2,
    ),
    "by a computed name": (
        "import importlib\nfor name in ('tables',):\n    importlib.import_module(name)\n" + ENV_PY,
        "No module named 'tables'",
        "tables",
        3,
    ),
    "by __import__": ("__import__('tables')\n" + ENV_PY, "No module named 'tables'", "tables", 1),
    "in a condition": (
        "from alembic import context\nif not context.is_offline_mode():\n    import tables\n",
        "No module named 'tables'",
        "tables",
        3,
    ),
    "a handler that ends it": (
        "import sys\ntry:\n    import tables\nexcept ImportError:\n    sys.exit('no tables')\n",
        "No module named 'tables'",
        "tables",
        3,
    ),
    "a handler that raises": (
        "try:\n    import tables\nexcept ImportError as error:\n"
        "    raise RuntimeError('no tables') from error\n",
        "No module named 'tables'",
        "tables",
        2,
    ),
    "a handler that raises without a cause": (
        "try:\n    import tables\nexcept ImportError:\n    raise RuntimeError('no tables')\n",
        "No module named 'tables'",
        "tables",
        2,
    ),
    "passed over, and then used": (
        "try:\n    from tables import Base\nexcept ImportError:\n    Base = None\n"
        "target = Base.metadata\n",
        "No module named 'tables', and then AttributeError: 'NoneType' object has no attribute"
        " 'metadata' in env.py, line 5",
        "tables",
        2,
    ),
    "suppressed, and then used": (
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import tables\n"
        "target = tables.metadata\n",
        "No module named 'tables', and then NameError: name 'tables' is not defined in env.py",
        "tables",
        3,
    ),
    "behind a variable that it needs": (
        f"import os\nkey = os.environ['SECRET']\nother = os.environ['SHOP_URL']\n{LAZY}",
        "No module named 'tables'",
        "tables",
        10,
    ),
}


@pytest.mark.parametrize("name", FAILS)
def test_an_import_that_fails_when_env_py_is_run(
    project: Project, migrate: Migrate, name: str
) -> None:
    env, said, module, line = FAILS[name]

    result = _build(project, migrate, env, {})

    assert 65 == result.exit_code, result.stdout
    place = project.folder / "migrations" / "env.py"
    assert f"env.py cannot be imported: {said} ({place}, line {line})" in _flat(result, said)
    error = result.finished["error"]
    assert ("import_error", module) == (error["reason"], error["module"])


def _flat(result: Result, said: str) -> str:
    """Return the summary; what follows on a name that is missing has a place of its own."""
    summary: str = result.finished["summary"]
    head, _, tail = summary.partition(said)
    return summary if tail.startswith(" (") else f"{head}{said}{tail[tail.index(' (') :]}"


def test_of_a_module_that_is_imported_late(project: Project, migrate: Migrate) -> None:
    result = _build(project, migrate, LAZY, {"tables.py": "\nimport nobodys\n"})

    assert 65 == result.exit_code, result.stdout
    file = project.folder / "tables.py"
    assert f"No module named 'nobodys' ({file}, line 2)" in result.finished["summary"]


def test_a_folder_without_its_files(project: Project, migrate: Migrate) -> None:
    """Such as one that has only what was compiled, or that a .dockerignore has emptied."""
    env = "import tables\ntarget = tables.Base.metadata\n" + ENV_PY

    result = _build(project, migrate, env, {"tables/readme.txt": ""})

    assert 65 == result.exit_code, result.stdout
    assert "The folder of tables has no Python files, and then" in result.finished["summary"]


def test_the_path_that_is_missing_is_named(project: Project, migrate: Migrate) -> None:
    result = _build(project, migrate, LAZY, {"src/tables.py": "Base = 1\n"})

    assert 65 == result.exit_code, result.stdout
    assert "set prepend_sys_path" in result.finished["summary"]


SUCCEEDS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "in a function that it calls": (LAZY, {"tables.py": "Base = 1\n"}),
    "in a function that it does not call": (
        f"def late():\n    import nobodys\n{ENV_PY}",
        {},
    ),
    "a handler that goes on": (DOUBTFUL + ENV_PY, {}),
    "a handler that needs a variable": (
        "import os\ntry:\n    import nobodys\nexcept ImportError:\n    x = os.environ['SECRET']\n",
        {},
    ),
    "a handler that calls what fails": (
        "def load():\n    raise ValueError('no settings')\n"
        "try:\n    import nobodys\nexcept ImportError:\n    load()\n",
        {},
    ),
    "only with a variable": (
        "import os\nkey = os.environ['SECRET']\nif os.environ.get('DEBUG'):\n    import debugger\n"
        + ENV_PY,
        {},
    ),
    "a setting that is wrong": (
        f"{DOUBTFUL}import os\nint(os.environ.get('PORT', ''))\n",
        {},
    ),
    "a driver that the URL of a run may not need": (
        f"{DOUBTFUL}from sqlalchemy import create_engine\ncreate_engine('mysql+cymysql://x')\n",
        {},
    ),
    "what SQLite does not know": (
        f"{DOUBTFUL}from alembic import context\n"
        "connection = context.config.attributes['connection']\n"
        "connection.exec_driver_sql('SET search_path TO x')\n",
        {},
    ),
    "what SQLite's connection does not have": (
        f"{DOUBTFUL}from alembic import context\n"
        "connection = context.config.attributes['connection']\n"
        "connection.connection.dbapi_connection.add_notice_handler(print)\n",
        {},
    ),
    "for types only": (
        "import typing\nif typing.TYPE_CHECKING:\n    import nobodys\n" + ENV_PY,
        {},
    ),
    "a process that ends itself": (f"{DOUBTFUL}import os\nos._exit(3)\n", {}),
}


@pytest.mark.parametrize("name", SUCCEEDS)
def test_an_env_py_that_a_run_may_find_in_order(
    project: Project, migrate: Migrate, name: str
) -> None:
    env, files = SUCCEEDS[name]

    result = _build(project, migrate, env, files)

    assert 0 == result.exit_code, result.stdout


@pytest.mark.parametrize("kind", ENV_SOURCES)
def test_every_kind_of_env_py(any_env: Project, migrate: Migrate, kind: str) -> None:
    env = any_env.folder / "migrations" / "env.py"

    assert 0 == _build(any_env, migrate, DOUBTFUL + env.read_text()).exit_code, kind


CONNECTS: Final = {
    "psycopg": "import psycopg\npsycopg.connect('{url}')\n",
    "psycopg's class": "from psycopg import Connection\nConnection.connect('{url}')\n",
    "psycopg2": "import psycopg2\npsycopg2.connect('{url}')\n",
    "asyncpg": "import asyncio, asyncpg\nasyncio.run(asyncpg.connect('{url}'))\n",
    "a socket": "import socket\nsocket.create_connection(('127.0.0.1', {port}))\n",
    "an engine": "import sqlalchemy\nsqlalchemy.create_engine('{engine}').connect()\n",
    "a pool": "import sqlalchemy\nsqlalchemy.create_engine('{engine}').raw_connection()\n",
    "a process": "import subprocess\nsubprocess.run(['psql', '{url}'])\n",
    "a shell": "import os\nos.system('psql {url}')\n",
}


@pytest.mark.parametrize("way", CONNECTS)
def test_it_connects_to_nothing(project: Project, migrate: Migrate, way: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        url = f"postgresql://shop@127.0.0.1:{port}/shop?connect_timeout=2"
        words: dict[str, Any] = {"url": url.partition("?")[0], "port": port}
        words["engine"] = url.replace("postgresql:", "postgresql+psycopg:")

        result = _build(project, migrate, DOUBTFUL + CONNECTS[way].format(**words))

        assert 0 == result.exit_code, result.stdout
        with pytest.raises(BlockingIOError):
            server.accept()


def _with_placeholder(project: Project) -> None:
    ini = project.folder / "alembic.ini"
    ini.write_text(f"{ini.read_text()}sqlalchemy.url = {PLACEHOLDER}\n")


@pytest.mark.parametrize(
    "before",
    [
        "",
        "import os\nos.environ.get('LOG_LEVEL')\n",
        "import os\nkey = os.environ['SECRET']\n",
    ],
)
def test_the_placeholder_that_env_py_uses(project: Project, migrate: Migrate, before: str) -> None:
    _with_placeholder(project)

    result = _build(project, migrate, FROM_CONFIG.format(before=before))

    assert 78 == result.exit_code, result.stdout
    assert "still the placeholder of `alembic init`" in result.finished["summary"]
    assert "placeholder_url" == result.finished["error"]["reason"]


SET_URL: Final = "context.config.set_main_option('sqlalchemy.url', {})\n"
FROM_ELSEWHERE: Final = {
    "the runner's connection": ENV_PY,
    "a variable": FROM_CONFIG.format(
        before="import os\n" + SET_URL.format("os.environ['SHOP_URL']")
    ),
    "a variable, if it is set": FROM_CONFIG.format(
        before="import os\nif url := os.getenv('SHOP_DB'):\n    "
        + SET_URL.format("'postgresql+psycopg://' + url")
    ),
    "all variables": FROM_CONFIG.format(
        before="import os\nif url := dict(os.environ).get('SHOP_URL'):\n    "
        + SET_URL.format("url")
    ),
    "a file": FROM_CONFIG.format(
        before="from pathlib import Path\n" + SET_URL.format("Path('/run/url').read_text()")
    ),
}


@pytest.mark.parametrize("way", FROM_ELSEWHERE)
def test_a_placeholder_that_env_py_may_not_use(
    project: Project, migrate: Migrate, way: str
) -> None:
    _with_placeholder(project)

    result = _build(project, migrate, FROM_ELSEWHERE[way])

    assert 0 == result.exit_code, result.stdout
