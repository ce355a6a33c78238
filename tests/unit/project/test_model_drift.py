"""Alembic's differences in words, as its autogenerate itself gives them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from alembic.operations import ops

from migration_runner.project.model_drift import describe_difference

METADATA = sa.MetaData()
sa.Table("customers", METADATA, sa.Column("id", sa.BigInteger))
ORDERS = sa.Table(
    "orders",
    METADATA,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("country", sa.Text),
    sa.Column("customer_id", sa.ForeignKey("customers.id", name="fk_orders_customer")),
    sa.Index("ix_orders_country", "country"),
    sa.UniqueConstraint("country", name="uq_orders_country"),
    comment="new",
)
SCHEMA = sa.Table("lines", sa.MetaData(), sa.Column("id", sa.BigInteger), schema="sales")
COLUMN = sa.Column("country", sa.Text)
(INDEX,) = ORDERS.indexes
(FOREIGN_KEY,) = ORDERS.foreign_key_constraints
(UNIQUE,) = (each for each in ORDERS.constraints if isinstance(each, sa.UniqueConstraint))


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        (ops.CreateTableOp.from_table(ORDERS), "add_table orders"),
        (ops.CreateTableOp.from_table(SCHEMA), "add_table sales.lines"),
        (ops.DropTableOp.from_table(ORDERS), "remove_table orders"),
        (ops.AddColumnOp("orders", COLUMN), "add_column orders.country"),
        (ops.AddColumnOp("lines", COLUMN, schema="sales"), "add_column sales.lines.country"),
        (
            ops.DropColumnOp.from_column_and_tablename(None, "orders", COLUMN),
            "remove_column orders.country",
        ),
        (ops.CreateIndexOp.from_index(INDEX), "add_index ix_orders_country on orders"),
        (ops.DropIndexOp.from_index(INDEX), "remove_index ix_orders_country on orders"),
        (
            ops.AddConstraintOp.from_constraint(UNIQUE),
            "add_constraint uq_orders_country on orders",
        ),
        (
            ops.AddConstraintOp.from_constraint(FOREIGN_KEY),
            "add_fk fk_orders_customer on orders",
        ),
        (
            ops.CreateTableCommentOp("orders", "new", existing_comment="old"),
            "add_table_comment orders",
        ),
    ],
)
def test_what_is_missing_or_too_much(operation: ops.MigrateOperation, line: str) -> None:
    assert line == describe_difference(operation.to_diff_tuple())


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda op: op("orders", "id", existing_type=sa.Integer(), modify_type=sa.BigInteger()),
            "modify_type orders.id: INTEGER -> BIGINT",
        ),
        (
            lambda op: op("orders", "id", existing_nullable=True, modify_nullable=False),
            "modify_nullable orders.id: True -> False",
        ),
        (
            lambda op: op(
                "lines", "id", schema="sales", existing_nullable=True, modify_nullable=False
            ),
            "modify_nullable sales.lines.id: True -> False",
        ),
        (
            lambda op: op("orders", "id", existing_comment=None, modify_comment="the number"),
            "modify_comment orders.id: None -> the number",
        ),
        (
            lambda op: op(
                "orders",
                "id",
                existing_server_default=sa.DefaultClause(sa.text("0")),
                modify_server_default=sa.DefaultClause(sa.text("now()")),
            ),
            "modify_default orders.id: 0 -> now()",
        ),
        (
            lambda op: op(
                "orders",
                "id",
                existing_server_default=None,
                modify_server_default=sa.DefaultClause("pending"),
            ),
            "modify_default orders.id: None -> pending",
        ),
    ],
)
def test_what_is_another(
    change: Callable[[type[ops.AlterColumnOp]], ops.AlterColumnOp], line: str
) -> None:
    assert line == describe_difference(change(ops.AlterColumnOp).to_diff_tuple())


def test_several_changes_of_a_column_are_one_line() -> None:
    operation = ops.AlterColumnOp(
        "orders",
        "id",
        existing_type=sa.Integer(),
        modify_type=sa.BigInteger(),
        existing_nullable=True,
        modify_nullable=False,
    )

    assert (
        "modify_type orders.id: INTEGER -> BIGINT; modify_nullable orders.id: True -> False"
        == describe_difference(operation.to_diff_tuple())
    )


def test_a_constraint_without_a_name_is_shown_by_what_it_is() -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("a", sa.Text), sa.UniqueConstraint("a"))
    (unique,) = (each for each in table.constraints if isinstance(each, sa.UniqueConstraint))
    line = describe_difference(ops.AddConstraintOp.from_constraint(unique).to_diff_tuple())

    assert line.startswith("add_constraint UniqueConstraint(Column('a'")
    assert line.endswith(" on t")
