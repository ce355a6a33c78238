"""Each revision and each history has its own duration, and is only said to be there once it is."""

from __future__ import annotations

import re

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import OWN_ENGINE, POOLED, shop_url
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

NAP = 0.4
SLEEP = f'op.execute("SELECT pg_sleep({NAP})")'
NOTE_TIME = "import time\nprint('time', time.perf_counter())"
DEFERRED = """\
op.execute("CREATE TABLE t (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
op.execute("INSERT INTO t VALUES (1), (1)")
"""


def test_revisions_that_share_a_transaction(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(OWN_ENGINE)
    project.revision("r1", f"{SLEEP}\n{NOTE_TIME}")
    project.revision("r2")
    project.revision("r3", f"{NOTE_TIME}\n{SLEEP}")

    result = migrate.run(SHOP_URL=shop_url(database), **POOLED)

    assert 0 == result.exit_code, result.stdout
    lines = [name for name in result.names if name in ("revision_started", "revision_applied")]
    assert ["revision_started"] * 3 + ["revision_applied"] * 3 == lines
    applied = result.of("revision_applied")
    assert ["r1", "r2", "r3"] == [each["revision"] for each in applied]
    slow, quick, last = (each["duration_seconds"] for each in applied)
    assert slow >= NAP
    assert last >= NAP
    # Nothing of what was slept before and behind it, but for the rounding.
    before, behind = (float(name.split()[1]) for name in result.names if name.startswith("time "))
    assert quick <= behind - before + 0.001
    assert slow + last < result.finished["duration_seconds"]


@pytest.mark.parametrize("last", [DEFERRED, 'op.execute("SELECT 1 / 0")'])
def test_what_is_not_committed_is_not_said_to_be_applied(
    database: Database, project: Project, migrate: Migrate, last: str
) -> None:
    """Neither where the last one fails, nor where the COMMIT does."""
    project.write_env(OWN_ENGINE)
    project.revision("r1")
    project.revision("r2", last)

    result = migrate.run(SHOP_URL=shop_url(database), **POOLED)

    assert 1 == result.exit_code, result.stdout
    assert [] == result.of("revision_applied")
    assert [] == result.finished["applied"]


def test_histories(database: Database, project: Project, migrate: Migrate) -> None:
    project.write_env(
        ENV_PY.replace(
            "connection=connection",
            "connection=connection, version_table=context.config.get_main_option('table')",
        )
    )
    sections = []
    for name, body in (("slow", SLEEP), ("quick", "pass")):
        project.revision(name, body, down=None).rename(project.folder / f"{name}.py")
        folder = project.folder / name
        folder.mkdir()
        (project.folder / f"{name}.py").rename(folder / f"{name}.py")
        sections.append(
            f"[{name}]\nscript_location = %(here)s/migrations\nprepend_sys_path = .\n"
            f"path_separator = os\nversion_locations = %(here)s/{name}\ntable = {name}\n"
        )
    (project.folder / "alembic.ini").write_text("".join(sections))

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_HISTORIES="slow, quick")

    assert 0 == result.exit_code, result.stdout
    finished = result.finished
    slow, quick = (finished["histories"][name]["duration_seconds"] for name in ("slow", "quick"))
    assert slow >= NAP
    assert slow + quick <= finished["duration_seconds"]
    said = re.findall(r"(\w+): Applied 1 revision in ([\d.]+) s", finished["summary"])
    assert ["slow", "quick"] == [name for name, _ in said]
    # Both are rounded from the same seconds.
    assert [slow, quick] == pytest.approx([float(seconds) for _, seconds in said], abs=0.051)


def test_a_revision_of_several_version_tables_is_named_once(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("a2")
    project.write_env(
        "from alembic import context\nconnection = context.config.attributes['connection']\n"
        "for table in ('one', 'two', 'three'):\n"
        "    context.configure(connection=connection, version_table=table)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )

    results = [migrate.run(DATABASE_URL=database.url) for _ in range(2)]

    assert "Up to date: 3 version tables at a2." == results[1].finished["summary"]
    assert results[0].finished["summary"].endswith("s: base -> a2.")
