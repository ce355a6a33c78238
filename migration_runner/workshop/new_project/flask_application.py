"""The application of a Flask-Migrate project, which its env.py needs in the image."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from migration_runner.project.flask import uses_flask

_NAMED: Final = re.compile(r"^\s*(?:export\s+)?FLASK_APP\s*=\s*[\"']?([\w.:()/]+)", re.MULTILINE)
# Where Flask looks for one that is not named.
_MODULES: Final = ("app", "wsgi")


class FlaskApplication(NamedTuple):
    """The image's FLASK_APP, if it needs one, and the modules of which one has the application."""

    name: str = ""
    modules: Sequence[str] = ()


def find_application(folder: Path, env: Path) -> FlaskApplication:
    """Return what `.flaskenv`, which does not get into the image, or the environment names."""
    if not uses_flask(env):
        return FlaskApplication()
    file = folder / ".flaskenv"
    text = file.read_text(errors="replace") if file.is_file() else ""
    named = _NAMED.search(text)
    application = named[1] if named else os.environ.get("FLASK_APP", "")
    name = application.removesuffix(".py")
    return FlaskApplication(name, [re.split("[:.]", name)[0]] if name else _MODULES)
