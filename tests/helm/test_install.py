"""In which order the real helm creates what the chart has, and what a failure stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.cluster import Cluster
from tests.fixtures.helm import Helm, example

TARGETS = "ConfigMap/shop-migrate-targets"
CANARY = "Job/shop-migrate-canary"
SHARDS = "Job/shop-migrate"


@pytest.mark.parametrize(
    ("failing", "created"),
    [
        ("", [TARGETS, CANARY, SHARDS]),
        ("shop-migrate-canary", [TARGETS, CANARY]),
    ],
)
def test_the_shards_start_after_the_canary(
    helm: Helm, cluster: Cluster, failing: str, created: list[str]
) -> None:
    cluster.failing = {failing}

    installed = helm.install({**example("fleet-schemas"), "mode": "hook"}, cluster.config)

    assert created == cluster.created
    assert bool(failing) == bool(installed.exit_code), installed.stderr
    assert (f"Job/shop/{failing} not ready. status: Failed" in installed.stderr) == bool(failing)


@pytest.mark.parametrize("failing", ["", "shop-migrate"])
def test_a_hook_runs_before_the_application(
    helm: Helm, cluster: Cluster, example_app: Path, failing: str
) -> None:
    cluster.failing = {failing}
    values = {"migrations": {"mode": "hook"}}

    installed = helm.install(values, cluster.config, chart=example_app)

    expected = ["Job/shop-migrate"] if failing else ["Job/shop-migrate", "Deployment/shop"]
    assert expected == cluster.created
    assert bool(failing) == bool(installed.exit_code), installed.stderr


@pytest.mark.parametrize("option", ["--wait-for-jobs", ""])
def test_a_job_runs_beside_the_application(
    helm: Helm, cluster: Cluster, example_app: Path, option: str
) -> None:
    """The application's pods wait for it. Helm itself does only when it is asked to."""
    cluster.failing = {"shop-migrate-1"}
    values = {"migrations": {"mode": "job"}}

    options = ["--wait", option] if option else []
    installed = helm.install(values, cluster.config, *options, chart=example_app)

    assert {"Deployment/shop", "Job/shop-migrate-1"} == set(cluster.created)
    assert bool(option) == bool(installed.exit_code), installed.stderr
