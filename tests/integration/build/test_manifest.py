"""`migrate build` finds out what an env.py does, and leaves the manifest out where it cannot."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.fast_path import Compared
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate
from tests.fixtures.templates import use_template

OWN_ENGINE = """\
import os
import sqlalchemy
from alembic import context
{before}
url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
with sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool{engine}).connect() as connection:
    {within}
    context.configure(connection=connection, transaction_per_migration=True{configure})
    with context.begin_transaction():
        context.run_migrations()
{after}
"""


def _own_engine(**parts: str) -> str:
    empty = {"before": "", "engine": "", "within": "pass", "configure": "", "after": ""}
    return OWN_ENGINE.format(**{**empty, **parts})


SEEN = {
    "own engine": _own_engine(),
    "another version table": _own_engine(configure=", version_table='revisions'"),
    "a version table to be quoted": _own_engine(configure=", version_table='My \"Revisions\"'"),
    "a schema": _own_engine(configure=", version_table_schema='versions'"),
    "a variable that is not set": _own_engine(before="os.environ.get('SHOP_SCHEMA')"),
    "a variable of no consequence": _own_engine(before="os.environ['PATH']"),
    "a file": _own_engine(before="open('alembic.ini').close()"),
    "fileConfig": _own_engine(
        before="from logging.config import fileConfig\n"
        "if context.config.config_file_name: fileConfig('logging.ini')"
    ),
    "the runner's connection": ENV_PY,
}
NOT_SEEN = {
    "another database": (
        _own_engine(before="os.environ['DATABASE_URL'] += '_test'"),
        "connects with other parameters than DATABASE_URL's",
    ),
    "options of its own": (
        _own_engine(engine=", connect_args={'options': '-c search_path=x'}"),
        "connects with other parameters than DATABASE_URL's",
    ),
    "a creator": (
        _own_engine(engine=", creator=lambda: 1 / 0"),
        "division by zero",
    ),
    "a driver": (
        _own_engine(before="import psycopg; psycopg.connect(os.environ['DATABASE_URL'])"),
        "opens a connection itself",
    ),
    "a driver, whatever happens": (
        _own_engine(
            before="import psycopg\n"
            "try: psycopg.connect(os.environ['DATABASE_URL'])\n"
            "except BaseException: pass"
        ),
        "opens a connection itself",
    ),
    "a listener": (
        _own_engine(
            before="from sqlalchemy import event\n"
            "@event.listens_for(sqlalchemy.engine.Engine, 'connect')\n"
            "def connected(connection, record): connection.execute('SET search_path TO x')"
        ),
        "has event listeners on its connections",
    ),
    "a listener on the runner's": (
        "import sqlalchemy\nfrom sqlalchemy import event\n"
        "@event.listens_for(sqlalchemy.engine.Engine, 'begin')\n"
        "def begun(connection): connection.exec_driver_sql('SET search_path TO x')\n" + ENV_PY,
        "has event listeners on its connections",
    ),
    "translated schemas": (
        _own_engine(
            within="connection = connection.execution_options(schema_translate_map={None: 'x'})"
        ),
        "uses schema_translate_map",
    ),
    "a statement": (
        _own_engine(within="connection.execute(sqlalchemy.text('SET search_path TO x'))"),
        "queries the database",
    ),
    "a statement afterwards": (
        _own_engine(
            after="with sqlalchemy.create_engine(url).begin() as connection:\n"
            "    connection.exec_driver_sql('GRANT ALL ON ALL TABLES IN SCHEMA public TO app')"
        ),
        "queries the database",
    ),
    "a variable that is set": (
        _own_engine(before="os.environ.get('SHOP_STAGE')"),
        "reads the variable SHOP_STAGE",
    ),
    "all variables": (_own_engine(before="dict(os.environ)"), "reads all environment variables"),
    "a loop over tenants": (
        _own_engine(after="    context.configure(connection=connection)"),
        "more than one context",
    ),
    "a print": (_own_engine(before="print('migrating ...')"), "prints or logs"),
    "a log line": (
        _own_engine(before="import logging; logging.getLogger('shop').warning('migrating')"),
        "prints or logs",
    ),
    "a child": (
        _own_engine(after="import subprocess; subprocess.run(['true'])"),
        "uses the network or starts a process (subprocess.Popen)",
    ),
    "a request": (
        _own_engine(before="import socket; socket.create_connection(('127.0.0.1', 1))"),
        "uses the network or starts a process (socket.",
    ),
    "a file written": (_own_engine(after="open('schema.sql', 'w').close()"), "writes schema.sql"),
    "an error": (_own_engine(before="raise RuntimeError('not here')"), "not here"),
    "an exit": (_own_engine(before="raise SystemExit('not here')"), "not here"),
    "nothing": ("", "configures no context"),
}


@pytest.mark.parametrize("name", SEEN)
def test_what_it_finds_out_holds(
    name: str, database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(SEEN[name])
    (project.folder / "logging.ini").write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=\n[formatters]\nkeys=\n"
        "[logger_root]\nhandlers=\nlevel=WARNING\n"
    )
    project.table("r1", "one")
    database.query("CREATE SCHEMA versions")
    compared = Compared(project, migrate)

    built = migrate.run("build")

    (written,) = built.of("manifest_written")
    assert ".migrate-manifest" == written["file"]
    assert not written["sealed"]
    assert written["fast_path_off"] is None
    behind = compared.with_fast_path(database)
    assert '"outcome": "applied"' in behind.lines
    assert not compared.was_fast
    assert compared.without_fast_path(database) == compared.with_fast_path(database)
    assert compared.was_fast


@pytest.mark.parametrize("name", NOT_SEEN)
def test_what_would_have_to_be_done_in_every_run(
    name: str, project: Project, migrate: Migrate
) -> None:
    text, reason = NOT_SEEN[name]
    project.revision("r1")
    migrate.run("build")
    project.write_env(text)

    built = migrate.run("build", SHOP_STAGE="production", DATABASE_URL="postgresql://shop@db/shop")

    assert 0 == built.exit_code, built.stdout
    assert reason in built.of("manifest_written")[0]["fast_path_off"]
    assert not (project.folder / "schema.sql").exists()


def test_an_untouched_template_names_its_database_in_the_ini(
    database: Database, project: Project, migrate: Migrate
) -> None:
    use_template(project, database, "generic")
    project.revision("r1")

    built = migrate.run("build")

    assert (
        "connects with other parameters than DATABASE_URL's"
        in built.of("manifest_written")[0]["fast_path_off"]
    )
    assert "canary" not in built.stdout


def test_ids_that_begin_alike(database: Database, project: Project, migrate: Migrate) -> None:
    """The server sorts the ids, and `:` comes behind the digits."""
    for number, revision in enumerate(("r1", "r10", "r1.0", "r100", "R1")):
        project.table(revision, f"t{number}")
    migrate.run("build")
    compared = Compared(project, migrate)
    compared.with_fast_path(database)

    compared.with_fast_path(database)

    assert compared.was_fast


def test_a_variable_set_later(database: Database, project: Project, migrate: Migrate) -> None:
    project.write_env(SEEN["a variable that is not set"])
    project.revision("r1")
    migrate.run("build")
    compared = Compared(project, migrate)
    compared.with_fast_path(database)

    compared.with_fast_path(database)
    assert compared.was_fast
    compared.with_fast_path(database, SHOP_SCHEMA="x")
    assert not compared.was_fast


def test_a_module_of_the_project(database: Database, project: Project, migrate: Migrate) -> None:
    module = project.folder / "names.py"
    module.write_text("VERSION_TABLE = 'revisions'\n")
    project.write_env(
        _own_engine(before="import names", configure=", version_table=names.VERSION_TABLE")
    )
    project.revision("r1", header="import names")
    migrate.run("build")
    compared = Compared(project, migrate)
    compared.with_fast_path(database)

    compared.with_fast_path(database)
    assert compared.was_fast
    module.write_text("VERSION_TABLE = 'other'\n")
    compared.with_fast_path(database)
    assert not compared.was_fast


def test_a_file_that_was_not_there(database: Database, project: Project, migrate: Migrate) -> None:
    project.write_env(
        _own_engine(
            before=textwrap.dedent(
                """
                try:
                    open('.env').close()
                except OSError:
                    pass
                """
            )
        )
    )
    project.revision("r1")
    migrate.run("build")
    compared = Compared(project, migrate)
    compared.with_fast_path(database)

    compared.with_fast_path(database)
    assert compared.was_fast
    (project.folder / ".env").write_text("")
    compared.with_fast_path(database)
    assert not compared.was_fast


def test_sealed_it_looks_at_folders_only(
    database: Database, project: Project, migrate: Migrate
) -> None:
    file = project.revision("r1")
    built = migrate.run("build", "--seal")
    assert built.of("manifest_written")[0]["sealed"]
    compared = Compared(project, migrate)
    compared.with_fast_path(database)

    with file.open("a") as opened:
        opened.write("# in place\n")
    compared.with_fast_path(database)
    assert compared.was_fast
    Path(project.versions / "r2.py").write_text("")
    compared.with_fast_path(database)
    assert not compared.was_fast


def test_another_folder(
    database: Database, project: Project, migrate: Migrate, tmp_path: Path
) -> None:
    project.revision("r1")
    migrate.run("build")
    moved = project.folder.rename(tmp_path / "moved")
    migrate.folder = moved
    (moved / "termination-log").touch()
    compared = Compared(project, migrate)
    project.folder.mkdir()

    compared.with_fast_path(database)
    compared.with_fast_path(database)
    assert not compared.was_fast
