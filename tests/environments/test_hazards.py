"""Statements of a revision are captured in the oldest and newest releases, with each driver."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.fixtures.environments import Stack
from tests.fixtures.hazards import Shop
from tests.fixtures.runner import ROOT, Migrate

_REVISION = """\
import sqlalchemy as sa
from alembic import op


def upgrade():
    op.add_column("orders", sa.Column("rate", sa.Text, server_default="100%"))
    op.get_bind().execute(
        sa.text("UPDATE orders SET country = :country WHERE id = :id"),
        {"country": "O'Hara 100%", "id": 7},
    )
    op.alter_column("orders", "legacy_id", type_=sa.BigInteger)
    sa.inspect(op.get_bind()).get_columns("orders")
    with op.get_context().autocommit_block():
        op.drop_index("ix_orders_country", "orders", postgresql_concurrently=True)
"""


def test_statements_are_captured(
    hazard_shop: Shop, migrate: Migrate, stack: Stack, tmp_path: Path
) -> None:
    revision = tmp_path / "revision.py"
    revision.write_text(_REVISION)
    done = subprocess.run(  # noqa: S603 - our own arguments
        [
            migrate.python,
            "-m",
            "tests.fixtures.captured",
            stack.driver,
            hazard_shop.place,
            str(revision),
        ],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = json.loads(done.stdout)

    assert "" == found["error"]
    assert [
        (6, True, "ALTER TABLE orders ADD COLUMN rate TEXT DEFAULT '100%'", []),
        (7, True, "UPDATE orders SET country = 'O''Hara 100%' WHERE id = 7", []),
        (11, True, "ALTER TABLE orders ALTER COLUMN legacy_id TYPE BIGINT", ["orders"]),
        (14, False, "DROP INDEX CONCURRENTLY ix_orders_country", []),
    ] == [
        (each["line"], each["transactional"], _plain(each["sql"]), each["seen"]["rewritten"])
        for each in found["statements"]
    ]
    reasons = [reason for each in found["statements"] for reason in each["seen"]["reasons"]]
    assert 'rewriting table "orders"' == reasons[0]


def _plain(sql: str) -> str:
    """Return a statement without the casts that a driver needs."""
    return sql.replace("::VARCHAR", "").replace("::INTEGER", "")
