"""Captured while the runner applies the revisions: its own statements are left out, and no harm."""

from __future__ import annotations

import json

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

_PROGRAM = """\
import json, sys
from migration_runner.cli.main import main
from migration_runner.workshop.hazards.capture import Capture

capture = Capture(json.loads(sys.argv[1]), sys.argv[2])
try:
    with capture.installed():
        code = main(["upgrade"])
finally:
    found = [[each.line, each.transactional, each.sql] for each in capture.statements]
    print(json.dumps({"statements": found}))
sys.exit(code)
"""


def test_only_the_revisions_own_statements_are_captured(
    database: Database, project: Project, migrate: Migrate
) -> None:
    first = project.table("r1", "things")
    second = project.revision(
        "r2",
        """
        op.execute("ALTER TABLE things ADD COLUMN a text")
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY i ON things (a)")
            op.execute("ALTER TABLE things ALTER COLUMN id TYPE text")
        op.execute("COMMENT ON TABLE things IS 'x'")
        """,
    )
    files = json.dumps({"r1": str(first), "r2": str(second)})

    ran = migrate.start_command(
        [migrate.python, "-c", _PROGRAM, files, database.url], DATABASE_URL=database.url
    ).wait()
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    [found] = [each["statements"] for each in events if "statements" in each]

    assert 0 == ran.exit_code, ran.stdout + ran.stderr
    assert [
        [10, True, "CREATE TABLE things (id bigint)"],
        [11, True, "ALTER TABLE things ADD COLUMN a text"],
        [13, False, "CREATE INDEX CONCURRENTLY i ON things (a)"],
        [14, False, "ALTER TABLE things ALTER COLUMN id TYPE text"],
        [15, True, "COMMENT ON TABLE things IS 'x'"],
    ] == found
    assert ["r1", "r2"] == [
        each["revision"] for each in events if each.get("event") == "revision_applied"
    ]
