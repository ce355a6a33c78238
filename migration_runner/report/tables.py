"""Answers for people: the status in a few lines, and the ledger as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from migration_runner.log.console import name_server
from migration_runner.log.counts import count_of
from migration_runner.report.text_layout import render_rows, render_table, table_width, wrap_text

Facts = dict[str, Any]
_LEDGER_HEADER: Final = ("#", "when (UTC)", "what", "revision", "took")
_LONGEST_LIST: Final = 5
_INDENT: Final = " " * 10
_DETAILS_INDENT: Final = " " * 4


def render_status(facts: Facts, width: int) -> str:
    """Render what `migrate status` found."""
    image = facts["image"]
    build = f", build {image['build']}" if image["build"] else ""
    rows = [
        ("image", f"{_list(image['heads'])} ({count_of(image['revisions'], 'revision')}{build})")
    ]
    if error := image.get("error"):
        rows.append(("", error))
    if error := facts.get("error"):
        rows.append(("database", f"unreachable: {error['message']}"))
    parts = [_render_labelled(rows, width)]
    for history in (facts, *facts.get("further", ())):
        if history["database"]:
            parts.append(_render_labelled(_history_rows(history), width))
            if history["ledger"]:
                parts += ["", render_ledger(history["ledger"], width)]
    return "\n".join(parts)


def _history_rows(facts: Facts) -> list[tuple[str, str]]:
    database = facts["database"]
    place = f"{database['name']}, {database['version_table']}"
    server = name_server(database["server_version"])
    heads = "unknown" if database["heads"] is None else _list(database["heads"])
    rows = [("database", f"{heads} ({place}, {server})"), ("state", facts["relation"])]
    if contradiction := facts.get("contradiction"):
        rows.append(("", contradiction["message"]))
    if facts["pending"]:
        rows.append(("pending", f"{len(facts['pending'])}: {_list(facts['pending'])}"))
    if facts["edited"]:
        rows.append(("edited", f"since they were applied: {_list(facts['edited'])}"))
    if facts["unknown"]:
        rows.append(("", f"only in the database: {_list(facts['unknown'])}"))
    if holder := facts["run_lock"]["holder"]:
        rows.append(("run lock", f"{holder['application_name']} (pid {holder['pid']})"))
    if run := facts["last_run"]:
        build = f", build {run['build']}" if run["build"] else ""
        started = run["started_at"][:19]
        rows.append(("last run", f"{run['run_id']} on {run['host']}{build}, {started}"))
    return rows


def _render_labelled(rows: Sequence[tuple[str, str]], width: int) -> str:
    return "\n".join(
        f"{label:{len(_INDENT)}}{wrap_text(text, width, _INDENT)}" for label, text in rows
    )


def render_ledger(entries: Sequence[Facts], width: int) -> str:
    """Render rows of the ledger. In a narrow terminal, each has its details in the next line.

    With several histories, each row names its version table.
    """
    several = len({_version_table(entry) for entry in entries}) > 1
    rows = [_ledger_row(entry) for entry in entries]
    details = [_ledger_details(entry, several=several) for entry in entries]
    header = (*_LEDGER_HEADER, *(name for name, _ in details[0]))
    cells = [
        (*row, *(value for _, value in detail)) for row, detail in zip(rows, details, strict=True)
    ]
    if table_width(header, cells) <= width:
        return render_table(header, cells, width)
    lines = list(render_rows(_LEDGER_HEADER, rows, width))
    for number, detail in enumerate(details, 1):
        text = ", ".join(f"{name}: {value}" for name, value in detail if value)
        lines[number] += f"\n{_DETAILS_INDENT}{wrap_text(text, width, _DETAILS_INDENT)}"
    return "\n".join(lines)


def _ledger_row(entry: Facts) -> tuple[str, ...]:
    seconds = entry["duration_seconds"]
    return (
        str(entry["sequence"]),
        entry["started_at"][:19].replace("T", " "),
        entry["direction"],
        entry["revision"] or "base",
        "" if seconds is None else f"{seconds:.2f} s",
    )


def _ledger_details(entry: Facts, *, several: bool) -> list[tuple[str, str]]:
    return [
        *([("version table", _version_table(entry))] if several else []),
        ("build", entry["build"] or ""),
        ("by", f"{entry['role']}@{entry['host'] or '?'}"),
        ("message", entry["message"] or ""),
    ]


def _version_table(entry: Facts) -> str:
    return f"{entry['version_table_schema']}.{entry['version_table']}"


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_LONGEST_LIST]) or "base"
    more = len(names) - _LONGEST_LIST
    return f"{shown} and {more} more" if more > 0 else shown
