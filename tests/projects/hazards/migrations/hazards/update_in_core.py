"""SQLAlchemy's own UPDATE, without a condition."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "whole-table-write"


def upgrade() -> None:
    customers = sa.table("customers", sa.column("country"))
    op.execute(customers.update().values(country="DE"))
