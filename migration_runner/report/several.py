"""What a run did on several version tables: env.py can have thousands, and a report is short.

Up to a few are listed. Of more there are numbers, and those that failed; the ledger has the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Final

from migration_runner.database.version_tables import Place, name_place
from migration_runner.log.bounds import shorten
from migration_runner.log.counts import count_of
from migration_runner.report.report import AppliedRevision, RunReport

# Version tables, failures and heads that are listed.
MOST_LISTED: Final = 20
_MOST_REVISIONS: Final = 60
_MOST_IN_A_SENTENCE: Final = 3
_LONGEST_MESSAGE: Final = 200
_UNFINISHED: Final = "unfinished"
DONE: Final = {"upgrade": "applied", "downgrade": "undone", "stamp": "stamped"}


def describe_tables(report: RunReport) -> dict[str, Any]:
    """Return the facts of the version tables, if there are several."""
    tables = report.version_tables
    if not tables.several:
        return {}
    facts: dict[str, Any] = {"version_table_counts": _count_outcomes(report)}
    if report.failed:
        facts["failed_version_tables"] = [
            {
                "version_table": name_place(place),
                "kind": type(failure).__name__,
                "reason": failure.facts.get("reason"),
                "revision": failure.facts.get("revision"),
                "message": shorten(failure.message, _LONGEST_MESSAGE),
            }
            for place, failure in list(report.failed.items())[:MOST_LISTED]
        ]
    if tables.count <= MOST_LISTED:
        facts["version_tables"] = [
            {
                "version_table": name_place(place),
                "from_revisions": found.beginning,
                "to_revisions": found.end,
            }
            for place, found in tables.items()
        ]
    return facts


def _count_outcomes(report: RunReport) -> dict[str, int]:
    counts = Counter(
        "failed" if place in report.failed else report.outcomes.get(place, _UNFINISHED)
        for place, _ in report.version_tables.items()
    )
    # A table whose rows are not to be trusted has no heads.
    counts["failed"] = len(report.failed)
    return {"total": counts.total(), **{name: count for name, count in counts.items() if count}}


def describe_applied(report: RunReport) -> list[dict[str, Any]]:
    """Return the revisions: each with its version table, or, of many, with the number of tables."""
    applied, tables = report.applied, report.version_tables
    named = tables.several
    many = max(tables.count, len({each.place for each in applied})) > MOST_LISTED
    if many or (named and len(applied) > _MOST_REVISIONS):
        return _describe_by_revision(applied)
    return [
        {
            "revision": each.revision,
            "duration_seconds": _rounded(each.duration_seconds),
            **({"version_table": name_place(each.place)} if named else {}),
        }
        for each in applied
    ]


def _describe_by_revision(applied: Sequence[AppliedRevision]) -> list[dict[str, Any]]:
    counts = Counter(each.revision for each in applied)
    seconds = dict.fromkeys(counts, 0.0)
    for each in applied:
        seconds[each.revision] += each.duration_seconds or 0.0
    return [
        {
            "revision": revision,
            "version_tables": count,
            "duration_seconds": _rounded(seconds[revision]),
        }
        for revision, count in list(counts.items())[:_MOST_REVISIONS]
    ]


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def list_heads(report: RunReport, heads: Sequence[str] | None) -> Sequence[str] | None:
    """Return the heads for the result: of several version tables, not all if there are many."""
    return heads[:MOST_LISTED] if heads and report.version_tables.several else heads


def name_heads(heads: Sequence[str] | None) -> str:
    """Return heads for a sentence."""
    if not heads:
        return "base"
    each = list(dict.fromkeys(heads))
    more = len(each) - MOST_LISTED
    return ", ".join(each[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def describe_places(report: RunReport) -> str:
    """Say where the version tables are, the most frequent first."""
    counts = Counter(
        "an unknown revision" if found.end is None else name_heads(found.end)
        for _, found in report.version_tables.items()
    ).most_common()
    named = [f"{count} at {heads}" for heads, count in counts[:_MOST_IN_A_SENTENCE]]
    if rest := counts[_MOST_IN_A_SENTENCE:]:
        named.append(f"{sum(count for _, count in rest)} elsewhere")
    tables = count_of(report.version_tables.count, "version table")
    return f"of the {tables} that env.py has reached, {', '.join(named)}."


def describe_success(report: RunReport, verb: str, outcome: str) -> str:
    """Say what a run did on several version tables."""
    tables = count_of(report.version_tables.count, "version table")
    ahead = list(report.outcomes.values()).count("ahead")
    said = f"{ahead} of {tables} {'is' if ahead == 1 else 'are'} ahead of this image."
    before, at = name_heads(report.from_revisions), name_heads(report.to_revisions)
    if outcome == "ahead":
        return f"Nothing to apply: {said}"
    if outcome == "up_to_date":
        return f"Up to date: {tables} at {at}."
    changed = len({each.place for each in report.applied})
    revisions = count_of(len(report.applied), "revision")
    return (
        f"{verb} {revisions} on {changed} of {tables} in {report.elapsed():.1f} s:"
        f" {before} -> {at}." + (f" {said}" if ahead else "")
    )


def describe_failed(report: RunReport) -> str:
    """Name the version tables that have failed before a run ended for another reason."""
    if not report.failed:
        return ""
    tables = count_of(len(report.failed), "version table")
    return f" {tables} had failed: {name_places(report.failed)}."


def name_places(places: Collection[Place]) -> str:
    """Name some version tables in a sentence."""
    named = [name_place(place) for place in list(places)[:_MOST_IN_A_SENTENCE]]
    more = len(places) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
