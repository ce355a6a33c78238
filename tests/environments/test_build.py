"""`migrate build` in the oldest and newest releases: the manifest is written, and runs use it."""

from __future__ import annotations

from tests.fixtures.databases import Database
from tests.fixtures.environments import Stack
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

ENV = """\
from alembic import context

context.configure(
    connection=context.config.attributes["connection"], transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
"""


def test_the_manifest_is_written_and_used(
    database: Database, project: Project, migrate: Migrate, stack: Stack
) -> None:
    stack.start(project, database.url)
    project.write_env(ENV)
    project.declare()
    project.table("r1", "one")
    project.revision("r2", header="branch_labels = ('side',)")

    built = migrate.run("build")
    first, second = (migrate.run(DATABASE_URL=database.url) for _ in range(2))

    assert 0 == built.exit_code, built.stdout + built.stderr
    (written,) = built.of("manifest_written")
    assert written["fast_path_off"] is None
    assert (0, 0) == (first.exit_code, second.exit_code), first.stdout + second.stdout
    assert ["run_started", "database_ready", "run_finished"] == second.names
    assert ["r2"] == second.finished["to_revisions"]
