"""`python -m benchmarks.tenants`: an env.py that goes through schemas, few and many.

Prints a table; what is compared is the CPU time and the memory for each schema, and plain Alembic
with the same project. The result of `make bench` stays as it is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.bench import say
from benchmarks.contestant import Command
from benchmarks.machine import describe_load, describe_machine
from benchmarks.measuring import Sample, measure
from benchmarks.places import ROOT
from benchmarks.server import BenchmarkServer, Database, running_server
from benchmarks.table import render_table

_ALEMBIC_INI: Final = """\
[alembic]
script_location = %(here)s/migrations
path_separator = os
"""
# As in Alembic's cookbook: one connection, and the search_path leads to each schema.
_ENV_PY: Final = """\
import os

from alembic import context
from sqlalchemy import create_engine, pool, text

url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    for number in range(int(os.environ["SCHEMAS"])):
        schema = f"tenant_{number}"
        connection.execute(text(f"SET search_path TO {schema}"))
        connection.commit()
        context.configure(
            connection=connection, version_table_schema=schema, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()
"""
# A table for five revisions, which add columns to it.
_REVISION: Final = '''\
"""Revision {number}."""

import sqlalchemy as sa
from alembic import op

revision = "r{number:03}"
down_revision = {before!r}


def upgrade():
    {statement}


def downgrade():
    pass
'''
_PER_TABLE: Final = 5
_TOOLS: Final = {"migrate": ["migration_runner"], "alembic": ["alembic", "upgrade", "head"]}
# The start of a process, which a run with few schemas would divide among them.
_ALONE: Final = 1


@dataclass(frozen=True)
class _Result:
    """A tool's samples, a round each, with a number of schemas."""

    tool: str
    schemas: int
    samples: list[Sample]

    @property
    def peak(self) -> float:
        return max(each.peak_bytes for each in self.samples) / 1_000_000


def main() -> None:
    """Measure, and print the result."""
    options = _options()
    sizes = [_ALONE, *options.schemas]
    results = {(tool, size): _Result(tool, size, []) for tool in _TOOLS for size in sizes}
    load = describe_load()
    with (
        tempfile.TemporaryDirectory(prefix="migration-runner-bench-") as name,
        running_server("off") as server,
    ):
        folder = Path(name)
        _write_project(folder, options.revisions)
        for number in range(options.rounds):
            for (tool, size), result in results.items():
                sample = _run(server, folder, tool, size)
                result.samples.append(sample)
                say(f"round {number + 1}: {tool}, {size} schemas: {sample.cpu_seconds:.1f} s CPU")
        print(f"{describe_machine()}; {server.describe()}; {options.rounds} rounds")
    print(f"Load of the machine: {load} before, {describe_load()} after\n")
    print(_render(results, options.schemas))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tenants", description=__doc__)
    parser.add_argument("--schemas", type=int, nargs="+", default=[50, 1_000], metavar="NUMBER")
    parser.add_argument("--revisions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    return parser.parse_args()


def _write_project(folder: Path, revisions: int) -> None:
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text(_ALEMBIC_INI)
    (folder / "migrations" / "env.py").write_text(_ENV_PY)
    before = None
    for number in range(1, revisions + 1):
        name = f"item_{(number - 1) // _PER_TABLE}"
        statement = f'op.add_column("{name}", sa.Column("c{number}", sa.Text))'
        if number % _PER_TABLE == 1:
            statement = f'op.create_table("{name}", sa.Column("id", sa.Integer, primary_key=True))'
        (versions / f"r{number:03}.py").write_text(
            _REVISION.format(number=number, before=before, statement=statement)
        )
        before = f"r{number:03}"


def _run(server: BenchmarkServer, folder: Path, tool: str, size: int) -> Sample:
    with server.database() as database:
        with server.connect(database.name) as connection:
            for number in range(size):
                connection.execute(f"CREATE SCHEMA tenant_{number}".encode())
        return measure(_command(folder, database, tool, size))


def _command(folder: Path, database: Database, tool: str, size: int) -> Command:
    variables = {
        "DATABASE_URL": database.url,
        "SCHEMAS": str(size),
        "PYTHONPATH": str(ROOT),
    }
    return Command([sys.executable, "-m", *_TOOLS[tool]], folder, variables)


def _render(results: dict[tuple[str, int], _Result], sizes: list[int]) -> str:
    rows = []
    for tool in _TOOLS:
        fewest = results[tool, sizes[0]]
        for size in sizes:
            result, alone = results[tool, size], results[tool, _ALONE]
            rows.append(
                [
                    tool,
                    f"{size:,}",
                    f"{median(each.seconds for each in result.samples):.1f}",
                    f"{1000 * median(_per_schema(result)):.1f}",
                    _ratio(_per_schema(result), _per_schema(fewest)),
                    _ratio(_net(result, alone), _net(fewest, alone)),
                    f"{result.peak:.1f}",
                    f"{result.peak / fewest.peak:.2f}",
                    _ratio(_per_schema(result), _per_schema(results["alembic", size])),
                ]
            )
    few = f"x {sizes[0]} schemas"
    header = ["", "schemas", "s", "CPU ms per schema", few, f"{few}, without the start"]
    return render_table([*header, "peak MB", few, "x alembic"], rows)


def _per_schema(result: _Result) -> list[float]:
    return [each.cpu_seconds / result.schemas for each in result.samples]


def _net(result: _Result, alone: _Result) -> list[float]:
    """Return the CPU time that each further schema takes."""
    return [
        (each.cpu_seconds - start.cpu_seconds) / (result.schemas - _ALONE)
        for each, start in zip(result.samples, alone.samples, strict=True)
    ]


def _ratio(values: list[float], others: list[float]) -> str:
    return f"{median(one / other for one, other in zip(values, others, strict=True)):.2f}"


if __name__ == "__main__":
    main()
