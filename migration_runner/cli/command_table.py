"""The commands of `migrate`: what each takes, and which function it calls.

A command's module is imported when the command is run: a run need not wait for the others.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from migration_runner.commands.invocation import Invocation, Options
from migration_runner.signals import CHILD_GRACE_SECONDS, GRACE_SECONDS

Function = Callable[[Invocation], None]
Parser = argparse.ArgumentParser
FLEET: Final = "fleet"
# Of the names of its options, which are `FleetOptions`.
FLEET_PREFIX: Final = "fleet_"
# For all of its runs to end, within the ten seconds that `docker stop` gives.
_FLEET_GRACE_SECONDS: Final = 8.0
# For the child to end, and for the report.
_EXEC_GRACE_SECONDS: Final = CHILD_GRACE_SECONDS + 2


@dataclass(frozen=True)
class Command:
    """One command; `function_path` is its function in `commands`: `module.function`.

    One that `prints_answer` writes its answer to standard output, and logs to standard error. One
    that `is_alembics` takes what Alembic's command of that name takes.
    """

    name: str
    function_path: str
    help: str
    description: str = ""
    add_arguments: Callable[[Parser], object] = lambda _parser: None
    prints_answer: bool = False
    is_alembics: bool = False
    grace_seconds: float = GRACE_SECONDS

    def answers(self, options: Options) -> bool:
        """Whether it writes an answer to standard output with these options."""
        of_fleet = self.name == FLEET and (options.as_json or bool(options.targets))
        return self.prints_answer or options.sql or of_fleet

    def function(self) -> Function:
        """Import and return its function."""
        module, _, name = self.function_path.partition(".")
        found: Function = getattr(
            importlib.import_module(f"migration_runner.commands.{module}"), name
        )
        return found


def _add_offline_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--sql", action="store_true", help="print the SQL instead of running it; needs no database"
    )
    parser.add_argument("--tag", help="a tag for env.py, see context.get_tag_argument()")


def _add_upgrade_arguments(parser: Parser) -> None:
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="REVISION",
        help="the target, as for `alembic upgrade` (default: MIGRATE_TARGET); several are applied"
        " in order",
    )
    _add_offline_arguments(parser)


def _add_downgrade_arguments(parser: Parser) -> None:
    parser.add_argument(
        "targets", metavar="REVISION", help="the target, as for `alembic downgrade`: -1, base, ..."
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    _add_offline_arguments(parser)


def _add_stamp_arguments(parser: Parser) -> None:
    parser.add_argument(
        "targets", nargs="+", metavar="REVISION", help="as for `alembic stamp`: head, base, ..."
    )
    parser.add_argument("--purge", action="store_true", help="empty the version table first")
    _add_offline_arguments(parser)


def _add_ledger_arguments(parser: Parser) -> None:
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


def _add_check_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--deep",
        action="store_true",
        help="compare the models with the history, on a server that is started for it: also what"
        " Alembic does not see",
    )


def _add_verify_arguments(parser: Parser) -> None:
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


def _add_status_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--check",
        action="store_true",
        help="exit with 0 if the database is at head or ahead, 3 if behind, or as `migrate` would",
    )


def _add_fleet_arguments(parser: Parser) -> None:
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


def _add_build_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--seal",
        action="store_true",
        help="declare that the files will not change any more, as in an image",
    )


def _add_init_arguments(parser: Parser) -> None:
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


def _add_rebase_arguments(parser: Parser) -> None:
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


def _add_exec_arguments(parser: Parser) -> None:
    parser.usage = "migrate exec [flags] -- PROGRAM [ARGUMENT ...]"
    parser.add_argument(
        "targets", nargs="*", metavar="PROGRAM", help="the program and its arguments, after `--`"
    )


UPGRADE: Final = Command(
    "upgrade",
    "upgrade.upgrade",
    "upgrade the database; the default command",
    "Wait for the database, take the run lock, apply the pending revisions, verify.",
    _add_upgrade_arguments,
)
EXEC: Final = Command(
    "exec",
    "exec.execute",
    "run another migration command under the run lock",
    "Wait for the database, take the run lock, and run another migration command while holding it.",
    _add_exec_arguments,
    grace_seconds=_EXEC_GRACE_SECONDS,
)
CONFIG: Final = Command(
    "config",
    "config.config",
    "show the settings in effect, and where each comes from",
    "Show the settings in effect, and where each comes from. Passwords are hidden.",
    prints_answer=True,
)
INIT: Final = Command(
    "init",
    "init.init",
    "start a project: env.py, models, image, compose, pipelines",
    "Start a project that runs at once. With -t TEMPLATE or --package, this is `alembic init`.",
    _add_init_arguments,
    prints_answer=True,
)
COMMANDS: Final = (
    UPGRADE,
    Command(
        "wait",
        "wait.wait",
        "wait until another run has upgraded the database",
        "Wait for the database, and until another run has upgraded it. Changes nothing.",
    ),
    Command(
        "status",
        "status.status",
        "compare the image with the database",
        "Compare the image with the database: revisions, run lock, last run. Changes nothing.",
        _add_status_arguments,
        prints_answer=True,
    ),
    Command(
        "ledger",
        "ledger.ledger",
        "list what was applied: when, by whom, from which build",
        "List what was applied: when, by whom, from which build. The newest comes first.",
        _add_ledger_arguments,
        prints_answer=True,
    ),
    Command(
        "check",
        "check.check",
        "compare models and database (exit 4 if they differ)",
        "Compare the models with the database, as `alembic check`, or with the history (--deep)."
        " Exits with 4 if they differ.",
        _add_check_arguments,
        prints_answer=True,
    ),
    Command(
        "verify",
        "verify.verify",
        "check the history before it ships: revisions, models, hazards",
        "Check the history before it ships: its files and order; each revision alone, up, down and"
        " up again, on a server that is started for it; the models; what its statements lock."
        " Needs no database. Exits with 65 (history), 4 (models) or 5 (hazards).",
        _add_verify_arguments,
        prints_answer=True,
    ),
    CONFIG,
    Command(
        "create",
        "create.create",
        "create the database, if it does not exist",
        "Create the database that the settings name, if it does not exist. Applies nothing.",
    ),
    Command(
        "downgrade",
        "downgrade.downgrade",
        "undo revisions under the run lock; asks first",
        "Undo revisions under the run lock. Asks for confirmation; without a terminal, --yes is"
        " required.",
        _add_downgrade_arguments,
    ),
    Command(
        "stamp",
        "stamp.stamp",
        "set the version table without running revisions",
        "Set the version table without running revisions, under the run lock.",
        _add_stamp_arguments,
    ),
    EXEC,
    Command(
        FLEET,
        "fleet.fleet",
        "upgrade many databases or schemas; `status` behind it compares",
        "Look at many databases or schemas at once, and upgrade those that are behind, each as"
        " `migrate` does. Running it again does what is left. `migrate fleet status` changes"
        " nothing.",
        _add_fleet_arguments,
        grace_seconds=_FLEET_GRACE_SECONDS,
    ),
    Command(
        "build",
        "build.build",
        "check and compile the history when an image is built",
        "Check the history, compile it, and write the manifest that makes later runs fast. For the"
        " build of an image; needs no database.",
        _add_build_arguments,
    ),
    INIT,
    Command(
        "rebase",
        "rebase.rebase",
        "put your own new revisions on top of another branch's head",
        "Put your own new revisions, those that the main branch does not have, on top of the other"
        " head. In their files, only `down_revision` is changed, and `Revises:` in the docstring."
        " Revisions that the configured database has are not moved.",
        _add_rebase_arguments,
        prints_answer=True,
    ),
)
ALEMBIC_COMMANDS: Final = tuple(
    Command(name, "alembic.run_alembic", help_, prints_answer=True, is_alembics=True)
    for name, help_ in (
        ("revision", "write a revision: -m, --autogenerate"),
        ("merge", "write a revision that merges heads"),
        ("current", "show the database's revisions: -v, --check-heads"),
        ("history", "list the revisions, newest first; --graph draws them"),
        ("heads", "show the newest revisions"),
        ("branches", "show where the history branches"),
        ("show", "show one revision"),
        ("edit", "open a revision in $EDITOR"),
        ("ensure_version", "create the version table, under the run lock"),
        ("list_templates", "list the templates for `init -t`"),
    )
)
# In place of `INIT`, with one of these flags.
ALEMBICS_INIT: Final = Command(
    INIT.name, "alembic.run_alembic", INIT.help, prints_answer=True, is_alembics=True
)
ALEMBICS_INIT_FLAGS: Final = ("-t", "--template", "--package")
BY_NAME: Final = {command.name: command for command in (*COMMANDS, *ALEMBIC_COMMANDS)}
