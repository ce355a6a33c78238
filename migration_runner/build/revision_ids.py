"""Whether the version table can hold the revisions' ids."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from migration_runner.database.known_errors import LONGEST_REVISION_ID
from migration_runner.errors import HistoryError
from migration_runner.project.alembic_project import AlembicProject

# A project whose version table is wider makes it so: a revision, or a model of the table, changes
# this column, or env.py has a table of its own (https://alembic.sqlalchemy.org/en/latest/api/ddl.html).
_OWN_COLUMN: Final = (b"version_num", b"version_table_impl")
# Of SQLite, the column's length is a comment.
_UNLIMITED: Final = "sqlite"


def require_short_ids(project: AlembicProject, sources: Iterable[Path]) -> None:
    """Raise `HistoryError` for an id that is too long for the column that Alembic creates.

    Not if one of the project's `sources` has to do with that column.
    """
    revisions = project.history.revisions.values()
    too_long = [each for each in revisions if len(each.id) > LONGEST_REVISION_ID]
    if not too_long or project.url_in_configuration.startswith(_UNLIMITED):
        return
    files = {*sources, *(Path(each.path) for each in revisions)}
    if any(word in file.read_bytes() for file in files for word in _OWN_COLUMN):
        return
    first, *others = sorted(too_long, key=lambda each: each.path)
    more = f" ({len(others)} more are too long, too)" if others else ""
    message = (
        f"The revision id {first.id} ({first.path}) has {len(first.id)} characters, but the version"
        f" table takes {LONGEST_REVISION_ID}{more}: the revision could not be recorded. Give it a"
        " shorter id, or widen the column version_num in an earlier revision."
    )
    raise HistoryError(message, reason="id_too_long", revision=first.id, file=first.path)
