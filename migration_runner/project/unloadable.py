"""Remembers which file could not be loaded: not every error of importing says so.

A file with null bytes is a `SyntaxError` without a name, and Python removes its own frames from the
traceback of an import, so that the importing file would seem to be the wrong one.
"""

from __future__ import annotations

import contextlib
from importlib.machinery import SourceFileLoader
from types import CodeType

_ATTRIBUTE = "migration_runner_unloadable_file"
_get_code = SourceFileLoader.get_code


def note_unloadable_files() -> None:
    """From now on, an error of reading or compiling a source file knows the file."""
    SourceFileLoader.get_code = _get_code_or_note  # type: ignore[assignment, method-assign]  # see the module's docstring


def unloadable_file(error: BaseException) -> str | None:
    """Return the source file that could not be read or compiled, if that is the error."""
    found = getattr(error, _ATTRIBUTE, None)
    return found if isinstance(found, str) else None


def _get_code_or_note(loader: SourceFileLoader, fullname: str) -> CodeType | None:
    try:
        return _get_code(loader, fullname)
    except Exception as error:
        if unloadable_file(error) is None:
            with contextlib.suppress(AttributeError):
                setattr(error, _ATTRIBUTE, str(loader.path))
        raise
