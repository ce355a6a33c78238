"""Country codes are ISO 3166-1 everywhere.

An earlier import used the European Union's codes for two of them.
Locks: the rows of one batch at a time, never the table.
Killed half-way: the committed batches remain; a second run does the rest.
Downgrade loses: which rows had those codes; the previous release reads both.

Revision ID: a9885173ebd6
Revises: 26bd5f13ea7a
Create Date: 2026-10-13 13:28:00+00:00
"""

from __future__ import annotations

from alembic import op

from migration_runner.api import update_in_batches

revision = "a9885173ebd6"
down_revision = "26bd5f13ea7a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("customers", "orders"):
        for old, new in (("UK", "GB"), ("EL", "GR")):
            update_in_batches(table, f"country = '{new}'", where=f"country = '{old}'")
    op.execute("COMMENT ON COLUMN customers.country IS 'ISO 3166-1 alpha-2'")


def downgrade() -> None:
    op.execute("COMMENT ON COLUMN customers.country IS NULL")
