"""DNS does not answer: env.py's own engines are not waited for beyond the run's time."""

from __future__ import annotations

import signal

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import ENV
from tests.fixtures.project import Project
from tests.fixtures.proxy import Proxy
from tests.fixtures.runner import Migrate
from tests.integration.database.test_silent_server import ENGINES, RUN, SYNC

# As the C library's, it cannot be interrupted.
HANGS = """
import socket, time

def hang(*_, **__):
    print("resolving")
    time.sleep(36000)

socket.getaddrinfo = hang
"""
# psycopg2's resolver is libpq's.
DRIVERS = [driver for driver in ENGINES if driver != "psycopg2"]


def _url(database: Database, driver: str) -> str:
    url = database.url.replace("127.0.0.1", "localhost")
    return url.replace("postgresql://", f"postgresql+{driver}://")


@pytest.mark.parametrize("driver", DRIVERS)
def test_not_beyond_the_wait_timeout(
    database: Database, project: Project, migrate: Migrate, driver: str
) -> None:
    """Nor does the end of an event loop, or of the process, wait for the resolver's thread."""
    project.table("r1", "one")
    project.write_env(ENV.format(body=HANGS + RUN + ENGINES[driver]))

    result = migrate.run(
        SHOP_URL=_url(database, driver),
        MIGRATE_WAIT_TIMEOUT="2s",
        MIGRATE_CONNECT_TIMEOUT="500ms",
    )

    assert 69 == result.exit_code, result.stdout + result.stderr
    assert "timeout" == result.finished["error"]["reason"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_signal_ends_the_wait(
    database: Database, project: Project, migrate: Migrate, driver: str
) -> None:
    project.table("r1", "one")
    project.write_env(ENV.format(body=HANGS + RUN + ENGINES[driver]))
    running = migrate.start(SHOP_URL=_url(database, driver), MIGRATE_CONNECT_TIMEOUT="1h")
    running.wait_for_event("resolving")

    running.signal(signal.SIGTERM)

    result = running.wait()
    assert (143, "interrupted") == (result.exit_code, result.finished["outcome"])


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_the_second_of_two_hosts_still_has_its_time(
    database: Database, proxy: Proxy, project: Project, migrate: Migrate, driver: str
) -> None:
    proxy.mode = "black_hole"
    project.table("r1", "one")
    project.write_env(ENV.format(body=RUN + SYNC))
    url = database.url_at(1).replace("127.0.0.1:1/", "/")
    hosts = f"?host=127.0.0.1:{proxy.port}&host=127.0.0.1:{database.server.port}"

    result = migrate.run(
        SHOP_URL=url.replace("postgresql://", f"postgresql+{driver}://") + hosts,
        MIGRATE_CONNECT_TIMEOUT="2s",
    )

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert [] == result.of("database_unavailable")
