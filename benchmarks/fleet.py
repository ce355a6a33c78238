"""`python -m benchmarks.fleet`: a fleet at head, a fleet that is behind, and tenants' schemas.

Prints a table for benchmarks/README.md. Databases are copies of one template: 8 MB each.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from psycopg import sql

from benchmarks.alembic_projects import Ours
from benchmarks.contestant import Command
from benchmarks.machine import describe_load, describe_machine
from benchmarks.measuring import RunFailed, Sample, measure
from benchmarks.places import ROOT
from benchmarks.revisions import make_revisions
from benchmarks.server import BenchmarkServer, Database, running_server

_MIGRATE: Final = (sys.executable, "-m", "migration_runner")
_REVISIONS: Final = 20
_BEHIND: Final = 100
_COPY_SCHEMA: Final = """\
CREATE SCHEMA {schema};
CREATE TABLE {schema}.alembic_version AS TABLE {template}.alembic_version;
INSERT INTO migration_runner.ledger (version_table_schema, {columns})
  SELECT {name}, {columns} FROM migration_runner.ledger WHERE version_table_schema = {first}"""


@dataclass(frozen=True)
class _Project:
    """A project's folder, and runs of `migrate` in it."""

    folder: Path

    def run(self, *words: str, url: str) -> tuple[Sample, list[dict[str, Any]]]:
        """Run a command, and return what it took, and its events."""
        variables = {"PYTHONPATH": str(ROOT), "DATABASE_URL": url}
        sample = measure(Command([*_MIGRATE, *words], self.folder, variables))
        lines = (self.folder / "benchmark.log").read_text().splitlines()
        return sample, [json.loads(line) for line in lines if line.startswith("{")]


def main() -> None:
    """Measure, and print the table."""
    options = _options()
    with (
        tempfile.TemporaryDirectory(prefix="migration-runner-bench-") as name,
        running_server("off") as server,
    ):
        folder = Path(name) / "project"
        folder.mkdir()
        Ours().write(folder, make_revisions(_REVISIONS))
        project = _Project(folder)
        template = server.create()
        project.run("build", url=template.url)
        project.run("upgrade", f"+{_REVISIONS - 1}", url=template.url)
        behind = [_copy(server, template, f"behind_{n}") for n in range(_BEHIND)]
        project.run("upgrade", url=template.url)
        print(f"{describe_machine()}, load {describe_load()}; {server.describe()}\n")
        print("| | Targets | Seconds | CPU seconds | Peak memory | per target |")
        print("| --- | --- | --- | --- | --- | --- |")
        _runs_of_one(project, template)
        _behind(project, behind)
        _schemas(server, project, options.schemas)
        _at_head(server, project, template, options.databases)
        print(f"\nLoad afterwards: {describe_load()}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--databases", type=int, default=2_000)
    parser.add_argument("--schemas", type=int, nargs="*", default=[50, 1_000, 10_000])
    return parser.parse_args()


def _print(what: str, count: int, sample: Sample) -> None:
    each = sample.seconds / count * 1000
    cpu = sample.cpu_seconds / count * 1000
    peak = sample.peak_bytes / 1_000_000
    print(
        f"| {what} | {count:,} | {sample.seconds:.2f} | {sample.cpu_seconds:.2f} | {peak:.0f} MB"
        f" | {each:.2f} ms, {cpu:.2f} ms of CPU |",
        flush=True,
    )


def _require(outcomes: dict[str, int], events: list[dict[str, Any]]) -> None:
    found = events[-1]["fleet"]["outcomes"]
    if found != outcomes:
        message = f"{found}, not {outcomes}"
        raise RunFailed(message)


def _runs_of_one(project: _Project, template: Database) -> None:
    """Measure a process for each: what a loop in a shell does."""
    samples = [project.run(url=template.url)[0] for _ in range(20)]
    whole = Sample(sum(each.seconds for each in samples), sum(each.cpu_seconds for each in samples))
    _print("`migrate` at head, a process each", len(samples), whole)


def _behind(project: _Project, databases: Iterable[Database]) -> None:
    databases = list(databases)
    alone, together = databases[:10], databases[10:]
    samples = [project.run(url=each.url)[0] for each in alone]
    whole = Sample(sum(each.seconds for each in samples), sum(each.cpu_seconds for each in samples))
    _print("`migrate`, one revision pending, a process each", len(alone), whole)
    sample, events = project.run("fleet", "--targets", _write(project, together), url="")
    _require({"applied": len(together)}, events)
    _print("`migrate fleet`, one revision pending, 4 at a time", len(together), sample)


def _schemas(server: BenchmarkServer, project: _Project, sizes: Iterable[int]) -> None:
    """Measure schemas of one database, all at head."""
    for size in sizes:
        with server.database() as database:
            with server.connect(database.name) as connection:
                connection.execute("CREATE SCHEMA s0")
            project.run("--search-path", "s0", url=database.url)
            _copy_schemas(server, database, size)
            targets = project.folder / "targets"
            targets.write_text("".join(f"s{n} schema=s{n}\n" for n in range(size)))
            sample, events = project.run("fleet", "--targets", str(targets), url=database.url)
            _require({"up_to_date": size}, events)
            [seen] = [each for each in events if each["event"] == "targets_seen"]
            _print("`migrate fleet`, schemas at head", size, sample)
            look = Sample(seen["duration_seconds"])
            _print("of that, the look", size, look)


def _copy_schemas(server: BenchmarkServer, database: Database, size: int) -> None:
    with server.connect(database.name) as connection:
        found = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'ledger'"
            " AND column_name NOT IN ('sequence', 'version_table_schema') ORDER BY 1"
        ).fetchall()
        columns = sql.SQL(", ").join(sql.Identifier(name) for (name,) in found)
        for number in range(1, size):
            name = f"s{number}"
            connection.execute(
                sql.SQL(_COPY_SCHEMA).format(
                    schema=sql.Identifier(name),
                    template=sql.Identifier("s0"),
                    name=sql.Literal(name),
                    first=sql.Literal("s0"),
                    columns=columns,
                )
            )
        connection.execute("ANALYZE")


def _at_head(server: BenchmarkServer, project: _Project, template: Database, largest: int) -> None:
    """Measure databases at head, a quarter, a half, and all of them."""
    databases: list[Database] = []
    copies = _copies(server, template)
    for size in (largest // 4, largest // 2, largest):
        while len(databases) < size:
            databases.append(next(copies))
        sample, events = project.run("fleet", "--targets", _write(project, databases), url="")
        _require({"up_to_date": size}, events)
        _print("`migrate fleet`, databases at head", size, sample)


def _copies(server: BenchmarkServer, template: Database) -> Iterator[Database]:
    number = 0
    while True:
        yield _copy(server, template, f"fleet_{number}")
        number += 1


def _copy(server: BenchmarkServer, template: Database, name: str) -> Database:
    with server.connect() as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        connection.execute(statement.format(*map(sql.Identifier, (name, template.name))))
    return Database(name, template.port)


def _write(project: _Project, databases: Iterable[Database]) -> str:
    targets = project.folder / "targets"
    targets.write_text("".join(f"{each.name} {each.url}\n" for each in databases))
    return str(targets)


if __name__ == "__main__":
    main()
