"""The log on a terminal: a line a person reads quickly, for every event."""

from __future__ import annotations

import os
from typing import Any, Final

import structlog
from structlog.typing import EventDict

from migration_runner.log import events
from migration_runner.log.bounds import CUT
from migration_runner.log.counts import count_of
from migration_runner.log.heartbeat import blocked_by, describe_running, name_session
from migration_runner.log.plain_text import plain_text

_INDENT: Final = " " * len("12:34:56  > ")

_RESET, _DIM, _RED, _GREEN, _YELLOW, _BOLD = (
    "\x1b[0m",
    "\x1b[2m",
    "\x1b[31m",
    "\x1b[32m",
    "\x1b[33m",
    "\x1b[1m",
)
_COLORS: Final = {"debug": _DIM, "info": "", "warning": _YELLOW, "error": _RED, "critical": _RED}


def _run_started(facts: EventDict) -> str:
    if command := facts.get("command"):
        return f"migrate {facts['runner_version']}: running {command}"
    return f"migrate {facts['runner_version']}, target {facts['target']}"


def _run_finished(facts: EventDict) -> str:
    if facts["exit_code"] != 0:
        return f"✗ {facts['summary']}"
    first = facts.get("applied") and not facts["from_revisions"]
    return f"✓ {facts['summary']}{_next_steps() if first else ''}"


def _next_steps() -> str:
    """Return what to try once a new database has its first revisions.

    A Makefile in which `migrate` has another name says it with the variable.
    """
    return f"\n{_INDENT}Next: {os.environ.get('NEXT_STEPS') or 'migrate status'}"


def _targets_seen(facts: EventDict) -> str:
    text = (
        f"{count_of(facts['targets'], 'target')}: {facts['up_to_date']} up to date,"
        f" {facts['to_run']} to run ({facts['duration_seconds']:.1f} s)"
    )
    if facts["unreachable"]:
        text += f"; {facts['unreachable']} could not be looked at, and come last"
    if facts.get("undeclared"):
        text += "\nEach is run: the project does not declare its version table, see docs/speed.md"
    return text


def _target_finished(facts: EventDict) -> str:
    failed = facts["outcome"] == "failed"
    text = f"{'✗' if failed else '✓'} {facts['target']}  {facts.get('summary', '')}"
    return f"{text}\nalone: {facts['command']}" if "command" in facts else text


def _revision_failed(facts: EventDict) -> str:
    line = facts.get("line")
    place = facts["file"] if line is None else f"{facts['file']}, line {line}"
    shown = ("message", "detail", "hint", "statement", "sqlstate", "exception")
    return f"\n{_INDENT}".join(
        [
            f"✗ {facts['revision']}  {place}",
            *(f"{name}: {facts[name]}" for name in shown if name in facts),
        ]
    )


def _run_lock_busy(facts: EventDict) -> str:
    holder = facts.get("holder") or {}
    who = name_session(holder) if holder else "another session"
    return (
        f"waiting for the run lock, held by {who}; giving up in {facts['remaining_seconds']:.0f} s"
    )


def _revision_retried(facts: EventDict) -> str:
    return (
        f"↻ {facts['revision']}  {facts['detail']}; try {facts['attempt'] + 1} in"
        f" {facts['pause_seconds']:.1f} s{blocked_by(facts)}"
    )


def _is_said_last(facts: EventDict) -> bool:
    """Whether the last line has the file, the line and all there is to say."""
    return facts.get("reason") == "import_error" or facts.get("exception_type") == "SyntaxError"


def _env_failed(facts: EventDict) -> str:
    return f"✗ env.py  {facts.get('exception') or facts.get('message')}"


def _session_lost(facts: EventDict) -> str:
    doubt = f"; in doubt: {', '.join(facts['uncertain'])}" if facts["uncertain"] else ""
    return f"session lost: {facts['detail']}{doubt}; reconnecting"


def name_server(version: str) -> str:
    """Return the server's kind and version; other kinds than Postgres are in the version."""
    return f"PostgreSQL {version}" if version[:1].isdigit() else version


def _limit_replaced(facts: EventDict) -> str:
    advice = f" {facts['advice']}" if facts["advice"] else ""
    return f"{facts['limit']} = {facts['value']} ({facts['source']}) does not apply.{advice}"


def _manifest_written(facts: EventDict) -> str:
    sealed = ", sealed" if facts["sealed"] else ""
    off = f"; no fast path: {facts['fast_path_off']}" if facts["fast_path_off"] else ""
    return f"manifest written: {facts['file']}{sealed}{off}"


def _processes_left(facts: EventDict) -> str:
    ended, running = (
        count_of(facts[name], "process", "processes") for name in ("ended", "running")
    )
    text = f"{facts['command']} has left {ended} running, which the runner ended"
    return f"{text}; {running} could not be ended" if facts["running"] else text


def _database_ahead(facts: EventDict) -> str:
    builds = f" (applied by build {', '.join(facts['builds'])})" if facts["builds"] else ""
    return f"the database is ahead by {', '.join(facts['unknown_revisions'])}{builds}"


_SENTENCES: Final[dict[str, Any]] = {
    events.RUN_STARTED: _run_started,
    events.DATABASE_UNAVAILABLE: (
        "waiting for the database ({reason}), attempt {attempt},"
        " {remaining_seconds:.0f} s left: {detail}"
    ).format_map,
    events.VARIABLES_IGNORED: lambda facts: (
        f"ignored {', '.join(facts['variables'])}: {facts['detail']}"
    ),
    events.TOOL_WAITING: "{task} has been running for {waited_seconds:.0f} s".format_map,
    events.DATABASE_CREATED: "created the database {database}, which was missing".format_map,
    events.DATABASE_READY: lambda facts: (
        f"database {facts['database']}, {name_server(facts['server_version'])}"
    ),
    events.RUN_LOCK_BUSY: _run_lock_busy,
    events.RUN_LOCK_ACQUIRED: "run lock acquired".format_map,
    events.LIMIT_REPLACED: _limit_replaced,
    events.RUN_LOCK_RELEASED: "revision {revision} released the run lock".format_map,
    events.DATABASE_DIFFERS: "{detail}".format_map,
    events.NO_REVISIONS: "{detail}".format_map,
    events.DATABASE_AHEAD: _database_ahead,
    events.LEDGER_CREATED: "ledger created: migration_runner.ledger".format_map,
    events.LEDGER_UNAVAILABLE: "no ledger: {detail}. {advice}".format_map,
    events.REVISIONS_ADOPTED: lambda facts: (
        f"recorded {count_of(facts['count'], 'revision')} applied without the ledger"
    ),
    events.REVISION_EDITED: (
        "{file} was edited since {role} applied it at {applied_at:.19}"
    ).format_map,
    events.REVISION_ACCEPTED: "{revision}  {file} is accepted as it is".format_map,
    events.REVISION_RUNNING: describe_running,
    events.STATEMENT_RUNNING: describe_running,
    events.REVISION_RETRIED: _revision_retried,
    events.REVISION_UNDONE: "✓ {revision}  undone, {duration_seconds:.2f} s".format_map,
    events.REVISION_STAMPED: "✓ {revision}  stamped".format_map,
    events.INDEX_REPAIRED: (
        "dropped the invalid index {index} on {table}, to build it again"
    ).format_map,
    events.SESSION_LOST: _session_lost,
    events.SESSION_TERMINATED: "session terminated: {reason}".format_map,
    events.OBSERVER_UNAVAILABLE: (
        "no observer ({reason}), so blockers are not reported: {detail}"
    ).format_map,
    events.COMMAND_STARTED: "▸ {command}".format_map,
    events.COMMAND_ENDED: (
        "{command} ended with {command_exit_code} after {duration_seconds:.1f} s"
    ).format_map,
    events.PROCESSES_LEFT: _processes_left,
    events.ENV_SKIPPED: lambda facts: (
        f"env.py cannot be used without its launcher, so the revisions are read from"
        f" {', '.join(facts['version_tables'])}: {facts['detail']}"
    ),
    events.REVISIONS_PENDING: (
        "waiting for another run to apply the revisions, {remaining_seconds:.0f} s left"
    ).format_map,
    events.REVISION_STARTED: "▸ {revision}  {description}".format_map,
    events.REVISION_APPLIED: "✓ {revision}  {duration_seconds:.2f} s".format_map,
    events.REVISION_FAILED: _revision_failed,
    events.TENANT_FAILED: "✗ {version_table}  failed; continuing with the others".format_map,
    events.ENV_FAILED: _env_failed,
    events.STATEMENT_EXECUTED: "  {duration_seconds:.3f} s  {statement}".format_map,
    events.FIELD_CUT: "{of}: {field}, part {part} of {parts}: {text}".format_map,
    events.HISTORY_CHECKED: lambda facts: (
        f"{count_of(facts['revisions'], 'revision')}, head {', '.join(facts['heads'])}"
    ),
    events.MANIFEST_WRITTEN: _manifest_written,
    events.MANIFEST_SKIPPED: "no manifest: {reason}".format_map,
    events.DATABASE_SKIPPED: "the database is not shown: {detail}".format_map,
    events.TARGETS_SEEN: _targets_seen,
    events.WAVE_STARTED: "wave {wave}".format_map,
    events.TARGET_FINISHED: _target_finished,
    events.TARGET_RETRIED: "{target} is run again: {detail}".format_map,
    events.FLEET_STOPPED: "no more targets are started: {reason}".format_map,
    events.CLEANUP_FAILED: "{step} failed: {detail}".format_map,
    events.LINES_LOST: lambda facts: (
        f"{count_of(facts['count'], 'line')} lost here, because nobody read the log"
    ),
    events.RUN_FINISHED: _run_finished,
}


def _with_place(text: str, facts: EventDict) -> str:
    """Add the version table to a revision's line, if a run has several, and a fleet's target."""
    event = str(facts["event"])
    table = facts.get("version_table") if event.startswith("revision_") else None
    target = None if event.startswith("target_") else facts.get("target_run_id") and facts["target"]
    place = ", ".join(filter(None, (target, table)))
    line, *rest = text.split("\n")
    return "\n".join([f"{line}  ({place})", *rest]) if place else text


def _lines(text: str, facts: EventDict) -> str:
    """Return the text's lines: only the first begins at the margin, whoever wrote the others."""
    if cut := facts.get(CUT):
        counts = ", ".join(f"{count} of {field}" for field, count in cut.items())
        text += f"\ncut: {counts}"
    first, *others = text.rstrip("\n").split("\n")
    indented = (line if line.startswith(_INDENT) else f"{_INDENT}{line}" for line in others)
    return "\n".join([first, *indented])


class ConsoleLines:
    """Renders clean facts: the time, then the event's sentence, or its facts where it has none."""

    def __init__(self, *, colors: bool) -> None:
        self._colors = colors
        self._facts = structlog.dev.ConsoleRenderer(
            colors=colors, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )

    def __call__(self, facts: EventDict) -> str:
        """Render one event."""
        facts = _plain(facts)
        time = facts.pop("timestamp")[11:19]
        level = facts.pop("level")
        facts.pop("run_id", None)
        if facts["event"] == events.ENV_FAILED and "logger" not in facts and _is_said_last(facts):
            raise structlog.DropEvent
        # What others log can have one of these names, but not the facts.
        sentence = None if "logger" in facts else _SENTENCES.get(facts["event"])
        if sentence is None:
            cut = {CUT: facts.pop(CUT)} if CUT in facts else {}
            text = _lines(str(self._facts(None, "", facts)), cut)
        else:
            text = _lines(_with_place(sentence(facts), facts), facts)
        if not self._colors:
            return f"{time}  {text}"
        color = _COLORS.get(level, "")
        if text.startswith(("✓", "✗")):
            color = _GREEN if text.startswith("✓") else _RED
        return f"{_DIM}{time}{_RESET}  {color}{text}{_RESET}"


def _plain(value: Any) -> Any:
    """Return clean facts, or one of them, without characters that a terminal obeys."""
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {plain_text(name): _plain(each) for name, each in value.items()}
    return value
