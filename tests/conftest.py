"""Every fixture is in `tests/fixtures/`, a file a concern."""

from __future__ import annotations

import faulthandler
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's affair.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

_TESTS = Path(__file__).parent
# More than pytest-timeout allows, with its clean-up.
_LONGEST_SECONDS = 600
_LONGEST_FIRST = {"container": 0, "corpus": 1, "faults": 2, "environments": 3, "integration": 4}

pytest_plugins = [
    "tests.fixtures.log",
    "tests.fixtures.postgres",
    "tests.fixtures.databases",
    "tests.fixtures.missing",
    "tests.fixtures.pgbouncer",
    "tests.fixtures.fake_server",
    "tests.fixtures.proxy",
    "tests.fixtures.network",
    "tests.fixtures.project",
    "tests.fixtures.env_sources",
    "tests.fixtures.runner",
    "tests.fixtures.fast_path",
    "tests.fixtures.targets",
    "tests.fixtures.start_lock",
    "tests.fixtures.environments",
    "tests.fixtures.faults",
    "tests.fixtures.fleet",
    "tests.fixtures.shop",
    "tests.fixtures.hazards",
    "tests.fixtures.containers",
    "tests.fixtures.pods",
    "tests.fixtures.helm",
    "tests.fixtures.cluster",
    "tests.fixtures.dumps",
    "tests.fixtures.workshop",
]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End the process if a test hangs in a call in which no signal interrupts it.

    pytest-timeout's would: xdist then names the test, and goes on with another worker.
    """
    real_stderr = item.config.stash[fault_handler_stderr_fd_key]
    faulthandler.dump_traceback_later(_LONGEST_SECONDS, exit=True, file=real_stderr)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker of several run a whole file, and one all container tests: images take long."""
    for item in items:
        group = _kind(item) if _kind(item) == "container" else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
    # The longest first, so that no worker is left alone with them.
    sizes = Counter(item.path for item in items)
    items.sort(
        key=lambda item: (
            _LONGEST_FIRST.get(_kind(item), len(_LONGEST_FIRST)),
            -sizes[item.path],
        )
    )


def _kind(item: pytest.Item) -> str:
    """Return the kind of a test: the folder below `tests/` that it is in."""
    return item.path.relative_to(_TESTS).parts[0]
