"""The log lines and the termination message of a run that has nothing to do; see `look`.

They are what `report` and `logs` would write; a test compares them.
"""

import _signal  # type: ignore[import-not-found]  # the C half of `signal`, without `enum`
import posix
import time

from migration_runner import __version__

# As in `termination` and in `redaction`.
_MESSAGE_BYTES = 4096
_SENTENCE_BYTES = 2048
_SHORTEST_SECRET = 4
_SHORTEST_IN_VARIABLES = 6
_SECRET_NAMES = ("PASSWORD", "PASSWD", "PASS", "SECRET", "TOKEN", "KEY", "CREDENTIALS", "AUTH")
# Seconds since the epoch, and of a monotonic clock.
Moment = tuple[float, float]
# The values are JSON, or lists of JSON.
Facts = list[tuple[str, object]]


def now() -> Moment:
    """Return the current moment."""
    return time.time(), time.perf_counter()


class UpToDate:
    """The report of a run at head. Raises `ValueError` for text that JSON would escape."""

    def __init__(self, run_id: str, build: str, target: str, heads: list[str]) -> None:
        self._run_id = run_id
        self._build = _quote(build) if build else "null"
        self._target = _quote(target)
        self._heads = heads
        self._started = now()

    def render(
        self, database: str, version: str, ready: Moment, waited: float, lock_wait: float
    ) -> tuple[bytes, bytes]:
        """Return the log's lines and the termination message. Raises `ValueError` as above.

        `waited` are the seconds waited for the database, `lock_wait` those for another run.
        """
        waited = round(waited, 3)
        ended = now()
        heads = [_quote(head) for head in self._heads]
        summary = f"Up to date: the database is at {', '.join(self._heads)}."
        facts: Facts = [
            ("outcome", '"up_to_date"'),
            ("exit_code", "0"),
            ("target", self._target),
            ("database", _quote(database)),
            ("from_revisions", heads),
            ("to_revisions", heads),
            ("applied", []),
            ("duration_seconds", repr(round(ended[1] - self._started[1], 3))),
            ("waited_for_database_seconds", repr(waited)),
            ("waited_for_run_lock_seconds", repr(round(lock_wait, 3))),
            ("server_version", _quote(version)),
            ("runner_version", _quote(__version__)),
            ("build", self._build),
            ("run_id", _quote(self._run_id)),
        ]
        begun: Facts = [
            ("target", self._target),
            ("runner_version", _quote(__version__)),
            ("build", self._build),
        ]
        connected: Facts = [
            ("database", _quote(database)),
            ("server_version", _quote(version)),
            ("waited_seconds", repr(waited)),
        ]
        run: Facts = [("run_id", _quote(self._run_id))]
        lines = (
            _line(self._started, "run_started", begun + run),
            _line(ready, "database_ready", connected + run),
            _line(ended, "run_finished", [("summary", _quote(summary)), *facts]),
        )
        message = f"{summary}\n{_json(facts, ',', ':')}\n".encode()
        if len(summary) > _SENTENCE_BYTES or len(message) > _MESSAGE_BYTES:
            raise ValueError
        return "".join(lines).encode(), message

    def status(self, database: str, version: str, table: str, count: str, rest: str) -> bytes:
        """Return the answer of `status`; `rest` is JSON. Raises `ValueError` as above."""
        heads = [_quote(head) for head in self._heads]
        image: Facts = [
            ("build", self._build),
            ("heads", heads),
            ("revisions", count),
            ("target", self._target),
        ]
        found: Facts = [
            ("name", _quote(database)),
            ("server_version", _quote(version)),
            ("version_table", _quote(table)),
            ("heads", heads),
        ]
        facts: Facts = [
            ("image", _json(image, ", ", ": ")),
            ("database", _json(found, ", ", ": ")),
            ("relation", '"at head"'),
            ("pending", []),
            ("unknown", []),
            ("edited", []),
        ]
        return f"{_json(facts, ', ', ': ')[:-1]}, {rest}}}\n".encode()


def require_plain(
    text: bytes, parameters: dict[str, str], environment: dict[str, str] | None = None
) -> None:
    """Raise `ValueError` if `text` has something to redact, or that a terminal obeys."""
    password = parameters.get("password", "")
    public = parameters.get("user", "") + "\n" + parameters.get("dbname", "")
    secret = len(password) >= _SHORTEST_SECRET and password not in public
    if b"://" in text or (secret and password.encode() in text):
        raise ValueError
    shown = text.decode()
    if not shown.replace("\n", "").isprintable():
        raise ValueError
    for name, value in (environment or {}).items():
        # For more names than in `environment_secrets`: the full path decides then.
        long = len(value) >= _SHORTEST_IN_VARIABLES
        if name.endswith(_SECRET_NAMES) and long and value in shown and value not in public:
            raise ValueError


# As long as the full path.
full_pipe_seconds = 5.0


def write_all(lines: bytes, message: bytes, termination_log: str) -> None:
    """Write both. A closed pipe, a full one that nobody reads, or a missing file is no error."""
    try:
        number = posix.open(termination_log, posix.O_RDWR | posix.O_CLOEXEC)
        posix.ftruncate(number, 0)
        posix.write(number, message)
    except OSError:
        pass
    # The process ends with this call: nobody needs the handler that was there.
    _signal.signal(_signal.SIGALRM, _give_up)
    _signal.setitimer(_signal.ITIMER_REAL, full_pipe_seconds)
    try:
        while lines:
            lines = lines[posix.write(1, lines) :]
    except OSError:
        pass


def _give_up(*_: object) -> None:
    raise OSError


def _line(at: Moment, event: str, facts: Facts) -> str:
    seconds, microseconds = divmod(round(at[0] * 1_000_000), 1_000_000)
    year, month, day, hour, minute, second, *_ = time.gmtime(seconds)
    date = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    first: Facts = [
        ("timestamp", _quote(f"{date}.{microseconds:06}Z")),
        ("level", '"info"'),
        ("event", _quote(event)),
    ]
    return _json([*first, *facts], ", ", ": ") + "\n"


def _json(facts: Facts, comma: str, colon: str) -> str:
    pairs = [
        f'"{name}"{colon}' + (f"[{comma.join(value)}]" if isinstance(value, list) else str(value))
        for name, value in facts
    ]
    return f"{{{comma.join(pairs)}}}"


def _quote(text: str) -> str:
    """Quote a text. Raises `ValueError` if something in it would be escaped."""
    if '"' in text or "\\" in text or not text.isprintable():
        raise ValueError
    return f'"{text}"'
