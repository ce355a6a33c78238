"""The commands of `migrate`: what each is for, and which function it calls.

A command's module is imported when the command is run: a run need not wait for the others.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from migration_runner.commands.developer_tools import developer_tools
from migration_runner.commands.invocation import Invocation, Options
from migration_runner.signals import CHILD_GRACE_SECONDS, GRACE_SECONDS

Function = Callable[[Invocation], None]
FLEET: Final = "fleet"
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
    prints_answer: bool = False
    is_alembics: bool = False
    grace_seconds: float = GRACE_SECONDS

    def answers(self, options: Options) -> bool:
        """Whether it writes an answer to standard output with these options."""
        of_fleet = self.name == FLEET and (options.as_json or bool(options.targets))
        return self.prints_answer or options.sql or of_fleet

    def function(self) -> Function:
        """Import and return its function. Raises what `developer_tools` raises."""
        name, _, function = self.function_path.partition(".")
        with developer_tools(self.name):
            module = importlib.import_module(f"migration_runner.commands.{name}")
        found: Function = getattr(module, function)
        return found


UPGRADE: Final = Command(
    "upgrade",
    "upgrade.upgrade",
    "upgrade the database; the default command",
    "Wait for the database, take the run lock, apply the pending revisions, verify.",
)
EXEC: Final = Command(
    "exec",
    "exec.execute",
    "run another migration command under the run lock",
    "Wait for the database, take the run lock, and run another migration command while holding it.",
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
        prints_answer=True,
    ),
    Command(
        "ledger",
        "ledger.ledger",
        "list what was applied: when, by whom, from which build",
        "List what was applied: when, by whom, from which build. The newest comes first.",
        prints_answer=True,
    ),
    Command(
        "check",
        "check.check",
        "compare models and database (exit 4 if they differ)",
        "Compare the models with the database, as `alembic check`, or with the history (--deep)."
        " Exits with 4 if they differ.",
        prints_answer=True,
    ),
    Command(
        "verify",
        "verify.verify",
        "check the history before it ships: revisions, models, hazards",
        "Check the history before it ships: its files and order; each revision alone, up, down and"
        " up again, on a server that is started for it; the models; what its statements lock."
        " Needs no database. Exits with 65 (history), 4 (models) or 5 (hazards).",
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
    ),
    Command(
        "stamp",
        "stamp.stamp",
        "set the version table without running revisions",
        "Set the version table without running revisions, under the run lock.",
    ),
    EXEC,
    Command(
        FLEET,
        "fleet.fleet",
        "upgrade many databases or schemas; `status` behind it compares",
        "Look at many databases or schemas at once, and upgrade those that are behind, each as"
        " `migrate` does. Running it again does what is left. `migrate fleet status` changes"
        " nothing.",
        grace_seconds=_FLEET_GRACE_SECONDS,
    ),
    Command(
        "build",
        "build.build",
        "check and compile the history when an image is built",
        "Check the history, compile it, and write the manifest that makes later runs fast. For the"
        " build of an image; needs no database.",
    ),
    INIT,
    Command(
        "rebase",
        "rebase.rebase",
        "put your own new revisions on top of another branch's head",
        "Put your own new revisions, those that the main branch does not have, on top of the other"
        " head. In their files, only `down_revision` is changed, and `Revises:` in the docstring."
        " Revisions that the configured database has are not moved.",
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
