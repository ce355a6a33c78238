"""Authors."""

from __future__ import annotations

import sqlalchemy
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Author(Base):
    """A writer of posts."""

    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(
        sqlalchemy.BigInteger, sqlalchemy.Identity(always=True), primary_key=True
    )
    name: Mapped[str] = mapped_column(unique=True)
