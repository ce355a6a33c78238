"""What docs/kubernetes-fleet.md says to do, with the real kubectl."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.fixtures.cluster import Cluster
from tests.fixtures.fleet_commands import fleet_arguments
from tests.fixtures.helm import PROGRAMS, Helm, example
from tests.fixtures.pods import Manifest, pod_of
from tests.fixtures.runner import ROOT, Result

BLOCKS = re.findall(
    r"```sh\n(.*?)```", (ROOT / "docs" / "kubernetes-fleet.md").read_text(), re.DOTALL
)
CANARY, SHARDS = "Job/shop-fleet-canary", "Job/shop-fleet"

pytestmark = pytest.mark.usefixtures("helm")


def _block(start: str) -> str:
    (found,) = [block for block in BLOCKS if block.startswith(start)]
    return str(found)


def _shell(script: str, cluster: Cluster, given: str = "") -> Result:
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 - the document's own commands
        ["/bin/sh", "-c", script],
        env={"PATH": path, "KUBECONFIG": str(cluster.config), "HOME": str(cluster.config.parent)},
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("failing", "created"),
    [
        ("", [CANARY, SHARDS]),
        ("shop-fleet-canary", [CANARY]),
        ("shop-fleet", [CANARY, SHARDS]),
    ],
)
def test_a_release_starts_the_shards_after_the_canary(
    cluster: Cluster, failing: str, created: list[str]
) -> None:
    cluster.failing = {failing}

    result = _shell(_block("set -e"), cluster)

    assert created == cluster.created
    assert bool(failing) == bool(result.exit_code), result.stderr


def test_the_next_release_replaces_the_jobs(cluster: Cluster, running: Manifest) -> None:
    assert 0 == _shell(_block("set -e"), cluster).exit_code
    assert [SHARDS, CANARY, SHARDS] == cluster.created
    assert running != cluster.objects[SHARDS]


def test_the_targets_of_schemas_are_there_before_the_canary(cluster: Cluster) -> None:
    script = _block("set -e").replace("kubernetes/fleet", "kubernetes/fleet-schemas")

    result = _shell(script, cluster)

    assert 0 == result.exit_code, result.stderr
    targets, *jobs = cluster.created
    assert targets.startswith("ConfigMap/shop-targets-")
    assert [CANARY, SHARDS] == jobs


@pytest.fixture
def running(cluster: Cluster) -> Manifest:
    """Return the Job of the shards, in the cluster."""
    metadata = {"name": "shop-fleet", "namespace": "shop"}
    return cluster.keep({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {}})


def test_what_one_looks_at_at_3_am(cluster: Cluster, running: Manifest) -> None:
    running["status"] = {"completedIndexes": "0-2,4-7", "failedIndexes": "3"}

    result = _shell(f"set -e\n{_block('kubectl -n shop get job shop-fleet -o')}", cluster)

    assert 0 == result.exit_code, result.stderr
    assert "0-2,4-7 / 3" == result.stdout.splitlines()[0]
    # There are no pods in this cluster.
    assert ["No resources found in shop namespace."] * 2 == result.stderr.splitlines()


def test_to_stop_it_and_to_continue(cluster: Cluster, running: Manifest) -> None:
    stop, go_on = _block("kubectl -n shop patch").splitlines()

    assert 0 == _shell(stop, cluster).exit_code
    assert running["spec"]["suspend"]
    assert 0 == _shell(go_on, cluster).exit_code
    assert not running["spec"]["suspend"]


def test_another_job_with_the_same_targets(cluster: Cluster) -> None:
    """Its pod would have a log, which this cluster has not."""
    script, _, rest = _block("kubectl create -k").partition("kubectl -n shop logs")

    created = _shell(f"set -e\n{script}", cluster)
    job = cluster.objects["Job/shop-fleet-try"]
    deleted = _shell(rest.partition("\n")[2], cluster)

    assert (0, 0) == (created.exit_code, deleted.exit_code), created.stderr + deleted.stderr
    (container,) = pod_of(job)["containers"]
    assert ("status",) == fleet_arguments(container["args"]).targets
    assert "registry.example.com/shop-migrations:v1.4.2" == container["image"]
    assert ["Job/shop-fleet-try"] == cluster.created
    assert {} == cluster.objects


@pytest.mark.parametrize("name", ["hook", "fleet"])
def test_what_the_chart_says_to_do(helm: Helm, cluster: Cluster, name: str) -> None:
    said = helm.install(example(name), cluster.config).stdout
    commands = [line for line in said.splitlines() if line.startswith("  kubectl ")]

    results = [_shell(command, cluster) for command in commands]

    assert results
    assert {0} == {each.exit_code for each in results}, results


def test_every_block_with_kubectl_is_tried() -> None:
    starts = (
        "set -e",
        "kubectl create -k",
        "kubectl -n shop get job",
        "kubectl -n shop patch",
        "kubectl -n shop create",
    )
    assert [] == [block for block in BLOCKS if "kubectl" in block and not block.startswith(starts)]


def test_the_secret_of_the_targets(cluster: Cluster) -> None:
    line = _block("kubectl -n shop create").replace("< targets.txt", "--dry-run=client -o yaml")

    result = _shell(line, cluster, given="acme postgresql://shop@db/acme\n")

    assert 0 == result.exit_code, result.stderr
    # base64 of the line.
    assert "targets: YWNtZSBwb3N0Z3Jlc3FsOi8vc2hvcEBkYi9hY21lCg==" in result.stdout
