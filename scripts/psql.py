"""psql on the database that a run would migrate: `python -m scripts.psql OPTIONS ...`."""

from __future__ import annotations

import os
import sys

from psycopg import pq
from psycopg.conninfo import make_conninfo

from migration_runner.errors import ConfigError
from migration_runner.settings.database_address import load_database_address
from migration_runner.workshop.programs import find_programs


def main(words: list[str]) -> None:
    """Become psql. What can be in the environment is: others see a command's words."""
    address = load_database_address()
    parameters = dict(address.parameters) if address else {}
    environment = dict(os.environ)
    for option in pq.Conninfo.get_defaults():
        if option.envvar and (value := parameters.pop(option.keyword.decode(), None)):
            environment[option.envvar.decode()] = value
    try:
        psql = find_programs().path("psql")
    except ConfigError as error:
        raise SystemExit(error.message) from None
    rest = [make_conninfo(**parameters)] if parameters else []
    os.execve(psql, [psql, *rest, *words], environment)  # noqa: S606 - our own server's program


if __name__ == "__main__":
    main(sys.argv[1:])
