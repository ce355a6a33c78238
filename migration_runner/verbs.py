"""The verbs of the command line: what each takes, and which function it is.

A command is imported when it is run: each has needs of its own, and a run waits for all of them.
Those that are `alembics` take what Alembic's command of that name takes.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from migration_runner.commands.invocation import Invocation
from migration_runner.signals import CHILD_GRACE_SECONDS, GRACE_SECONDS

Command = Callable[[Invocation], None]
Parser = argparse.ArgumentParser
# For the child to end, and for the report.
_EXEC_GRACE_SECONDS: Final = CHILD_GRACE_SECONDS + 2


@dataclass(frozen=True)
class Verb:
    """One verb; `place` is where in `commands` its function is, `module.function`.

    One that `answers` has standard output for its answer, and logs beside it.
    """

    name: str
    place: str
    help: str
    add_arguments: Callable[[Parser], object] = lambda _parser: None
    answers: bool = False
    alembics: bool = False
    grace_seconds: float = GRACE_SECONDS

    def command(self) -> Command:
        """Return its function."""
        module, _, function = self.place.partition(".")
        found: Command = getattr(
            importlib.import_module(f"migration_runner.commands.{module}"), function
        )
        return found


def _offline_arguments(parser: Parser) -> None:
    parser.add_argument("--sql", action="store_true", help="print the SQL, and touch no database")
    parser.add_argument("--tag", help="for env.py: `context.get_tag_argument()`")


def _upgrade_arguments(parser: Parser) -> None:
    parser.add_argument(
        "targets", nargs="*", metavar="revision", help="as `alembic upgrade` takes it; or several"
    )
    _offline_arguments(parser)


def _downgrade_arguments(parser: Parser) -> None:
    parser.add_argument("targets", metavar="revision", help="as `alembic downgrade` takes it")
    _offline_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _stamp_arguments(parser: Parser) -> None:
    parser.add_argument("targets", nargs="+", metavar="revision", help="as `alembic stamp` does")
    parser.add_argument("--purge", action="store_true", help="empty the version table before")
    _offline_arguments(parser)


def _ledger_arguments(parser: Parser) -> None:
    parser.add_argument("--limit", type=_count, help="so many rows at most")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        message = f"must be a whole number (it is {text!r})"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _status_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="exit 0 at head or ahead, 3 behind, 65 diverged"
    )


def _build_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--seal", action="store_true", help="nobody edits these files any more: an image's"
    )


def _exec_arguments(parser: Parser) -> None:
    parser.add_argument("targets", nargs="*", metavar="COMMAND", help="behind a --")


UPGRADE: Final = Verb(
    "upgrade", "upgrade.upgrade", "the run itself, which is also the default", _upgrade_arguments
)
EXEC: Final = Verb(
    "exec",
    "exec.execute",
    "run somebody else's migration command under the lock",
    _exec_arguments,
    grace_seconds=_EXEC_GRACE_SECONDS,
)
CONFIG: Final = Verb(
    "config", "config.config", "what is in force, and where it comes from", answers=True
)
VERBS: Final = (
    UPGRADE,
    Verb("wait", "wait.wait", "wait until another run has reached the target"),
    Verb(
        "status",
        "status.status",
        "image and database side by side",
        _status_arguments,
        answers=True,
    ),
    Verb("ledger", "ledger.ledger", "who applied what, and when", _ledger_arguments, answers=True),
    Verb("check", "check.check", "do the models match the database? 4 if not", answers=True),
    CONFIG,
    Verb(
        "downgrade", "downgrade.downgrade", "undo revisions, under the lock", _downgrade_arguments
    ),
    Verb("stamp", "stamp.stamp", "set the version table, and run nothing", _stamp_arguments),
    EXEC,
    Verb(
        "build",
        "build.build",
        "in a build: check the history, compile it, note it down",
        _build_arguments,
    ),
)
# Alembic's other commands, with its own flags.
ALEMBICS: Final = tuple(
    Verb(name, "alembic.run_alembic", help_, answers=True, alembics=True)
    for name, help_ in (
        ("revision", "write a revision: -m, --autogenerate"),
        ("merge", "write a revision that joins heads"),
        ("current", "the revisions that the database is at: -v, --check-heads"),
        ("history", "the revisions, newest first; --graph draws them"),
        ("heads", "the newest revisions"),
        ("branches", "where the history branches"),
        ("show", "one revision"),
        ("edit", "open a revision in $EDITOR"),
        ("ensure_version", "make the version table, under the lock"),
        ("init", "start a project"),
        ("list_templates", "what `init` can start from"),
    )
)
