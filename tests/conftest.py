"""Every fixture is in `tests/fixtures/`, a file a concern."""

from __future__ import annotations

pytest_plugins = [
    "tests.fixtures.postgres",
    "tests.fixtures.databases",
    "tests.fixtures.pgbouncer",
    "tests.fixtures.proxy",
    "tests.fixtures.network",
    "tests.fixtures.project",
    "tests.fixtures.runner",
    "tests.fixtures.faults",
    "tests.fixtures.shop",
    "tests.fixtures.containers",
    "tests.fixtures.pods",
]
