"""`migrate init --into`: what is missing is added, and nothing that is there is changed."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.runner import Migrate, Result

_MODELS = "import sqlalchemy\n\nmetadata = sqlalchemy.MetaData()\n"
_REVISION = '"""First."""\n\nrevision = "r1"\ndown_revision = None\n\n\ndef upgrade():\n    pass\n'


@pytest.fixture
def application(tmp_path: Path, migrate: Migrate) -> Path:
    """Return the folder of an application without Alembic; `migrate` runs in it."""
    folder = tmp_path / "shop"
    _write(folder, {"store/__init__.py": "", "store/tables.py": _MODELS, "README.rst": "Shop\n"})
    migrate.folder = folder
    return folder


def _write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def _alembics(migrate: Migrate, where: str, template: str = "generic") -> None:
    """Make an Alembic project, as Alembic does, whose env.py imports the application's tables."""
    made = migrate.run("init", "-t", template, where)
    assert 0 == made.exit_code, made.stderr
    env = migrate.folder / where / "env.py"
    text = env.read_text().replace("target_metadata = None", "target_metadata = tables.metadata")
    env.write_text(f"from store import tables\n{text}")
    _write(migrate.folder, {f"{where}/versions/r1_first.py": _REVISION})


def _texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _add(migrate: Migrate, *words: str, where: str = ".") -> dict[str, Any]:
    """Add to the folder, which changes nothing; return the answer."""
    before = _texts(migrate.folder)
    result = migrate.run("init", *words, "--into", where, "--json")
    assert 0 == result.exit_code, result.stderr
    after = _texts(migrate.folder)
    assert before == {path: text for path, text in after.items() if path in before}
    answer: dict[str, Any] = json.loads(result.stdout)
    prefix = "" if where == "." else f"{where}/"
    assert {*after} - {*before} == {prefix + path for path in answer["written"]}
    return answer


def _copied(folder: Path, dockerfile: str = "Dockerfile") -> list[str]:
    lines = (folder / dockerfile).read_text().splitlines()
    return [line.split()[1] for line in lines if line.startswith("COPY ") and "/added/" in line]


def _refused(result: Result, said: str) -> None:
    assert 64 == result.exit_code, result.stdout + result.stderr
    assert said in json.loads(result.stderr.splitlines()[-1])["summary"]
    assert "Traceback" not in result.stderr
    assert "" == result.stdout


@pytest.mark.parametrize("template", ["generic", "async", "multidb"])
def test_alembics_own_project(application: Path, migrate: Migrate, template: str) -> None:
    _alembics(migrate, "db/alembic", template)

    answer = _add(migrate)

    assert ["alembic.ini", "store", "db/alembic"] == _copied(application)
    assert [
        "alembic.ini",
        "db/alembic/env.py",
        "README.rst",
        "db/alembic/script.py.mako",
    ] == answer["kept"]
    assert {"Dockerfile", ".dockerignore", "compose.yaml", ".gitlab-ci.yml"} < {*answer["written"]}
    assert "ENV PYTHONPATH" not in (application / "Dockerfile").read_text()
    ignored = (application / ".dockerignore").read_text().splitlines()
    assert ["!alembic.ini", "!store", "!db/alembic"] == [
        line for line in ignored if line.startswith("!") and line != "!requirements.txt"
    ]


def test_a_second_time_there_is_nothing_to_add(application: Path, migrate: Migrate) -> None:
    _alembics(migrate, "migrations")
    first = _add(migrate)

    second = _add(migrate)

    assert [] == second["written"]
    assert {*first["written"]} <= {*second["kept"]}
    assert application.is_dir()


def test_pyproject(application: Path, migrate: Migrate) -> None:
    _write(application, {"pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\n"})
    _alembics(migrate, "migrations", "pyproject")
    (application / "alembic.ini").unlink()

    answer = _add(migrate)

    assert ["pyproject.toml", "store", "migrations"] == _copied(application)
    assert "pyproject.toml" == answer["kept"][0]
    assert "alembic.ini" not in answer["written"]


def test_flask_migrates_project(application: Path, migrate: Migrate) -> None:
    env = "from flask import current_app\n\ncurrent_app.extensions['migrate']\n"
    _write(
        application,
        {
            "migrations/alembic.ini": "[alembic]\n",
            "migrations/env.py": env,
            "migrations/versions/r1.py": _REVISION,
            "website.py": "from store import tables\n",
            ".flaskenv": "FLASK_ENV=test\nFLASK_APP=website.py\n",
        },
    )

    answer = _add(migrate)

    assert ["migrations", "store", "website.py"] == sorted(_copied(application))
    assert "ENV FLASK_APP=website\n" in (application / "Dockerfile").read_text()
    assert ["migrations/alembic.ini", "migrations/env.py", "README.rst"] == answer["kept"]


def test_flask_migrates_project_with_the_usual_application(
    application: Path, migrate: Migrate
) -> None:
    env = "from flask import current_app\n\ncurrent_app.extensions['migrate']\n"
    _write(
        application,
        {
            "migrations/alembic.ini": "[alembic]\n",
            "migrations/env.py": env,
            "migrations/versions/r1.py": _REVISION,
            "app.py": "import helpers\n",
            "helpers.py": "",
            "setup.py": "",
        },
    )

    _add(migrate)

    assert ["app.py", "helpers.py", "migrations"] == sorted(_copied(application))
    assert "FLASK_APP" not in (application / "Dockerfile").read_text()


def test_a_source_folder_that_only_an_installation_has_on_the_path(
    application: Path, migrate: Migrate
) -> None:
    (application / "src").mkdir()
    (application / "store").rename(application / "src" / "store")
    _alembics(migrate, "migrations")

    _add(migrate)

    assert ["alembic.ini", "src/store", "migrations"] == _copied(application)
    assert "ENV PYTHONPATH=/app/src:${PYTHONPATH}\n" in (application / "Dockerfile").read_text()


def test_scripts_in_a_folder_called_alembic(application: Path, migrate: Migrate) -> None:
    """Which is not what `from alembic import context` imports."""
    (application / "src").mkdir()
    (application / "store").rename(application / "src" / "store")
    _alembics(migrate, "alembic")
    ini = application / "alembic.ini"
    ini.write_text(
        ini.read_text().replace("prepend_sys_path = .", "prepend_sys_path = %(here)s/src")
    )

    _add(migrate)

    assert ["alembic.ini", "src/store", "alembic"] == _copied(application)
    assert "ENV PYTHONPATH" not in (application / "Dockerfile").read_text()


def test_a_configuration_of_another_name(application: Path, migrate: Migrate) -> None:
    _alembics(migrate, "migrations")
    (application / "conf").mkdir()
    text = (application / "alembic.ini").read_text().replace("%(here)s", "%(here)s/..")
    (application / "alembic.ini").unlink()
    (application / "conf" / "store.ini").write_text(text)

    answer = _add(migrate, "-c", "conf/store.ini")

    assert ["conf/store.ini", "store", "migrations"] == _copied(application)
    assert "ENV ALEMBIC_CONFIG=conf/store.ini\n" in (application / "Dockerfile").read_text()
    assert "conf/store.ini" == answer["kept"][0]


def test_an_application_with_an_image_and_a_compose_file(
    application: Path, migrate: Migrate
) -> None:
    _alembics(migrate, "migrations")
    _write(application, {"Dockerfile": "FROM python\n", "docker-compose.yml": "services: {}\n"})

    answer = _add(migrate)

    assert "docker-compose.yml" in answer["kept"]
    assert ["docker-compose.yml: what to add"] == [note[:31] for note in answer["notes"]]
    assert "docker compose up --build" not in answer["next"]
    assert {"Dockerfile.migrate", "Dockerfile.migrate.dockerignore"} < {*answer["written"]}
    assert {"compose.yaml", ".dockerignore"}.isdisjoint(answer["written"])
    assert ["alembic.ini", "store", "migrations"] == _copied(application, "Dockerfile.migrate")
    for pipeline in (".gitlab-ci.yml", ".github/workflows/migrations.yml"):
        assert "--file Dockerfile.migrate " in (application / pipeline).read_text()


def test_a_folder_without_alembic_gets_a_whole_project(
    application: Path, database: Database, migrate: Migrate
) -> None:
    answer = _add(migrate)
    result = migrate.run(DATABASE_URL=database.url)

    assert ["README.rst"] == answer["kept"]
    assert 0 == result.exit_code, result.stdout
    assert ["0001"] == result.finished["to_revisions"]
    assert (application / "models" / "customer.py").exists()


def test_models_that_are_there_have_no_revision_of_ours(
    application: Path, migrate: Migrate
) -> None:
    _write(application, {"models.py": _MODELS})

    answer = _add(migrate)

    assert ["models.py", "README.rst"] == answer["kept"]
    assert [] == [each for each in answer["written"] if each.startswith("models/")]
    assert [] == list((application / "migrations" / "versions").glob("*.py"))
    assert ["models.py was kept: env.py imports `metadata`"] == [
        note.partition(" from")[0] for note in answer["notes"]
    ]
    assert 'migrate revision --autogenerate -m "First"' in answer["next"]
    assert 0 == migrate.run("heads").exit_code
    assert "!models.py\n" in (application / ".dockerignore").read_text()


def test_the_packages_are_those_that_are_installed(application: Path, migrate: Migrate) -> None:
    """Of what is imported, and the drivers, which are named by URLs only."""
    _write(application, {"store/tables.py": f"import yaml\n{_MODELS}", "store/jobs.py": ""})
    _alembics(migrate, "migrations")

    _add(migrate)

    lines = (application / "requirements.txt").read_text().splitlines()
    names = ("SQLAlchemy", "asyncpg", "greenlet", "psycopg2-binary", "PyYAML")
    expected = {f"{name.lower()}=={version(name)}" for name in names}
    assert expected == {line.lower() for line in lines if not line.startswith("#")}


def test_requirements_that_are_there_are_kept(application: Path, migrate: Migrate) -> None:
    _write(application, {"requirements.txt": "sqlalchemy==2.0.44\n"})
    _alembics(migrate, "migrations")

    assert "requirements.txt" in _add(migrate)["kept"]


def test_from_another_folder(application: Path, migrate: Migrate) -> None:
    _alembics(migrate, "migrations")
    migrate.folder = application.parent

    answer = _add(migrate, where="shop")

    assert "cd shop" == answer["next"][0]
    assert ["alembic.ini", "store", "migrations"] == _copied(application)


def test_a_name_with_spaces(application: Path, migrate: Migrate) -> None:
    (application / "my migrations" / "versions").mkdir(parents=True)
    _write(
        application,
        {
            "alembic.ini": "[alembic]\nscript_location = %(here)s/my migrations\n",
            "my migrations/env.py": "from store import tables\n",
            "my migrations/versions/r1.py": _REVISION,
        },
    )

    _add(migrate)

    copied = 'COPY ["my migrations", "/added/app/my migrations"]\n'
    assert copied in (application / "Dockerfile").read_text()


def test_what_cannot_be_added_to(application: Path, migrate: Migrate) -> None:
    _alembics(migrate, "migrations")
    _write(application.parent, {"elsewhere.ini": "[alembic]\nscript_location = x\n"})

    for words, said in (
        (("--into", "nowhere"), "There is no folder nowhere"),
        (("--into", "README.rst"), "README.rst is a file, not a folder."),
        (("--into", ".", "more"), "Name the folder once"),
        (("--into", ""), "The folder's name is empty."),
        (("--into",), "--into needs a value."),
        (("--into", ".", "--async"), "this project has one."),
        (("--into", ".", "-c", "none.ini"), "none.ini does not exist."),
        (("--into", ".", "-c", "../elsewhere.ini"), "is outside of"),
    ):
        before = _texts(application)
        _refused(migrate.run("init", *words), said)
        assert before == _texts(application)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "script_location = nowhere",
            "alembic.ini is not a valid Alembic configuration: Path doesn't exist",
        ),
        (
            "script_location = %(canary)\n",
            "alembic.ini has a single % in `script_location`: write %% for each %",
        ),
    ],
)
def test_an_invalid_configuration(
    application: Path, migrate: Migrate, lines: str, said: str
) -> None:
    _write(application, {"alembic.ini": f"[alembic]\n{lines}\n"})

    result = migrate.run("init", "--into", ".")

    assert 78 == result.exit_code, result.stderr
    assert said in result.stderr
    assert "canary" not in result.stderr
    assert not (application / "Dockerfile").exists()


@pytest.mark.parametrize(
    ("files", "words", "said"),
    [
        ({"pyproject.toml": ""}, ("--pyproject",), "leave --pyproject out."),
        ({"migrations/x.sql": ""}, (), "is no part of an Alembic project: move it."),
    ],
)
def test_a_folder_that_cannot_become_a_project(
    application: Path,
    migrate: Migrate,
    files: dict[str, str],
    words: tuple[str, ...],
    said: str,
) -> None:
    _write(application, files)

    _refused(migrate.run("init", "--into", ".", *words), said)

    assert not (application / "models").exists()
