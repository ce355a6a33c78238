"""Customers."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Customer(Base):
    """Somebody who orders."""

    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(
        sqlalchemy.BigInteger, sqlalchemy.Identity(always=True), primary_key=True
    )
    email: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    country: Mapped[str] = mapped_column(comment="ISO 3166-1 alpha-2")
    created_at: Mapped[datetime] = mapped_column(
        sqlalchemy.DateTime(timezone=True), server_default=sqlalchemy.func.now()
    )
