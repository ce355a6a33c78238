"""The result as SARIF 2.1.0: the properties that its schema requires, and GitHub's own demands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.workshop.checks import CHECKS
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.formats.sarif import describe_run
from migration_runner.workshop.formats.writing import write_result
from migration_runner.workshop.result import VerifyResult
from tests.unit.workshop.formats.conftest import plain


def _results(result: VerifyResult) -> list[dict[str, Any]]:
    (run,) = describe_run(result)["runs"]
    found: list[dict[str, Any]] = run["results"]
    return found


def test_the_tool_and_its_rules(result: VerifyResult) -> None:
    log = describe_run(result)

    assert ("2.1.0", 1) == (log["version"], len(log["runs"]))
    driver = log["runs"][0]["tool"]["driver"]
    assert "migrate verify" == driver["name"]
    assert list(CHECKS) == [rule["id"] for rule in driver["rules"]]
    asymmetric = driver["rules"][list(CHECKS).index("asymmetric")]
    assert {
        "id": "asymmetric",
        "shortDescription": {"text": "Its downgrade leaves another schema."},
        "helpUri": "https://migration-runner.readthedocs.io/en/latest/verify.html#asymmetric",
        "defaultConfiguration": {"level": "error"},
    } == asymmetric


def test_each_result_refers_to_its_rule_and_has_a_place(result: VerifyResult) -> None:
    rules = list(CHECKS)
    for found in _results(result):
        assert found["ruleId"] == rules[found["ruleIndex"]]
        assert found["level"] in {"error", "warning", "note"}
        assert found["message"]["text"]
        (place,) = found["locations"]
        assert place["physicalLocation"]["region"]["startLine"] >= 1
        assert "%SRCROOT%" == place["physicalLocation"]["artifactLocation"]["uriBaseId"]


def test_what_has_no_file_is_at_the_configuration(result: VerifyResult) -> None:
    place = _results(result)[0]["locations"][0]["physicalLocation"]

    assert {
        "artifactLocation": {"uri": "alembic.ini", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 1},
    } == place


def test_a_waived_one_is_suppressed(result: VerifyResult) -> None:
    *others, waived = _results(result)

    assert [{"kind": "inSource", "status": "accepted", "justification": "It has\ndata."}] == waived[
        "suppressions"
    ]
    assert not any("suppressions" in each for each in others)


def test_fingerprints_do_not_depend_on_the_line() -> None:
    def fingerprint(line: int, message: str = "x") -> object:
        finding = Finding("env", message, file=Path("env.py"), line=line)
        return _results(plain(finding))[0]["partialFingerprints"]

    assert fingerprint(1) == fingerprint(2)
    assert fingerprint(1) != fingerprint(1, "y")


@given(st.text(st.characters(codec="utf-8", exclude_characters="/\0."), min_size=1))
def test_any_name_of_a_file_is_a_reference(name: str) -> None:
    found = _results(plain(Finding("env", "x", file=Path(f"versions/{name}.py"))))[0]

    uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.isascii()
    assert not set(uri) & set(' %:"<>\\^`{|}') - {"%"}
    assert f"versions/{name}.py" == unquote(uri)


def test_a_file_elsewhere_has_an_absolute_uri() -> None:
    found = _results(plain(Finding("env", "x", file=Path("/else where/\udce9.py"))))[0]

    place = found["locations"][0]["physicalLocation"]["artifactLocation"]
    assert {"uri": "file:///else%20where/%E9.py"} == place


def test_nothing_found_is_a_run_without_results() -> None:
    assert [] == _results(plain())


@pytest.mark.parametrize("name", ["json", "sarif"])
def test_it_is_one_document(
    name: str, capfd: pytest.CaptureFixture[str], result: VerifyResult
) -> None:
    write_result(result, name)

    assert isinstance(json.loads(capfd.readouterr().out), dict)
