"""One of several statements in a script builds an index."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-writes"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "COMMENT ON TABLE orders IS 'of the shop'; CREATE INDEX ON orders (legacy_id);"
    )
