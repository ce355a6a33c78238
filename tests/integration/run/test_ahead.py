"""The image was rolled back: the database is newer, and the ledger proves it or does not."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate

REPLICAS = 20
VERSION = "SELECT version_num FROM alembic_version ORDER BY 1"
ROWS = "SELECT count(*) FROM migration_runner.ledger"


def _remove(project: Project, *names: str) -> None:
    """Make the image one that was built before these revisions."""
    for name in names:
        (project.versions / f"{name}.py").unlink()


def _applied(project: Project, migrate: Migrate, database: Database, **variables: str) -> None:
    """Apply r1, r2 and r3, each from a build of its own."""
    for number in (1, 2, 3):
        project.revision(f"r{number}")
        result = migrate.run(
            DATABASE_URL=database.url, MIGRATE_BUILD=f"build-{number}", **variables
        )
        assert 0 == result.exit_code, result.stdout


def test_it_is_proved_and_told(any_database: Database, project: Project, migrate: Migrate) -> None:
    _applied(project, migrate, any_database)
    _remove(project, "r2", "r3")

    result = migrate.run(DATABASE_URL=any_database.url)

    assert 0 == result.exit_code, result.stdout
    assert ["run_started", "database_ready", "database_ahead", "run_finished"] == result.names
    (event,) = result.of("database_ahead")
    assert {
        "level": "warning",
        "unknown_revisions": ["r2", "r3"],
        "builds": ["build-2", "build-3"],
        "database_heads": ["r3"],
        "image_heads": ["r1"],
    }.items() <= event.items()
    finished = result.finished
    assert "ahead" == finished["outcome"]
    assert ["r3"] == finished["to_revisions"]
    assert "r3 (applied by build build-3)" in finished["summary"]
    assert [("r3",)] == any_database.query(VERSION)
    assert [(3,)] == any_database.query(ROWS)


def test_it_can_be_made_an_error(database: Database, project: Project, migrate: Migrate) -> None:
    _applied(project, migrate, database)
    _remove(project, "r3")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_ON_AHEAD="fail")

    assert 65 == result.exit_code, result.stdout
    assert "ahead" == result.finished["error"]["reason"]
    assert "r3 (applied by build build-3)" in result.finished["summary"]


def test_all_replicas_start_at_once_and_take_no_lock(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _applied(project, migrate, database)
    _remove(project, "r2", "r3")
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(7)")

        runs = [
            migrate.start(DATABASE_URL=database.url, MIGRATE_RUN_LOCK_KEY="7")
            for _ in range(REPLICAS)
        ]
        results = [run.wait() for run in runs]

    assert [0] * REPLICAS == [result.exit_code for result in results]
    assert {"ahead"} == {result.finished["outcome"] for result in results}
    assert not {"run_lock_busy", "run_lock_acquired"} & {n for each in results for n in each.names}


def _write_branches(project: Project) -> None:
    """Write r1, two branches of two on it, and what joins them."""
    project.revision("r1", down=None)
    project.revision("a1", down="r1")
    project.revision("a2", down="a1")
    project.revision("b1", down="r1")
    project.revision("b2", down="b1")
    project.revision("merge", down=("a2", "b2"))


@pytest.mark.parametrize(
    ("target", "removed"),
    [
        ("merge", ["merge", "b2", "b1", "a2"]),
        ("merge", ["merge", "b2"]),
        ("heads", ["merge", "b2", "b1"]),
    ],
)
def test_an_image_that_is_somewhere_in_the_branches(
    database: Database, project: Project, migrate: Migrate, target: str, removed: list[str]
) -> None:
    _write_branches(project)
    if target == "heads":
        _remove(project, "merge")
    first = migrate.run(DATABASE_URL=database.url, MIGRATE_TARGET=target)
    assert 0 == first.exit_code, first.stdout
    _remove(project, *(name for name in removed if (project.versions / f"{name}.py").exists()))

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_TARGET="heads")

    assert 0 == result.exit_code, result.stdout
    assert "ahead" == result.finished["outcome"]


def test_a_branch_that_only_the_image_has(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _write_branches(project)
    _remove(project, "merge", "b2", "b1")
    migrate.run(DATABASE_URL=database.url, MIGRATE_BUILD="build-a")
    _write_branches(project)
    _remove(project, "merge", "a2")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_TARGET="heads")

    assert 65 == result.exit_code, result.stdout
    error = result.finished["error"]
    assert {
        "reason": "diverged",
        "database_heads": ["a2"],
        "image_heads": ["a1", "b2"],
        "unknown_revisions": ["a2"],
        "missing": ["b2"],
    }.items() <= error.items()
    assert "a2 (applied by build build-a)" in result.finished["summary"]
    assert "the database does not have b2" in result.finished["summary"]
    assert "alembic merge" in result.finished["summary"]
    assert result.finished["summary"].endswith("Nothing was applied; the database is at a2.")
    assert [("a2",)] == database.query(VERSION)


def test_a_revision_that_is_depended_on(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """The older image is the other branch, which the newer one needs without descending from it."""
    project.revision("shop", header='branch_labels = ("sales",)')
    project.revision("stock", down=None)
    project.revision("shop2", down="shop", header='depends_on = "stock"')
    first = migrate.run("upgrade", "sales@head", DATABASE_URL=database.url)
    assert 0 == first.exit_code, first.stdout
    _remove(project, "shop", "shop2")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert "ahead" == result.finished["outcome"]


def test_without_a_ledger_nothing_is_proved_until_the_newer_image_has_run_once(
    database: Database, project: Project, migrate: Migrate
) -> None:
    _applied(project, migrate, database, MIGRATE_LEDGER="off")
    newest = project.versions / "r3.py"
    text = newest.read_text()
    newest.unlink()

    unproved = migrate.run(DATABASE_URL=database.url)

    assert 65 == unproved.exit_code, unproved.stdout
    assert "unknown_revision" == unproved.finished["error"]["reason"]
    assert ["r3"] == unproved.finished["error"]["unknown_revisions"]
    assert ["r3"] == unproved.finished["to_revisions"]
    assert "(head r2)" in unproved.finished["summary"]
    assert "run the newer image once" in unproved.finished["summary"]
    assert [(None,)] == database.query("SELECT to_regclass('migration_runner.ledger')::text")

    newest.write_text(text)
    assert "up_to_date" == migrate.run(DATABASE_URL=database.url).finished["outcome"]
    newest.unlink()
    assert "ahead" == migrate.run(DATABASE_URL=database.url).finished["outcome"]
    off = migrate.run(DATABASE_URL=database.url, MIGRATE_LEDGER="off")
    assert 65 == off.exit_code, off.stdout


def test_a_database_that_was_stamped_ahead(
    database: Database, project: Project, migrate: Migrate
) -> None:
    for name in ("r1", "r2", "r3"):
        project.revision(name)
    migrate.run("upgrade", "r1", DATABASE_URL=database.url)
    assert 0 == migrate.run("stamp", "head", DATABASE_URL=database.url).exit_code
    _remove(project, "r2", "r3")

    assert "ahead" == migrate.run(DATABASE_URL=database.url).finished["outcome"]


def test_once_it_was_downgraded_it_is_ahead_no_more(
    database: Database, project: Project, migrate: Migrate
) -> None:
    """The image that the database was ahead of is behind now, and applies its own."""
    _applied(project, migrate, database)
    assert 0 == migrate.run("downgrade", "--yes", "r1", DATABASE_URL=database.url).exit_code
    _remove(project, "r3")

    result = migrate.run(DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert "applied" == result.finished["outcome"]
    assert [("r2",)] == database.query(VERSION)


def test_waiting_ends_there(database: Database, project: Project, migrate: Migrate) -> None:
    _applied(project, migrate, database)
    _remove(project, "r3")

    result = migrate.run("wait", DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert "ahead" == result.finished["outcome"]
    assert "revisions_pending" not in result.names


def test_another_applications_version_table_is_named(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.table("r1", "one")
    database.query("CREATE TABLE alembic_version AS SELECT 'other' AS version_num")

    result = migrate.run(DATABASE_URL=database.url)

    assert 65 == result.exit_code
    table = f"public.alembic_version in {database.name}"
    assert f"If the version table {table} is another application's" in result.finished["summary"]
