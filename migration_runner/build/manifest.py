"""Writes the manifest: what a run would determine about a project, determined in a build."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from migration_runner.build.env_source import read_env
from migration_runner.build.fast_path_part import NoFastPath, fast_path_part
from migration_runner.fast_path.files import is_plain, mount_at, real_path, stamp
from migration_runner.fast_path.manifest_file import (
    Manifest,
    Stamps,
    manifest_beside,
    render_manifest,
)
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.declaration import configuration_files, declaration_wrong
from migration_runner.settings.settings import Settings


class NoManifest(Exception):
    """Why no manifest can be written."""


def write_manifest(
    settings: Settings, project: AlembicProject, *, sealed: bool
) -> tuple[Path, bool, str]:
    """Write the manifest beside the Alembic configuration.

    `sealed`: no file is edited in place, so that a run checks only the folders.
    Returns its path, whether it is sealed, and why the fast path is off, if it is.
    Raises `ConfigError` if the project declares what is not true, `NoManifest` or `OSError`; then
    there is no manifest, not even an old one.
    """
    config = settings.alembic.files[0]
    path = Path(manifest_beside(config))
    path.unlink(missing_ok=True)
    declared, env = project.declared, project.env_file
    if declared and (difference := read_env(env).contradicts(declared)):
        raise declaration_wrong(declared, difference)
    if len(settings.alembic.files) > 1:
        message = "there are several configuration files"
        raise NoManifest(message)
    history = project.manifest_revisions()
    if history is None:
        message = "a revision file computes its revision or down_revision: write them as constants"
        raise NoManifest(message)
    configuration = configuration_files(project.config)
    files = [*configuration, str(env)]
    folders = _with_subfolders(project.folders[1:])
    revisions = [each.path for each in history]
    manifest: Manifest = {
        "config": config,
        "folder": str(Path.cwd()),
        "heads": sorted(project.history.heads),
        "version_folders": tuple(map(str, project.folders[1:])),
    }
    fast_path_off = _why_not_sealed(files, folders) if sealed else ""
    sealed = sealed and not fast_path_off
    if not fast_path_off:
        try:
            manifest |= fast_path_part(project, config, history)
        except NoFastPath as error:
            fast_path_off = str(error)
    _wait_for_the_next_second([*folders, *files, *revisions])
    manifest |= {
        "sealed": sealed,
        "places": _places([*files, *folders]) if sealed else {},
        "folders": _stamps(folders, sealed=sealed),
        "configuration": _stamps(configuration, sealed=sealed),
        "files": _stamps(files, sealed=sealed),
    }
    parts: dict[str, object] = {
        "history": [tuple(each) for each in history],
        "ids": [each.id for each in history],
        "revisions": _stamps(revisions, sealed=sealed),
    }
    path.write_bytes(render_manifest(manifest, parts))
    return path, sealed, fast_path_off


def _why_not_sealed(files: Sequence[str], folders: Sequence[str]) -> str:
    """Return why files could change without a trace in their folders; empty if they could not."""
    # Not the revisions' paths: Alembic resolves links.
    existing = [folder for folder in folders if os.path.isdir(folder)]  # noqa: PTH112 - strings
    entries = [entry for folder in existing for entry in os.scandir(folder)]
    inside = [entry.path for entry in entries if not entry.is_dir(follow_symlinks=False)]
    for file in (*files, *inside):
        if os.path.lexists(file) and not is_plain(file):
            return f"cannot be sealed: {file} is a link"
    if mount := mount_at(_places([*files, *folders])):
        return f"cannot be sealed: {os.fsdecode(mount)} is a mount"
    return ""


def _with_subfolders(folders: Iterable[Path]) -> list[str]:
    """Return the folders, also those that do not exist yet."""
    found = {str(folder) for folder in folders}
    found |= {place for folder in folders for place, _, _ in os.walk(folder)}
    return sorted(folder for folder in found if Path(folder).name != "__pycache__")


def _places(paths: Iterable[str]) -> dict[str, bytes]:
    return {path: real_path(path) for path in paths if os.path.exists(path)}  # noqa: PTH110 - strings


def _stamps(paths: Iterable[str], *, sealed: bool) -> Stamps:
    return {path: stamp(path, sealed=sealed) for path in paths}


def _wait_for_the_next_second(paths: Iterable[str]) -> None:
    """Return when a change would be detected: images keep times in whole seconds."""
    found = [os.stat(path) for path in paths if os.path.exists(path)]  # noqa: PTH110, PTH116 - strings
    newest = max(int(max(each.st_mtime, each.st_ctime)) for each in found)
    now = time.time()
    if 0 <= now - newest < 1:
        time.sleep(newest + 1 - now)
