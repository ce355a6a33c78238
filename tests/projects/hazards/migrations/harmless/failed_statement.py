"""A statement that fails, and is caught."""

from __future__ import annotations

import contextlib

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    with contextlib.suppress(sa.exc.ProgrammingError), op.get_bind().begin_nested():
        op.execute("ALTER TABLE no_such_table ADD COLUMN region text")
    op.execute("ALTER TABLE orders ADD COLUMN region text")
