"""Whether the modules that env.py imports are there, from its source and the project's.

Imports that are executed in any case have to be right. Those in a function, a condition or a `try`
that may handle their failure, and calls of `import_module`, are suspected if they would fail. Of
installed packages, only the name is looked up.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Final

from migration_runner.build.module_names import last_name, may_define

_PACKAGES: Final = frozenset({"site-packages", "dist-packages"})
_IMPORTERS: Final = frozenset({"import_module", "__import__"})


class BrokenImport(Exception):
    """An import that fails, or a file that cannot be compiled: `detail` says why."""

    def __init__(self, detail: str, file: Path, line: int | None, module: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.file = file
        self.line = line
        self.module = module


@dataclass(frozen=True)
class _Module:
    """A module of the project's own: its name, its file, and the folders of its submodules."""

    name: str
    file: Path | None
    folders: Sequence[str] | None


@dataclass(frozen=True)
class Imports:
    """The project's own files that env.py imports, with env.py first, and what is suspected."""

    files: list[Path]
    suspects: list[BrokenImport]


def read_imports(env_file: Path, roots: Sequence[Path], path: Sequence[str]) -> Imports:
    """Follow env.py's imports. Raises `BrokenImport`.

    The project's own files are those below `roots`; `path` is Python's path.
    """
    importlib.invalidate_caches()
    walk = _Walk([root.resolve() for root in roots], list(path))
    walk.read(_Module("", env_file, None))
    walk.read_possible()
    return Imports(walk.files, walk.suspects)


class _Walk:
    """The walk from one file to those that it imports."""

    def __init__(self, roots: Sequence[Path], path: Sequence[str]) -> None:
        self.files: list[Path] = []
        self.suspects: list[BrokenImport] = []
        # Read once all that is executed in any case has been.
        self._possible: list[tuple[_Module, Path]] = []
        self._roots = roots
        self._path = path
        self._trees: dict[Path, ast.Module] = {}

    def read(self, module: _Module) -> None:
        """Follow the imports of a file."""
        if module.file is None or module.file in self._trees:
            return
        tree = self._parse(module.file)
        self._possible.append((module, module.file))
        for statement in _executed(tree.body):
            self._follow(statement, module, module.file)

    def read_possible(self) -> None:
        """Follow the imports that may be executed, and note those that would fail."""
        for module, file in self._possible:
            executed = set(map(id, _executed(self._trees[file].body)))
            for node in _walk_code(self._trees[file]):
                try:
                    if isinstance(node, ast.Call):
                        self._call(node, file)
                    elif id(node) not in executed:
                        self._follow(node, module, file)
                except BrokenImport as error:
                    self.suspects.append(error)

    def _follow(self, statement: ast.Import | ast.ImportFrom, module: _Module, file: Path) -> None:
        if isinstance(statement, ast.ImportFrom):
            self._resolve_from(statement, module, file)
            return
        for each in statement.names:
            found = self._resolve(each.name, file, statement.lineno)
            if found and found.file is None and not _has_source(found.folders or ()):
                detail = f"The folder of {each.name} has no Python files"
                self.suspects.append(BrokenImport(detail, file, statement.lineno, each.name))

    def _call(self, call: ast.Call, file: Path) -> None:
        """Follow `import_module("name")`. Of a name that is computed, nothing is known."""
        name = call.args[0] if call.args else None
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
            detail = "The module's name is computed"
            raise BrokenImport(detail, file, call.lineno)
        if name.value and not name.value.startswith("."):
            self._resolve(name.value, file, call.lineno)

    def _parse(self, file: Path) -> ast.Module:
        try:
            tree = ast.parse(file.read_bytes())
        except SyntaxError as error:
            detail = f"SyntaxError: {error.msg}"
            raise BrokenImport(detail, file, error.lineno) from None
        except OSError as error:
            raise BrokenImport(str(error.strerror), file, None) from error
        except ValueError as error:
            raise BrokenImport(str(error), file, None) from None
        self._trees[file] = tree
        self.files.append(file)
        return tree

    def _resolve_from(self, statement: ast.ImportFrom, module: _Module, file: Path) -> None:
        name = statement.module or ""
        if statement.level:
            package = module.name if module.folders is not None else module.name.rpartition(".")[0]
            parts = package.split(".")
            if not package or statement.level > len(parts):
                # In a file without a package, such as env.py.
                return
            base = ".".join(parts[: len(parts) - statement.level + 1])
            name = f"{base}.{name}" if name else base
        found = self._resolve(name, file, statement.lineno)
        if found is None:
            return
        for each in statement.names:
            self._require_name(found, each.name, file, statement.lineno)

    def _require_name(self, module: _Module, name: str, file: Path, line: int) -> None:
        """Resolve a name as Python does: an attribute of the module, else a submodule."""
        if module.file is not None and may_define(self._trees[module.file], name):
            return
        if module.folders is None or self._submodule(module, name) is None:
            detail = f"cannot import name {name!r} from {module.name!r}"
            raise BrokenImport(detail, file, line, module.name)

    def _resolve(self, name: str, file: Path, line: int) -> _Module | None:
        """Follow an import; None if it leads to an installed package."""
        top, *rest = name.split(".")
        spec = _find_top(top, self._path)
        if spec is None:
            raise _missing(top, file, line)
        module = self._enter(spec)
        for part in rest:
            if module is None:
                return None
            inner = self._submodule(module, part)
            if inner is None:
                missing = f"{module.name}.{part}"
                if module.file is not None and may_define(self._trees[module.file], "__path__"):
                    return None
                raise _missing(missing, file, line)
            module = inner
        return module

    def _submodule(self, module: _Module, name: str) -> _Module | None:
        if module.folders is None:
            return None
        spec = PathFinder.find_spec(f"{module.name}.{name}", list(module.folders))
        if spec is None:
            return None
        return self._enter(spec) or _Module(spec.name, None, None)

    def _enter(self, spec: ModuleSpec) -> _Module | None:
        """Read a module of the project's own; None for an installed one."""
        folders = spec.submodule_search_locations
        if spec.origin is None or not spec.has_location:
            places = [Path(folder) for folder in folders or ()]
            if not places or not all(map(self._is_own, places)):
                return None
            return _Module(spec.name, None, list(folders or ()))
        file = Path(spec.origin)
        # Not one that is compiled, or in an archive.
        if file.suffix != ".py" or not file.is_file() or not self._is_own(file):
            return None
        module = _Module(spec.name, file, None if folders is None else list(folders))
        self.read(module)
        return module

    def _is_own(self, place: Path) -> bool:
        found = place.resolve()
        below = any(found.is_relative_to(root) for root in self._roots)
        return below and not _PACKAGES.intersection(found.parts)


def _missing(module: str, file: Path, line: int) -> BrokenImport:
    return BrokenImport(f"No module named {module!r}", file, line, module)


def _find_top(name: str, path: Sequence[str]) -> ModuleSpec | None:
    """Return the spec of a module that is not in a package, without importing anything."""
    if spec := PathFinder.find_spec(name, list(path)):
        return spec
    for finder in sys.meta_path:
        # Built-in modules, and those of editable installations.
        if finder is not PathFinder and (spec := finder.find_spec(name, None)):
            return spec
    loaded = sys.modules.get(name)
    return loaded.__spec__ if loaded is not None else None


def _executed(body: Sequence[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement
        elif isinstance(statement, ast.Try) and not statement.handlers:
            yield from _executed([*statement.body, *statement.finalbody])
        elif isinstance(statement, ast.Raise):
            return


def _walk_code(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom | ast.Call]:
    """Yield every import, and every call that imports, but those for a type checker only."""
    ahead: list[ast.AST] = [tree]
    while ahead:
        node = ahead.pop()
        if isinstance(node, ast.Import | ast.ImportFrom) or (
            isinstance(node, ast.Call) and last_name(node.func) in _IMPORTERS
        ):
            yield node
        if isinstance(node, ast.If) and last_name(node.test) == "TYPE_CHECKING":
            ahead += node.orelse
        else:
            ahead += ast.iter_child_nodes(node)


def _has_source(folders: Iterable[str]) -> bool:
    return any(True for folder in folders for _ in Path(folder).rglob("*.py"))
