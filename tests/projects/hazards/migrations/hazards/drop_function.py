"""A function is dropped."""

from __future__ import annotations

from alembic import op

expected = "squawk-ban-drop-function"


def upgrade() -> None:
    op.execute("DROP FUNCTION index_all(text[])")
