"""An index becomes the primary key of columns that can be null."""

from __future__ import annotations

from alembic import op

expected = "scan-blocks-access"


def upgrade() -> None:
    op.execute("ALTER TABLE lines ADD PRIMARY KEY USING INDEX ux_lines")
