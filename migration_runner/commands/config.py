"""`migrate config`: what is in force, and where each value comes from."""

from __future__ import annotations

import json
import os
from typing import Final

from migration_runner.commands.invocation import Invocation
from migration_runner.errors import ConfigError
from migration_runner.log import logs
from migration_runner.log.redaction import HIDDEN, hide_secrets
from migration_runner.report.tables import render_table
from migration_runner.settings.database_address import LIBPQ_SECRETS, load_database_address
from migration_runner.settings.database_url import SECRET_PARAMETERS, DatabaseAddress
from migration_runner.settings.settings import (
    Origin,
    trace_alembic_config,
    trace_setting,
)
from migration_runner.settings.variables import VARIABLES

_SECRET_WORDS: Final = {*SECRET_PARAMETERS, *LIBPQ_SECRETS}


def config(invocation: Invocation) -> None:
    """Print every setting with its origin, without secrets.

    Raises `ConfigError`, once they are printed, that lists what is wrong with them.
    """
    environment, flags = os.environ, invocation.flags
    address, named = DatabaseAddress(), "(none named: env.py must know one)"
    try:
        if found := load_database_address(environment):
            address, named = found, _describe(found)
    except ConfigError as error:
        named = f"(none: {error.message})"
    hide_secrets(address.secrets, address.public)
    traced = [
        Origin("database", named, address.origin or "nowhere"),
        trace_alembic_config(environment, flags),
        *(trace_setting(variable, environment, flags) for variable in VARIABLES),
    ]
    rows = [(each.name, each.text, each.origin) for each in traced]
    if invocation.options.as_json or not logs.answers_on_terminal():
        names = ("name", "value", "origin")
        answer = [dict(zip(names, row, strict=True)) for row in rows]
        logs.write_answer(json.dumps(answer, ensure_ascii=False))
    else:
        logs.write_answer(render_table(("setting", "value", "from"), rows))
    invocation.load_settings()


def _describe(address: DatabaseAddress) -> str:
    """Return libpq's parameters, secrets hidden; those of its environment where it has none."""
    parameters = dict(address.parameters)
    if not parameters:
        parameters = {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith("PG") and value
        }
    shown = {name: HIDDEN if name in _SECRET_WORDS else value for name, value in parameters.items()}
    return " ".join(f"{name}={value}" for name, value in shown.items())
