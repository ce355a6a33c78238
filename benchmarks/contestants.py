"""The table of contestants."""

from __future__ import annotations

from typing import Final

from benchmarks.alembic_projects import Ours, OursAsInTheImage, PlainAlembic
from benchmarks.contestant import Contestant
from benchmarks.psql import Psql
from benchmarks.python_tools import Django, Yoyo
from benchmarks.script_tools import Liquibase, Sqitch
from benchmarks.sql_file_tools import Dbmate, GraphileMigrate, NodePgMigrate, SqlMigrate

CONTESTANTS: Final[tuple[Contestant, ...]] = (
    Psql(),
    Ours(),
    OursAsInTheImage(),
    PlainAlembic(),
    Dbmate(),
    SqlMigrate(),
    NodePgMigrate(),
    GraphileMigrate(),
    Yoyo(),
    Django(),
    Sqitch(),
    Liquibase(),
)
