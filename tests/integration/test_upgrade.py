"""`migrate`: what it applies, and what it says of it."""

from __future__ import annotations

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


def test_applies_every_pending_revision(
    any_database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    project.table("r2", "two")

    result = migrate.run(DATABASE_URL=any_database.url, MIGRATE_BUILD="build-7")

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert [
        "run_started",
        "database_ready",
        "run_lock_acquired",
        "revision_started",
        "revision_applied",
        "revision_started",
        "revision_applied",
        "run_finished",
    ] == result.names
    finished = result.finished
    assert "applied" == finished["outcome"]
    assert [] == finished["from_revisions"]
    assert ["r2"] == finished["to_revisions"]
    assert ["r1", "r2"] == [each["revision"] for each in finished["applied"]]
    assert all(each["duration_seconds"] > 0 for each in finished["applied"])
    assert "build-7" == finished["build"]
    assert str(any_database.server.major) == finished["server_version"].partition(".")[0]
    assert [("r2",)] == any_database.query("SELECT version_num FROM alembic_version")
    assert "" == result.stderr
