"""A block that commits builds an index."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-writes"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DO $$ BEGIN CREATE INDEX ON lines (quantity); COMMIT; END $$")
