"""`migrate config`: the settings in effect, and where each value comes from."""

from __future__ import annotations

import os
from typing import Final

from migration_runner.commands.invocation import Invocation
from migration_runner.errors import ConfigError
from migration_runner.log import streams
from migration_runner.log.redaction import hide_secrets
from migration_runner.log.secret_patterns import HIDDEN
from migration_runner.report.text_layout import render_table
from migration_runner.run.env_database import find_env_database
from migration_runner.settings.database_address import (
    LIBPQ_SECRETS,
    export_override,
    load_database_address,
)
from migration_runner.settings.database_url import SECRET_PARAMETERS, DatabaseAddress
from migration_runner.settings.settings import (
    Origin,
    Settings,
    trace_alembic_config,
    trace_setting,
)
from migration_runner.settings.variables import VARIABLES

# Those that are no connection parameters:
# https://www.postgresql.org/docs/current/libpq-envars.html
_FURTHER_VARIABLES: Final = {"PGSERVICEFILE", "PGSYSCONFDIR", "PGDATESTYLE", "PGTZ", "PGGEQO"}
_SECRET_WORDS: Final = {*SECRET_PARAMETERS, *LIBPQ_SECRETS}


def config(invocation: Invocation) -> None:
    """Print every setting with its origin, without secrets.

    Raises `ConfigError` that lists the problems, but only once the settings are printed.
    """
    environment, flags = dict(os.environ), invocation.flags
    address, named = DatabaseAddress(), "(not set: env.py must provide it)"
    try:
        if found := load_database_address(environment):
            address, named = found, _describe(found)
    except ConfigError as error:
        named = f"(invalid: {error.message})"
    hide_secrets(address.secrets, address.public)
    settings: Settings | None = None
    problem: ConfigError | None = None
    try:
        settings = invocation.load_settings()
    except ConfigError as error:
        problem = error
    database = Origin("database", named, address.origin or "-")
    traced = [
        database,
        *_env_databases(settings, database),
        trace_alembic_config(environment, flags),
        *(trace_setting(variable, environment, flags) for variable in VARIABLES),
    ]
    rows = [(each.name, each.text, each.origin) for each in traced]
    if invocation.options.as_json or not streams.answers_on_terminal():
        names = ("name", "value", "origin")
        answer = [dict(zip(names, row, strict=True)) for row in rows]
        streams.write_facts(answer)
    else:
        shown = [(name, value, _name_origin(name, origin)) for name, value, origin in rows]
        streams.write_answer(
            render_table(("setting", "value", "from"), shown, streams.answer_width())
        )
    if problem is not None:
        raise problem


def _env_databases(settings: Settings | None, database: Origin) -> list[Origin]:
    """Return the database that env.py uses, for each history."""
    if settings is None:
        return []
    export_override(os.environ)
    found = []
    for history, each in settings.each_history():
        name = f"env.py ({history})" if history else "env.py"
        used = find_env_database(each)
        if used.is_ours:
            found.append(Origin(name, database.text, database.origin))
        else:
            place = str(used.place) if used.place else f"(not known: {used.why})"
            found.append(Origin(name, place, "env.py"))
    return found


def _name_origin(name: str, origin: str) -> str:
    """Return the origin for people: a variable's name is in the line already."""
    return "environment" if origin == name else origin


def _describe(address: DatabaseAddress) -> str:
    """Return libpq's parameters, or else its variables. Secrets are hidden."""
    parameters = dict(address.parameters) or _libpq_variables()
    shown = {name: HIDDEN if name in _SECRET_WORDS else value for name, value in parameters.items()}
    return " ".join(f"{name}={value}" for name, value in shown.items())


def _libpq_variables() -> dict[str, str]:
    """Return the variables that libpq reads, and are set; others begin with PG, too."""
    from psycopg import pq  # noqa: PLC0415 - a URL needs none of it

    names = {option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
    names |= _FURTHER_VARIABLES
    return {name: value for name in sorted(names) if (value := os.environ.get(name))}
