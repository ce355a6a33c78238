"""Whether env.py works where MIGRATE_SEARCH_PATH says: it can set another, or name a schema."""

from __future__ import annotations

from migration_runner.database.version_tables import name_place
from migration_runner.errors import ConfigError
from migration_runner.run.database_state import DatabaseState
from migration_runner.settings.search_path import first_schema
from migration_runner.settings.settings import Settings


def require_search_path(settings: Settings, state: DatabaseState) -> None:
    """Raise `ConfigError`, before anything is changed, if the version table is elsewhere."""
    if not settings.search_path or not state.session.safeguarded:
        return
    wanted, found = first_schema(settings.search_path), state.location[1]
    if wanted == found:
        return
    place = f"the version table that env.py uses is {name_place(state.location)}"
    if not found:
        place = "there is no such schema, or the role may not use it"
    message = (
        f"MIGRATE_SEARCH_PATH begins with {wanted!r}, but {place}. Create the schema first; or, if"
        " env.py chooses the schema itself, do not set the search_path. Nothing was changed."
    )
    raise ConfigError(message, reason="wrong_schema", schema=wanted, found=found)
