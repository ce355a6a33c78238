"""What env.py's source says about the fast path."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_runner.build.env_source import read_env
from migration_runner.project.declaration import Declaration
from tests.fixtures.project import ENV_PY
from tests.fixtures.shop import SHOP

TAKES = "connection = config.attributes['connection']\n"
OPENS = "connection = create_engine(url).connect()\n"
HELPER = "from shop.database import run\nrun()\n"
FLASK = TAKES + "context.configure(connection=connection, **options)\n"


def _configures(options: str) -> str:
    return f"context.configure(connection=connection{options})\n"


@pytest.mark.parametrize(
    ("text", "table"),
    [
        (ENV_PY, (None, "alembic_version")),
        ((SHOP / "migrations" / "env.py").read_text(), (None, "alembic_version")),
        (TAKES + _configures(", version_table='v'"), (None, "v")),
        (TAKES + _configures(", version_table='v', version_table_schema='s'"), ("s", "v")),
        (TAKES + OPENS + _configures(""), (None, "alembic_version")),
        (TAKES + _configures("") + "context.configure(url=url)\n", (None, "alembic_version")),
        (TAKES + _configures("") + _configures(", version_table='v'"), None),
        (TAKES + _configures(", version_table=name"), None),
        (TAKES + _configures(", version_table_schema=schema"), None),
        (FLASK, None),
        (OPENS + _configures(""), None),
        (HELPER, None),
        ("not Python", None),
    ],
)
def test_what_can_be_declared(
    text: str, table: tuple[str | None, str] | None, tmp_path: Path
) -> None:
    env = tmp_path / "env.py"
    env.write_text(text)

    assert table == read_env(env).declarable


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ENV_PY, None),
        (HELPER, None),
        (FLASK, None),
        (TAKES + OPENS + _configures(""), None),
        (TAKES + _configures(", version_table=name"), None),
        (OPENS + _configures(""), "opens its own connection"),
        ("engine = sqlalchemy.engine_from_config(section)\n", "opens its own connection"),
        (TAKES + _configures(", version_table='v'"), "configures the version table v"),
        (
            TAKES + _configures(", version_table_schema='s'"),
            "configures the version table s.alembic_version",
        ),
    ],
)
def test_what_is_plainly_false(text: str, reason: str | None, tmp_path: Path) -> None:
    env = tmp_path / "env.py"
    env.write_text(text)

    found = read_env(env).contradicts(Declaration("alembic.ini", None, "alembic_version"))

    assert (reason is None) == (found is None)
    assert (reason or "") in (found or "")


def test_without_an_env(tmp_path: Path) -> None:
    source = read_env(tmp_path / "env.py")

    assert None is source.declarable
    assert None is source.contradicts(Declaration("alembic.ini", "s", "v"))
