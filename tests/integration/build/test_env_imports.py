"""`migrate build` refuses an env.py that a run could not import, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.fixtures.env_kinds import OWN_ENGINE
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

# Not `models`: the checkout, which has some, is on the path of every test.
MODELS: Final = "import tables\n" + ENV_PY
# Would be executed if env.py were run: by a build without database and settings, it cannot.
NEEDS_SETTINGS: Final = "import os\nos.environ['SECRET_OF_THE_CLUSTER']\n"


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Broken(NamedTuple):
    """An env.py, other files, what is said of it, and what is in the result."""

    env: str
    files: dict[str, str]
    said: str
    facts: dict[str, object]


BROKEN: Final = [
    Broken(
        MODELS,
        {},
        "No module named 'tables' ({env}, line 1). Copy tables",
        {"module": "tables", "line": 1},
    ),
    Broken(
        "from tables import user as u\n",
        {"tables/__init__.py": ""},
        "cannot import name 'user' from 'tables' ({env}, line 1)",
        {"module": "tables", "line": 1},
    ),
    Broken(
        "from tables import user\n",
        {"tables/other.py": ""},
        "cannot import name 'user' from 'tables'",
        {"module": "tables", "line": 1},
    ),
    Broken(
        "import tables.user\n",
        {"tables/__init__.py": ""},
        "No module named 'tables.user'",
        {"module": "tables.user", "line": 1},
    ),
    # In the module that env.py imports, and in one that this imports.
    Broken(
        MODELS,
        {
            "tables/__init__.py": "\nfrom .user import User\n",
            "tables/user.py": "import nobodys\n",
        },
        "No module named 'nobodys' ({folder}/tables/user.py, line 1). Copy nobodys",
        {"module": "nobodys", "line": 1},
    ),
    Broken(
        MODELS,
        {"tables/__init__.py": "from ..shared import Base\nfrom .base import Base\n"},
        "No module named 'tables.base' ({folder}/tables/__init__.py, line 2)",
        {"module": "tables.base", "line": 2},
    ),
    Broken(
        MODELS,
        {"tables.py": "try:\n    import nobodys\nfinally:\n    pass\n"},
        "No module named 'nobodys'",
        {"module": "nobodys", "line": 2},
    ),
    Broken(
        MODELS,
        {"src/tables.py": ""},
        "It is in {folder}/src, which is not on Python's path: set prepend_sys_path",
        {"module": "tables", "line": 1},
    ),
    Broken(MODELS, {"tables.py": "def f(:\n"}, "SyntaxError: invalid syntax", {"line": 1}),
    # What it needs at import is missing in the build, but the module is missing anyway.
    Broken(NEEDS_SETTINGS + MODELS, {}, "No module named 'tables' ({env}, line 3)", {"line": 3}),
    Broken(
        "import sys\nsys.path.append('lib')\n" + MODELS,
        {"lib/other.py": ""},
        "No module named 'tables' ({env}, line 3)",
        {"line": 3},
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=[each.said[:40] for each in BROKEN])
def test_an_import_that_fails_is_an_error_of_the_build(
    project: Project, migrate: Migrate, broken: Broken
) -> None:
    project.revision("r1")
    project.write_env(broken.env)
    _write(project.folder, broken.files)

    result = migrate.run("build")

    assert 65 == result.exit_code, result.stdout
    env = project.folder / "migrations" / "env.py"
    said = broken.said.format(env=env, folder=project.folder)
    assert said in result.finished["summary"]
    assert result.finished["summary"].startswith("env.py cannot be imported: ")
    error = result.finished["error"]
    assert ("HistoryError", "import_error") == (error["kind"], error["reason"])
    assert broken.facts.items() <= error.items()
    assert not (project.folder / ".migrate-manifest").exists()


RUNS_WELL: Final = {
    "its tables": (MODELS, {"tables/__init__.py": "from . import user\n", "tables/user.py": ""}),
    "a namespace": ("import tables.user\n", {"tables/user.py": ""}),
    "an attribute": ("from tables import Base\n", {"tables.py": "class Base: ...\n"}),
    "a loop": ("from a import f\n", {"a.py": "f = 1\nimport b\n", "b.py": "from a import f\n"}),
    "a star": ("from tables import User\n", {"tables.py": "from os import *\nUser = 1\n"}),
    "names made at run time": (
        "from tables import User\n",
        {"tables.py": "globals()['User'] = 1\n"},
    ),
    "names on request": (
        "from tables import User\n",
        {"tables/__init__.py": "def __getattr__(name):\n    return 1\n"},
    ),
    "a guarded import": (
        "try:\n    import local_settings\nexcept ImportError:\n    pass\n",
        {},
    ),
    "a condition": ("import os\nif os.environ.get('DEBUG'):\n    import debugger\n", {}),
    "types only": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import stubs\n", {}),
    "a function": ("def late():\n    import nobodys\n", {}),
    "suppressed": ("import contextlib\nwith contextlib.suppress(ImportError):\n    import x\n", {}),
    "installed": ("import os.path, sqlalchemy.dialects.postgresql, collections.abc\n", {}),
    "settings at import": ("import settings\n", {"settings.py": NEEDS_SETTINGS}),
    "a database at import": (
        "import tables\n",
        {"tables.py": "import psycopg\npsycopg.connect('host=nowhere.invalid')\n"},
    ),
    "a path of its own": (
        "import sys\nfrom pathlib import Path\n"
        "sys.path.insert(0, str(Path(__file__).parents[1] / 'lib'))\n" + MODELS,
        {"lib/tables.py": ""},
    ),
    "a path of its own, then settings": (
        "import sys\nsys.path.append('lib')\n" + NEEDS_SETTINGS + MODELS,
        {"lib/tables.py": "import inner\n", "lib/inner.py": ""},
    ),
    "a module that it makes": (
        "import sys, types\nsys.modules['tables'] = types.ModuleType('tables')\n" + MODELS,
        {},
    ),
    "an engine of its own": ("import lib\n" + OWN_ENGINE, {"lib.py": ""}),
}


@pytest.mark.parametrize("name", RUNS_WELL)
def test_an_import_that_may_succeed_is_none(project: Project, migrate: Migrate, name: str) -> None:
    env, files = RUNS_WELL[name]
    project.revision("r1")
    project.write_env(env)
    _write(project.folder, files)

    result = migrate.run("build")

    assert 0 == result.exit_code, result.stdout


def test_nothing_is_executed_where_all_imports_are_there(
    project: Project, migrate: Migrate
) -> None:
    project.revision("r1")
    project.write_env("import tables\nopen('env-was-run', 'w')\n")
    _write(project.folder, {"tables.py": "open('tables-were-run', 'w')\n"})

    assert 0 == migrate.run("build").exit_code

    assert [] == [*project.folder.glob("*-run")]


def test_what_env_py_prints_where_it_is_tried_out_is_not_in_the_log(
    project: Project, migrate: Migrate
) -> None:
    """Nor does it reach the build's own modules."""
    project.revision("r1")
    project.write_env("import sys\nprint('noise')\nsys.path.append('lib')\n" + MODELS)
    _write(project.folder, {"lib/tables.py": "import os\nos.write(1, b'more noise')\n"})

    result = migrate.run("build")

    assert (0, "") == (result.exit_code, result.stderr), result.stdout
    assert "noise" not in result.stdout
