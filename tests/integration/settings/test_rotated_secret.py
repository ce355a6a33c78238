"""A mounted secret gets a new password: it is read again before anything connects anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.fixtures.databases import CANARY, Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

NEW = "second:canary%40\\' x"
OWN = """\
import os
from alembic import context
from sqlalchemy import create_engine, pool

url = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""


@dataclass
class Mounted:
    """A database whose password is in a file."""

    database: Database
    file: Path
    kind: str

    def variables(self) -> dict[str, str]:
        """Write the file, and return the variables that name it."""
        self._write(CANARY)
        return self.variables_now()

    def variables_now(self) -> dict[str, str]:
        """Return the variables that name the file as it is."""
        if self.kind == "PGPASSFILE":
            return {
                "PGPASSFILE": str(self.file),
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self.database.server.port),
                "PGUSER": self.database.owner,
                "PGDATABASE": self.database.name,
            }
        return {self.kind: str(self.file)}

    def rotate(self) -> None:
        """Replace the password, in the server and in the file."""
        with self.database.server.connect() as connection:
            connection.execute(
                f"ALTER ROLE {self.database.owner} PASSWORD E'{_escaped(NEW)}'".encode()
            )
        self._write(NEW)

    def end_sessions(self, name: str) -> None:
        """End the sessions with such an application name."""
        with self.database.server.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = %s AND application_name LIKE %s",
                (self.database.owner, f"{name} %"),
            )

    def _write(self, password: str) -> None:
        text = self.database.url.replace(quote(CANARY, safe=""), quote(password, safe=""))
        if self.kind == "PGPASSFILE":
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            text = f"*:*:*:*:{escaped}\n"
        # As Kubernetes does.
        new = self.file.with_name("new")
        new.write_text(text)
        new.chmod(0o600)
        new.rename(self.file)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "''")


@pytest.fixture(params=["DATABASE_URL_FILE", "MIGRATE_DATABASE_URL_FILE", "PGPASSFILE"])
def mounted(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Mounted:
    return Mounted(database, tmp_path / "secret", request.param)


def _sleeps_once(project: Project) -> None:
    project.revision(
        "r1",
        f"""
        import pathlib
        begun = pathlib.Path({str(project.folder / "begun")!r})
        if not begun.exists():
            begun.touch()
            print("here")
            op.execute("SELECT pg_sleep(3600)")
        print({NEW!r})
        """,
    )


@pytest.mark.parametrize("own_engine", [False, True], ids=["offered", "own"])
def test_after_a_lost_session(
    project: Project, migrate: Migrate, mounted: Mounted, *, own_engine: bool
) -> None:
    if own_engine and mounted.kind != "MIGRATE_DATABASE_URL_FILE":
        pytest.skip("env.py has to read the file itself")
    if own_engine:
        project.write_env(OWN)
    _sleeps_once(project)
    running = migrate.start(**mounted.variables())
    running.wait_for_event("here")

    mounted.rotate()
    mounted.end_sessions("migrate")
    result = running.wait()

    assert 0 == result.exit_code, result.stdout
    assert ["r1"] == [each["revision"] for each in result.finished["applied"]]
    assert "canary" not in result.stdout
    assert "***" in result.names


def test_while_waiting_for_the_database(
    project: Project, migrate: Migrate, mounted: Mounted
) -> None:
    """The address can be another one, too."""
    if mounted.kind == "PGPASSFILE":
        pytest.skip("libpq's own")
    project.table("r1", "one")
    mounted.file.write_text("postgresql://shop:first-canary@127.0.0.1:1/shop")
    running = migrate.start(**mounted.variables_now())
    running.wait_for_event("database_unavailable", reason="connection_refused")

    mounted.rotate()
    result = running.wait()

    assert 0 == result.exit_code, result.stdout
    assert "canary" not in result.stdout


def test_the_observer(project: Project, migrate: Migrate, mounted: Mounted) -> None:
    _sleeps_once(project)
    running = migrate.start(**mounted.variables(), MIGRATE_HEARTBEAT="100ms")
    running.wait_for_event("revision_running", state="active")

    mounted.rotate()
    mounted.end_sessions("migrate-observer")

    # All heartbeats from before have been read then.
    running.wait_for_event("observer_unavailable")
    running.wait_for_event("revision_running", state="active")
    running.kill()


def test_migrate_wait(project: Project, migrate: Migrate, mounted: Mounted) -> None:
    project.table("r1", "one")
    running = migrate.start("wait", **mounted.variables(), MIGRATE_HEARTBEAT="100ms")
    for _ in range(3):
        running.wait_for_event("revisions_pending")

    mounted.rotate()
    mounted.end_sessions("migrate")
    running.wait_for_event("revisions_pending")
    applied = migrate.run(**mounted.variables_now())
    result = running.wait()

    assert (0, 0) == (applied.exit_code, result.exit_code), result.stdout
    assert "canary" not in result.stdout


def test_a_file_that_is_gone_for_a_moment(
    project: Project, migrate: Migrate, mounted: Mounted
) -> None:
    """The address that was read before is used; libpq looks for its own files by itself."""
    if mounted.kind == "PGPASSFILE":
        pytest.skip("libpq's own")
    _sleeps_once(project)
    running = migrate.start(**mounted.variables())
    running.wait_for_event("here")

    mounted.file.unlink()
    mounted.end_sessions("migrate")

    assert 0 == running.wait().exit_code
