"""The result as one JSON document. New keys may come; what a key means does not change."""

from __future__ import annotations

from typing import Any, Final

from migration_runner.workshop.checks import CHECKS
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.formats.places import relative
from migration_runner.workshop.result import VerifyResult, level_of

# Raised when a key is removed, or means something else.
VERSION: Final = 1


def describe_result(result: VerifyResult) -> dict[str, Any]:
    """Return the document."""
    counts = {level.name.lower(): count for level, count in result.counts.items()}
    return {
        "version": VERSION,
        "summary": result.summary,
        "revisions": result.revisions,
        "all_revisions": result.all_revisions,
        "counts": {**counts, "waived": len(result.waived)},
        "findings": [_describe(each) for each in (*result.open, *result.waived)],
        "server": result.server or None,
        "squawk": result.squawk or None,
        "notes": list(result.notes),
    }


def _describe(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "group": CHECKS[finding.check].group.name.lower(),
        "level": level_of(finding).name.lower(),
        "message": finding.message,
        "advice": finding.advice or None,
        "revision": finding.revision or None,
        "file": relative(finding.file) if finding.file else None,
        "line": finding.line,
        "waived": finding.waived or None,
    }
