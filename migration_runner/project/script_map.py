"""Alembic's scripts: how the revision files are executed, described, and kept in a manifest.

Private names of Alembic used: `ScriptDirectory._load_revisions` (to know the files of duplicate
ids), `Script._all_down_revisions` and `_versioned_down_revisions`, and two methods of
`RevisionMap`, which are replaced by faster ones.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any

from alembic.script import Script, ScriptDirectory
from alembic.script.revision import Revision as AlembicRevision
from alembic.script.revision import RevisionError, RevisionMap
from alembic.util import CommandError, load_python_file

from migration_runner.history.history import History, Revision
from migration_runner.history.manifest_history import ManifestRevision
from migration_runner.history.revision_digest import digest_revision
from migration_runner.history.revision_names import as_name, as_tuple
from migration_runner.project.loading import broken_history, loading, sentence


class ScriptMap(RevisionMap):
    """Alembic's revision map, with a quadratic method replaced."""

    def _filter_into_branch_heads(self, targets: Iterable[Any]) -> set[Any]:
        """Return the targets from which no other one descends, as `current` prints them."""
        kept = set(targets)
        below: set[str] = set()
        ahead = list(kept)
        while ahead:
            parents = set(ahead.pop()._versioned_down_revisions) - below  # noqa: SLF001 - of Alembic's revisions
            below |= parents
            ahead += self.get_revisions(parents)
        return {revision for revision in kept if revision.revision not in below}


class ManifestScriptMap(ScriptMap):
    """A revision map that is known to have no cycle, as a build has checked."""

    def _detect_cycles(self, *_: object) -> None:
        pass


class ManifestScript(Script):
    """A revision file that is executed when its module is used, for a planned step."""

    def __init__(self, manifest_revision: ManifestRevision) -> None:
        self._docstring = manifest_revision.docstring
        self.path = manifest_revision.path
        # Not `Script`'s own, which needs the module.
        AlembicRevision.__init__(
            self,
            manifest_revision.id,
            manifest_revision.down_revision,
            branch_labels=as_tuple(manifest_revision.branch_labels),
            dependencies=as_tuple(manifest_revision.depends_on),
        )

    @cached_property
    def module(self) -> ModuleType:  # type: ignore[override]  # an attribute in `Script`
        """The module, executed now."""
        folder, name = os.path.split(self.path)
        with loading():
            return load_python_file(folder, name)

    @property
    def longdoc(self) -> str:
        """The docstring, as the manifest has it."""
        return self._docstring


def to_manifest(script: Script, revision: Revision) -> ManifestRevision:
    """Return what a manifest keeps of a script."""
    digest = digest_revision(script.path)
    return ManifestRevision(
        revision.id,
        as_name(script.down_revision),
        as_name(script.dependencies),
        as_name(getattr(script.module, "branch_labels", None)),
        script.path,
        script.longdoc,
        revision.breaks_before,
        tuple(sorted(revision.labels)),
        revision.parents,
        tuple(revision.dependencies),
        digest.file_sha256,
        digest.code_sha256,
    )


def from_manifest(manifest_revision: ManifestRevision) -> Revision:
    """Return the revision that a manifest has kept."""
    return Revision(
        manifest_revision.id,
        manifest_revision.parents,
        frozenset(manifest_revision.labels),
        manifest_revision.path,
        manifest_revision.docstring.split("\n\n")[0],
        manifest_revision.breaks_before,
        frozenset(manifest_revision.dependencies),
        manifest_revision.file_sha256,
        manifest_revision.code_sha256,
    )


def load_files(scripts: ScriptDirectory) -> Iterable[Script]:
    """Execute the revision files. Raises `HistoryError`."""
    with loading(), warnings.catch_warnings():
        # "loaded twice! ignoring": two version_locations can be the same folder.
        warnings.simplefilter("ignore", UserWarning)
        yield from scripts._load_revisions()  # noqa: SLF001 - see the module's docstring


def read_history(directory: ScriptDirectory, scripts: Sequence[Script]) -> History:
    """Give Alembic these scripts, which are executed only once, and return their history.

    Raises `HistoryError` if Alembic refuses it.
    """
    directory.revision_map = ScriptMap(lambda: scripts)
    try:
        heads = tuple(directory.get_heads())
    except (CommandError, RevisionError) as error:
        raise broken_history(sentence(error)) from error
    except KeyError as error:
        detail = (
            f"a down_revision is {error}, which is no revision's id. A label or the beginning of an"
            " id will not do: write the whole id."
        )
        raise broken_history(detail) from error
    return History({script.revision: resolve(script) for script in scripts}, heads)


def describe(script: Script) -> Revision:
    """Describe a script as in its file, before Alembic has resolved labels and partial ids."""
    parents = as_tuple(script.down_revision) + as_tuple(script.dependencies)
    labels = frozenset(script.branch_labels or ())
    return Revision(script.revision, parents, labels, script.path, script.doc)


def resolve(script: Script) -> Revision:
    """Describe a script, with its parents resolved to revision ids."""
    parents = tuple(script._all_down_revisions)  # noqa: SLF001 - labels in depends_on, resolved
    labels = frozenset(script.branch_labels or ())
    line = getattr(script.module, "breaks_before", None)
    dependencies = frozenset(parents) - {*script._versioned_down_revisions}  # noqa: SLF001 - the same, without depends_on
    return Revision(script.revision, parents, labels, script.path, script.doc, line, dependencies)
