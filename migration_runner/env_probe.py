"""What somebody's env.py does, found out in a build: by running it where it can reach nothing.

It gets a connection over which nothing can be asked, and a `DATABASE_URL` that leads nowhere, and
is watched: what it configures, where it connects, which variables and files it reads. What it does
beyond that would have to be done in every run, so there is no glance then.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine

from migration_runner import logs
from migration_runner.alembic_bridge import AlembicProject, ConfiguredContext
from migration_runner.database_url import parse_database_url
from migration_runner.engine import waiting_engine
from migration_runner.moves import Move, PlannedStep, StepMade
from migration_runner.probe import WaitLimits
from migration_runner.project_connections import connections_through

# Nobody listens on the first port of this address of the machine's own.
_NOWHERE: Final = "postgresql://glance_user:glance_password@127.6.6.6:1/glance_database"
_PARAMETERS: Final = {
    "host": "127.6.6.6",
    "port": "1",
    "user": "glance_user",
    "password": "glance_password",
    "dbname": "glance_database",
}
# Of the machine and of Python, and of no consequence for where a version table is.
_IGNORED: Final = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TERM", "COLUMNS", "LINES"})
_URL: Final = "DATABASE_URL"
# Of https://docs.python.org/3/library/audit_events.html: what reaches beyond this process.
_REACHING_OUT: Final = (
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
)
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_DRIVERS: Final = ("psycopg", "psycopg2", "asyncpg")
_POOL_EVENTS: Final = ("connect", "first_connect", "checkout")
_ENGINE_EVENTS: Final = ("engine_connect", "begin", "before_execute", "before_cursor_execute")
_MODULES: Final = (".py", ".pyc", ".so")


class Unlearnable(Exception):
    """Why a glance cannot stand for this env.py."""


@dataclass
class EnvFacts:
    """What env.py configures, and on what that depends.

    `offered`: it takes the runner's connection; otherwise it goes where DATABASE_URL says.
    """

    offered: bool = False
    version_table: str = ""
    version_table_schema: str | None = None
    variables: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


class _Reaching(BaseException):
    """What env.py does that a glance would leave out; noted, as it may catch anything."""

    reasons: ClassVar[list[str]] = []

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reasons.append(reason)


class _Watch:
    """Watches env.py, as `EnvListener` and by what it reads."""

    def __init__(self) -> None:
        self.facts = EnvFacts()
        self.offered: Connection | None = None
        self.engine: Engine | None = None
        self._configured = 0

    def configured(self, context: ConfiguredContext) -> None:
        self._configured += 1
        if self._configured > 1:
            message = "env.py configures more than one context"
            raise _Reaching(message)
        connection = context.connection
        if connection is None:
            message = "env.py configures no connection"
            raise _Reaching(message)
        if connection.get_execution_options().get("schema_translate_map"):
            message = "env.py translates schemas"
            raise _Reaching(message)
        self.engine = connection.engine
        self.facts.offered = connection is self.offered
        self.facts.version_table = context.version_table
        self.facts.version_table_schema = context.version_table_schema
        context.run_nothing()

    def apply(self, plan: Callable[[], list[PlannedStep]]) -> Iterable[PlannedStep]:  # noqa: ARG002 - as `EnvListener` has it
        return ()

    def made(self, step: StepMade) -> None:
        """Nothing is made."""

    def offer(self) -> Connection:
        if self.offered is None:
            limits = WaitLimits(0.0, 1.0)
            engine = waiting_engine(parse_database_url(_NOWHERE), limits, "migrate build")
            self.offered = _silent(engine)
        return self.offered

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _REACHING_OUT:
            message = f"env.py reaches out ({event})"
            raise _Reaching(message)
        if event == "open" and isinstance(arguments[0], str):
            path, _, flags = arguments
            if flags & _WRITING and "__pycache__" not in path:
                message = f"env.py writes {path}"
                raise _Reaching(message)
            if not path.endswith(_MODULES):
                self.facts.files.add(str(Path(path).absolute()))


def learn_env(project: AlembicProject, root: Path) -> EnvFacts:
    """Return what the env.py of a project does, whose own modules lie in `root`.

    Raises `Unlearnable`.
    """
    watch = _Watch()
    before = set(sys.modules)
    _Reaching.reasons.clear()
    try:
        with (
            _recorded_environment(watch.facts.variables),
            _audited(watch.audit),
            _connections_to_nowhere(watch),
            logs.overheard() as lines,
            logs.captured_prints(),
        ):
            project.run_env(Move("upgrade", ("heads",)), watch.offer, watch)
    except (_Reaching, Exception, SystemExit) as error:
        raise Unlearnable(str(error) or type(error).__name__) from error
    if _Reaching.reasons:
        raise Unlearnable(_Reaching.reasons[0])
    facts = watch.facts
    if lines or not facts.version_table:
        message = "env.py says something in every run" if lines else "env.py configures nothing"
        raise Unlearnable(message)
    for name in sorted(facts.variables - {_URL}):
        if os.environ.get(name):
            message = f"env.py reads the variable {name}"
            raise Unlearnable(message)
    facts.files |= {str(path) for path in _modules_in(root, set(sys.modules) - before)}
    return facts


def _modules_in(root: Path, names: Iterable[str]) -> Iterator[Path]:
    """Give the files of modules that are the project's own."""
    installed = [Path(prefix) for prefix in (sys.prefix, sys.base_prefix) if prefix != "/usr"]
    for name in names:
        file = getattr(sys.modules[name], "__file__", None)
        path = Path(file).absolute() if file else None
        if path and path.is_relative_to(root) and not any(map(path.is_relative_to, installed)):
            yield path


class _Silent:
    """A driver's connection over which nothing is asked."""

    def __getattr__(self, name: str) -> Any:
        if name in ("commit", "rollback", "close", "_close_special"):
            return lambda *_, **__: None
        message = "env.py asks the database"
        raise _Reaching(message)


def _silent(engine: Engine) -> Connection:
    return Connection(engine, connection=_Silent())  # type: ignore[arg-type]  # it only has to be as silent


@contextlib.contextmanager
def _connections_to_nowhere(watch: _Watch) -> Iterator[None]:
    """Let engines give silent connections, where they go to the URL that leads nowhere."""

    def see(_dialect: Any, _connect: object, arguments: tuple[Any, ...], words: Any) -> Any:
        raise _Seen(arguments, words)

    def connect(engine: Engine) -> Connection:
        try:
            engine.raw_connection()
        except _Seen as seen:
            words = {name: str(value) for name, value in seen.words.items()}
            # asyncpg's word, and what SQLAlchemy adds for psycopg: how Python's types are adapted.
            words["dbname"] = words.pop("database", words.get("dbname", ""))
            words.pop("context", None)
            if seen.arguments or words != _PARAMETERS:
                message = f"env.py does not connect just where {_URL} says"
                raise _Reaching(message) from None
            return _silent(engine)
        message = "env.py connects by itself"
        raise _Reaching(message)

    def refuse(*_: object, **__: object) -> Any:
        message = "env.py connects by itself"
        raise _Reaching(message)

    with contextlib.ExitStack() as stack:
        stack.enter_context(connections_through(see))
        installed = [name for name in _DRIVERS if importlib.util.find_spec(name)]
        usual = {name: _listeners(create_engine(f"postgresql+{name}://")) for name in installed}
        for name in installed:
            stack.enter_context(_replaced(importlib.import_module(name), "connect", refuse))
        stack.enter_context(_replaced(Engine, "connect", connect))
        yield
        engine = watch.engine
        if engine is not None and _listeners(engine) != usual.get(engine.dialect.driver):
            message = "env.py listens to its connections"
            raise _Reaching(message)


def _listeners(engine: Engine) -> list[int]:
    """Count who is told of an engine's connections, and may do something on each."""
    return [
        len(list(getattr(owner.dispatch, name)))
        for owner, names in ((engine.pool, _POOL_EVENTS), (engine, _ENGINE_EVENTS))
        for name in names
    ]


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


class _Seen(BaseException):
    """The parameters with which a driver was to connect."""

    def __init__(self, arguments: tuple[Any, ...], words: Mapping[str, Any]) -> None:
        super().__init__()
        self.arguments = arguments
        self.words = words


@contextlib.contextmanager
def _recorded_environment(variables: set[str]) -> Iterator[None]:
    """Note which variables are read, and let `DATABASE_URL` lead nowhere."""
    with _replaced(os, "environ", _Recording(variables, {**os.environ, _URL: _NOWHERE})):
        yield


class _Recording(dict[str, str]):
    """An environment that notes which variables are read."""

    def __init__(self, read: set[str], values: Mapping[str, str]) -> None:
        super().__init__(values)
        self._read = read

    def _note(self, name: object) -> None:
        if isinstance(name, str) and name not in _IGNORED and not name.startswith("PYTHON"):
            self._read.add(name)

    def __getitem__(self, name: str) -> str:
        self._note(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._note(name)
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def _all(self) -> None:
        message = "env.py reads all variables of the environment"
        raise _Reaching(message)

    def __iter__(self) -> Iterator[str]:
        self._all()
        return super().__iter__()

    def items(self) -> Any:
        self._all()

    def keys(self) -> Any:
        self._all()

    def copy(self) -> Any:
        self._all()


_auditor: Callable[[str, tuple[Any, ...]], None] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _auditor is not None:
        _auditor(event, arguments)


@contextlib.contextmanager
def _audited(auditor: Callable[[str, tuple[Any, ...]], None]) -> Iterator[None]:
    """Tell `auditor` of everything; a hook cannot be taken away again."""
    global _auditor  # noqa: PLW0603 - hooks are the process's
    sys.addaudithook(_audit)
    _auditor = auditor
    try:
        yield
    finally:
        _auditor = None
