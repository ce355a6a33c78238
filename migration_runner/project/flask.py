"""Flask-Migrate projects: their env.py uses Flask's current application.

As with `flask db upgrade`, the application is found as by the `flask` command (`.flaskenv`,
FLASK_APP, `app.py`, `wsgi.py`), and the revisions beside the `alembic.ini`, which does not name
their folder (https://flask-migrate.readthedocs.io).
"""

from __future__ import annotations

import configparser
import importlib
import importlib.util
import os
from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.util import CommandError

from migration_runner.errors import ConfigError
from migration_runner.project.errors import locate, name_place

_MARK: Final = "current_app"
_LOCATION: Final = "script_location"


def uses_flask(env: Path) -> bool:
    """Whether an env.py, if it is there, uses Flask's current application."""
    return os.access(env, os.R_OK) and _MARK in env.read_text(errors="replace")


def set_location(config: Config, folder: Path) -> None:
    """Let Alembic find env.py in a folder that the configuration does not name."""
    config.set_main_option(_LOCATION, str(folder).replace("%", "%%"))


def enter_flask_application(config: Config) -> None:
    """Push the application's context, for the rest of the process, if env.py uses it.

    Raises `ConfigError` if the application cannot be loaded.
    """
    if not config.config_file_name or not Path(config.config_file_name).is_file():
        return
    try:
        location = config.get_main_option(_LOCATION)
    except (CommandError, configparser.Error, UnicodeDecodeError):
        # Reported when the revisions are loaded.
        return
    folder = Path(location) if location else Path(config.config_file_name).resolve().parent
    env = folder / "env.py"
    if not uses_flask(env):
        return
    if importlib.util.find_spec("flask") is None:
        return
    if not location:
        set_location(config, folder)
    # Flask is installed only where the project needs it.
    flask, command_line = importlib.import_module("flask"), importlib.import_module("flask.cli")
    if flask.has_app_context():
        return
    command_line.load_dotenv()
    try:
        application = command_line.ScriptInfo(os.environ.get("FLASK_APP")).load_app()
    except command_line.NoAppException as error:
        message = (
            f"No Flask application found, which env.py ({env}) needs:"
            f" {' '.join(str(error).split())} Set FLASK_APP, as for `flask db upgrade`."
        )
        raise ConfigError(message, reason="no_flask_application") from error
    except Exception as error:
        place = name_place(locate(error) or (str(env), None))
        message = (
            f"The Flask application, which env.py needs, failed to load ({place}):"
            f" {type(error).__name__}: {error}."
        )
        raise ConfigError(message, reason="flask_application_failed") from error
    application.app_context().push()
