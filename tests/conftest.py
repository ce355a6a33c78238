"""Every fixture is in `tests/fixtures/`, a file a concern."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's affair.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

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
