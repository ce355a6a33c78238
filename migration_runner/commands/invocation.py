"""What every command gets."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from migration_runner.fast_path.service_links import service_links
from migration_runner.log import events, logs
from migration_runner.log.redaction import hide_secrets
from migration_runner.report.report import RunReport
from migration_runner.settings.database_url import parse_database_url
from migration_runner.settings.settings import Flags, Settings, load_settings
from migration_runner.settings.variables import PREFIX


@dataclass(frozen=True)
class FleetOptions:
    """What `migrate fleet` takes: which targets, in what order, and how many at once."""

    targets: str = ""
    targets_sql: str = ""
    targets_command: str = ""
    only: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    shard: str = ""
    canary: str = ""
    waves: str = ""
    jobs: int = 4
    jobs_per_server: int = 4
    max_failures: str = ""
    html: str = ""


@dataclass(frozen=True)
class Options:
    """What a command takes besides the settings."""

    command: str = ""
    as_json: bool = False
    check: bool = False
    limit: int | None = None
    yes: bool = False
    purge: bool = False
    seal: bool = False
    applied: bool = False
    base: str = ""
    sql: bool = False
    tag: str | None = None
    targets: tuple[str, ...] = ()
    # Of `init`.
    into: str | None = None
    use_async: bool = False
    sqlmodel: bool = False
    pyproject: bool = False
    fleet: FleetOptions = FleetOptions()
    # Of `verify`; `deep` is of `check`.
    since: str = ""
    all_revisions: bool = False
    fail_on: str = "warning"
    format: str = ""
    deep: bool = False
    # Of one of Alembic's own commands: all that follows its name.
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Invocation:
    """A command's options, the settings that were given as flags, and the report to fill."""

    options: Options
    flags: Flags
    report: RunReport

    def load_settings(
        self, *, needs_database: bool = False, needs_project: bool = True
    ) -> Settings:
        """Read the settings, apply them to log and report, and hide their secrets.

        Raises `ConfigError`, as `settings.load_settings` does.
        """
        settings = load_settings(
            flags=self.flags, needs_database=needs_database, needs_project=needs_project
        )
        if settings.database is not None:
            hide_secrets(settings.database.secrets, settings.database.public)
        with contextlib.suppress(ValueError):
            shadow = parse_database_url(settings.shadow)
            hide_secrets(shadow.secrets, shadow.public)
        logs.configure_logging(settings.log_format, settings.log_level)
        if links := sorted(
            each for each in service_links(dict(os.environ)) if each.startswith(PREFIX)
        ):
            logs.get_logger().debug(
                events.VARIABLES_IGNORED,
                variables=links,
                detail=(
                    "Kubernetes has set them for a Service; they are no settings."
                    " enableServiceLinks: false in the pod's specification keeps them away."
                ),
            )
        self.report.termination_log = settings.termination_log
        self.report.build = settings.build
        return settings
