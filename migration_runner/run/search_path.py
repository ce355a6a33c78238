"""Whether env.py works where MIGRATE_SEARCH_PATH says: it can set another, or name a schema."""

from __future__ import annotations

from typing import Final

from migration_runner.database.version_tables import name_place
from migration_runner.errors import ConfigError
from migration_runner.run.database_state import DatabaseState
from migration_runner.settings.search_path import first_schema
from migration_runner.settings.settings import Settings

_ORIGIN: Final = "search_path (MIGRATE_SEARCH_PATH, or `schema=` of a fleet's target)"


def require_search_path(settings: Settings, state: DatabaseState) -> None:
    """Raise `ConfigError`, before anything is changed, if the version table is elsewhere."""
    if not settings.search_path or not state.session.safeguarded:
        return
    wanted, found = first_schema(settings.search_path), state.location[1]
    if wanted == found:
        return
    if found:
        message = (
            f"The version table that env.py uses is {name_place(state.location)}, but the first"
            f" schema of the {_ORIGIN} is {wanted!r}. Let env.py leave the schema to the"
            " search_path; or, if it chooses the schema itself, do not set the search_path."
        )
    else:
        message = (
            f"There is no schema {wanted!r}, or the role may not use it; it is the first of the"
            f" {_ORIGIN}. Create the schema first."
        )
    raise ConfigError(message, reason="wrong_schema", schema=wanted, found=found)
