"""The revision files: loaded into a history, and the steps from one revision to another.

Private names of Alembic used: `ScriptDirectory._load_revisions` (to know the files of duplicate
ids), `_upgrade_revs`, `_downgrade_revs` and `_stamp_revs` (unchanged since 2012),
`Script._all_down_revisions` and `_versioned_down_revisions`, and two methods of `RevisionMap`,
which are replaced by faster ones.
"""

from __future__ import annotations

import configparser
import os
import re
import warnings
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from alembic.config import Config
from alembic.runtime.migration import MigrationInfo, MigrationStep
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import Revision as AlembicRevision
from alembic.script.revision import RevisionError, RevisionMap
from alembic.util import CommandError, load_python_file

from migration_runner.errors import ConfigError, HistoryError
from migration_runner.history.history import History, Revision, check_consistency
from migration_runner.history.manifest_history import ManifestHistory, ManifestRevision
from migration_runner.history.request import PlannedStep, Request
from migration_runner.history.revision_digest import digest_revision
from migration_runner.history.revision_names import as_name, as_tuple, declares_constants
from migration_runner.project.errors import describe_interpolation
from migration_runner.project.loading import (
    loading,
    name_configuration,
    require_folders,
    sentence,
    version_folders,
)


class RevisionFiles:
    """The revision files of an Alembic configuration, loaded and consistent."""

    def __init__(self, config: Config, manifest: ManifestHistory | None = None) -> None:
        """Load the files. With a build's `manifest`, a file is executed only when it is planned.

        Raises `ConfigError` or `HistoryError`.
        """
        try:
            self.directory = ScriptDirectory.from_config(config)
        except configparser.InterpolationSyntaxError as error:
            message = f"{name_configuration(config)} has {describe_interpolation(error)}."
            raise ConfigError(message) from None
        except (CommandError, configparser.Error, UnicodeDecodeError) as error:
            named, reason = name_configuration(config), sentence(error)
            message = f"{named} is not a valid Alembic configuration: {reason}"
            raise ConfigError(message) from error
        require_folders(version_folders(self.directory))
        # The last plan: its request and heads, its revisions, and its steps until they are taken.
        self._planned_for: tuple[Request, tuple[str, ...]] | None = None
        self._planned: list[str] = []
        self._steps: list[PlannedStep] = []
        self.history = self._load() if manifest is None else self._load_from(manifest)

    def _load(self) -> History:
        scripts = list(_load_files(self.directory))
        check_consistency([_describe(script) for script in scripts])
        # So that the files are executed only once.
        self.directory.revision_map = _Map(lambda: scripts)
        try:
            heads = tuple(self.directory.get_heads())
        except (CommandError, RevisionError) as error:
            message = f"The history is broken: {sentence(error)}"
            raise HistoryError(message, reason="broken_history") from error
        history = History({script.revision: _resolve(script) for script in scripts}, heads)
        history.check_breaks()
        return history

    def _load_from(self, manifest: ManifestHistory) -> History:
        """Return the history that a build has recorded, after checking it."""
        scripts = self.directory
        scripts.revision_map = _ManifestMap(
            lambda: [_ManifestScript(scripts, each) for each in manifest.revisions]
        )
        return History(
            {each.id: _from_manifest(each) for each in manifest.revisions}, manifest.heads
        )

    def from_config(self, _config: Config) -> ScriptDirectory:
        """Return the loaded revisions: Alembic calls this in place of `ScriptDirectory`'s."""
        return self.directory

    def manifest_revisions(self) -> list[ManifestRevision] | None:
        """Return the revisions for a manifest; None if a file computes its names."""
        scripts = [script for script in self.directory.walk_revisions() if script.revision]
        if not all(declares_constants(script.path, vars(script.module)) for script in scripts):
            return None
        return [_to_manifest(script, self.history.revisions[script.revision]) for script in scripts]

    @property
    def folders(self) -> list[Path]:
        """The folders of env.py and of the revision files."""
        return [Path(self.directory.dir), *version_folders(self.directory)]

    def check_target(self, target: str) -> None:
        """Raise `HistoryError` if `target` is not in the history.

        Relative targets (`+1`) depend on the database and are not checked.
        """
        if target == "head":
            self.history.require_one_head()
        if "+" in target or "-" in target:
            return
        try:
            found = self.directory.get_revisions(target)
        except CommandError as error:
            message = f"Invalid target {target!r}: {sentence(error)}"
            if missing := _missing_revision(error):
                message = f"No such revision: {missing!r}."
            raise HistoryError(message, reason="unknown_target", target=target) from error
        if not found and self.history.revisions and target not in ("base", "None"):
            message = f"No such revision: {target!r}."
            raise HistoryError(message, reason="unknown_target", target=target)

    def plan(self, request: Request, heads: Sequence[str]) -> list[PlannedStep]:
        """Return the steps of a request for a database at `heads`.

        Raises `HistoryError` if there are none that lead to the target.
        """
        if self._planned_for == (request, tuple(heads)) and self._steps:
            steps, self._steps = self._steps, []
            return steps
        return self._plan(request, heads)

    def _plan(self, request: Request, heads: Sequence[str]) -> list[PlannedStep]:
        if not self.history.revisions:
            return []
        try:
            if request.direction == "upgrade":
                return self._plan_upgrade(request.targets, tuple(heads))
            at: Any = tuple(heads)
            steps: Iterable[MigrationStep]
            if request.direction == "downgrade":
                steps = self.directory._downgrade_revs(request.target, at)  # noqa: SLF001 - see the module's docstring
            else:
                steps = self.directory._stamp_revs(request.targets, at)  # noqa: SLF001 - see the module's docstring
            return [_planned(step) for step in steps]
        except (CommandError, RevisionError, AssertionError) as error:
            message = (
                f"Cannot {request.direction} from {', '.join(heads) or 'base'} to"
                f" {request.target}: {sentence(error)}"
            )
            missing = _missing_revision(error)
            if missing and missing not in heads:
                message = f"No such revision: {missing!r}."
            elif "Ambiguous walk" in message:
                place = "below a merge" if request.direction == "downgrade" else "above a branch"
                message = (
                    f"{request.target} is ambiguous {place}: name the revision to"
                    f" {request.direction} to."
                )
            raise HistoryError(message, reason="no_path", target=request.target) from error

    def pending(self, request: Request, heads: Sequence[str]) -> list[str]:
        """Return the revisions of a request's plan, which is kept for the next call.

        Raises what `plan` raises.
        """
        wanted = request, tuple(heads)
        if self._planned_for != wanted:
            self._steps = self._plan(request, heads)
            self._planned_for, self._planned = wanted, [step.revision for step in self._steps]
        return self._planned

    def _plan_upgrade(self, targets: Sequence[str], at: tuple[str, ...]) -> list[PlannedStep]:
        """Plan one target after another: Alembic takes one at a time."""
        planned: list[PlannedStep] = []
        for target in targets:
            # Annotated as `str`, but Alembic itself passes the tuple of heads.
            heads: Any = at
            found = map(_planned, self.directory._upgrade_revs(target, heads))  # noqa: SLF001 - see the module's docstring
            planned += found
            at = self.history.heads_after(at, [step.revision for step in planned])
        return planned


class _Map(RevisionMap):
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


class _ManifestMap(_Map):
    """A revision map that is known to have no cycle, as a build has checked."""

    def _detect_cycles(self, *_: object) -> None:
        pass


class _ManifestScript(Script):
    """A revision file that is executed when its module is used, for a planned step."""

    def __init__(self, scripts: ScriptDirectory, manifest_revision: ManifestRevision) -> None:
        self._scripts = scripts
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
        folder, name = os.path.split(self.path)
        with loading(self._scripts):
            return load_python_file(folder, name)

    @property
    def longdoc(self) -> str:
        return self._docstring


def _missing_revision(error: BaseException) -> str | None:
    """Return the revision that Alembic could not find, if that is the error."""
    found = re.search(r"Can't locate revision identified by '([^']+)'", str(error))
    return found and found[1]


def _to_manifest(script: Script, revision: Revision) -> ManifestRevision:
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


def _from_manifest(manifest_revision: ManifestRevision) -> Revision:
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


def _planned(step: MigrationStep) -> PlannedStep:
    info: MigrationInfo = step.info  # type: ignore[attr-defined]  # both kinds of step have one
    names = info.destination_revision_ids if info.is_stamp else info.up_revision_ids
    return PlannedStep(", ".join(names) or "base", step)


def _load_files(scripts: ScriptDirectory) -> Iterable[Script]:
    """Execute the revision files. Raises `HistoryError`."""
    with loading(scripts), warnings.catch_warnings():
        # "loaded twice! ignoring": two version_locations can be the same folder.
        warnings.simplefilter("ignore", UserWarning)
        yield from scripts._load_revisions()  # noqa: SLF001 - see the module's docstring


def _describe(script: Script) -> Revision:
    """Describe a script as in its file, before Alembic has resolved labels and partial ids."""
    parents = as_tuple(script.down_revision) + as_tuple(script.dependencies)
    labels = frozenset(script.branch_labels or ())
    return Revision(script.revision, parents, labels, script.path, script.doc)


def _resolve(script: Script) -> Revision:
    """Describe a script, with its parents resolved to revision ids."""
    parents = tuple(script._all_down_revisions)  # noqa: SLF001 - labels in depends_on, resolved
    labels = frozenset(script.branch_labels or ())
    line = getattr(script.module, "breaks_before", None)
    dependencies = frozenset(parents) - {*script._versioned_down_revisions}  # noqa: SLF001 - the same, without depends_on
    return Revision(script.revision, parents, labels, script.path, script.doc, line, dependencies)
