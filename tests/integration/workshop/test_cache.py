"""What is taken from the cache, and what is not: a schema that other files have led to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migration_runner.workshop.cluster import Cluster
from migration_runner.workshop.programs import find_programs
from migration_runner.workshop.templates import Templates, cache_folder
from tests.fixtures.workshop import Workshop

# Says which revisions are applied.
TELLING = 'print("applied", {name!r})\nop.execute("CREATE SEQUENCE {name}")'
UNDO = 'op.execute("DROP SEQUENCE {name}")'


def _entries(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()} if cache.exists() else set()


@pytest.fixture
def cache(workshop: Workshop, tmp_path: Path) -> Path:
    """Return a cache that no other test has."""
    folder = tmp_path / "cache of mine"
    workshop.variables["MIGRATE_CACHE"] = str(folder)
    return folder


def _deep(workshop: Workshop, **variables: str) -> int:
    return workshop.run("check", "--deep", **variables).exit_code


def test_a_schema_is_kept_and_taken(workshop: Workshop, cache: Path) -> None:
    workshop.orders()

    first, before = _deep(workshop), _entries(cache)
    second, after = _deep(workshop), _entries(cache)

    # A server as it is made, and one at head.
    assert (0, 0, 2) == (first, second, len(before))
    assert before == after


@pytest.mark.parametrize("change", ["revision", "env.py", "its import", "a variable", "-x"])
def test_what_makes_it_another_schema(workshop: Workshop, cache: Path, change: str) -> None:
    workshop.orders()
    helper = workshop.write("helper.py", "NAME = 'orders'\n")
    env = workshop.folder / "migrations" / "env.py"
    env.write_text(f"import os\nimport helper\nos.environ.get('TENANT')\n{env.read_text()}")
    words, variables = ["check", "--deep"], {"TENANT": "one"}
    assert 0 == workshop.run(*words, **variables).exit_code
    before = _entries(cache)

    if change == "revision":
        file = workshop.versions / "orders.py"
        file.write_text(file.read_text().replace("note text", "note  text"))
    elif change == "env.py":
        env.write_text(env.read_text() + "# more\n")
    elif change == "its import":
        helper.write_text("NAME = 'others'\n")
    elif change == "a variable":
        variables = {"TENANT": "two"}
    else:
        words = ["-x", "tenant=two", *words]

    assert 0 == workshop.run(*words, **variables).exit_code
    assert 1 == len(_entries(cache) - before)


def test_models_alone_make_no_other_schema(workshop: Workshop, cache: Path) -> None:
    workshop.orders()
    assert 0 == _deep(workshop)
    before = _entries(cache)

    workshop.add_columns("land = sa.Column(sa.Text)")

    assert (4, before) == (_deep(workshop), _entries(cache))


def test_a_new_revision_begins_at_the_last(workshop: Workshop, cache: Path) -> None:
    workshop.orders()
    applied = workshop.write("applied", "")
    workshop.revision("told", f"open({str(applied)!r}, 'a').write('told ')", "pass")
    assert 0 == _deep(workshop)
    workshop.revision("more", f"open({str(applied)!r}, 'a').write('more ')", "pass")

    assert 0 == _deep(workshop)
    assert "told more " == applied.read_text()
    assert 3 == len(_entries(cache))


def test_without_a_cache(workshop: Workshop, cache: Path) -> None:
    workshop.orders()

    assert 0 == _deep(workshop, MIGRATE_CACHE="off")
    assert set() == _entries(cache)


def test_what_was_not_used_for_longest_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration_runner.workshop.templates._MOST_BYTES", 350)
    folder = tmp_path / "cache"
    folder.mkdir()
    templates = Templates(folder, find_programs())

    def write(entry: Path) -> bool:
        (entry / "data").mkdir()
        (entry / "data" / "file").write_bytes(bytes(100))
        return True

    def keep(name: str) -> None:
        assert templates._add(name, write)  # noqa: SLF001 - without a server

    for number, name in enumerate(("used", "old", "new")):
        keep(name)
        (entry,) = folder.glob(f"*-{name}")
        os.utime(entry, (number, number))
    assert templates._copy("used", tmp_path / "copy")  # noqa: SLF001 - as above

    keep("newest")

    left = {path.name.rpartition("-")[2] for path in folder.iterdir()}
    assert {"used", "new", "newest"} == left


def test_a_folder_that_cannot_be_written_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert cache_folder(str(tmp_path / "file" / "below")) is None
    assert cache_folder("off") is None
    assert tmp_path / "new" == cache_folder(str(tmp_path / "new"))


def test_a_part_of_a_server_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a full disk: later commands would start with it."""

    def copy_a_part(_source: Path, target: Path) -> bool:
        target.mkdir()
        return False

    monkeypatch.setattr("migration_runner.workshop.templates._copy_folder", copy_a_part)
    folder = tmp_path / "cache"
    folder.mkdir()

    Templates(folder, find_programs()).fill(None, tmp_path / "data", lambda: None)

    assert [] == list(folder.iterdir())


def test_a_server_that_cannot_be_kept_is_removed() -> None:
    cluster = Cluster(find_programs())
    # Nobody can make a folder there.
    target = Path("/proc/nowhere/data")

    assert not cluster.stop(keep_data=target)
    assert not cluster.folder.exists()
