"""A table is dropped after an attempt that was rolled back."""

from __future__ import annotations

from alembic import op

expected = "drops-table"


def upgrade() -> None:
    with op.get_bind().begin_nested() as savepoint:
        op.execute("DROP TABLE lines")
        savepoint.rollback()
    op.execute("DROP TABLE lines")
