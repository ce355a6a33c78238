"""A table of the revision's own can be treated in any way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.create_table(
        "gifts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.String(20)),
        sa.Column("customer_id", sa.BigInteger, sa.ForeignKey("customers.id")),
    )
    op.execute("INSERT INTO gifts (code) VALUES ('a')")
    op.execute("UPDATE gifts SET code = upper(code)")
    op.create_index("ix_gifts_code", "gifts", ["code"], unique=True)
    op.alter_column("gifts", "code", nullable=False)
    op.alter_column("gifts", "id", type_=sa.BigInteger)
    op.execute("ALTER TABLE gifts RENAME TO presents")
    op.drop_column("presents", "code")
