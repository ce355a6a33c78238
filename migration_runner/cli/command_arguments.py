"""What each of the runner's commands takes behind its name, besides the settings."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any, Final

Parser = argparse.ArgumentParser
# Of the names of the fleet's options, which are `FleetOptions`.
FLEET_PREFIX: Final = "fleet_"


def _add_offline(parser: Parser) -> None:
    parser.add_argument(
        "--sql", action="store_true", help="print the SQL instead of running it; needs no database"
    )
    parser.add_argument("--tag", help="a tag for env.py, see context.get_tag_argument()")


def _add_upgrade(parser: Parser) -> None:
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="REVISION",
        help="the target, as for `alembic upgrade` (default: MIGRATE_TARGET); several are applied"
        " in order",
    )
    _add_offline(parser)


def _add_downgrade(parser: Parser) -> None:
    parser.add_argument(
        "targets", metavar="REVISION", help="the target, as for `alembic downgrade`: -1, base, ..."
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    _add_offline(parser)


def _add_stamp(parser: Parser) -> None:
    parser.add_argument(
        "targets", nargs="+", metavar="REVISION", help="as for `alembic stamp`: head, base, ..."
    )
    parser.add_argument("--purge", action="store_true", help="empty the version table first")
    _add_offline(parser)


def _add_ledger(parser: Parser) -> None:
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="accept REVISION",
        help="accept these revisions' files, which were edited since they were applied, for good",
    )
    parser.add_argument(
        "--limit", type=_count, metavar="NUMBER", help="print this number of rows at most"
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        message = f"must be an integer (it is {text!r})"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _add_check(parser: Parser) -> None:
    parser.add_argument(
        "--deep",
        action="store_true",
        help="compare the models with the history, on a server that is started for it: also what"
        " Alembic does not see",
    )


def _add_verify(parser: Parser) -> None:
    parser.add_argument(
        "--since",
        metavar="BASE",
        help="check the revisions that this branch or commit does not have, or `applied`: those"
        " that the database does not have (default: main)",
    )
    parser.add_argument(
        "--all", dest="all_revisions", action="store_true", help="check all revisions"
    )
    parser.add_argument(
        "--fail-on",
        choices=("note", "warning", "error", "never"),
        help="exit with 5 for a hazard of at least this level (default: warning)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "github", "sarif"),
        help="how to write what was found (default: text)",
    )


def _add_status(parser: Parser) -> None:
    parser.add_argument(
        "--check",
        action="store_true",
        help="exit with 0 if the database is at head or ahead, 3 if behind, or as `migrate` would",
    )


def _add_fleet(parser: Parser) -> None:
    def add(name: str, metavar: str, help_: str, **details: Any) -> None:
        dest = FLEET_PREFIX + name.removeprefix("--").replace("-", "_")
        parser.add_argument(name, dest=dest, metavar=metavar, help=help_, **details)

    parser.add_argument(
        "targets", nargs="?", metavar="status", help="only say where each target is"
    )
    add("--targets", "FILE", "a target in each line: NAME URL, or NAME schema=SCHEMA; or JSON")
    add("--targets-sql", "QUERY", "a target in each row; run in the database of the settings")
    add("--targets-command", "COMMAND", "a command that prints what FILE would have")
    add("--only", "NAME", "only this target; can be repeated", action="append")
    add("--select", "LABEL", "only targets with this label; can be repeated", action="append")
    add("--shard", "I/N", "only part I (from 0) of N, by the target's name")
    add("--canary", "LABEL|COUNT", "these first; the others if none of them fails")
    add("--waves", "FILE", "groups of targets, one after the other, in YAML or JSON")
    add("--jobs", "NUMBER", "how many targets at a time (default: 4)", type=_positive)
    add("--jobs-per-server", "NUMBER", "how many on one server (default: 4)", type=_positive)
    add("--max-failures", "N|P%", "start no more targets once more than these have failed")
    add("--html", "FILE", "write the report as a page")
    parser.add_argument(
        "--check",
        action="store_true",
        help="status: exit with 3 if a target is behind, or as `migrate` would",
    )


def _positive(text: str) -> int:
    number = _count(text)
    if number == 0:
        message = "must be more than 0"
        raise argparse.ArgumentTypeError(message)
    return number


def _add_build(parser: Parser) -> None:
    parser.add_argument(
        "--seal",
        action="store_true",
        help="declare that the files will not change any more, as in an image",
    )


def _add_init(parser: Parser) -> None:
    parser.add_argument(
        "targets",
        nargs="?",
        metavar="FOLDER",
        help="the new project's folder (default: this one, if it is empty)",
    )
    parser.add_argument(
        "--into", metavar="FOLDER", help="add what is missing to this folder; change no file of it"
    )
    parser.add_argument("--async", dest="use_async", action="store_true", help="env.py for asyncpg")
    parser.add_argument("--sqlmodel", action="store_true", help="models with SQLModel")
    parser.add_argument(
        "--pyproject", action="store_true", help="pyproject.toml in place of alembic.ini"
    )


def _add_rebase(parser: Parser) -> None:
    parser.add_argument(
        "--base", metavar="REF", help="the branch whose revisions are not your own (default: main)"
    )
    parser.add_argument(
        "--applied",
        action="store_true",
        help="require the database's answer, too: what it has is not moved",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing; exit with 65 if there is something to do",
    )


def _add_exec(parser: Parser) -> None:
    parser.usage = "migrate exec [flags] -- PROGRAM [ARGUMENT ...]"
    parser.add_argument(
        "targets", nargs="*", metavar="PROGRAM", help="the program and its arguments, after `--`"
    )


_BY_COMMAND: Final[Mapping[str, Callable[[Parser], None]]] = {
    "upgrade": _add_upgrade,
    "downgrade": _add_downgrade,
    "stamp": _add_stamp,
    "ledger": _add_ledger,
    "check": _add_check,
    "verify": _add_verify,
    "status": _add_status,
    "fleet": _add_fleet,
    "build": _add_build,
    "init": _add_init,
    "rebase": _add_rebase,
    "exec": _add_exec,
}


def add_arguments(command: str, parser: Parser) -> None:
    """Add what a command takes; most of them take nothing."""
    if command in _BY_COMMAND:
        _BY_COMMAND[command](parser)
