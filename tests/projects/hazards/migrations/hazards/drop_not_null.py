"""A column can be null, which a running release does not expect."""

from __future__ import annotations

from alembic import op

expected = "squawk-ban-drop-not-null"


def upgrade() -> None:
    op.alter_column("customers", "email", nullable=True)
