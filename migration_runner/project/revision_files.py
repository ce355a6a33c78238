"""The revision files: loaded into a history, and the steps from one revision to another.

Private names of Alembic used: `ScriptDirectory._upgrade_revs`, `_downgrade_revs` and `_stamp_revs`
(unchanged since 2012). Those of single scripts are in `script_map`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.migration import MigrationInfo, MigrationStep
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from migration_runner.errors import HistoryError
from migration_runner.history.history import History, check_consistency
from migration_runner.history.manifest_history import ManifestHistory, ManifestRevision
from migration_runner.history.request import PlannedStep, Request
from migration_runner.history.revision_names import declares_constants
from migration_runner.project.loading import (
    open_scripts,
    read_option,
    sentence,
    version_folders,
)
from migration_runner.project.script_map import (
    ManifestScript,
    ManifestScriptMap,
    describe,
    from_manifest,
    load_files,
    read_history,
    to_manifest,
)


class RevisionFiles:
    """The revision files of an Alembic configuration, loaded and consistent."""

    def __init__(self, config: Config, manifest: ManifestHistory | None = None) -> None:
        """Load the files. With a build's `manifest`, a file is executed only when it is planned.

        Raises `ConfigError` or `HistoryError`.
        """
        self.directory = open_scripts(config)
        # The last plan: its request and heads, its revisions, and its steps until they are taken.
        self._planned_for: tuple[Request, tuple[str, ...]] | None = None
        self._planned: list[str] = []
        self._steps: list[PlannedStep] = []
        same_folders = manifest and manifest.folders == tuple(map(str, self.folders[1:]))
        self.history = self._load_from(manifest) if manifest and same_folders else self._load()
        self.in_package = _in_package(config)

    def _load(self) -> History:
        scripts = list(load_files(self.directory))
        check_consistency([describe(script) for script in scripts])
        history = read_history(self.directory, scripts)
        history.check_breaks()
        return history

    def _load_from(self, manifest: ManifestHistory) -> History:
        """Return the history that a build has recorded, after checking it."""
        scripts = self.directory
        scripts.revision_map = ManifestScriptMap(
            lambda: [ManifestScript(each) for each in manifest.revisions]
        )
        return History(
            {each.id: from_manifest(each) for each in manifest.revisions}, manifest.heads
        )

    def from_config(self, _config: Config) -> ScriptDirectory:
        """Return the loaded revisions: Alembic calls this in place of `ScriptDirectory`'s."""
        return self.directory

    def manifest_revisions(self) -> list[ManifestRevision] | None:
        """Return the revisions for a manifest; None if a file computes its names."""
        scripts = [script for script in self.directory.walk_revisions() if script.revision]
        if not all(declares_constants(script.path, vars(script.module)) for script in scripts):
            return None
        return [to_manifest(script, self.history.revisions[script.revision]) for script in scripts]

    @property
    def folders(self) -> list[Path]:
        """The folders of env.py and of the revision files."""
        return [Path(self.directory.dir), *version_folders(self.directory)]

    @property
    def env_file(self) -> Path:
        """The project's env.py."""
        return Path(self.directory.env_py_location)

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


def _in_package(config: Config) -> bool:
    """Whether the configuration names a folder in a package, which Python's path decides about."""
    folders = [read_option(config, "script_location") or ""]
    separator = read_option(config, "path_separator") or read_option(
        config, "version_path_separator"
    )
    if separator not in ("os", ":"):
        several = read_option(config, "version_locations") or ()
        folders += re.split(r"[\s,;]+", several) if isinstance(several, str) else several
    return any(":" in folder and not folder.startswith("/") for folder in folders)


def _missing_revision(error: BaseException) -> str | None:
    """Return the revision that Alembic could not find, if that is the error."""
    found = re.search(r"Can't locate revision identified by '([^']+)'", str(error))
    return found and found[1]


def _planned(step: MigrationStep) -> PlannedStep:
    info: MigrationInfo = step.info  # type: ignore[attr-defined]  # both kinds of step have one
    names = info.destination_revision_ids if info.is_stamp else info.up_revision_ids
    return PlannedStep(", ".join(names) or "base", step)
