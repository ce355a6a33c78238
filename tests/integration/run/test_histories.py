"""Several histories in one run, each with a lock, a version table and ledger rows of its own."""

from __future__ import annotations

import json

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate

ENV = ENV_PY.replace(
    "transaction_per_migration=True",
    "transaction_per_migration=True, version_table=context.config.get_main_option('table')",
)
LEDGER = "SELECT version_table, revision FROM migration_runner.ledger ORDER BY sequence"


@pytest.fixture(params=["sections", "files"])
def histories(request: pytest.FixtureRequest, project: Project) -> str:
    """Return the names of two histories of one project: sections of one file, or two files."""
    project.write_env(ENV)
    sections = []
    for name in ("store", "auth"):
        folder = project.folder / name
        folder.mkdir()
        for number in (1, 2):
            parent = None if number == 1 else f"{name}1"
            (folder / f"{name}{number}.py").write_text(
                f'"""{name} {number}."""\nfrom alembic import op\n'
                f"revision = {f'{name}{number}'!r}\ndown_revision = {parent!r}\n"
                f"def upgrade():\n    op.execute('CREATE TABLE {name}{number} (id bigint)')\n"
                f"def downgrade():\n    op.execute('DROP TABLE {name}{number}')\n"
            )
        sections.append(
            f"[{name}]\nscript_location = %(here)s/migrations\nprepend_sys_path = .\n"
            f"path_separator = os\nversion_locations = %(here)s/{name}\ntable = {name}_version\n"
        )
    if request.param == "sections":
        (project.folder / "alembic.ini").write_text("".join(sections))
        return "store, auth"
    (project.folder / "alembic.ini").unlink()
    for name, section in zip(("store", "auth"), sections, strict=True):
        (project.folder / f"{name}.ini").write_text(section.replace(f"[{name}]", "[alembic]"))
    return "store.ini,auth.ini"


def test_both_are_applied(
    database: Database, project: Project, migrate: Migrate, histories: str
) -> None:
    assert project.folder.is_dir()
    names = [name.strip() for name in histories.split(",")]

    first, second = (
        migrate.run(DATABASE_URL=database.url, MIGRATE_HISTORIES=histories) for _ in range(2)
    )

    assert 0 == first.exit_code, first.stdout + first.stderr
    assert "" == first.stderr
    finished = first.finished
    assert "applied" == finished["outcome"]
    assert ["store2", "auth2"] == finished["to_revisions"]
    assert names == list(finished["histories"])
    assert 0 <= finished["histories"][names[1]].pop("duration_seconds")
    assert {
        "from_revisions": [],
        "to_revisions": ["auth2"],
        "applied": ["auth1", "auth2"],
    } == finished["histories"][names[1]]
    assert names == [event["history"] for event in first.of("run_lock_acquired")]
    assert 2 == len({event["key"] for event in first.of("run_lock_acquired")})
    for name in names:
        assert f"{name}: Applied 2 revisions in" in finished["summary"]
        assert f"{name}: Up to date: the database is at" in second.finished["summary"]
    assert "up_to_date" == second.finished["outcome"]
    assert [
        ("store_version", "store1"),
        ("store_version", "store2"),
        ("auth_version", "auth1"),
        ("auth_version", "auth2"),
    ] == database.query(LEDGER)


def test_the_first_failure_ends_the_run(
    database: Database, project: Project, migrate: Migrate, histories: str
) -> None:
    database.query("CREATE TABLE auth2 (id bigint)")
    assert project.folder.is_dir()

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_HISTORIES=histories)

    assert 1 == result.exit_code, result.stdout
    finished = result.finished
    assert ["store1", "store2", "auth1"] == [each["revision"] for each in finished["applied"]]
    assert ["auth1"] == list(finished["histories"].values())[1]["to_revisions"]
    assert "This run applied 3 revisions; the database is at store2, auth1." in finished["summary"]
    assert finished["summary"].startswith(f"{histories.split(',')[1].strip()}: Revision auth2")


def test_a_broken_one_keeps_all_from_being_touched(
    database: Database, project: Project, migrate: Migrate, histories: str
) -> None:
    (project.folder / "auth" / "auth2.py").write_text("down_revision = ")

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_HISTORIES=histories)

    assert 65 == result.exit_code, result.stdout
    assert [] == database.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")


def test_the_commands_that_look_look_at_both(
    database: Database, project: Project, migrate: Migrate, histories: str
) -> None:
    variables = {"DATABASE_URL": database.url, "MIGRATE_HISTORIES": histories}
    names = [name.strip() for name in histories.split(",")]
    chosen = ("-n", names[0]) if ".ini" not in histories else ("-c", names[0])
    assert project.folder.is_dir()
    assert 0 == migrate.run("build", **variables).exit_code
    assert 0 == migrate.run(*chosen, **variables).exit_code

    behind = migrate.run("status", "--check", **variables)
    waited = migrate.run("wait", **variables, MIGRATE_WAIT_TIMEOUT="1s")
    assert 0 == migrate.run(**variables).exit_code
    after = migrate.run("wait", **variables)

    found = json.loads(behind.stdout)["histories"]
    assert ["at head", "behind"] == [found[name]["relation"] for name in names]
    assert (3, 3, 0) == (behind.exit_code, waited.exit_code, after.exit_code)


@pytest.mark.parametrize("verb", ["downgrade -1 --yes", "stamp head", "current", "history"])
def test_other_commands_want_to_know_which_one(
    database: Database, project: Project, migrate: Migrate, histories: str, verb: str
) -> None:
    variables = {"DATABASE_URL": database.url, "MIGRATE_HISTORIES": histories}
    name = histories.partition(",")[0]
    chosen = ("-n", name) if ".ini" not in name else ("-c", name)
    assert project.folder.is_dir()
    assert 0 == migrate.run(**variables).exit_code

    refused = migrate.run(*verb.split(), **variables)
    done = migrate.run(*chosen, *verb.split(), **variables)

    assert 64 == refused.exit_code, refused.stdout
    assert "choose it with -n" in refused.stdout + refused.stderr
    assert 0 == done.exit_code, done.stdout + done.stderr


def test_a_file_that_is_not_there(database: Database, project: Project, migrate: Migrate) -> None:
    assert project.folder.is_dir()

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_HISTORIES="store.ini,none.ini")

    assert 78 == result.exit_code
    for name in ("store.ini", "none.ini"):
        assert f"{name!r} does not exist" in result.finished["summary"]
    assert "MIGRATE_HISTORIES" in result.finished["summary"]


def test_one_that_is_named_twice(database: Database, project: Project, migrate: Migrate) -> None:
    assert project.folder.is_dir()

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_HISTORIES="store.ini,./store.ini")

    assert 78 == result.exit_code
    assert "MIGRATE_HISTORIES has a name twice" in result.finished["summary"]


def test_a_section_that_is_not_there(
    database: Database, project: Project, migrate: Migrate
) -> None:
    assert project.folder.is_dir()

    result = migrate.run(DATABASE_URL=database.url, MIGRATE_HISTORIES="alembic,nowhere")

    assert 78 == result.exit_code, result.stdout
    assert "nowhere" in result.finished["summary"]


def test_a_file_by_flag_and_its_sections_by_variable(
    database: Database, project: Project, migrate: Migrate, histories: str
) -> None:
    """`-c` chooses one of several files; it says nothing about sections."""
    expected: set[str | None] = {None}
    if ".ini" in histories:
        chosen = "store.ini"
    else:
        (project.folder / "alembic.ini").rename(project.folder / "shop.ini")
        chosen, expected = "shop.ini", {"store", "auth"}

    result = migrate.run("-c", chosen, DATABASE_URL=database.url, MIGRATE_HISTORIES=histories)

    assert 0 == result.exit_code, result.stdout
    assert expected == {each.get("history") for each in result.of("revision_applied")}
