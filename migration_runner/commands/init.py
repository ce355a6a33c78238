"""`migrate init`: a new project, or what an Alembic project has not yet."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from migration_runner.commands.invocation import Invocation, Options
from migration_runner.documentation import docs_page
from migration_runner.errors import UsageError
from migration_runner.log import streams
from migration_runner.log.counts import count_of
from migration_runner.project.command_line import reads_pyproject
from migration_runner.workshop.new_project import additions, existing, writing
from migration_runner.workshop.new_project.variants import Variant

_INSTALL: Final = 'pip install "migration-runner[binary,workshop]" -r requirements.txt'
_HERE: Final = "."
_MODELS: Final = ("models", "models.py")
# What runs the migrations, if it was there.
_TO_EDIT: Final = (
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
    ".gitlab-ci.yml",
)


class _Laid(NamedTuple):
    """What was written, and what was there."""

    folder: Path
    written: list[str]
    kept: list[str]


def init(invocation: Invocation) -> None:
    """Write a project. Raises `UsageError`, and then nothing was written."""
    options = invocation.options
    invocation.load_settings(needs_project=False)
    variant = Variant(options.use_async, options.sqlmodel, options.pyproject)
    if variant.pyproject and not reads_pyproject():
        message = "--pyproject needs Alembic 1.16 or newer."
        raise UsageError(message)
    try:
        folder = _folder(options)
        if options.into is None:
            laid = _lay_down(folder, variant)
        else:
            files = invocation.flags.get("files") or (None,)
            laid = _add(folder, variant, files[0])
    except OSError as error:
        message = f"{error.filename}: {error.strerror}. Nothing was written."
        raise UsageError(message, reason="not_read") from error
    steps = _next_steps(laid)
    if options.as_json:
        streams.write_facts(
            {
                "folder": str(laid.folder.resolve()),
                "written": laid.written,
                "kept": laid.kept,
                "notes": _notes(laid),
                "next": steps,
            }
        )
    else:
        streams.write_answer(_describe(laid, steps))


def _folder(options: Options) -> Path:
    """Return the folder that is named, by one of the two ways. Raises `UsageError`."""
    named = [*options.targets, *([] if options.into is None else [options.into])]
    if len(named) > 1:
        message = "Name the folder once: `migrate init FOLDER`, or `migrate init --into FOLDER`."
        raise UsageError(message)
    name = named[0] if named else _HERE
    if not name:
        message = "The folder's name is empty."
        raise UsageError(message)
    folder = Path(name)
    # As `_describe` prints it; and Alembic's configuration names the folder in one line.
    if not str(folder.absolute()).isprintable():
        message = f"The folder's name has characters that cannot be printed: {name!r}."
        raise UsageError(message)
    if options.into is None and "%" in str(folder.absolute()):
        message = f"Alembic reads no configuration in a folder with a % in its path: {folder}."
        raise UsageError(message)
    if folder.exists() and not folder.is_dir():
        message = f"{folder} is a file, not a folder."
        raise UsageError(message)
    return folder


def _lay_down(folder: Path, variant: Variant) -> _Laid:
    files = additions.new_project(folder, variant, datetime.now(UTC))
    if not folder.exists():
        writing.write_new(folder, files)
        return _Laid(folder, list(files), [])
    # Hidden ones are a version control's, a virtual environment, an editor's.
    there = [each.name for each in folder.iterdir() if not each.name.startswith(".")]
    there += [path for path in files if path.startswith(".") and (folder / path).exists()]
    if there:
        named = "This folder" if folder == Path() else f"{folder}"
        message = (
            f"{named} is not empty: it has {min(there)}. Name a new folder, or add what is"
            f" missing with `migrate init --into {folder}`, which changes no file."
        )
        raise UsageError(message, reason="not_empty")
    return _Laid(folder, writing.write_missing(folder, files), [])


def _add(folder: Path, variant: Variant, config: str | None) -> _Laid:
    if not folder.is_dir():
        message = f"There is no folder {folder}: `migrate init {folder}` makes a new project."
        raise UsageError(message)
    found, now = existing.find_existing(folder, config), datetime.now(UTC)
    if found is None:
        files, kept = additions.whole_project(folder, variant, now)
    else:
        if variant != type(variant)():
            message = (
                "--async, --sqlmodel and --pyproject are for a new env.py; this project has one."
            )
            raise UsageError(message)
        files, kept = additions.additions(folder, found, now)
    written = writing.write_missing(folder, files)
    kept += [path for path in files if path not in written]
    return _Laid(folder, written, kept)


def _next_steps(laid: _Laid) -> list[str]:
    steps = [] if laid.folder == Path() else [f"cd {shlex.quote(str(laid.folder))}"]
    steps.append(_INSTALL)
    if any(path.endswith("versions/.gitkeep") for path in laid.written):
        steps.append('migrate revision --autogenerate -m "First"')
    steps.append("migrate verify")
    if "compose.yaml" in laid.written:
        steps.append("docker compose up --build")
    return steps


def _notes(laid: _Laid) -> list[str]:
    """Return what has to be done to files that were kept."""
    notes = []
    if models := [path for path in laid.kept if path in _MODELS]:
        notes.append(
            f"{models[0]} was kept: env.py imports `metadata` from it; change that line if needed."
        )
    if kept := [path for path in laid.kept if path in _TO_EDIT]:
        page = docs_page("new-project")
        notes.append(f"{', '.join(kept)}: what to add for the migrations is in {page}")
    return notes


def _describe(laid: _Laid, steps: Sequence[str]) -> str:
    where = "this folder" if laid.folder == Path() else f"{laid.folder}/"
    lines = [f"Wrote {count_of(len(laid.written), 'file')} to {where}"]
    lines += [f"  written  {path}" for path in laid.written]
    lines += [f"  kept     {path}" for path in laid.kept]
    lines += ["", *notes] if (notes := _notes(laid)) else []
    lines += ["", "Next:", *(f"  {step}" for step in steps)]
    return "\n".join(lines)
