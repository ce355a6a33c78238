"""What one run carries from one pass through env.py to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from migration_runner.alembic_bridge import AlembicProject
from migration_runner.clock import Clock
from migration_runner.engine import application_name
from migration_runner.ledger_keeper import LedgerPolicy
from migration_runner.moves import Move
from migration_runner.observer import Observer
from migration_runner.probe import WaitLimits, connect_or_make_room, connect_within
from migration_runner.progress import Progress
from migration_runner.report import RunReport
from migration_runner.retries import LockRetries, Outages
from migration_runner.settings import Settings


@dataclass
class RunContext:
    """One run: what it is to do, and how far it has come.

    A run that only `looks` changes nothing: neither settings of the session nor the database.
    """

    project: AlembicProject
    settings: Settings
    report: RunReport
    clock: Clock
    move: Move
    looks: bool = False
    # The work sessions' backends: one whose connection broke may still be at work.
    backend_pids: set[int] = field(default_factory=set)
    # The edited revisions that were warned of: a run looks more than once.
    told_edited: set[str] = field(default_factory=set)
    progress: Progress = field(init=False)
    policy: LedgerPolicy = field(init=False)
    lock_retries: LockRetries = field(init=False)
    outages: Outages = field(init=False)
    observer: Observer = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing done."""
        settings, report = self.settings, self.report
        self.progress = Progress(self.project.history, report, self.clock, self.move.direction)
        self.policy = LedgerPolicy(settings.ledger)
        self.lock_retries = LockRetries(settings.ddl_retry_timeout, self.clock)
        self.outages = Outages(settings.wait_timeout, self.clock)
        name = f"migrate-observer {report.run_id}"
        seconds = settings.connect_timeout
        self.observer = Observer(
            lambda found: connect_or_make_room(
                lambda: connect_within(seconds, {**found, "application_name": name}, seconds)
            ),
            heartbeat=settings.heartbeat,
            ddl_lock_timeout=settings.ddl_lock_timeout,
            patience=settings.connect_timeout,
        )

    @property
    def application_name(self) -> str:
        """The work session's name."""
        return application_name(self.report.run_id)

    @property
    def limits(self) -> WaitLimits:
        """How long to wait for the database: in an outage what is left of it."""
        settings = self.settings
        total = max(0.0, self.outages.remaining)
        return WaitLimits(total, settings.connect_timeout, settings.wait_for_database)
