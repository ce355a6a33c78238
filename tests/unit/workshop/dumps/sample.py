"""A dump with objects of all kinds, as pg_dump 18 has written it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SAMPLE: Final = Path(__file__).with_name("sample.sql").read_text()
