"""A digest for each revision that says which schema it leads to, chained over its ancestors.

It is over all that the schema depends on: revision files, what they import of the project's own,
env.py and what that imports, the configuration, the variables that these files name, and the
releases of libraries and server. Files
that define models are left out, since revisions do not run them, and they change all the time: but
not one with a naming convention, by which Alembic names the revisions' constraints.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from migration_runner import __version__
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.declaration import configuration_files
from migration_runner.settings.settings import Settings
from migration_runner.workshop.model_files import DEFINES_MODELS

_LIBRARIES: Final = ("alembic", "sqlalchemy", "psycopg", "psycopg2", "psycopg2-binary", "asyncpg")
_CONVENTION: Final = b"naming_convention"
_IMPORT: Final = re.compile(rb"^[ \t]*import[ \t]+([A-Za-z_][\w.]*)", re.MULTILINE)
_IMPORT_FROM: Final = re.compile(
    rb"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE
)
_VARIABLE: Final = re.compile(rb"[\"']([A-Z][A-Z0-9_]+)[\"']")
_DATABASES: Final = frozenset({"DATABASE_URL", "DATABASE_URL_FILE", "MIGRATE_DATABASE_URL"})
_NAME: Final = re.compile(rb"[A-Za-z_]\w*")
_INIT: Final = "__init__.py"
# Their releases are part of the digest.
_OTHERS: Final = frozenset({*sys.stdlib_module_names, "alembic", "sqlalchemy", "migration_runner"})


def chain_of(project: AlembicProject, settings: Settings, server: str) -> dict[str, str]:
    """Return a digest for each revision; `server` is the server's version.

    Raises `OSError` for a file that cannot be read.
    """
    revisions = project.history.revisions
    sources = {each.id: Path(each.path).read_bytes() for each in revisions.values()}
    contents = _surroundings(project, sources.values())
    options = [*settings.alembic.words(), settings.search_path, settings.transactions, server]
    variables = _variables([*contents, *sources.values()])
    base = _digest([*contents, *map(str.encode, [*options, *variables, *_releases()])])
    chain: dict[str, str] = {}
    for name in project.history.in_order(revisions):
        parents = sorted(chain[each] for each in revisions[name].parents if each in chain)
        chain[name] = _digest([base, *map(str.encode, parents), sources[name]]).hex()
    return chain


def _digest(parts: Iterable[bytes]) -> bytes:
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8) + part)
    return found.digest()


def _variables(contents: Iterable[bytes]) -> list[str]:
    """Return the environment's variables that the files name, but for the database's."""
    named = {name.decode() for content in contents for name in _VARIABLE.findall(content)}
    return [
        f"{name}={os.environ[name]}" for name in sorted(named - _DATABASES) if name in os.environ
    ]


def _releases() -> list[str]:
    found = [__version__, sys.version]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found


def _surroundings(project: AlembicProject, sources: Iterable[bytes]) -> list[bytes]:
    """Return what env.py and the revisions are made of, besides the revisions themselves."""
    walk = _Walk([Path.cwd(), project.env_file.resolve().parents[1]])
    walk.read(project.env_file, with_models=False)
    names = {name for source in sources for name in _names(source)}
    for name in sorted(names):
        for file in walk.files_of(name, None):
            walk.read(file, with_models=True)
    configuration = map(Path, configuration_files(project.config))
    return [each.read_bytes() for each in configuration if each.is_file()] + walk.contents


class _Walk:
    """The walk from a file to what it may import of the project's own, as its text has it."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.contents: list[bytes] = []
        self._roots = dict.fromkeys(roots)
        self._seen: set[Path] = set()

    def read(self, file: Path, *, with_models: bool) -> None:
        """Take a file, and all that it leads to; files with models only if they are wanted."""
        ahead = [file]
        while ahead:
            each = ahead.pop()
            if each in self._seen:
                continue
            self._seen.add(each)
            content = each.read_bytes()
            models = DEFINES_MODELS.search(content) and _CONVENTION not in content
            if models and not with_models and each != file:
                continue
            self.contents.append(content)
            ahead += [found for name in _names(content) for found in self.files_of(name, each)]

    def files_of(self, name: str, importing: Path | None) -> list[Path]:
        """Return the project's files that an import of a module may execute."""
        parts = name.lstrip(".").split(".")
        level = len(name) - len(name.lstrip("."))
        if parts[0] in _OTHERS:
            return []
        places: Iterable[Path] = self._roots
        if level and importing is not None:
            places = [importing.parents[min(level, len(importing.parents)) - 1]]
        candidates = [
            file
            for place in places
            for file in (
                place.joinpath(*parts[:-1], f"{parts[-1]}.py"),
                place.joinpath(*parts, _INIT),
            )
        ]
        return [each for each in candidates if each.is_file()]


def _names(source: bytes) -> list[str]:
    """Return the modules that a text imports; what is imported from one may be one, too."""
    found = [each.decode() for each in _IMPORT.findall(source)]
    for module, names in _IMPORT_FROM.findall(source):
        base = module.decode()
        found.append(base)
        joined = base if base.endswith(".") else f"{base}."
        found += [joined + name.decode() for name in _NAME.findall(names)]
    return list(dict.fromkeys(found))
