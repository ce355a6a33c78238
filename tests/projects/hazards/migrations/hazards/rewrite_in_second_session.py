"""A revision has a connection of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

expected = "table-rewrite"


def upgrade() -> None:
    engine = sa.create_engine(op.get_bind().engine.url.set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE orders ALTER COLUMN legacy_id TYPE bigint"))
    engine.dispose()
