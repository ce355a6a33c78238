"""An enum value is renamed."""

from __future__ import annotations

from alembic import op

expected = "squawk-renaming-object"


def upgrade() -> None:
    op.execute("ALTER TYPE order_status RENAME VALUE 'paid' TO 'settled'")
