"""A heartbeat on a terminal: how a statement gets on, what it waits for, and who waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from structlog.typing import EventDict

from migration_runner.log.counts import count_of


def name_session(facts: Mapping[str, Any]) -> str:
    """Name a session by what tells most of it."""
    name = facts.get("application_name") or facts.get("role") or "a session"
    return f"{name} (pid {facts['pid']})"


def blocked_by(facts: EventDict) -> str:
    """Return a clause that names the blockers, empty without any."""
    names = [name_session(each) for each in facts.get("blockers") or ()]
    return f", blocked by {', '.join(names)}" if names else ""


def _waiting_behind(facts: EventDict) -> str:
    found = facts.get("waiting_behind")
    if not found:
        return ""
    if found["own"]:
        return ", blocks another connection of this process"
    count, longest = found["count"], found["longest_seconds"]
    tables = f" on {', '.join(found['tables'])}" if found["tables"] else ""
    since = "" if longest is None else f" for up to {longest:.0f} s"
    return f", blocks {count_of(count, 'session')}{tables}{since}"


def _progress(facts: EventDict) -> str:
    progress = facts.get("progress") or {}
    if "unit" in progress:
        of = f" of {progress['total']}" if progress["total"] is not None else ""
        return f", {progress['done']}{of} {progress['unit']}"
    parts: list[str] = [progress.get("phase") or ""]
    for unit in ("blocks", "tuples"):
        done, total = progress.get(f"{unit}_done"), progress.get(f"{unit}_total")
        if total or done:
            parts.append(f"{done}/{total} {unit}" if total else f"{done} {unit}")
            break
    text = " ".join(part for part in parts if part)
    return f", {text}" if text else ""


def describe_running(facts: EventDict) -> str:
    """Say how a revision, or another statement, gets on."""
    # The server's wait event: "Lock: relation", "Timeout: PgSleep".
    kind, _, event = (facts.get("waits_for") or "").partition(": ")
    waits = f", waiting: {event}{' lock' if kind == 'Lock' else ''}" if event else ""
    what = facts.get("revision") or facts.get("statement") or "waiting for the server"
    return (
        f"… {what}  {facts['running_seconds']:.0f} s{_progress(facts)}{waits}{blocked_by(facts)}"
        f"{_waiting_behind(facts)}"
    )
