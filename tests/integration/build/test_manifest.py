"""`migrate build`: what turns the fast path on."""

from __future__ import annotations

import shutil
from typing import Final

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import OWN_ENGINE
from tests.fixtures.fast_path import Compared
from tests.fixtures.project import ALEMBIC_INI, ENV_PY, Project
from tests.fixtures.runner import Migrate
from tests.fixtures.templates import use_template

_CONFIGURE: Final = "context.configure(connection=connection, transaction_per_migration=True"


def _env(options: str = "", before: str = "") -> str:
    return before + ENV_PY.replace(_CONFIGURE, _CONFIGURE + options)


DECLARED: Final = {
    "alembic_version": _env(),
    "revisions": _env(", version_table='revisions'"),
    'My "100%%" Revisions': _env(", version_table='My \"100%\" Revisions'"),
    "versions.alembic_version": _env(", version_table_schema='versions'"),
    "versions.revisions": _env(", version_table='revisions', version_table_schema='versions'"),
}
# What env.py depends on without a trace in files or settings: each was once taken for constant.
UNDECLARED: Final = {
    "a variable": _env(
        ", version_table_schema=schema",
        "import os\nschema = os.environ.setdefault('PYTHON_ENV', 'public')\n",
    ),
    "a module that may come": _env(
        ", version_table_schema=schema",
        "try:\n    from local_settings import schema\nexcept ImportError:\n    schema = 'public'\n",
    ),
    "the host": _env(
        ", version_table_schema=schema",
        "import socket\nschema = 'eu' if socket.gethostname() == 'eu-1' else 'public'\n",
    ),
    "the URL": _env(
        ", version_table_schema=schema",
        "import os\nschema = 'two' if '@db/' in os.environ['DATABASE_URL'] else 'public'\n",
    ),
    "the time": _env(
        ", version_table_schema=schema",
        "import time\nschema = 'late' if time.time() > 1e11 else 'public'\n",
    ),
    "nothing": _env(),
}


@pytest.mark.parametrize("table", DECLARED)
def test_a_declared_project_takes_the_fast_path(
    table: str, database: Database, project: Project, migrate: Migrate
) -> None:
    project.declare(table)
    project.write_env(DECLARED[table])
    project.table("r1", "one")
    database.query("CREATE SCHEMA versions")
    compared = Compared(project, migrate)

    built = migrate.run("build")

    (written,) = built.of("manifest_written")
    assert (".migrate-manifest", False, None) == (
        written["file"],
        written["sealed"],
        written["fast_path_off"],
    )
    behind = compared.with_fast_path(database)
    assert '"outcome": "applied"' in behind.lines
    assert not compared.was_fast
    assert compared.without_fast_path(database) == compared.with_fast_path(database)
    assert compared.was_fast


@pytest.mark.parametrize("name", UNDECLARED)
def test_without_a_declaration_every_run_takes_the_full_path(
    name: str, database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(UNDECLARED[name])
    project.revision("r1")
    migrate.environment["DATABASE_URL"] = database.url
    built = migrate.run("build")
    compared = Compared(project, migrate)
    compared.with_fast_path(database)

    compared.with_fast_path(database)

    assert built.of("manifest_written")[0]["fast_path_off"].startswith("not declared")
    assert not compared.was_fast


@pytest.mark.parametrize(
    ("env", "suggested"),
    [
        (_env(), "add to alembic.ini: [migration_runner] fast_path = alembic_version"),
        (
            _env(", version_table='100%', version_table_schema='versions'"),
            "add to alembic.ini: [migration_runner] fast_path = versions.100%%",
        ),
        (OWN_ENGINE, "env.py may not use the runner's connection"),
        (_env(", version_table=print"), "env.py may not use the runner's connection"),
    ],
)
def test_it_says_what_to_add(env: str, suggested: str, project: Project, migrate: Migrate) -> None:
    project.write_env(env)
    project.revision("r1")

    built = migrate.run("build")

    reason = built.of("manifest_written")[0]["fast_path_off"]
    assert reason.startswith("not declared")
    assert reason.endswith(suggested)


@pytest.mark.parametrize("variables", [{}, {"ALEMBIC_CONFIG": "pyproject.toml"}])
def test_in_a_pyproject(
    variables: dict[str, str], database: Database, project: Project, migrate: Migrate
) -> None:
    toml = project.folder / "pyproject.toml"
    toml.write_text('[tool.alembic]\nscript_location = "%(here)s/migrations"\n')
    (project.folder / "alembic.ini").unlink()
    project.revision("r1")
    migrate.environment |= variables
    built = migrate.run("build")
    reason = built.of("manifest_written")[0]["fast_path_off"]
    assert reason.endswith('[tool.migration_runner] fast_path = "alembic_version"')
    with toml.open("a") as file:
        file.write('\n[tool.migration_runner]\nfast_path = "alembic_version"\n')
    migrate.run("build")
    compared = Compared(project, migrate)
    compared.with_fast_path(database)

    compared.with_fast_path(database)

    assert compared.was_fast
    # It takes precedence.
    (project.folder / "alembic.ini").write_text(ALEMBIC_INI)
    compared.with_fast_path(database)
    assert not compared.was_fast


@pytest.mark.parametrize(
    ("table", "env", "reason"),
    [
        ("alembic_version", OWN_ENGINE, "env.py opens its own connection"),
        ("revisions", _env(), "env.py configures the version table alembic_version"),
        (
            "alembic_version",
            _env(", version_table_schema='versions'"),
            "env.py configures the version table versions.alembic_version",
        ),
    ],
)
def test_a_false_declaration(
    table: str, env: str, reason: str, project: Project, migrate: Migrate
) -> None:
    project.revision("r1")
    migrate.run("build")
    project.declare(table)
    project.write_env(env)

    built = migrate.run("build")

    assert 78 == built.exit_code
    assert reason in built.finished["summary"]
    assert f"alembic.ini declares fast_path = {table}" in built.finished["summary"]
    assert not (project.folder / ".migrate-manifest").exists()


def test_several_histories(project: Project, migrate: Migrate) -> None:
    project.declare()
    project.revision("r1")

    built = migrate.run("build", MIGRATE_HISTORIES="alembic")

    assert 78 == built.exit_code
    assert "MIGRATE_HISTORIES names several histories" in built.finished["summary"]


@pytest.mark.parametrize("template", ["generic", "async"])
def test_an_untouched_template(
    template: str, database: Database, project: Project, migrate: Migrate
) -> None:
    use_template(project, database, template)
    project.revision("r1")

    built = migrate.run("build")

    assert (
        "not declared, and env.py may not use the runner's connection"
        == built.of("manifest_written")[0]["fast_path_off"]
    )
    assert "canary" not in built.stdout


def test_a_folder_in_a_package(database: Database, project: Project, migrate: Migrate) -> None:
    """Python's path decides where it is."""
    one, other = project.folder / "one", project.folder / "other"
    (one / "shop").mkdir(parents=True)
    (one / "shop" / "__init__.py").touch()
    shutil.move(project.folder / "migrations", one / "shop")
    ini = project.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace("%(here)s/migrations", "shop:migrations"))
    project.versions = one / "shop" / "migrations" / "versions"
    project.declare()
    project.revision("r1")
    runner = migrate.environment["PYTHONPATH"]

    built = migrate.run("build", PYTHONPATH=f"{one}:{runner}")
    shutil.copytree(one, other)
    (other / "shop" / "migrations" / "versions" / "r2.py").write_text(
        "revision = 'r2'\ndown_revision = 'r1'\n\n\ndef upgrade():\n    pass\n"
    )
    result = migrate.run(DATABASE_URL=database.url, PYTHONPATH=f"{other}:{runner}")

    assert "names a folder in a package" in built.of("manifest_written")[0]["fast_path_off"]
    assert ["r2"] == result.finished["to_revisions"]


def test_ids_that_begin_alike(database: Database, project: Project, migrate: Migrate) -> None:
    """The server sorts the ids, and `:` comes behind the digits."""
    project.declare()
    for number, revision in enumerate(("r1", "r10", "r1.0", "r100", "R1")):
        project.table(revision, f"t{number}")
    migrate.run("build")
    compared = Compared(project, migrate)
    compared.with_fast_path(database)

    compared.with_fast_path(database)

    assert compared.was_fast
