"""The manifest holds while the files are unchanged: what leaves no trace in their times, too."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.fast_path import Compared, require_seal
from tests.fixtures.postgres import missing
from tests.fixtures.project import Project
from tests.fixtures.runner import Migrate


def _edit(path: Path) -> None:
    """Edit a file in place, and give it back its size and its times."""
    found = path.stat()
    path.write_text(path.read_text().replace("CREATE TABLE one", "CREATE TABLE two"))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert (found.st_size, found.st_mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)


def _replace(path: Path) -> None:
    """Put another file in its place, and give the folder back its times."""
    folder = path.parent.stat()
    other = path.with_suffix(".new")
    shutil.copy2(path, other)
    _edit(other)
    other.rename(path)
    os.utime(path.parent, ns=(folder.st_atime_ns, folder.st_mtime_ns))


_NAMESPACE: Final = ("unshare", "--mount", "--map-root-user")
KINDS: Final = {
    # With a seal, nothing is edited in place.
    "edited": (_edit, "", ("build",)),
    "replaced": (_replace, "", ("build",)),
    "edited through a link": (_edit, "symlink_to", ("build",)),
    "edited through a link, sealed": (_edit, "symlink_to", ("build", "--seal")),
    "replaced behind a link": (_replace, "symlink_to", ("build",)),
    "replaced behind a link, sealed": (_replace, "symlink_to", ("build", "--seal")),
    "edited by its other name": (_edit, "hardlink_to", ("build",)),
    "edited by its other name, sealed": (_edit, "hardlink_to", ("build", "--seal")),
}
# Folders as the kernel writes them with escapes, and how alembic.ini names them.
FOLDERS: Final = {
    "plain": ("project", "%(here)s"),
    "blanks": ("my project\\with\nblanks", "%(here)s"),
    "a link": ("project", "../link"),
    "a link to blanks": ("my project", "../link"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_revision_that_changes_without_a_trace(
    kind: str, database: Database, project: Project, migrate: Migrate
) -> None:
    """Its times and its size are the same."""
    change, linked, words = KINDS[kind]
    project.declare()
    file = project.table("r1", "one")
    elsewhere = project.folder.parent / "elsewhere" / "r1.py"
    if linked:
        elsewhere.parent.mkdir()
        file.rename(elsewhere)
        getattr(file, linked)(elsewhere)
    built = migrate.run(*words)
    compared = Compared(project, migrate)
    compared.with_fast_path(database)

    change(elsewhere if linked else file)
    said = compared.with_fast_path(database, MIGRATE_CHECKSUM="fail")

    assert not built.of("manifest_written")[0]["sealed"]
    assert 65 == said.exit_code
    assert not compared.was_fast


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("over", ["migrations/versions/r1.py", "migrations", "alembic.ini"])
def test_a_mount_breaks_the_seal(
    name: str, over: str, database: Database, project: Project, migrate: Migrate
) -> None:
    """In a mount namespace of its own."""
    place, named = FOLDERS[name]
    project.declare()
    project.table("r1", "one")
    folder = project.folder.rename(project.folder.parent / place)
    migrate.folder = folder
    (folder.parent / "link").symlink_to(folder)
    ini = folder / "alembic.ini"
    ini.write_text(ini.read_text().replace("%(here)s", named))
    require_seal(migrate.run("build", "--seal"))
    assert 0 == migrate.run(DATABASE_URL=database.url).exit_code
    # As it was, with its times.
    copy = ["cp", "--archive", str(folder / over), str(folder.parent / "copy")]
    subprocess.run(copy, check=True)  # noqa: S603 - our own arguments
    mount = f'mount --bind ../copy "{over}" && exec "$@"'
    inside = [*_NAMESPACE, "sh", "-c", mount, "sh"]
    if subprocess.run([*_NAMESPACE, "true"], check=False, capture_output=True).returncode:  # noqa: S603 - as above
        missing("a mount namespace needs root or user namespaces")
    command = [migrate.python, "-X", "importtime", "-m", "migration_runner"]

    plain = migrate.start_command(command, DATABASE_URL=database.url).wait()
    mounted = migrate.start_command([*inside, *command], DATABASE_URL=database.url).wait()

    assert 0 == plain.exit_code == mounted.exit_code, mounted.stdout + mounted.stderr
    imported = ["migration_runner.cli" in result.stderr for result in (plain, mounted)]
    assert [False, True] == imported


def test_sealed_it_looks_at_folders_only(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.declare()
    file = project.revision("r1")
    require_seal(migrate.run("build", "--seal"))
    compared = Compared(project, migrate)
    compared.with_fast_path(database)

    with file.open("a") as opened:
        opened.write("# in place\n")
    compared.with_fast_path(database)
    assert compared.was_fast
    Path(project.versions / "r2.py").write_text("")
    compared.with_fast_path(database)
    assert not compared.was_fast


def test_another_folder(
    database: Database, project: Project, migrate: Migrate, tmp_path: Path
) -> None:
    project.declare()
    project.revision("r1")
    require_seal(migrate.run("build", "--seal"))
    moved = project.folder.rename(tmp_path / "moved")
    migrate.folder = moved
    (moved / "termination-log").touch()
    compared = Compared(project, migrate)
    project.folder.mkdir()

    compared.with_fast_path(database)
    compared.with_fast_path(database)
    assert not compared.was_fast


@pytest.mark.parametrize("words", [("build",), ("build", "--seal")])
def test_a_folder_that_comes_later(
    words: tuple[str, ...], database: Database, project: Project, migrate: Migrate
) -> None:
    project.declare()
    project.revision("r1")
    ini = project.folder / "alembic.ini"
    both = "version_locations = %(here)s/migrations/versions:%(here)s/more\n"
    ini.write_text(ini.read_text().replace("path_separator", f"{both}path_separator"))
    migrate.run(*words)
    compared = Compared(project, migrate)
    compared.with_fast_path(database)
    compared.with_fast_path(database)
    assert compared.was_fast

    (project.folder / "more").mkdir()
    (project.folder / "more" / "r2.py").write_text(
        "revision = 'r2'\ndown_revision = 'r1'\n\n\ndef upgrade():\n    pass\n"
    )
    said = compared.with_fast_path(database)

    assert '"to_revisions": ["r2"]' in said.lines
