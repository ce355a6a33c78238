"""The verbs, each a thin function of flags and report."""

from __future__ import annotations

from collections.abc import Mapping

from migration_runner import __version__, events, logs
from migration_runner.alembic_bridge import AlembicProject
from migration_runner.clock import SystemClock
from migration_runner.engine import application_name, waiting_engine
from migration_runner.probe import WaitLimits
from migration_runner.report import RunReport
from migration_runner.settings import load_settings
from migration_runner.upgrade import Upgrade


def run_upgrade(flags: Mapping[str, str], report: RunReport) -> None:
    """`migrate`: bring the database to the target."""
    settings = load_settings(flags=flags)
    address = settings.database
    public = (address.parameters.get("user", ""), address.parameters.get("dbname", ""))
    logs.hide_secrets(address.secrets, public)
    logs.configure_logging(settings.log_format, settings.log_level)
    report.termination_log, report.build = settings.termination_log, settings.build
    report.target = settings.target
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
    engine = waiting_engine(address, limits, name)
    Upgrade(project, settings, report, SystemClock()).run(engine, name)
