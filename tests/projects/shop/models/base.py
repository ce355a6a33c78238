"""The declarative base. Import it from `models`, which knows every table."""

from __future__ import annotations

from typing import ClassVar, Final

import sqlalchemy
from sqlalchemy.orm import DeclarativeBase

# Constraints without a name cannot be dropped by a revision.
# https://alembic.sqlalchemy.org/en/latest/naming.html
NAMING_CONVENTION: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all models."""

    metadata: ClassVar[sqlalchemy.MetaData] = sqlalchemy.MetaData(
        naming_convention=NAMING_CONVENTION
    )
    type_annotation_map: ClassVar = {str: sqlalchemy.Text}
