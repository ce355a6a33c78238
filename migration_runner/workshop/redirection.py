"""Leads every engine of a process to one database, whatever the project has configured.

A developer's command must change no other database, and needs none of the project's own settings.
SQLAlchemy lets a listener change a driver's arguments before it connects
(https://docs.sqlalchemy.org/en/20/core/events.html#sqlalchemy.events.DialectEvents.do_connect).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import Engine

from migration_runner.database.other_databases import POSTGRES

# What else says where a server is, who connects, and how that is secured.
_REPLACED: Final = (
    *("host", "hostaddr", "port", "user", "password", "passfile", "database", "dbname", "service"),
    *("dsn", "ssl", "direct_tls", "gssencmode", "channel_binding", "require_auth"),
    *("target_session_attrs", "load_balance_hosts", "krbsrvname"),
)


@contextlib.contextmanager
def redirected(parameters: Mapping[str, str]) -> Iterator[None]:
    """Let every Postgres engine connect with these of libpq's parameters."""

    def redirect(dialect: Any, _record: Any, arguments: Any, words: dict[str, Any]) -> None:
        if dialect.name != POSTGRES:
            return
        # psycopg's and psycopg2's DSN.
        with contextlib.suppress(TypeError):
            arguments.clear()
        for name in [each for each in words if each in _REPLACED or each.startswith("ssl")]:
            del words[name]
        for name, value in parameters.items():
            words[_driver_name(dialect.driver, name)] = value

    event.listen(Engine, "do_connect", redirect)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", redirect)


def _driver_name(driver: str, name: str) -> str:
    """Return the name that a driver has for one of libpq's parameters."""
    libpq = driver.startswith("psycopg")
    return name if libpq or name != "dbname" else "database"
