"""Whether the version table can hold the revisions' ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    files = {each.id: Path(each.path) for each in project.history.revisions.values()}
    too_long = find_long_ids(files, sources, project.url_in_configuration)
    if not too_long:
        return
    first, *others = [project.history.revisions[each] for each in too_long]
    more = f" ({len(others)} more are too long, too)" if others else ""
    message = (
        f"The revision id {first.id} ({first.path}) has {len(first.id)} characters, but the version"
        f" table takes {LONGEST_REVISION_ID}{more}: the revision could not be recorded. Give it a"
        " shorter id, or widen the column version_num in an earlier revision."
    )
    raise HistoryError(message, reason="id_too_long", revision=first.id, file=first.path)


def find_long_ids(
    revisions: Mapping[str, Path], sources: Iterable[Path], url: str, longest: int | None = None
) -> list[str]:
    """Return the ids that the version table cannot hold, in the order of their files.

    `longest` is the length of its column, if that is known. Otherwise it is the one that Alembic
    creates, unless one of the files has to do with it, or the `url` is another database's.
    """
    room = LONGEST_REVISION_ID if longest is None else longest
    too_long = sorted((each for each in revisions if len(each) > room), key=revisions.__getitem__)
    if longest is None and too_long:
        files = {*sources, *revisions.values()}
        if url.startswith(_UNLIMITED) or any(map(_widens, files)):
            return []
    return too_long


def _widens(file: Path) -> bool:
    try:
        source = file.read_bytes()
    except OSError:
        return False
    return any(word in source for word in _OWN_COLUMN)
