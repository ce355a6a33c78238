"""The models' schema in an empty database."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy


def make_models(
    connection: sqlalchemy.Connection, metadata: Sequence[sqlalchemy.MetaData], _migrated: str
) -> list[str]:
    """Make the tables."""
    for each in metadata:
        each.create_all(connection)
    connection.commit()
    return []
