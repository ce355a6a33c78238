"""`migrate fleet`: many databases or schemas, with one history."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from migration_runner.commands.invocation import FleetOptions, Invocation, Options
from migration_runner.errors import ConfigError, UsageError
from migration_runner.fleet.fleet import Fleet, Plan
from migration_runner.fleet.image import Image
from migration_runner.fleet.page import render_page
from migration_runner.fleet.results import AHEAD, APPLIED, UP_TO_DATE, Results
from migration_runner.fleet.schedule import Limits, parse_failures
from migration_runner.fleet.selection import Shard, parse_shard, select_targets
from migration_runner.fleet.sources import Source, load_targets
from migration_runner.fleet.status import look_at_fleet, render_status
from migration_runner.fleet.targets import Target
from migration_runner.fleet.waves import plan_waves, read_rules
from migration_runner.log import streams
from migration_runner.report.report import RunReport
from migration_runner.run.runs import prepare_run
from migration_runner.settings.settings import AlembicOptions, Flags, Settings
from migration_runner.settings.variables import VARIABLES

_STATUS = "status"
_OF_THE_LOG = ("log_format", "log_level")


def fleet(invocation: Invocation) -> None:
    """Upgrade the targets that are behind; with `status`, only say where each is.

    Raises `FleetFailed` with the worst of the targets' exit codes, and `UsageError` or
    `ConfigError` before anything is changed.
    """
    words, options = invocation.options.targets, invocation.options.fleet
    if words not in ((), (_STATUS,)):
        message = f"Unexpected argument {words[0]!r}: the only word is `status`."
        raise UsageError(message)
    _require_fitting(words, invocation.options)
    settings = invocation.load_settings()
    shard = _parse_shard(options)
    everything = load_targets(_source(options), settings, invocation.report.run_id)
    targets = select_targets(everything, only=options.only, labels=options.select, shard=shard)
    if words:
        _print_status(invocation, settings, targets)
        return
    plan = _plan(options, _given(settings.alembic, invocation.flags), targets, everything)
    if options.html:
        _require_writable(options.html)
    run = prepare_run(settings, invocation.report)
    working = Fleet(plan, settings, invocation.flags, Image(run.project, settings))

    def begin() -> None:
        # From now on, the end is a fleet's, even if a second signal comes before it.
        invocation.report.fleet = working.results

    try:
        working.run(invocation.report.run_id, begin)
    except ConfigError:
        # Two targets are one: no target was touched.
        raise
    except BaseException:
        _report(invocation, working.results)
        raise
    _report(invocation, working.results)
    if error := working.results.error():
        raise error


def _require_fitting(words: Sequence[str], options: Options) -> None:
    """Raise `UsageError` for a flag that would be ignored: a check must not change anything."""
    of_run = ("canary", "waves", "max_failures", "html")
    if words and (given := [name for name in of_run if getattr(options.fleet, name)]):
        message = f"--{given[0].replace('_', '-')} is no flag of `migrate fleet status`."
        raise UsageError(message)
    if options.check and not words:
        message = "--check is a flag of `migrate fleet status`."
        raise UsageError(message)


def _given(alembic: AlembicOptions, flags: Flags) -> list[str]:
    """Return the flags that a run of a single target needs, too."""
    words = alembic.words() if alembic != AlembicOptions() else []
    given = [each for each in VARIABLES if each.field in flags and each.field not in _OF_THE_LOG]
    return [
        *words,
        *(word for each in given for word in (each.flag, str(flags[each.field]))),
    ]


def _source(options: FleetOptions) -> Source:
    return Source(options.targets, options.targets_sql, options.targets_command)


def _parse_shard(options: FleetOptions) -> Shard | None:
    try:
        return parse_shard(options.shard) if options.shard else None
    except ValueError as error:
        message = f"--shard {error}."
        raise UsageError(message) from None


def _plan(
    options: FleetOptions,
    given: Sequence[str],
    targets: Sequence[Target],
    everything: Sequence[Target],
) -> Plan:
    try:
        failures = options.max_failures
        most = parse_failures(failures, len(targets)) if failures else None
    except ValueError as error:
        message = f"--max-failures {error}."
        raise UsageError(message) from None
    rules = read_rules(options.waves) if options.waves else []
    waves = plan_waves(targets, everything, canary=options.canary, rules=rules)
    limits = Limits(options.jobs, options.jobs_per_server, most)
    alone = ["migrate", "fleet", *given, *_source(options).flag()]
    return Plan(targets, waves, limits, alone)


def _require_writable(file: str) -> None:
    """Create the page's file now: later, the work would be done and its report lost."""
    try:
        Path(file).open("a").close()
    except OSError as error:
        message = f"--html {file} cannot be written: {error.strerror}."
        raise ConfigError(message) from None


def _report(invocation: Invocation, results: Results) -> None:
    report, options = invocation.report, invocation.options
    report.fleet = results
    counts = results.count()
    outcome = next((each for each in (APPLIED, AHEAD) if each in counts), UP_TO_DATE)
    report.conclusion = outcome, results.sentence()
    if options.fleet.html:
        page = render_page(results, report).encode(errors="backslashreplace")
        Path(options.fleet.html).write_bytes(page)
    if options.as_json:
        streams.write_facts(_describe(results, report))


def _describe(results: Results, report: RunReport) -> dict[str, object]:
    return {
        "run_id": report.run_id,
        "build": report.build or None,
        "target": report.target,
        "duration_seconds": round(report.elapsed(), 3),
        "summary": results.sentence(),
        **results.facts(),
        "results": [each.facts() for each in results.all()],
    }


def _print_status(invocation: Invocation, settings: Settings, targets: Sequence[Target]) -> None:
    settings = dataclasses.replace(settings, wait_timeout=0.0)
    run = prepare_run(settings, invocation.report, read_only=True)
    found = look_at_fleet(targets, settings, Image(run.project, settings), run.report.run_id)
    if invocation.options.as_json or not streams.answers_on_terminal():
        streams.write_facts(found.facts())
    else:
        streams.write_answer(render_status(found, streams.answer_width()))
    if invocation.options.check and (verdict := found.verdict()):
        raise verdict
