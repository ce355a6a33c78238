"""What is rolled back to a savepoint has not happened."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    with op.get_bind().begin_nested() as savepoint:
        op.execute("ALTER TABLE orders ADD COLUMN region text")
        savepoint.rollback()
    op.execute("ALTER TABLE orders ADD COLUMN region text")
