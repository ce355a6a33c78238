"""`migrate fleet status`: where each target is, for people and for machines."""

from __future__ import annotations

import pytest
from psycopg import sql

from tests.fixtures.databases import Database
from tests.fixtures.fleet import FleetOfDatabases
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate
from tests.fixtures.targets import Databases, add_schemas, answer, write_targets
from tests.fixtures.terminal import run_on_terminal

UNREACHABLE = "postgresql://u:canary%25@127.0.0.1:1/d"


@pytest.fixture
def tenants(project: Project, database: Database) -> dict[str, str]:
    """Return the settings of a database with schemas at head, behind, at base, and newer."""
    project.table("r1", "one")
    project.table("r2", "two")
    project.declare()
    heads = {"head1": "r2", "head2": "r2", "old": "r1", "newer": "r9"}
    add_schemas(database, *heads, "base")
    for schema, head in heads.items():
        database.query(f"CREATE TABLE {schema}.alembic_version (version_num text)")
        database.query(f"INSERT INTO {schema}.alembic_version VALUES ('{head}')")
    return {"DATABASE_URL": database.url}


def test_a_terminal_shows_a_table(
    project: Project, migrate: Migrate, tenants: dict[str, str]
) -> None:
    """Of 80 columns, in which no line is broken by the terminal."""
    targets = write_targets(
        project, *(f"schema={name}" for name in ("newer", "old", "head1", "base", "head2")),
        f"gone {UNREACHABLE}", "hidden x=tenant=hidden",
    )  # fmt: skip
    screen = run_on_terminal(project, migrate, "fleet", "status", "--targets", targets, **tenants)
    expected = """\
image   r2 (2 revisions)

targets  state              at    details
2        at head            r2
1        behind             base  2 pending: base
1        behind             r1    1 pending: old
1        unknown                  hidden (only env.py knows where its version
                                  table is: name the schema, too)
1        unreachable              gone (connection failed: connection to server
                                  at "127.0.0.1", port 1 failed: Connection
                                  refused. Is the server running on that host
                                  and accepting TCP/IP connections?)
1        not in this image  r9    newer
"""
    assert (0, expected) == screen


def test_machines_get_one_document(
    project: Project, migrate: Migrate, tenants: dict[str, str]
) -> None:
    """On standard output, also where it is no terminal; nothing was changed."""
    targets = write_targets(project, "schema=head1", "schema=old")
    words = ("fleet", "status", "--targets", targets)
    plain, asked = migrate.run(*words, **tenants), migrate.run(*words, "--json", **tenants)
    assert answer(plain) == answer(asked)
    assert ("", "") == (plain.stderr, asked.stderr)
    assert {
        "image": {"heads": ["r2"], "revisions": 2},
        "targets": 2,
        "relations": {"at head": 1, "behind": 1},
        "revisions": [
            {"relation": "at head", "heads": ["r2"], "pending": 0, "count": 1},
            {"relation": "behind", "heads": ["r1"], "pending": 1, "count": 1},
        ],
        "results": [
            {"target": "head1", "relation": "at head", "heads": ["r2"], "pending": 0},
            {"target": "old", "relation": "behind", "heads": ["r1"], "pending": 1},
        ],
    } == answer(plain)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("head1 head2", (0, "")),
        ("head1 old base", (3, "3 targets: 1 at head, 2 behind.")),
        ("old gone", (69, "2 targets: 1 behind, 1 unreachable.")),
        ("head1 wrong gone", (77, "3 targets: 1 at head, 1 unreachable, 1 refused.")),
        ("nowhere newer", (78, "2 targets: 1 not in this image, 1 no schema.")),
        ("newer wrong gone old", (65, "4 targets: 1 behind, 1 unreachable, 1 refused, 1 not in")),
    ],
)
def test_a_check_has_an_exit_code(
    project: Project,
    migrate: Migrate,
    tenants: dict[str, str],
    names: str,
    expected: tuple[int, str],
) -> None:
    """The worst; the document is there as well, and the reason in the log."""
    lines = {
        "gone": f"gone {UNREACHABLE}",
        "wrong": f"wrong {tenants['DATABASE_URL'].replace('canary', 'wrong')} schema=a",
    }
    chosen = [lines.get(name, f"schema={name}") for name in names.split()]
    targets = write_targets(project, *chosen)
    result = migrate.run("fleet", "status", "--check", "--targets", targets, **tenants)
    code, summary = expected
    assert code == result.exit_code
    assert [*names.split()] == [each["target"] for each in answer(result)["results"]]
    assert summary in result.stderr
    assert bool(summary) == bool(result.stderr)


def test_a_shard_s_and_a_label_s_status(
    project: Project, migrate: Migrate, tenants: dict[str, str]
) -> None:
    """The same choice as for a run, so that the parts add up."""
    targets = write_targets(project, "schema=head1 a", "schema=head2 b", "schema=old a")
    words = ("fleet", "status", "--targets", targets)

    def names(*more: str) -> list[str]:
        found = answer(migrate.run(*words, *more, **tenants))
        return [each["target"] for each in found["results"]]

    assert ["head1", "old"] == names("--select", "a")
    parts = [names("--shard", f"{index}/2") for index in range(2)]
    assert ["head1", "head2", "old"] == sorted(parts[0] + parts[1])


def test_status_changes_nothing(project: Project, migrate: Migrate, databases: Databases) -> None:
    """Not even the ledger is created."""
    project.table("r1", "one")
    (database,) = databases(1)
    targets = write_targets(project, f"a {database.url}")
    migrate.run("fleet", "status", "--targets", targets)
    found = database.query(
        "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'"
    )
    assert [("public",)] == found
    tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    assert [(0,)] == database.query(tables)


def test_few_connections_are_enough(fleet: FleetOfDatabases) -> None:
    """The look takes fewer at a time, and does not say that the server is not there."""
    fleet.move_template("r3")
    names = [f"d{number}" for number in range(16)]
    for name in names:
        fleet.add(name)
    with fleet.server.connect() as admin:
        role = sql.Identifier(fleet.template.owner)
        admin.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 3").format(role))
    result = fleet.migrate.run("fleet", "status", "--targets", str(fleet.file))
    assert {"at head": 16} == answer(result)["relations"]
