"""A helper of the revision builds indexes."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-writes"


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}_2", table, [column])


def upgrade() -> None:
    for table in ("customers", "orders"):
        _index(table, "country")
