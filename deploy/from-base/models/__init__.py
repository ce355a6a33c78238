"""The models of an application that has its own packages."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy_utils import EmailType


class Base(DeclarativeBase):
    """The base of all models."""


class Account(Base):
    """A user who can log in."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(EmailType, unique=True)
