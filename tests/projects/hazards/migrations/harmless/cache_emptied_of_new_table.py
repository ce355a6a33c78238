"""A block fills and empties a table of its own."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute(
        """
        DO $$ BEGIN
            CREATE TABLE scratch (id bigint);
            INSERT INTO scratch VALUES (1);
            UPDATE scratch SET id = 2;
            TRUNCATE scratch;
            DROP TABLE scratch;
        END $$
        """
    )
