"""What every verb does first, and what those that go through env.py have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from migration_runner import __version__, events, logs
from migration_runner.alembic_bridge import AlembicProject
from migration_runner.clock import Clock, SystemClock
from migration_runner.engine import application_name, waiting_engine
from migration_runner.env_run import Decide, EnvRun
from migration_runner.probe import WaitLimits
from migration_runner.report import RunReport
from migration_runner.settings import Settings, load_settings


def begin(settings: Settings, report: RunReport) -> None:
    """Let the log and the report follow the settings, and keep their secrets out of both."""
    address = settings.database
    public = (address.parameters.get("user", ""), address.parameters.get("dbname", ""))
    logs.hide_secrets(address.secrets, public)
    logs.configure_logging(settings.log_format, settings.log_level)
    report.termination_log, report.build = settings.termination_log, settings.build
    report.target = settings.target


def go_through_env(
    flags: Mapping[str, str],
    report: RunReport,
    make_decision: Callable[[Settings, RunReport, Clock], Decide],
) -> None:
    """Check settings and history, wait for the database, and go through env.py."""
    settings = load_settings(flags=flags)
    begin(settings, report)
    logs.get_logger().info(
        events.RUN_STARTED,
        target=settings.target,
        runner_version=__version__,
        build=settings.build or None,
    )
    project = AlembicProject(settings.alembic_config)
    project.check_target(settings.target)
    limits = WaitLimits(settings.wait_timeout, settings.connect_timeout, settings.wait_for_database)
    name = application_name(report.run_id)
    engine = waiting_engine(settings.database, limits, name)
    clock = SystemClock()
    run = EnvRun(project, settings, report, clock, make_decision(settings, report, clock))
    run.run(engine, name)
