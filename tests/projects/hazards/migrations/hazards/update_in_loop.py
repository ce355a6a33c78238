"""A loop changes the rows one by one, in one transaction."""

from __future__ import annotations

from alembic import op

expected = "whole-table-write"


def upgrade() -> None:
    op.execute(
        """
        DO $$
        DECLARE o record;
        BEGIN
            FOR o IN SELECT id FROM orders LOOP
                UPDATE orders SET country = 'DE' WHERE id = o.id;
            END LOOP;
        END $$
        """
    )
