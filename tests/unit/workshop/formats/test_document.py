"""The result as a JSON document."""

from __future__ import annotations

import json

from migration_runner.workshop.formats.document import describe_result
from migration_runner.workshop.result import VerifyResult
from tests.unit.workshop.formats.conftest import plain


def test_its_keys(result: VerifyResult) -> None:
    document = json.loads(json.dumps(describe_result(result)))

    assert {
        "version": 1,
        "summary": "4 findings in 2 of 15 revisions (3 errors, 1 note); 1 waived.",
        "revisions": 2,
        "all_revisions": 15,
        "counts": {"error": 3, "warning": 0, "note": 1, "waived": 1},
        "server": "PostgreSQL 18.6, started for this command",
        "squawk": "it is not installed",
        "notes": ["The extension postgis is missing."],
    } == {name: value for name, value in document.items() if name != "findings"}
    assert {
        "check": "several-heads",
        "group": "history",
        "level": "error",
        "message": "There are two heads: r1, r2.",
        "advice": "Merge them.",
        "revision": None,
        "file": None,
        "line": None,
        "waived": None,
    } == document["findings"][0]
    assert ("versions/r1.py", 12, "r1", "It has\ndata.", None) == tuple(
        document["findings"][-1][name] for name in ("file", "line", "revision", "waived", "advice")
    )


def test_without_findings_it_has_the_same_keys(result: VerifyResult) -> None:
    assert describe_result(result).keys() == describe_result(plain()).keys()
