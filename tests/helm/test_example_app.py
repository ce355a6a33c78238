"""An application's chart that depends on the migrations' chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no stubs
import pytest
import yaml

from tests.fixtures.helm import Helm
from tests.fixtures.pods import MANIFESTS, pod_of


def _kustomize(path: str) -> dict[str, Any]:
    (container,) = pod_of(yaml.safe_load((MANIFESTS / path).read_text()))["initContainers"]
    return dict(container)


@pytest.mark.parametrize(
    ("mode", "jobs", "parts"),
    [
        ("init", [], ("migrate", "database")),
        ("job", ["Job/shop-migrate-1"], ("migrate", "database")),
        ("hook", ["Job/shop-migrate"], ()),
        ("argocd", ["Job/shop-migrate"], ()),
    ],
)
def test_each_mode(
    helm: Helm, example_app: Path, mode: str, jobs: list[str], parts: tuple[str, ...]
) -> None:
    manifests = helm.render({"migrations": {"mode": mode}}, example_app)

    for manifest in manifests.values():
        kubernetes_validate.validate(manifest, "1.37", strict=True)
    assert ["Deployment/shop", *jobs] == sorted(manifests)
    pod = pod_of(manifests["Deployment/shop"])
    added = [*pod.get("initContainers", []), *pod.get("volumes", [])]
    assert parts == tuple(each["name"] for each in added)


def test_the_init_container_is_as_that_of_kustomize(helm: Helm, example_app: Path) -> None:
    (ours,) = pod_of(helm.render({}, example_app)["Deployment/shop"])["initContainers"]

    theirs = _kustomize("base/deployment.yaml")
    image = "registry.example.com/shop-migrations:v1.4.2"
    assert {**theirs, "image": image, "imagePullPolicy": "IfNotPresent"} == ours


def test_beside_a_job_it_waits_as_that_of_kustomize(helm: Helm, example_app: Path) -> None:
    """The wait's timeout is the wait's, also if the migrations have another one."""
    settings = {"MIGRATE_WAIT_TIMEOUT": "5m", "MIGRATE_TARGET": "heads"}
    values = {"migrations": {"mode": "job", "settings": settings}}

    manifests = helm.render(values, example_app)

    (ours,) = pod_of(manifests["Deployment/shop"])["initContainers"]
    theirs = _kustomize("job/wait.yaml")
    assert theirs["args"] == ours["args"]
    target = {"name": "MIGRATE_TARGET", "value": "heads"}
    place = {"name": "DATABASE_URL_FILE", "value": "/run/secrets/database/url"}
    assert [place, target, *theirs["env"]] == ours["env"]
    (migrate,) = pod_of(manifests["Job/shop-migrate-1"])["containers"]
    assert [place, target, {"name": "MIGRATE_WAIT_TIMEOUT", "value": "5m"}] == migrate["env"]


def test_the_secret_is_readable_without_the_runners_group(helm: Helm, example_app: Path) -> None:
    """The application's pod has an fsGroup of its own, or none."""
    pod = pod_of(helm.render({}, example_app)["Deployment/shop"])

    assert "fsGroup" not in pod["securityContext"]
    (volume,) = pod["volumes"]
    assert 0o444 == volume["secret"]["defaultMode"]


def test_a_fleet_is_no_init_container(helm: Helm, example_app: Path) -> None:
    fleet = {"enabled": True, "targets": {"secret": "targets"}}
    values = {"migrations": {"mode": "job", "fleet": fleet}}

    refused = helm.template(values, example_app, check=False)

    assert "a fleet's migrations cannot be an init container" in refused.stderr
