"""A revision that looks before it acts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    names = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("orders")]
    if "region" not in names:
        op.add_column("orders", sa.Column("region", sa.Text))
