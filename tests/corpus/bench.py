"""One project on databases of its own: under plain Alembic, under `migrate`, and what is there."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migration_runner.ledger.rows import SCHEMA
from tests.corpus.installation import Installation
from tests.corpus.projects import Project, Site, Words
from tests.fixtures.databases import CANARY, Database, create_database, drop_database
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.runner import Result, Running

_INHERITED: Final = ("PATH", "LANG", "LD_LIBRARY_PATH")
_NO_TELEMETRY: Final = {"DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
# Some revisions write down when they were run.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+")


@dataclass(frozen=True)
class State:
    """What is in a database, but for the ledger."""

    schema: str
    rows: dict[str, list[str]]

    @property
    def version_tables(self) -> list[str]:
        """The version tables that say something."""
        return sorted(name for name in self.rows if "alembic_version" in name and self.rows[name])


@dataclass(frozen=True)
class Place:
    """A database, and what the project has to be told for it."""

    database: Database
    words: Words
    environment: dict[str, str]


class Bench:
    """One installed project."""

    def __init__(
        self, project: Project, installation: Installation, server: PostgresServer, folder: Path
    ) -> None:
        self._project = project
        self._installation = installation
        self._server = server
        self._folder = folder
        self._databases: list[Database] = []
        self._started: list[Running] = []

    def place(self) -> Place:
        """Make a database as the project's first revision expects it."""
        database = create_database(self._server)
        self._databases.append(database)
        folder = self._folder / database.name
        folder.mkdir()
        site = Site(self._installation.packages, database.url, folder)
        words = self._project.words(site)
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment |= {"HOME": str(folder), **_NO_TELEMETRY, **words.variables}
        place = Place(database, words, environment)
        if self._project.seed:
            self._run(place, "python", "-c", self._project.seed, site.url("psycopg2"))
        return place

    def alembic(self, place: Place) -> None:
        """Upgrade with plain Alembic, a command a history."""
        for config in place.words.configs:
            self._run(place, "alembic", "-c", str(config), "upgrade", "heads")

    def start(self, place: Place) -> Running:
        """Start `migrate`, which is told nothing of the database: the project is."""
        configs = place.words.configs
        name = "ALEMBIC_CONFIG" if len(configs) == 1 else "MIGRATE_HISTORIES"
        variables = {name: ",".join(map(str, configs)), "MIGRATE_TARGET": "heads"}
        command = [str(self._installation.program("migrate"))]
        running = Running(command, place.words.folder, {**place.environment, **variables})
        self._started.append(running)
        return running

    def migrate(self, place: Place, runs: int = 1) -> list[Result]:
        """Run `migrate` to a good end, as often at the same time as said."""
        started = [self.start(place) for _ in range(runs)]
        results = [running.wait() for running in started]
        for result in results:
            assert 0 == result.exit_code, result.stdout + result.stderr
            assert "" == result.stderr
            assert CANARY not in result.stdout
        return results

    def state(self, place: Place) -> State:
        """Return what is in the database, its owner under a name that all of them have."""
        database = place.database
        schema = database.server.dump(database.name, "--schema-only", f"--exclude-schema={SCHEMA}")
        tables = database.query(
            f"SELECT relid::regclass FROM pg_stat_user_tables WHERE schemaname <> '{SCHEMA}'"
        )
        with database.connect() as connection:
            rows = {
                table: sorted(
                    _MOMENT.sub("<moment>", row)
                    for (row,) in connection.execute(f"SELECT t::text FROM {table} AS t".encode())
                )
                for (table,) in tables
            }
        return State(schema.replace(database.owner, "owner"), rows)

    def dump(self, place: Place) -> str:
        """Return everything that is in the database, the ledger with it."""
        return place.database.server.dump(place.database.name)

    def recorded(self, place: Place) -> list[str]:
        """Return which revisions the ledger says were applied."""
        ledger = f"SELECT revision FROM {SCHEMA}.ledger WHERE direction = 'upgrade'"
        return [revision for (revision,) in place.database.query(ledger)]

    def close(self) -> None:
        """Kill what a failed test has left behind, and drop the databases."""
        for running in self._started:
            if running.process.poll() is None:
                running.kill()
            running.close()
        for database in self._databases:
            drop_database(database)

    def _run(self, place: Place, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [str(self._installation.program(program)), *arguments],
            check=False,
            cwd=place.words.folder,
            env=place.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
