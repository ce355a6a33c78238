"""The history as recorded by a build, so that runs need not execute every revision file.

Valid as long as the revision files and folders are unchanged; see `fast_path/files.py`.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from migration_runner.fast_path.files import revisions_unchanged, unchanged
from migration_runner.fast_path.manifest_file import manifest_beside, read_manifest, read_part
from migration_runner.history.revision_names import Names
from migration_runner.settings.settings import DEFAULT_SECTION, AlembicOptions


class ManifestRevision(NamedTuple):
    """What a revision file declares, and what `history` has about it."""

    id: str
    down_revision: Names
    depends_on: Names
    branch_labels: Names
    path: str
    docstring: str
    breaks_before: str | None
    labels: tuple[str, ...]
    parents: tuple[str, ...]
    dependencies: tuple[str, ...]
    file_sha256: str
    code_sha256: str | None


class ManifestHistory(NamedTuple):
    """The history's revisions and heads, and the folders of its files."""

    revisions: list[ManifestRevision]
    heads: tuple[str, ...]
    folders: tuple[str, ...]


def load_manifest_history(options: AlembicOptions) -> ManifestHistory | None:
    """Return the recorded history of a configuration; None if there is none, or it is stale."""
    if len(options.files) > 1 or options.section != DEFAULT_SECTION:
        return None
    config = options.files[0]
    manifest = read_manifest(manifest_beside(config))
    if manifest is None or manifest["config"] != config or manifest["folder"] != os.getcwd():  # noqa: PTH109 - a string
        return None
    configuration: Any = manifest["configuration"]
    heads: Any = manifest["heads"]
    folders: Any = manifest["version_folders"]
    try:
        sealed = bool(manifest["sealed"])
        if not (unchanged(configuration, sealed=sealed) and revisions_unchanged(manifest)):
            return None
        history: Any = read_part(manifest, "history")
    except (OSError, ValueError, EOFError, TypeError):
        # A folder is missing, or the manifest is truncated.
        return None
    revisions = [ManifestRevision(*each) for each in history]
    return ManifestHistory(revisions, tuple(heads), folders)
