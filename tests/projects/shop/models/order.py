"""Orders and their lines."""

from __future__ import annotations

import enum
from datetime import datetime

import sqlalchemy
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base


class OrderStatus(enum.StrEnum):
    """Where an order is."""

    PENDING = "pending"
    PAID = "paid"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


class Order(Base):
    """What one customer ordered at one time."""

    __tablename__ = "orders"
    __table_args__ = (sqlalchemy.Index(None, "customer_id", "placed_at"),)

    id: Mapped[int] = mapped_column(
        sqlalchemy.BigInteger, sqlalchemy.Identity(always=True), primary_key=True
    )
    customer_id: Mapped[int] = mapped_column(sqlalchemy.ForeignKey("customers.id"))
    status: Mapped[OrderStatus] = mapped_column(
        sqlalchemy.Enum(
            OrderStatus,
            name="order_status",
            values_callable=lambda members: [member.value for member in members],
        ),
        server_default=OrderStatus.PENDING.value,
    )
    country: Mapped[str] = mapped_column(comment="where it goes, ISO 3166-1 alpha-2")
    placed_at: Mapped[datetime] = mapped_column(
        sqlalchemy.DateTime(timezone=True), server_default=sqlalchemy.func.now()
    )
    lines: Mapped[list[OrderLine]] = relationship()


class OrderLine(Base):
    """One product of an order, at the price of that day."""

    __tablename__ = "order_lines"
    __table_args__ = (sqlalchemy.CheckConstraint("quantity > 0", name="quantity"),)

    order_id: Mapped[int] = mapped_column(
        sqlalchemy.ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True
    )
    product_id: Mapped[int] = mapped_column(
        sqlalchemy.ForeignKey("products.id"), primary_key=True, index=True
    )
    quantity: Mapped[int]
    unit_price_cents: Mapped[int] = mapped_column(sqlalchemy.BigInteger)
