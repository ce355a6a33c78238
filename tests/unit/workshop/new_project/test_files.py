"""The files that `migrate init` lays down, as those read them who work with them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from migration_runner.cli.arguments import find_command, parse_arguments
from migration_runner.documentation import DOCS_URL
from migration_runner.workshop.new_project.additions import new_project
from migration_runner.workshop.new_project.variants import Variant, project_name
from tests.fixtures.runner import ROOT

_NOW: Final = datetime(2026, 11, 26, 9, 5, tzinfo=UTC)
# As the template was made: a fork of it changes its own.
_SHOP: Final = ROOT / "tests" / "projects" / "shop"
_FILES: Final = ROOT / "migration_runner" / "workshop" / "new_project" / "files"


def _lay_down(variant: Variant = Variant()) -> dict[str, str]:  # noqa: B008 - it cannot be changed
    return new_project(Path("/home/me/gift-shop"), variant, _NOW)


@pytest.mark.parametrize(
    "path",
    [
        "base/deployment.yaml",
        "base/kustomization.yaml",
        "job/job.yaml",
        "job/kustomization.yaml",
        "job/wait.yaml",
    ],
)
def test_the_manifests_are_the_examples(path: str) -> None:
    """Which `test_deploy.py` checks, and the container tests run."""
    example = (ROOT / "deploy" / "kubernetes" / path).read_text()

    assert re.sub(r"\bshop\b", "gift-shop", example) == _lay_down()[f"deploy/kubernetes/{path}"]


def test_the_questions_of_a_revision_are_the_templates() -> None:
    ours = (_SHOP / "migrations" / "script.py.mako").read_text()

    expected = re.sub(r"docs/([\w-]+)\.md", rf"{DOCS_URL}\1.html", ours)
    assert expected == _lay_down()["migrations/script.py.mako"]


def test_the_names_of_constraints_are_the_templates() -> None:
    convention = re.compile(r"NAMING_CONVENTION: Final = ({.*?})", re.DOTALL)
    (ours,) = convention.findall((_SHOP / "models" / "base.py").read_text())

    assert [ours] == convention.findall(_lay_down()["models/base.py"])
    theirs = _lay_down(Variant(sqlmodel=True))["models/base.py"]
    assert re.findall(r'"\w\w": .*', ours) == re.findall(r'"\w\w": .*', theirs)


def test_compose_waits_for_the_database_and_then_for_the_migrations() -> None:
    services = yaml.safe_load(_lay_down()["compose.yaml"])["services"]

    assert {"database": {"condition": "service_healthy"}} == services["migrate"]["depends_on"]
    finished = {"migrate": {"condition": "service_completed_successfully"}}
    assert finished == services["app"]["depends_on"]
    assert "healthcheck" in services["database"]
    assert "Dockerfile" == services["migrate"]["build"]["dockerfile"]


def _scripts(text: str) -> list[str]:
    """Return the commands of a pipeline's jobs."""
    found: list[str] = []

    def walk(value: Any, key: str = "") -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                walk(each, str(name))
        elif isinstance(value, list):
            for each in value:
                walk(each, key)
        elif key in {"run", "script", "before_script"}:
            found.extend(value.replace("\\\n", " ").splitlines())

    walk(yaml.safe_load(text))
    return [" ".join(each.split()) for each in found]


@pytest.mark.parametrize(
    ("path", "verify"),
    [
        (".github/workflows/migrations.yml", "migrate verify --format github"),
        (".gitlab-ci.yml", "migrate verify --format text"),
    ],
)
def test_a_pipeline_verifies_then_builds_then_runs(path: str, verify: str) -> None:
    scripts = _scripts(_lay_down()[path])

    steps = [verify, "docker build ", "docker push ", "docker run --rm "]
    places = [next(n for n, each in enumerate(scripts) if each.startswith(s)) for s in steps]
    assert sorted(places) == places
    build = scripts[places[1]]
    assert {"--file Dockerfile", "--build-arg RUNNER=", "--build-arg BUILD="} == {
        each
        for each in ("--file Dockerfile", "--build-arg RUNNER=", "--build-arg BUILD=")
        if each in build
    }
    assert "--env DATABASE_URL " in scripts[places[3]]
    assert [] == [each for each in scripts if "postgresql://" in each]


def test_github_runs_one_after_the_other() -> None:
    jobs = yaml.safe_load(_lay_down()[".github/workflows/migrations.yml"])["jobs"]

    assert {"verify": None, "image": "verify", "run": "image"} == {
        name: job.get("needs") for name, job in jobs.items()
    }


def test_the_first_revision_has_a_fixed_id_and_the_time() -> None:
    (path,) = [each for each in _lay_down() if each.startswith("migrations/versions/")]

    assert "migrations/versions/20261126_090500_0001_customers.py" == path
    assert "\nCreate Date: 2026-11-26 09:05:00+00:00\n" in _lay_down()[path]


@pytest.mark.parametrize("variant", [Variant(), Variant(True, True, True)])  # noqa: FBT003 - all
def test_nothing_is_left_to_fill_in(variant: Variant) -> None:
    texts = _lay_down(variant)

    assert [] == [path for path, text in texts.items() if "<<" in text or ">>" in text]
    assert [] == [path for path, text in texts.items() if not text.endswith("\n")]
    example = re.compile(r"(?<!gift-)\bshop\b")
    assert [] == [path for path, text in texts.items() if example.search(text)]


def test_the_package_has_every_text() -> None:
    """As `package-data` in pyproject.toml names them."""
    assert [] == [path.name for path in _FILES.rglob("*") if path.suffix != ".txt"]
    assert '"workshop/new_project/files/*.txt"' in (ROOT / "pyproject.toml").read_text()


def test_the_readmes_commands_are_there() -> None:
    text = _lay_down()["README.md"]
    lines = re.findall(r"^(?:\w+=\S+ )?(migrate .*?|migrate)(?: +#|$)", text, re.MULTILINE)

    assert 3 == len(lines)
    for line in lines:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
        parse_arguments(find_command(words[1:]))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop", "shop"),
        ("Gift Shop", "gift-shop"),
        ("my_shop.v2", "my-shop-v2"),
        ("-shop-", "shop"),
        ("123", "app-123"),
        ("true", "app-true"),
        ("äöü", "app"),
        ("...", "app"),
        ("x" * 80, "x" * 40),
        ("x" * 39 + "-y", "x" * 39),
    ],
)
def test_a_name_for_images_and_kubernetes(folder: str, name: str) -> None:
    assert name == project_name(Path("/work") / folder)
