"""All rows of a table are deleted at once."""

from __future__ import annotations

from alembic import op

expected = "empties-table"


def upgrade() -> None:
    op.execute("TRUNCATE lines")
