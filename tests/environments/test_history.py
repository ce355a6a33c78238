"""The checks of a history, and the trial of env.py, in the oldest and newest releases."""

from __future__ import annotations

from typing import Final

from tests.fixtures.databases import Database
from tests.fixtures.environments import Stack
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

ENV: Final = """\
from alembic import context
from sqlalchemy import create_engine

with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    import tables

    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
CHECK: Final = """\
from migration_runner.settings.settings import load_settings
from migration_runner.workshop.history_checks import check_history

for found in check_history(load_settings({}, {})):
    print(found.check, found.file.name, found.line)
"""


def test_every_broken_file_is_found(
    database: Database, project: Project, migrate: Migrate, stack: Stack
) -> None:
    stack.start(project, database.url)
    project.revision("r1", header="import nobodys")
    project.revision("r2", header="def f(:")
    project.revision("r3", down="gone")
    project.revision("r4", down="r4")

    result = migrate.start_command([migrate.python, "-c", CHECK]).wait()

    assert [
        "broken-file r1.py 7",
        "broken-file r2.py 7",
        "broken-history r3.py 6",
        "broken-history r4.py 6",
    ] == result.stdout.splitlines(), result.stderr


def test_an_import_behind_a_connection_is_tried(
    database: Database, project: Project, migrate: Migrate, stack: Stack
) -> None:
    stack.start(project, database.url)
    project.revision("r1")
    project.write_env(ENV)

    missing = migrate.run("build")
    (project.folder / "tables.py").touch()
    there = migrate.run("build")

    assert (65, 0) == (missing.exit_code, there.exit_code), missing.stdout + there.stdout
    assert "No module named 'tables'" in missing.finished["summary"]
