"""The history as a build has noted it, for runs that need not execute every revision file again.

Good as long as no file and no folder of revisions is another; see `manifest`.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from migration_runner.fast_path.manifest_file import (
    files_unchanged,
    manifest_beside,
    read_manifest,
    read_part,
    revisions_unchanged,
)
from migration_runner.history.revision_names import Names
from migration_runner.settings.settings import DEFAULT_SECTION, AlembicOptions


class ManifestRevision(NamedTuple):
    """What a revision file says, and how `history` describes it."""

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
    """The history's revisions and its heads."""

    revisions: list[ManifestRevision]
    heads: tuple[str, ...]


def load_manifest_history(options: AlembicOptions) -> ManifestHistory | None:
    """Return the noted history of a configuration; None where there is none, or it is stale."""
    if len(options.files) > 1 or options.section != DEFAULT_SECTION:
        return None
    config = options.files[0]
    manifest = read_manifest(manifest_beside(config))
    if manifest is None or manifest["config"] != config or manifest["folder"] != os.getcwd():  # noqa: PTH109 - a string
        return None
    configuration: Any = manifest["configuration"]
    heads: Any = manifest["heads"]
    try:
        if not (files_unchanged(configuration) and revisions_unchanged(manifest)):
            return None
        history: Any = read_part(manifest, "history")
    except (OSError, ValueError, EOFError, TypeError):
        # Something is not there any more, or half of the file.
        return None
    return ManifestHistory([ManifestRevision(*each) for each in history], tuple(heads))
