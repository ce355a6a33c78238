"""Products."""

from __future__ import annotations

import sqlalchemy
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Product(Base):
    """Something that can be ordered."""

    __tablename__ = "products"
    __table_args__ = (sqlalchemy.CheckConstraint("price_cents >= 0", name="price_cents"),)

    id: Mapped[int] = mapped_column(
        sqlalchemy.BigInteger, sqlalchemy.Identity(always=True), primary_key=True
    )
    sku: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    price_cents: Mapped[int] = mapped_column(sqlalchemy.BigInteger)
