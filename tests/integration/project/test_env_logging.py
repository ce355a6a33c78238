"""Whatever an application does to logging, our lines stay as they are."""

from __future__ import annotations

import re

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import OWN_ENGINE, POOLED, shop_url
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate
from tests.fixtures.templates import use_template


def test_their_logging_does_not_silence_ours(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """`fileConfig` with root at WARNING and a handler of its own; records come in our stream."""
    use_template(project, database, "generic")
    env = project.folder / "migrations" / "env.py"
    before = (
        "import logging\nlogging.getLogger('alembic.env').info('before it connects')\n"
        "target_metadata = None\n"
    )
    env.write_text(env.read_text().replace("target_metadata = None", before))
    project.revision("r1", 'import logging; logging.getLogger("shop").info("half of it")')

    result = migrate.run()

    assert 0 == result.exit_code, result.stdout
    assert "" == result.stderr
    names = {"run_started", "before it connects", "half of it", "revision_applied"}
    assert {*names, "run_finished"} <= set(result.names)
    assert not re.search("canary", result.stdout)


def test_a_structlog_of_their_own_is_theirs_alone(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """An application that configures it at import, as large ones do."""
    project.write_env(
        "import structlog\n"
        "structlog.configure(processors=[structlog.dev.ConsoleRenderer()])\n"
        "structlog.contextvars.clear_contextvars()\n" + OWN_ENGINE
    )
    project.revision("r1")

    result = migrate.run(SHOP_URL=shop_url(database), **POOLED)

    assert 0 == result.exit_code, result.stdout
    assert 1 == len({event["run_id"] for event in result.events})
    assert {"revision_applied", "run_finished"} <= set(result.names)
