"""The examples of docs/helm.md."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.fixtures.helm import CHART, CHARTS, Helm
from tests.fixtures.runner import ROOT

_DOCUMENT = (ROOT / "docs" / "helm.md").read_text()
_BLOCKS = re.findall(r"```yaml\n(.*?)```", _DOCUMENT, re.DOTALL)
VALUES = [yaml.safe_load(block) for block in _BLOCKS if block.startswith("mode:")]


@pytest.mark.parametrize("values", VALUES, ids=lambda values: str(values["mode"]))
def test_the_values(helm: Helm, values: dict[str, object]) -> None:
    assert helm.render(values)


def test_there_are_values_for_one_database_and_for_a_fleet() -> None:
    assert [False, True] == ["fleet" in each for each in VALUES]


@pytest.mark.usefixtures("helm")
def test_what_an_applications_chart_includes() -> None:
    example = (CHARTS / "example-app" / "templates" / "deployment.yaml").read_text()
    (block,) = [block for block in _BLOCKS if block.startswith("# templates/")]
    assert block.partition("\n")[2] in example


@pytest.mark.usefixtures("helm")
def test_what_an_applications_chart_depends_on() -> None:
    (block,) = [block for block in _BLOCKS if block.startswith("# Chart.yaml")]
    (documented,) = yaml.safe_load(block)["dependencies"]
    (example,) = yaml.safe_load((CHARTS / "example-app" / "Chart.yaml").read_text())["dependencies"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    for dependency in (documented, example):
        assert (chart["name"], chart["version"]) == (dependency["name"], dependency["version"])
    assert documented["alias"] == example["alias"]


def test_the_packaging(helm: Helm) -> None:
    """The examples of values are not in it."""
    (command,) = re.findall(r"^helm package (\S+)$", _DOCUMENT, re.MULTILINE)

    packed = helm.run("package", ROOT / command, "--destination", helm.home)

    archive = Path(packed.stdout.rpartition(": ")[2].strip())
    assert f"helm push {archive.name} " in _DOCUMENT
    with tarfile.open(archive) as files:
        assert [] == [name for name in files.getnames() if name.endswith("-values.yaml")]
