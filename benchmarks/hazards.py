"""`python -m benchmarks.hazards`: the set of hazards and harmless revisions, and what a look costs.

Prints the figures for benchmarks/README.md.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import sqlalchemy
from sqlalchemy.pool import NullPool

from benchmarks.machine import describe_load, describe_machine
from benchmarks.server import BenchmarkServer, Database, running_server
from migration_runner.workshop.checks import CHECKS, Level
from migration_runner.workshop.hazards.judgement import judge
from migration_runner.workshop.hazards.squawk import lint
from tests.fixtures.captured import Ran, in_child, load, run_captured, upgrade_on
from tests.fixtures.hazards import HARMLESS, HAZARDS, REVISIONS

_MAJOR: Final = 18
_STATEMENTS: Final = 100
_TABLES: Final = 300
_REVISION: Final = f"""\
from alembic import op


def upgrade():
    for number in range({_STATEMENTS}):
        op.execute(f"ALTER TABLE orders ADD COLUMN c{{number}} text")
"""
_MANY_TABLES: Final = f"""\
DO $$ BEGIN FOR n IN 1 .. {_TABLES} LOOP
  EXECUTE 'CREATE TABLE t' || n || ' (id bigint PRIMARY KEY, a text UNIQUE, b text, c text, d text,
    e text, f text, g text, h text, i text)';
END LOOP; END $$"""


def main() -> None:
    """Run the set, measure, and print."""
    with running_server("off") as server, tempfile.TemporaryDirectory() as name:
        print(f"{describe_machine()}, load {describe_load()}; {server.describe()}\n")
        shop = server.create()
        engine = sqlalchemy.create_engine(shop.url_of("postgresql+psycopg"), poolclass=NullPool)
        with engine.connect() as connection:
            upgrade_on(connection, load(REVISIONS / "base.py"))
        _run_set(server, shop)
        revision = Path(name) / "revision.py"
        revision.write_text(_REVISION)
        print("\n| 100 statements, with | alone | captured | captured and observed | a look |")
        print("| --- | ---: | ---: | ---: | ---: |")
        _cost(server, shop, revision, "12 tables")
        with server.connect(shop.name) as many:
            many.execute(_MANY_TABLES.encode())
        _cost(server, shop, revision, f"{_TABLES} more tables")


def _run_set(server: BenchmarkServer, shop: Database) -> None:
    started = time.perf_counter()
    found = [path for path in HAZARDS if load(path).expected in _alarms(server, shop, path)]
    false = [path for path in HARMLESS if _alarms(server, shop, path)]
    seconds = time.perf_counter() - started
    print(f"{len(found)} of {len(HAZARDS)} hazards found")
    print(f"{len(false)} false alarms in {len(HARMLESS)} harmless revisions")
    missed = [path.stem for path in HAZARDS if path not in found]
    print(f"missed: {missed}; false: {[path.stem for path in false]}; {seconds:.1f} s in all")


def _alarms(server: BenchmarkServer, shop: Database, path: Path) -> Sequence[str]:
    ran = _run(server, shop, path, observed=True)
    breaking = [path.stem] if hasattr(load(path), "breaks_before") else []
    found = judge(ran.statements, major=_MAJOR, breaking=breaking)
    linted = lint(ran.statements, major=_MAJOR, breaking=breaking).findings
    return [each.check for each in (*found, *linted) if CHECKS[each.check].level >= Level.WARNING]


def _run(server: BenchmarkServer, shop: Database, path: Path, *, observed: bool) -> Ran:
    with server.database(shop) as database:
        place = database.url.partition("://")[2]
        return in_child(lambda: run_captured(path, "psycopg", place, observed=observed))


def _cost(server: BenchmarkServer, shop: Database, path: Path, what: str) -> None:
    """Print the best of three, in milliseconds for a statement."""
    each = 1000 / _STATEMENTS
    observed, captured = (
        min(_run(server, shop, path, observed=observed).seconds for _ in range(3)) * each
        for observed in (True, False)
    )
    alone = min(_alone(server, shop, path) for _ in range(3)) * each
    print(
        f"| {what} | {alone:.2f} ms | {captured:.2f} ms | {observed:.2f} ms |"
        f" {observed - captured:.2f} ms |"
    )


def _alone(server: BenchmarkServer, shop: Database, path: Path) -> float:
    with server.database(shop) as database:
        url = database.url_of("postgresql+psycopg")

        def run() -> Ran:
            module, started = load(path), time.perf_counter()
            engine = sqlalchemy.create_engine(url, poolclass=NullPool)
            with engine.connect() as connection:
                upgrade_on(connection, module)
            return Ran(seconds=time.perf_counter() - started)

        return in_child(run).seconds


if __name__ == "__main__":
    main()
