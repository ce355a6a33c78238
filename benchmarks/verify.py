"""`python -m benchmarks.verify`: the workshop on the template, many revisions, other projects.

    python -m benchmarks.verify                      # the template, 1,000 revisions
    python -m benchmarks.verify --corpus dstack      # also a project as in tests/corpus

Prints the figures for benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.machine import describe_load, describe_machine
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import load_settings
from migration_runner.workshop.cluster import Cluster
from migration_runner.workshop.initdb import SUPERUSER
from migration_runner.workshop.own_databases import OwnDatabases
from migration_runner.workshop.programs import find_programs
from migration_runner.workshop.workbench import open_workbench
from tests.corpus.installation import Installation, build_wheel
from tests.corpus.projects import PROJECTS, Site

_ROOT: Final = Path(__file__).resolve().parents[1]
_MANY: Final = 1_000
_ENV: Final = """\
from alembic import context
context.configure(
    connection=context.config.attributes["connection"], transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
"""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", nargs="*", default=[], metavar="PROJECT")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{describe_machine()}, load {describe_load()}; PostgreSQL {find_programs().version}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _measure_template(folder, arguments.rounds)
        _measure_many(folder)
        for project in arguments.corpus:
            _measure_project(folder, project)


def _measure_template(folder: Path, rounds: int) -> None:
    for part in ("alembic.ini", "migrations", "models"):
        source = _ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    command = [sys.executable, "-m", "migration_runner"]
    cold, warm, check, plain = [], [], [], []
    for number in range(rounds):
        cache = {"MIGRATE_CACHE": str(folder / f"cache {number}")}
        with _database() as url:
            alembic = [sys.executable, "-m", "alembic", "upgrade", "head"]
            plain.append(_time(alembic, folder, {"DATABASE_URL": url}))
        cold.append(_time([*command, "verify", "--all"], folder, cache))
        warm.append(_time([*command, "verify", "--all"], folder, cache))
        check.append(_time([*command, "check", "--deep"], folder, cache))
    base = statistics.median(plain)
    print("| the template, 15 revisions | seconds | to `alembic upgrade head` |")
    print("| --- | ---: | ---: |")
    rows = {
        "`verify --all`, nothing in the cache": cold,
        "`verify --all` again": warm,
        "`check --deep`, at head in the cache": check,
        "`alembic upgrade head` on a server that runs": plain,
    }
    for what, seconds in rows.items():
        median = statistics.median(seconds)
        print(f"| {what} | {median:.2f} | {median / base:.1f} |")


def _measure_many(folder: Path) -> None:
    many = folder / "many"
    versions = many / "migrations" / "versions"
    versions.mkdir(parents=True)
    (many / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    (many / "migrations" / "env.py").write_text(_ENV)
    for number in range(_MANY):
        parent = f"r{number - 1:04}" if number else None
        _write_revision(versions, f"r{number:04}", parent)
    variables = {"ALEMBIC_CONFIG": str(many / "alembic.ini"), "MIGRATE_CACHE": str(many / "cache")}
    seconds = [_time_until_ready(variables) for _ in range(2)]
    _write_revision(versions, "new", f"r{_MANY - 1:04}")
    seconds.append(_time_until_ready(variables))
    print(f"\n| {_MANY:,} revisions, a server at head | seconds |\n| --- | ---: |")
    for what, each in zip(("first", "again", "with a new revision"), seconds, strict=True):
        print(f"| {what} | {each:.2f} |")


def _write_revision(folder: Path, name: str, parent: str | None) -> None:
    (folder / f"{name}.py").write_text(
        f"from alembic import op\nrevision = {name!r}\ndown_revision = {parent!r}\n"
        f'def upgrade():\n    op.execute("CREATE TABLE t_{name} (id bigint)")\n'
        f'def downgrade():\n    op.execute("DROP TABLE t_{name}")\n'
    )


def _time_until_ready(variables: Mapping[str, str]) -> float:
    """Return how long it takes until the server is at head, once Python has imported everything."""
    settings = load_settings(variables)
    project = AlembicProject(settings.alembic)
    heads = project.history.heads
    started = time.perf_counter()
    with open_workbench(settings, project, heads) as bench:
        seconds = time.perf_counter() - started
        bench.remember(heads[0])
    return seconds


def _measure_project(folder: Path, name: str) -> None:
    installation = Installation(name)
    wheels = folder / f"wheel of {name}"
    wheels.mkdir()
    with installation.held():
        installation.make(build_wheel(wheels))
        home = folder / name
        home.mkdir()
        project = next(each for each in PROJECTS if each.name == name)
        # Never asked: every engine is led to the throw-away server.
        words = project.words(Site(installation.packages, "postgresql://nowhere/nothing", home))
        for config in words.configs:
            variables = {
                **words.variables,
                "MIGRATE_CACHE": str(home / "cache"),
                "MIGRATE_POSTGRES": str(find_programs().folder),
                "PYTHONPATH": str(_ROOT),
            }
            command = [str(installation.program("python")), "-m", "migration_runner"]
            command += ["-c", str(config), "verify", "--all", "--fail-on", "never"]
            print(f"\n{name}: `verify --all` {_time(command, words.folder, variables):.1f} s")


def _time(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(_ROOT), **variables},
        check=False,
        capture_output=True,
        text=True,
    )
    # 65 and 4: another's project has findings.
    if done.returncode not in (0, 4, 65):
        raise SystemExit(done.stdout + done.stderr)
    return time.perf_counter() - started


@contextlib.contextmanager
def _database() -> Iterator[str]:
    cluster = Cluster(find_programs())
    try:
        yield OwnDatabases(cluster).url(SUPERUSER)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
