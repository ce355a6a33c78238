"""The first look at all targets, many at once, for those that have nothing to do.

Like the fast path: a target at head is decided by its version table and its ledger, if the project
declares that a run depends on nothing else. Anything else is left to a run.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from migration_runner.database.connection_errors import NO_ANSWER, classify_error
from migration_runner.database.engine import application_name
from migration_runner.database.known_errors import TOO_MANY_CONNECTIONS
from migration_runner.database.probe import connection_parameters, libpq_timeout
from migration_runner.fleet.image import Image
from migration_runner.fleet.look_query import Found, VersionTable, look_query, read_answer
from migration_runner.fleet.targets import Target
from migration_runner.settings.database_url import DatabaseAddress
from migration_runner.settings.search_path import first_schema
from migration_runner.settings.settings import Settings

# At the same time, in all and on each server: a connection costs the server a process.
_THREADS: Final = 16
_PER_SERVER: Final = 8
# Of a server that has never answered, no more connections are tried.
_ATTEMPTS: Final = 3
# A server can also accept a connection, and then say nothing.
_ANSWER_SECONDS: Final = 30.0
# The classes of a role that may not be set, and the like, which is no error on connecting.
_STATEMENTS: Final = ("22", "42")
# In one query.
_SCHEMAS: Final = 1000


@dataclass(frozen=True)
class Sight:
    """What was seen of one target: its version table, or why it could not be looked at.

    `place` identifies database and schema, whatever the target calls them; None if it is not known.
    """

    table: VersionTable | None = None
    place: tuple[str, ...] | None = None
    reason: str = ""
    detail: str = ""
    # It has answered, and another attempt would not help.
    refused: bool = False
    # Its schema does not exist, or the role may not use it.
    missing: bool = False


Sights = dict[str, Sight]


def server_of(address: DatabaseAddress | None) -> str:
    """Return what names the server of an address: hosts and ports."""
    parameters = address.parameters if address else {}
    return f"{parameters.get('host', '')}:{parameters.get('port', '')}"


def look_at(targets: Sequence[Target], settings: Settings, image: Image, run_id: str) -> Sights:
    """Return what was seen of each target, by its name, over connections that are closed at once.

    A target with nothing but `x` is not looked at: only env.py knows where it is.
    """
    looking = _Looking(settings, image, run_id)
    questions = list(looking.questions(targets))
    waiting = _Waiting(questions)
    for _ in range(min(_THREADS, len(questions))):
        threading.Thread(target=looking.work, args=(waiting,), name="look", daemon=True).start()
    sights: Sights = {}
    left = {question.number for question in questions}
    while left:
        try:
            question, seen = waiting.answers.get(timeout=settings.connect_timeout + _ANSWER_SECONDS)
        except queue.Empty:
            break
        sights |= seen
        left.discard(question.number)
    late = Sight(reason="timeout", detail="the server did not answer in time")
    return sights | {
        target.name: late
        for question in questions
        if question.number in left
        for target in question.targets
    }


@dataclass(frozen=True)
class _Question:
    """One connection, and the targets that are looked at over it: one, or schemas."""

    number: int
    server: str
    parameters: Mapping[str, str]
    targets: Sequence[Target]

    def answer_all(self, sight: Sight) -> Sights:
        return {target.name: sight for target in self.targets}


class _Waiting:
    """The questions that are still to be asked, a limited number of each server at a time."""

    def __init__(self, questions: Iterable[_Question]) -> None:
        self.answers: queue.Queue[tuple[_Question, Sights]] = queue.Queue()
        self._questions: dict[str, deque[_Question]] = {}
        for question in questions:
            self._questions.setdefault(question.server, deque()).append(question)
        self._asked: Counter[str] = Counter()
        # How many at a time: fewer of a server that has no more connections.
        self._widths: dict[str, int] = {}
        self._answered: set[str] = set()
        self._unanswered: Counter[str] = Counter()
        self._changed = threading.Condition()

    def take(self) -> _Question | None:
        """Return the next question; None if there is none left. Waits for a server's turn."""
        with self._changed:
            while self._questions:
                for server, questions in self._questions.items():
                    if self._asked[server] < self._widths.get(server, _PER_SERVER):
                        self._asked[server] += 1
                        question = questions.popleft()
                        # So that the servers take turns.
                        del self._questions[server]
                        if questions:
                            self._questions[server] = questions
                        return question
                self._changed.wait()
            return None

    def answer(self, question: _Question, seen: Sights, reason: str = "") -> None:
        """Record an answer, and the `reason` why there is none, which can need another attempt."""
        server = question.server
        with self._changed:
            self._asked[server] -= 1
            width = self._widths.get(server, _PER_SERVER)
            if reason == TOO_MANY_CONNECTIONS and width > 1:
                # Some are ours: it is asked again.
                self._widths[server] = max(1, min(width - 1, self._asked[server]))
                self._questions.setdefault(server, deque()).append(question)
                self._changed.notify_all()
                return
            if reason in NO_ANSWER:
                self._unanswered[server] += 1
            else:
                self._answered.add(server)
            if server not in self._answered and self._unanswered[server] >= _ATTEMPTS:
                for other in self._questions.pop(server, ()):
                    self.answers.put((other, other.answer_all(next(iter(seen.values())))))
            self._changed.notify_all()
        self.answers.put((question, seen))


class _Looking:
    def __init__(self, settings: Settings, image: Image, run_id: str) -> None:
        self._settings = settings
        self._image = image
        self._name = application_name(run_id)

    def questions(self, targets: Iterable[Target]) -> Iterator[_Question]:
        """Yield a question for each database, and one for all schemas of a database."""
        groups: dict[tuple[str, str], list[Target]] = {}
        for target in targets:
            if target.schema:
                groups.setdefault(("", target.url), []).append(target)
            elif not target.x:
                groups[target.name, target.url] = [target]
        number = 0
        for group in groups.values():
            for start in range(0, len(group), _SCHEMAS):
                number += 1
                yield self._question(number, group[start : start + _SCHEMAS])

    def _question(self, number: int, targets: Sequence[Target]) -> _Question:
        address = targets[0].address or self._settings.database
        assert address is not None  # noqa: S101 - `load_targets` has required it
        parameters = connection_parameters(address, self._name, writes=False)
        seconds = str(libpq_timeout(self._settings.connect_timeout))
        return _Question(
            number, server_of(address), {"connect_timeout": seconds, **parameters}, targets
        )

    def work(self, waiting: _Waiting) -> None:
        """Ask one question after another, in a thread."""
        while (question := waiting.take()) is not None:
            try:
                waiting.answer(question, self._ask(question))
            except Exception as error:  # noqa: BLE001 - of one target, whatever it is
                failure = classify_error(error)
                answered = (getattr(error, "sqlstate", None) or "")[:2] in _STATEMENTS
                refused = answered or not failure.retryable
                sight = Sight(reason=failure.reason, detail=failure.detail, refused=refused)
                waiting.answer(question, question.answer_all(sight), failure.reason)

    def _ask(self, question: _Question) -> Sights:
        image = self._image
        schemas = [first_schema(each.schema) for each in question.targets if each.schema]
        query = look_query(tuple(schemas), image.table_schema, image.table)
        found = read_answer(_ask_once(question.parameters, query, self._settings.role))
        if not schemas:
            table = next(iter(found.tables.values()), None)
            schemas = [table.schema if table else found.current_schema]
        return {
            target.name: self._see(found, schema, asked=bool(target.schema))
            for target, schema in zip(question.targets, schemas, strict=True)
        }

    def _see(self, found: Found, schema: str, *, asked: bool) -> Sight:
        table = found.tables.get(schema, VersionTable(schema, (), None))
        place = (*found.database, schema) if all(found.database) else None
        missing = asked and schema not in found.usable
        return Sight(table, place, missing=missing)


def _ask_once(parameters: Mapping[str, str], query: str, role: str) -> list[str | None]:
    """Connect, ask, and close. Raises `psycopg.Error`."""
    connected = psycopg.connect(**parameters, autocommit=True)  # type: ignore[arg-type]  # libpq's words
    # The role is the transaction's alone: a pooler gives the session to others.
    with connected as connection, connection.transaction() if role else contextlib.nullcontext():
        if role:
            connection.execute("SELECT set_config('role', %s, true)", [role], prepare=False)
        row = connection.execute(query.encode(), prepare=False).fetchone()
    return list(row or ())
