"""Posts."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy
from sqlalchemy.orm import Mapped, mapped_column

from models.author import Author
from models.base import Base


class Post(Base):
    """What an author wrote; published or a draft."""

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(
        sqlalchemy.BigInteger, sqlalchemy.Identity(always=True), primary_key=True
    )
    author_id: Mapped[int] = mapped_column(sqlalchemy.ForeignKey(Author.id), index=True)
    title: Mapped[str]
    body: Mapped[str] = mapped_column(server_default="")
    published_at: Mapped[datetime | None] = mapped_column(sqlalchemy.DateTime(timezone=True))
