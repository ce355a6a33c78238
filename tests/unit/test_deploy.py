"""`deploy/kubernetes/` and what docs/container.md says to do with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from migration_runner.fast_path.eligibility import ordinary
from migration_runner.fast_path.look import WAIT_SETTINGS
from tests.fixtures.runner import ROOT

MANIFESTS: Final = ROOT / "deploy" / "kubernetes"
_DOCUMENT: Final = (ROOT / "docs" / "container.md").read_text()
KUBECTL: Final = [
    line.partition("#")[0]
    for block in re.findall(r"```sh\n(.*?)```", _DOCUMENT, re.DOTALL)
    for line in block.splitlines()
    if "kubectl" in line
]
# These belong to no namespace, or have it in their manifests.
_WITHOUT_NAMESPACE: Final = ("kubectl create namespace", "kubectl apply -k")

pytestmark = pytest.mark.skipif(not MANIFESTS.exists(), reason="the project is not for Kubernetes")


def _load(name: str) -> Any:
    return yaml.safe_load((MANIFESTS / name).read_text())


def _overlay_patches() -> dict[tuple[str, str], Any]:
    """Return the overlay's patches, by the kind and the name of what they change."""
    patches = _load("production/kustomization.yaml")["patches"]
    return {(each["target"]["kind"], each["target"]["name"]): each for each in patches}


def _containers(manifest: Any) -> list[Any]:
    pod = manifest["spec"]["template"]["spec"]
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def _migrations() -> Iterator[Any]:
    for file in ("base/deployment.yaml", "job/job.yaml", "job/wait.yaml"):
        yield from (each for each in _containers(_load(file)) if each["name"] == "migrate")
    for patch in _overlay_patches().values():
        yield from _containers(yaml.safe_load(patch["patch"]))


def test_the_overlay_reaches_the_container_that_migrates_in_both_folders() -> None:
    places = {}
    for file, kind in (("base/deployment.yaml", "Deployment"), ("job/job.yaml", "Job")):
        manifest = _load(file)
        patch = _overlay_patches()[kind, manifest["metadata"]["name"]]
        (changed,) = _containers(yaml.safe_load(patch["patch"]))
        assert changed["name"] in {each["name"] for each in _containers(manifest)}
        assert "args" not in changed
        places[kind] = [variable["name"] for variable in changed["env"]]
    assert places["Deployment"] == places["Job"]


def test_no_setting_turns_the_fast_path_off() -> None:
    found = [
        {variable["name"]: str(variable["value"]) for variable in container["env"]}
        for container in _migrations()
    ]
    assert 5 == len(found)
    assert [] == [each for each in found if not ordinary(each) or {*WAIT_SETTINGS} & {*each}]


def test_a_rollout_may_take_longer_than_a_long_migration() -> None:
    assert 3600 <= _load("base/deployment.yaml")["spec"]["progressDeadlineSeconds"]


def test_the_migrations_have_a_secret_of_their_own() -> None:
    deployment = _load("base/deployment.yaml")
    (ours,) = deployment["spec"]["template"]["spec"]["volumes"]
    (jobs,) = _load("job/job.yaml")["spec"]["template"]["spec"]["volumes"]
    (application,) = deployment["spec"]["template"]["spec"]["containers"]
    (variable,) = application["env"]
    theirs = variable["valueFrom"]["secretKeyRef"]["name"]

    assert ours["secret"]["secretName"] == jobs["secret"]["secretName"] != theirs
    created = re.findall(r"create secret generic ([\w-]+)", _DOCUMENT)
    assert {ours["secret"]["secretName"], theirs} == set(created)


def test_the_documents_commands_name_the_namespace_and_what_is_there() -> None:
    namespace = _load("production/kustomization.yaml")["namespace"]
    job = _load("job/job.yaml")["metadata"]["name"]
    deployment = _load("base/deployment.yaml")["metadata"]["name"]

    assert [] == [
        line
        for line in KUBECTL
        if not any(each in line for each in _WITHOUT_NAMESPACE)
        and f"kubectl -n {namespace} " not in line
    ]
    assert f"kubectl create namespace {namespace}" in KUBECTL
    said = "\n".join(KUBECTL)
    assert f"delete job {job} --ignore-not-found --cascade=foreground" in said
    assert f"rollout status deployment {deployment} " in said
    assert said.index("delete job") < said.index("apply -k") < said.index("rollout status")


def test_no_command_has_a_password() -> None:
    assert [] == [line for line in KUBECTL if "literal" in line or "://" in line]
