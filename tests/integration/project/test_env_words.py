"""What is said to an env.py: words, sections, targets."""

from __future__ import annotations

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.env_kinds import OWN_ENGINE, shop_url
from tests.fixtures.faults import recorded
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


def test_words_for_env_py(database: Database, project: Project, migrate: Migrate) -> None:
    """`-x`, `-n`, `-c` and `config.cmd_opts`, as Alembic has them."""
    project.write_env(
        "from alembic import context\n"
        "print(context.get_x_argument(as_dictionary=True), context.config.config_ini_section,\n"
        "      context.config.cmd_opts.revision, context.get_tag_argument(),\n"
        "      context.config.cmd_opts.cmd[0].__name__, context.get_revision_argument())\n"
        + OWN_ENGINE
    )
    project.revision("r1")
    ini = project.folder / "alembic.ini"
    other = project.folder / "other.ini"
    other.write_text(ini.read_text().replace("[alembic]", "[shop]"))

    result = migrate.run(
        *("-c", "other.ini", "-n", "shop", "-x", "tenant=a", "upgrade", "r1", "-x", "dry"),
        *("--tag", "blue", "-n", "shop"),
        SHOP_URL=shop_url(database),
    )

    assert 0 == result.exit_code, result.stdout
    assert "{'tenant': 'a', 'dry': ''} shop r1 blue upgrade r1" in result.names


def test_a_pyproject_is_enough(database: Database, project: Project, migrate: Migrate) -> None:
    (project.folder / "alembic.ini").unlink()
    text = '[tool.alembic]\nscript_location = "%(here)s/migrations"\nprepend_sys_path = ["."]\n'
    (project.folder / "pyproject.toml").write_text(text)
    project.write_env(OWN_ENGINE)
    project.revision("r1")

    result = migrate.run(SHOP_URL=shop_url(database))

    assert 0 == result.exit_code, result.stdout
    assert ["r1"] == recorded(database)


@pytest.mark.parametrize("ways", ["words", "variable"])
def test_several_targets_one_by_one(
    database: Database, project: Project, migrate: Migrate, ways: str
) -> None:
    """Some env.py look at the one target to know what to do."""
    project.write_env(
        "from alembic import context\nprint('target', context.config.cmd_opts.revision)\n"
        + OWN_ENGINE
    )
    project.revision("g1", down=None, header="branch_labels = ('gxy',)")
    project.revision("g2", down="g1")
    project.revision("t1", down=None, header="branch_labels = ('tsi',)")
    project.revision("o1", down=None, header="branch_labels = ('other',)")
    targets = ("gxy@head", "tsi@head")
    words = ("upgrade", *targets) if ways == "words" else ()
    variables = {"SHOP_URL": shop_url(database)}
    if ways == "variable":
        variables["MIGRATE_TARGET"] = " ".join(targets)

    first, second = (migrate.run(*words, **variables) for _ in range(2))
    status = migrate.run("status", "--check", **{**variables, "MIGRATE_TARGET": " ".join(targets)})

    assert 0 == first.exit_code, first.stdout
    assert [f"target {target}" for target in targets] == [n for n in first.names if "target" in n]
    assert ["g1", "g2", "t1"] == [each["revision"] for each in first.finished["applied"]]
    assert ["g2", "t1"] == first.finished["to_revisions"]
    assert "gxy@head tsi@head" == first.finished["target"]
    assert "up_to_date" == second.finished["outcome"]
    assert 0 == status.exit_code, status.stderr


def test_revisions_that_take_words_of_env_pys(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.write_env(OWN_ENGINE.replace("run_migrations()", "run_migrations(tables=['one'])"))
    file = project.revision("r1", "assert tables == ['one']")
    file.write_text(file.read_text().replace("def upgrade():", "def upgrade(tables):"))

    assert 0 == migrate.run(SHOP_URL=shop_url(database)).exit_code
