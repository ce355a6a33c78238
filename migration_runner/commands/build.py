"""`migrate build`: detects a broken history when the image is built."""

from __future__ import annotations

import compileall
import os
import re
from pathlib import Path
from py_compile import PycInvalidationMode

from migration_runner.build.env_check import require_env
from migration_runner.build.manifest import NoManifest, write_manifest
from migration_runner.build.readable import require_readable
from migration_runner.build.revision_ids import require_short_ids
from migration_runner.commands.invocation import Invocation
from migration_runner.errors import HistoryError
from migration_runner.log import events, logs
from migration_runner.log.counts import count_of
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.declaration import declaration_wrong
from migration_runner.settings.settings import Settings


def build(invocation: Invocation) -> None:
    """Check the history, compile the project's files, write the manifest. Needs no database.

    Raises `HistoryError` for a history or an env.py that a run would refuse, `ConfigError` for
    wrong settings, files that only root can read, or a declaration that env.py contradicts.
    """
    # What it writes is for whichever user runs it.
    os.umask(0o022)
    sentences = []
    for name, each in invocation.load_settings().each_history():
        with logs.bound(history=name):
            project = AlembicProject(each.alembic)
            for target in each.target.split():
                project.check_target(target)
            _compile({*(Path(file).parent for file in each.alembic.files), *project.folders})
            if not project.history.revisions:
                folders = ", ".join(str(folder) for folder in project.folders[1:])
                message = f"There are no revisions in {folders}. Copy them into the image."
                raise HistoryError(message, reason="no_revisions")
            sources = require_env(project)
            require_short_ids(project, sources)
            if invocation.options.seal and os.geteuid() == 0:
                require_readable(
                    [*map(Path, each.alembic.files), *sources, *_history_files(project)]
                )
            count, heads = len(project.history.revisions), project.history.heads
            logs.get_logger().info(events.HISTORY_CHECKED, revisions=count, heads=list(heads))
            if not name:
                _write_manifest(each, project, sealed=invocation.options.seal)
            elif project.declared:
                difference = "MIGRATE_HISTORIES names several histories"
                raise declaration_wrong(project.declared, difference)
        which = f"The history {name}" if name else "The history"
        sentences.append(
            f"{which} is consistent: {count_of(count, 'revision')}, head {', '.join(heads) or '-'}."
        )
    invocation.report.conclusion = "checked", " ".join(sentences)


def _history_files(project: AlembicProject) -> list[Path]:
    revisions = project.history.revisions.values()
    return [*project.folders, *(Path(revision.path) for revision in revisions)]


def _write_manifest(settings: Settings, project: AlembicProject, *, sealed: bool) -> None:
    try:
        path, sealed, fast_path_off = write_manifest(settings, project, sealed=sealed)
    except (NoManifest, OSError) as error:
        logs.get_logger().warning(events.MANIFEST_SKIPPED, reason=str(error))
        return
    logs.get_logger().info(
        events.MANIFEST_WRITTEN, file=str(path), sealed=sealed, fast_path_off=fast_path_off or None
    )


def _compile(folders: set[Path]) -> None:
    """Compile the files in `folders`, except in hidden ones such as `.venv`.

    A compiled file is valid while its source has the same hash: layers and mounts change times,
    and a source that is mounted over the image's must take precedence.
    """
    roots = {folder.resolve() for folder in folders}
    for root in sorted(root for root in roots if not roots & set(root.parents)):
        compileall.compile_dir(
            root,
            quiet=2,
            force=True,
            rx=re.compile(rf"{re.escape(str(root))}/(.*/)?\."),
            invalidation_mode=PycInvalidationMode.CHECKED_HASH,
        )
