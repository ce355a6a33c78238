"""All rows are changed, a batch at a time."""

from __future__ import annotations

from migration_runner.api import update_in_batches


def upgrade() -> None:
    update_in_batches("orders", "country = 'DE'", where="country IS NULL")
