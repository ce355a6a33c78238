"""The chart's manifests are valid, and as those of `deploy/kubernetes/` in what is the same."""

from __future__ import annotations

from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no stubs
import pytest
import yaml

from tests.fixtures.helm import CHART, Helm, Values, example
from tests.fixtures.pods import MANIFESTS, Manifest, pod_of

EXAMPLES = sorted(path.stem.removesuffix("-values") for path in CHART.glob("ci/*.yaml"))
MODES = ("job", "hook", "argocd")
# Every value that is empty by default, or of which there are two forms.
EVERYTHING: Values = {
    "image": {"repository": "shop", "digest": f"sha256:{'a' * 64}", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry"}],
    "settings": {"MIGRATE_DDL_RETRY_TIMEOUT": "30m", "MIGRATE_STATEMENT_TIMEOUT": 0},
    "env": [{"name": "PGAPPNAME", "value": "shop"}],
    "volumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "volumeMounts": [{"name": "ca", "mountPath": "/run/ca", "readOnly": True}],
    "serviceAccountName": "migrate",
    "labels": {"team": "shop"},
    "podLabels": {"network": "database"},
    "podAnnotations": {"sidecar.istio.io/inject": "false"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "batch", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "deploys",
}


def containers_of(manifest: Manifest) -> list[Any]:
    """Return the containers of a Deployment or a Job, first those that start first."""
    pod = pod_of(manifest)
    return [*pod.get("initContainers", []), *pod["containers"]]


def _kustomize(path: str) -> Manifest:
    return dict(yaml.safe_load((MANIFESTS / path).read_text()))


@pytest.mark.parametrize("name", EXAMPLES)
def test_lint_finds_nothing(helm: Helm, name: str) -> None:
    linted = helm.run("lint", "--strict", CHART, "--values", CHART / "ci" / f"{name}-values.yaml")

    assert "1 chart(s) linted, 0 chart(s) failed" in linted.stdout
    assert "[WARNING]" not in linted.stdout


@pytest.mark.parametrize("more", [{}, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["job", "fleet", "fleet-schemas"])
def test_they_are_valid(helm: Helm, name: str, mode: str, more: Values) -> None:
    manifests = helm.render({**example(name), **more, "mode": mode})

    assert manifests
    for manifest in manifests.values():
        kubernetes_validate.validate(manifest, "1.37", strict=True)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "file"), [("job", "job/job"), ("fleet", "fleet/shards")])
def test_they_are_hardened_as_those_of_kustomize(
    helm: Helm, name: str, file: str, mode: str
) -> None:
    expected = _kustomize(f"{file}.yaml")
    (container,) = containers_of(expected)

    jobs = helm.render({**example(name), "mode": mode}).values()

    for job in jobs:
        pod = pod_of(job)
        for key in ("securityContext", "automountServiceAccountToken", "enableServiceLinks"):
            assert pod_of(expected)[key] == pod[key]
        for ours in containers_of(job):
            for key in ("securityContext", "resources", "terminationMessagePolicy"):
                assert container[key] == ours[key]


@pytest.mark.parametrize("mode", MODES)
def test_the_job_fails_and_retries_as_that_of_kustomize(helm: Helm, mode: str) -> None:
    (job,) = helm.render({**example("job"), "mode": mode}).values()

    expected = _kustomize("job/job.yaml")["spec"]
    for key in ("podFailurePolicy", "backoffLimit", "ttlSecondsAfterFinished"):
        assert expected[key] == job["spec"][key]


@pytest.mark.parametrize("mode", ["hook", "argocd"])
@pytest.mark.parametrize(
    ("job", "file"), [("shop-migrate-canary", "canary"), ("shop-migrate", "shards")]
)
def test_the_fleet_fails_and_retries_as_that_of_kustomize(
    helm: Helm, mode: str, job: str, file: str
) -> None:
    rendered = helm.render({**example("fleet"), "mode": mode})[f"Job/{job}"]["spec"]

    expected = _kustomize(f"fleet/{file}.yaml")["spec"]
    assert expected.keys() == rendered.keys()
    for key in expected.keys() - {"template"}:
        assert expected[key] == rendered[key]


def test_a_shard_also_fails_when_its_canary_does(helm: Helm) -> None:
    """In mode `job`, where the canary is an init container."""
    (job,) = helm.render({**example("fleet"), "mode": "job"}).values()

    _, rule = _kustomize("fleet/shards.yaml")["spec"]["podFailurePolicy"]["rules"]
    assert [
        {**rule, "onExitCodes": {**rule["onExitCodes"], "containerName": name}}
        for name in ("canary", "migrate")
    ] == job["spec"]["podFailurePolicy"]["rules"][1:]
    assert ["canary", "migrate"] == [each["name"] for each in containers_of(job)]


@pytest.mark.parametrize("name", ["job", "fleet"])
def test_a_large_number_stays_an_integer(helm: Helm, name: str) -> None:
    """Helm itself writes 2.592e+06, which Kubernetes refuses."""
    values = {**example(name), "ttlSecondsAfterFinished": 2_592_000}
    written = [line for line in helm.template(values).stdout.splitlines() if "ttlSeconds" in line]
    assert {"  ttlSecondsAfterFinished: 2592000"} == set(written)


def test_no_manifest_has_rights_on_the_cluster(helm: Helm) -> None:
    kinds = {
        manifest["kind"] for name in EXAMPLES for manifest in helm.render(example(name)).values()
    }
    assert {"Job", "ConfigMap"} == kinds
