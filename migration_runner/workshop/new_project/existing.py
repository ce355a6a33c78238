"""An Alembic project that is there already: what of its folder the image needs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from migration_runner.errors import UsageError
from migration_runner.project.script_folders import ScriptFolders, find_script_folders
from migration_runner.settings.settings import AlembicOptions, configured_file
from migration_runner.workshop.new_project.flask_application import find_application

_WORK_FOLDER: Final = "/app"


class Existing(NamedTuple):
    """Its configuration, and what it needs, below its folder; variables for the image.

    `modules` are those that it imports, and that are not its own.
    """

    config: str
    script: str
    paths: list[str]
    environment: list[str]
    modules: set[str]


class _Code(NamedTuple):
    """One of the project's own modules: its file or folder, and the folder it is imported from."""

    place: Path
    root: Path


def find_existing(folder: Path, file: str | None) -> Existing | None:
    """Return the Alembic project in `folder`; None if there is none.

    `file` is its configuration if that is named, else it is found as by a run. Raises `ConfigError`
    for an invalid one, `UsageError` for one that needs what is outside of the folder.
    """
    folder = folder.resolve()
    default = configured_file(folder)
    if file:
        found = Path(file).resolve()
    elif default:
        found = folder / default
    else:
        return None
    if not found.is_file():
        message = f"The Alembic configuration {file} does not exist."
        raise UsageError(message)
    config = _below(folder, found)
    places = find_script_folders(folder, AlembicOptions(files=(config,)))
    flask = find_application(folder, places.script / "env.py")
    code = _find_code(folder, places, flask.modules)
    needed = [found, *(each.place for each in code), places.script, *places.versions]
    environment = [] if config == default else [f"ALEMBIC_CONFIG={config}"]
    environment += [f"FLASK_APP={flask.name}"] if flask.name else []
    roots = {each.root for each in code} - {*places.python_path}
    if roots:
        added = ":".join(_in_image(_below(folder, root)) for root in sorted(roots))
        environment.append(f"PYTHONPATH={added}:${{PYTHONPATH}}")
    paths = _without_nested([_below(folder, place) for place in needed])
    modules = _modules([place for place in needed if place != found])
    own = {each.place.stem for each in code}
    return Existing(config, _below(folder, places.script), paths, environment, modules - own)


def _below(folder: Path, place: Path) -> str:
    if not place.is_relative_to(folder):
        message = (
            f"{place} is outside of {folder}, and cannot be copied into the image from there:"
            " name the folder that has both."
        )
        raise UsageError(message)
    return place.relative_to(folder).as_posix()


def _in_image(path: str) -> str:
    return _WORK_FOLDER if path == "." else f"{_WORK_FOLDER}/{path}"


def _without_nested(paths: Iterable[str]) -> list[str]:
    """Return each once, without those that are in another's folder."""
    unique = list(dict.fromkeys(paths))
    return [
        path
        for path in unique
        if not any(path != other and path.startswith(f"{other}/") for other in unique)
    ]


def _find_code(folder: Path, places: ScriptFolders, names: Iterable[str]) -> list[_Code]:
    """Return those modules of the project's own that have the `names` or that its scripts import.

    Also those that these import in turn.
    """
    roots = list(dict.fromkeys([*places.python_path, folder, folder / "src"]))
    # A folder `alembic` with the scripts is not what they import by that name.
    taken = {places.script, *places.versions}
    waiting = [code for name in names if (code := _find_module(name, roots, taken))]
    for place in (places.script, *places.versions):
        waiting += _imported(place, roots, taken)
    found: list[_Code] = []
    while waiting:
        code = waiting.pop()
        if code not in found:
            found.append(code)
            waiting += _imported(code.place, roots, taken)
    return sorted(found)


def _imported(place: Path, roots: Sequence[Path], taken: set[Path]) -> Iterator[_Code]:
    """Yield the project's own modules that a file imports, or those in a folder."""
    for name in sorted(_modules([place])):
        if code := _find_module(name, roots, taken):
            yield code


def _modules(places: Iterable[Path]) -> set[str]:
    """Return the names that the files import, or those in folders; not Python's own."""
    names: set[str] = set()
    for place in places:
        for file in [place] if place.is_file() else place.rglob("*.py"):
            names |= _imported_names(file)
    return names


def _imported_names(file: Path) -> set[str]:
    """Return the first parts of the names of the modules that a file may import."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        # A run says what is wrong with it.
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


def _find_module(name: str, roots: Sequence[Path], taken: set[Path]) -> _Code | None:
    for root in roots:
        for place in (root / name, root / f"{name}.py"):
            is_module = place.is_file() if place.suffix else _has_modules(place)
            if is_module and place.resolve() not in taken:
                return _Code(place.resolve(), root)
    return None


def _has_modules(place: Path) -> bool:
    return place.is_dir() and next(place.rglob("*.py"), None) is not None
