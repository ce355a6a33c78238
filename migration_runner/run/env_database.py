"""The database that env.py connects to by itself, beside the one that the settings name."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, NoReturn

import sqlalchemy

from migration_runner.database.other_databases import POSTGRES
from migration_runner.database.place import Place, place_of, place_under
from migration_runner.database.pooler import advise_env, is_refusal
from migration_runner.errors import ConfigError, MigrationError
from migration_runner.history.manifest_history import load_manifest_history
from migration_runner.history.request import Request
from migration_runner.log import capture, events, logs
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.attributes import Offer
from migration_runner.project.connections import connections_through
from migration_runner.project.errors import describe_env_error
from migration_runner.run.context import RunContext
from migration_runner.settings.database_address import explain_missing
from migration_runner.settings.settings import Settings

# What `alembic init` writes: driver://user:pass@localhost/dbname.
_PLACEHOLDER: Final = "driver"


def report_difference(run: RunContext, connection: sqlalchemy.Connection) -> None:
    """Warn, once a run, if env.py's own connection is to another database than is configured.

    Raises `ConfigError` instead where the settings say so.
    """
    configured, own = run.settings.database, place_under(connection)
    if configured is None or own is None or run.compared_databases:
        return
    run.compared_databases = True
    named = place_of(configured.parameters)
    if named is None or named.may_be(own):
        return
    if run.settings.on_other_database == "fail":
        message = (
            f"env.py connects to {own}, and {configured.origin} names {named}."
            ' Let env.py take the runner\'s connection (config.attributes["connection"]), or its'
            f" URL from {configured.origin}."
        )
        raise ConfigError(message, reason="other_database", env=str(own), configured=str(named))
    logs.get_logger().warning(
        events.DATABASE_DIFFERS,
        env=str(own),
        configured=str(named),
        origin=configured.origin,
        detail=(
            f"env.py connects to {own}, and {configured.origin} names {named}. The revisions run"
            " where env.py connects. If that is wrong, correct the URL in env.py or in the Alembic"
            f" configuration; if it is right, set MIGRATE_DATABASE_URL to it, or unset"
            f" {configured.origin}."
        ),
    )


def fit_pooler_advice(run: RunContext, error: BaseException, own: Place | None) -> BaseException:
    """Return a refused pooler's error with advice for an env.py that connects by itself.

    If it connects where the settings say, it reads them, and then the usual advice holds.
    """
    if not is_refusal(error):
        return error
    configured = run.settings.database
    named = place_of(configured.parameters) if configured else None
    if named and own and named.may_be(own):
        return error
    return advise_env(error, str(own) if own else "")


def is_placeholder(url: str) -> bool:
    """Whether a URL is still as `alembic init` has written it."""
    return url.startswith(f"{_PLACEHOLDER}://")


def explain_placeholder(project: AlembicProject, error: BaseException) -> ConfigError | None:
    """Return the error of a URL that is still as `alembic init` has written it; else None."""
    if not isinstance(error, sqlalchemy.exc.NoSuchModuleError):
        return None
    url = project.url_in_configuration
    if not is_placeholder(url) or not str(error).endswith(f":{_PLACEHOLDER}"):
        return None
    return ConfigError(
        f"env.py connects by sqlalchemy.url of {project.config.config_file_name}, which is still"
        " the placeholder of `alembic init` (driver://user:pass@localhost/dbname). Write the"
        " database's URL there, or let env.py take the runner's connection:"
        ' config.attributes["connection"].',
        reason="placeholder_url",
    )


class _Connects(BaseException):
    """Ends env.py where it connects; no `except Exception` of its own catches it."""


class _Finder:
    """Finds where env.py connects; as Alembic's `EnvListener`, the place that it configures."""

    def __init__(self) -> None:
        self.found: Place | None = None
        self.offered = False

    def offer(self) -> NoReturn:
        """Note that env.py asks for the runner's connection."""
        self.offered = True
        raise _Connects

    def connect(self, dialect: Any, _connect: object, arguments: Any, words: Any) -> NoReturn:
        """Note where an engine of env.py's connects."""
        self.found = self.found or _place(dialect.name, arguments, words)
        raise _Connects

    def configured(self, context: Any) -> NoReturn:
        """Note the connection of an engine that opens it without SQLAlchemy."""
        if self.found is None and context.connection is not None:
            self.found = place_under(context.connection)
        raise _Connects

    def write(self, *_: Any, **__: Any) -> NoReturn:
        """Go no further, also if env.py has caught the end at its connection."""
        raise _Connects

    apply = completed = write


class EnvDatabase(NamedTuple):
    """Whether env.py uses the runner's connection; else its place, or why that is not known."""

    is_ours: bool
    place: Place | None
    why: str


def find_env_database(settings: Settings) -> EnvDatabase:
    """Run env.py up to its first connection, which is not opened, and return where that leads."""
    finder = _Finder()
    offer = None if settings.database is None else finder.offer
    try:
        project = AlembicProject(settings.alembic, manifest=load_manifest_history(settings.alembic))
        error = _run_to_connection(project, offer, finder)
        why = _explain(project, error)
    except MigrationError as error:
        why = error.message
    return EnvDatabase(finder.offered, finder.found, why.rstrip("."))


def _run_to_connection(
    project: AlembicProject, offer: Offer, finder: _Finder
) -> BaseException | None:
    """Run env.py until it connects; return what it raised."""
    try:
        with connections_through(finder.connect, any_database=True), capture.captured_prints():
            project.run_env(Request("upgrade", ("heads",)), offer, finder)
    except (_Connects, Exception, SystemExit) as error:  # noqa: BLE001 - whatever env.py raises
        return error
    return None


def _explain(project: AlembicProject, error: BaseException | None) -> str:
    """Return why a run of env.py up to its first connection does not tell its database."""
    if error is None:
        return "env.py has opened no connection"
    if isinstance(error, _Connects):
        return "its connection does not name it"
    if explained := explain_placeholder(project, error):
        return explained.message
    if isinstance(error, KeyError) and error.args == ("connection",):
        return f"env.py uses the runner's connection, and {explain_missing()}"
    return describe_env_error(error, " ".join(str(error).split()).rstrip("."))[0]


def _place(kind: str, arguments: Any, words: Any) -> Place | None:
    """Return where the arguments of a driver's `connect` lead, as far as they are known."""
    if kind == POSTGRES:
        return place_of(words)
    # sqlite3's is the path of a file.
    file = next((each for each in arguments if isinstance(each, str)), "")
    name = words.get("database") or words.get("db") or file
    server = (words.get("host") or "", str(words.get("port") or ""))
    return Place(frozenset({server}), name, kind) if name else None
