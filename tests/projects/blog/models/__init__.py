"""The blog's models."""

from __future__ import annotations

from models.author import Author
from models.base import Base
from models.post import Post

__all__ = ["Author", "Base", "Post"]
