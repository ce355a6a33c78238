"""`migrate create`: create the database, if it does not exist."""

from __future__ import annotations

from migration_runner.clock import Stopwatch, SystemClock
from migration_runner.commands.invocation import Invocation
from migration_runner.database.creation import DatabaseCreator, describe_database
from migration_runner.database.engine import application_name
from migration_runner.database.probe import WaitLimits, connect_when_ready, connection_parameters


def create(invocation: Invocation) -> None:
    """Wait for the server, and create the database if it is missing.

    Raises `DatabaseRejected` without the right to, and whatever connecting raises.
    """
    settings, report = (
        invocation.load_settings(needs_database=True, needs_project=False),
        invocation.report,
    )
    assert settings.database is not None  # noqa: S101 - required
    creator = DatabaseCreator(settings, report.run_id)
    limits = WaitLimits(settings.wait_timeout, settings.connect_timeout, create=creator)
    parameters = connection_parameters(settings.database, application_name(report.run_id))
    waiting = Stopwatch(SystemClock())
    try:
        connection = connect_when_ready(parameters, limits, SystemClock())
    finally:
        report.waited_for_database_seconds = waiting.elapsed()
    with connection:
        name = connection.info.dbname
        owner, encoding = describe_database(connection, name)
    report.database = name
    said = f"owner {owner}, encoding {encoding}"
    if creator.created:
        report.conclusion = "created", f"Created the database {name} ({said})."
    else:
        sentence = f"The database {name} was there already ({said}); nothing was changed."
        report.conclusion = "up_to_date", sentence
