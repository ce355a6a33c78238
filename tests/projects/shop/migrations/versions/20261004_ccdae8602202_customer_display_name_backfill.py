"""A customer's full name becomes the display name: the existing customers, 2 of 4.

Locks: the rows of one batch at a time, never the table.
Killed half-way: the committed batches remain; a second run does the rest.
Downgrade loses: nothing.

Revision ID: ccdae8602202
Revises: 5dc7abcc8678
Create Date: 2026-10-04 12:37:00+00:00
"""

from __future__ import annotations

from migration_runner.api import update_in_batches

revision = "ccdae8602202"
down_revision = "5dc7abcc8678"
branch_labels = None
depends_on = None


def upgrade() -> None:
    update_in_batches("customers", "display_name = full_name", where="display_name IS NULL")


def downgrade() -> None:
    pass
