"""The result as SARIF 2.1.0, which code scanners' pages read.

GitHub's refuses a whole file for a result without a location: what has no file is shown at the
Alembic configuration (https://docs.github.com/en/code-security/reference/code-scanning/sarif-support).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from migration_runner import __version__
from migration_runner.documentation import DOCS_URL, check_page
from migration_runner.workshop.checks import CHECKS, Check
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.formats.places import relative, workspace
from migration_runner.workshop.result import VerifyResult, level_of

_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_RULES: Final = {name: index for index, name in enumerate(CHECKS)}


def describe_run(result: VerifyResult) -> dict[str, Any]:
    """Return the SARIF log with one run."""
    driver = {
        "name": "migrate verify",
        "version": __version__,
        "informationUri": DOCS_URL,
        "rules": [_rule(check) for check in CHECKS.values()],
    }
    properties = {
        "revisions": result.revisions,
        "allRevisions": result.all_revisions,
        "server": result.server,
        "squawk": result.squawk,
        "notes": list(result.notes),
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, result.configuration) for each in (*result.open, *result.waived)],
        "properties": {name: value for name, value in properties.items() if value},
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(check: Check) -> dict[str, Any]:
    return {
        "id": check.name,
        "shortDescription": {"text": check.title},
        "helpUri": check_page(check.name),
        "defaultConfiguration": {"level": check.level.name.lower()},
    }


def _result(finding: Finding, configuration: Path) -> dict[str, Any]:
    file = finding.file or configuration
    uri = _uri(file)
    text = "\n".join(filter(None, [finding.message, finding.advice]))
    found: dict[str, Any] = {
        "ruleId": finding.check,
        "ruleIndex": _RULES[finding.check],
        "level": level_of(finding).name.lower(),
        "message": {"text": text},
        "locations": [{"physicalLocation": _location(uri, finding.line or 1)}],
        # Without the line, which moves with what is written above.
        "partialFingerprints": {"finding/v1": _digest(finding, uri)},
    }
    if finding.revision:
        found["properties"] = {"revision": finding.revision}
    if finding.waived:
        found["suppressions"] = [
            {"kind": "inSource", "status": "accepted", "justification": finding.waived}
        ]
    return found


def _uri(file: Path) -> str:
    """Return a reference that is relative to the repository, or an absolute one."""
    path = relative(file, workspace())
    # Bytes: a path need not be UTF-8.
    reference = quote(os.fsencode(path))
    return f"file://{reference}" if path.startswith("/") else reference


def _location(uri: str, line: int) -> dict[str, Any]:
    artifact = {"uri": uri}
    if not uri.startswith("file:"):
        artifact["uriBaseId"] = "%SRCROOT%"
    return {"artifactLocation": artifact, "region": {"startLine": line}}


def _digest(finding: Finding, uri: str) -> str:
    parts = (finding.check, finding.revision, uri, finding.message)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
