"""What one run keeps from one attempt to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from migration_runner.clock import Clock
from migration_runner.database.engine import application_name
from migration_runner.database.observer import Observer
from migration_runner.database.probe import (
    WaitLimits,
    connect_again,
    connect_or_make_room,
    connect_within,
)
from migration_runner.history.request import Request
from migration_runner.ledger.policy import LedgerPolicy
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.report.report import RunReport
from migration_runner.run.progress import Progress
from migration_runner.run.retries import LockRetries, Outages
from migration_runner.run.tenant_failures import TenantFailures
from migration_runner.settings.settings import Settings


@dataclass
class RunContext:
    """One run: its request and its progress.

    A run that is `read_only` changes neither the session's settings nor the database.
    """

    project: AlembicProject
    settings: Settings
    report: RunReport
    clock: Clock
    request: Request
    read_only: bool = False
    # A failure of env.py's is not the run's, and not logged.
    optional: bool = False
    # The work sessions' backends: after its connection broke, one may still be running.
    backend_pids: set[int] = field(default_factory=set)
    # The edited revisions that were reported: a run checks more than once.
    warned_edited: set[str] = field(default_factory=set)
    # Whether env.py's database was compared with the settings': a run may need several attempts.
    compared_databases: bool = False
    # Whether what is loaded was hidden from the garbage collector.
    frozen: bool = False
    # The session's stricter limits that were reported.
    reported_limits: set[str] = field(default_factory=set)
    progress: Progress = field(init=False)
    failures: TenantFailures = field(init=False)
    policy: LedgerPolicy = field(init=False)
    lock_retries: LockRetries = field(init=False)
    outages: Outages = field(init=False)
    observer: Observer = field(init=False)

    def __post_init__(self) -> None:
        """Create what belongs to the run."""
        settings, report = self.settings, self.report
        self.progress = Progress(self.project.history, report, self.clock, self.request.direction)
        self.failures = TenantFailures(report)
        self.policy = LedgerPolicy(settings.ledger)
        self.lock_retries = LockRetries(settings.ddl_retry_timeout, self.clock)
        self.outages = Outages(settings.wait_timeout, self.clock)
        name = f"migrate-observer {report.run_id}"
        seconds = settings.connect_timeout
        self.observer = Observer(
            lambda found: connect_or_make_room(
                lambda: connect_again(
                    {**found, "application_name": name},
                    lambda words: connect_within(seconds, words, seconds),
                )
            ),
            heartbeat=settings.heartbeat,
            ddl_lock_timeout=settings.ddl_lock_timeout,
            patience=settings.connect_timeout,
        )

    @property
    def continues(self) -> bool:
        """Whether the run goes on with the other version tables if one fails."""
        return self.settings.on_tenant_failure == "continue" and not self.read_only

    @property
    def application_name(self) -> str:
        """The work session's `application_name`."""
        return application_name(self.report.run_id)

    @property
    def limits(self) -> WaitLimits:
        """How long to wait for the database: in an outage, what is left of the timeout."""
        settings = self.settings
        total = max(0.0, self.outages.remaining)
        return WaitLimits(
            total, settings.connect_timeout, settings.wait_for_database, self._creator()
        )

    def _creator(self) -> Callable[[], str] | None:
        """Return what creates a missing database, if this run may: not one that it has seen."""
        upgrades = not self.read_only and self.request.direction != "downgrade"
        wanted = self.settings.create_database and self.settings.database is not None
        if not (upgrades and wanted) or self.report.from_revisions is not None:
            return None
        from migration_runner.database.creation import DatabaseCreator  # noqa: PLC0415 - rarely needed

        return DatabaseCreator(self.settings, self.report.run_id)
