"""Extensions that our own server does not have, replaced well enough for a schema.

PostgreSQL 18 looks for extensions in further folders
(https://www.postgresql.org/docs/18/runtime-config-client.html#GUC-EXTENSION-CONTROL-PATH).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psycopg

from migration_runner.workshop.programs import Programs

_FOLDER: Final = Path(__file__).resolve().parent / "stand_in_files"
_VERSION: Final = "stand-in"
_SINCE: Final = 18


def stand_ins_setting(programs: Programs) -> dict[str, str]:
    """Return the server's setting that makes it find the stand-ins, behind its own extensions."""
    if programs.major < _SINCE:
        return {}
    return {"extension_control_path": f"$system:{_FOLDER}"}


def stood_in(parameters: Mapping[str, str]) -> list[str]:
    """Return the extensions of a database that are stand-ins."""
    words: Any = dict(parameters)
    with psycopg.connect(**words) as connection:
        query = "SELECT extname FROM pg_extension WHERE extversion = %s ORDER BY 1"
        return [name for (name,) in connection.execute(query, [_VERSION])]
