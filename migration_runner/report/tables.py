"""Output for people: the status in a few lines, the ledger as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from migration_runner.log.console import name_server

Facts = dict[str, Any]
_LEDGER_HEADER: Final = ("#", "when (UTC)", "what", "revision", "took", "build", "by", "message")
_LONGEST_LIST: Final = 5


def render_status(facts: Facts) -> str:
    """Render what `migrate status` found."""
    image = facts["image"]
    build = f", build {image['build']}" if image["build"] else ""
    lines = [f"image     {_list(image['heads'])} ({image['revisions']} revisions{build})"]
    if error := facts.get("error"):
        lines.append(f"database  unreachable: {error['message']}")
    for history in (facts, *facts.get("further", ())):
        if history["database"]:
            lines += _history_lines(history)
    return "\n".join(lines)


def _history_lines(facts: Facts) -> list[str]:
    database = facts["database"]
    place = f"{database['name']}, {database['version_table']}"
    server = name_server(database["server_version"])
    lines = [
        f"database  {_list(database['heads'])} ({place}, {server})",
        f"relation  {facts['relation']}",
    ]
    if facts["pending"]:
        lines.append(f"pending   {len(facts['pending'])}: {_list(facts['pending'])}")
    if facts["unknown"]:
        lines.append(f"only in the database: {_list(facts['unknown'])}")
    if holder := facts["run_lock"]["holder"]:
        lines.append(f"run lock  {holder['application_name']} (pid {holder['pid']})")
    if run := facts["last_run"]:
        build = f", build {run['build']}" if run["build"] else ""
        lines.append(f"last run  {run['run_id']} on {run['host']}{build}, {run['started_at'][:19]}")
    if facts["ledger"]:
        lines += ["", render_ledger(facts["ledger"])]
    return lines


def render_ledger(entries: Sequence[Facts]) -> str:
    """Render rows of the ledger; with several histories, each names its version table."""
    tables = {(entry["version_table_schema"], entry["version_table"]) for entry in entries}
    rows = []
    for entry in entries:
        seconds = entry["duration_seconds"]
        row = [
            str(entry["sequence"]),
            entry["started_at"][:19].replace("T", " "),
            entry["direction"],
            entry["revision"] or "base",
            "" if seconds is None else f"{seconds:.2f} s",
            entry["build"] or "",
            f"{entry['role']}@{entry['host'] or '?'}",
            entry["message"] or "",
        ]
        if len(tables) > 1:
            row[3] += f" ({entry['version_table_schema']}.{entry['version_table']})"
        rows.append(row)
    return render_table(_LEDGER_HEADER, rows)


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Render rows of text under a header."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    )


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_LONGEST_LIST]) or "base"
    more = len(names) - _LONGEST_LIST
    return f"{shown} and {more} more" if more > 0 else shown
