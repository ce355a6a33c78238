"""A fleet on a cluster, in a workflow and in CI: `deploy/` and docs/kubernetes-fleet.md."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from migration_runner.fleet.selection import parse_shard
from migration_runner.fleet.targets import parse_targets
from tests.fixtures.fleet_commands import fleet_options
from tests.fixtures.runner import ROOT

DEPLOY: Final = ROOT / "deploy"
FLEET: Final = DEPLOY / "kubernetes" / "fleet"
_DOCUMENT: Final = (ROOT / "docs" / "kubernetes-fleet.md").read_text()
_BLOCKS: Final = re.findall(r"```sh\n(.*?)```", _DOCUMENT, re.DOTALL)


def _needs(folder: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not (DEPLOY / folder).exists(), reason=f"no deploy/{folder} here")


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def _pod(job: Any) -> Any:
    return job["spec"]["template"]["spec"]


def _value_of(flag: str, arguments: list[str]) -> str:
    return arguments[arguments.index(flag) + 1]


@_needs("kubernetes")
def test_the_arguments_have_as_many_shards_as_the_job_has_indexes() -> None:
    """Kustomize copies the number; the file says the same if it is applied alone."""
    job = _load(FLEET / "shards.yaml")
    (container,) = _pod(job)["containers"]
    index, number = _value_of("--shard", container["args"]).split("/")
    assert ("$(JOB_COMPLETION_INDEX)", job["spec"]["completions"]) == (index, int(number))


@_needs("kubernetes")
def test_the_pods_of_the_job_are_its_shards() -> None:
    spec = _load(FLEET / "shards.yaml")["spec"]
    (container,) = spec["template"]["spec"]["containers"]

    found = [fleet_options(container["args"], index) for index in range(spec["completions"])]

    assert [*range(spec["completions"])] == [parse_shard(each.shard).index for each in found]
    (file,) = {each.targets for each in found}
    assert file == f"{container['volumeMounts'][0]['mountPath']}/targets"


@_needs("kubernetes")
def test_the_canary_is_what_the_example_labels_so() -> None:
    (container,) = _pod(_load(FLEET / "canary.yaml"))["containers"]
    options = fleet_options(container["args"])
    targets = parse_targets((FLEET.parent / "fleet-schemas" / "targets.txt").read_text(), "")

    labelled = [each.name for each in targets if each.labels & {*options.select}]

    assert (["acme"], ["acme", "globex", "initech"]) == (
        labelled,
        [each.schema for each in targets],
    )


@_needs("kubernetes")
def test_the_failure_budget_can_be_exceeded() -> None:
    spec = _load(FLEET / "shards.yaml")["spec"]
    assert spec["maxFailedIndexes"] < spec["completions"] >= spec["parallelism"]


@_needs("kubernetes")
def test_the_canary_and_the_shards_differ_only_in_what_they_select() -> None:
    canary, shards = _pod(_load(FLEET / "canary.yaml")), _pod(_load(FLEET / "shards.yaml"))
    (first,), (second,) = canary.pop("containers"), shards.pop("containers")
    ours, theirs = first.pop("args"), second.pop("args")

    assert (canary, first) == (shards, second)
    assert [*ours[:3], *ours[5:]] == [*theirs[:3], *theirs[5:]]
    assert (["--select", "canary"], "--shard") == (ours[3:5], theirs[3])


@_needs("kubernetes")
@pytest.mark.parametrize("file", ["canary.yaml", "shards.yaml"])
def test_the_jobs_are_hardened_and_end_as_the_job_of_one_database(file: str) -> None:
    ours, theirs = _load(FLEET / file), _load(FLEET.parent / "job" / "job.yaml")

    for key in ("securityContext", "automountServiceAccountToken", "enableServiceLinks"):
        assert _pod(theirs)[key] == _pod(ours)[key]
    (container,), (expected,) = _pod(ours)["containers"], _pod(theirs)["containers"]
    assert expected["securityContext"] == container["securityContext"]
    assert "serviceAccountName" not in _pod(ours)
    ignored, failed = ours["spec"]["podFailurePolicy"]["rules"]
    their_ignored, their_failed = theirs["spec"]["podFailurePolicy"]["rules"]
    assert (their_ignored, their_failed["onExitCodes"]) == (ignored, failed["onExitCodes"])


@_needs("kubernetes")
def test_no_list_of_targets_in_the_repository_has_a_url() -> None:
    lists = [*DEPLOY.glob("kubernetes/*/targets*"), *DEPLOY.glob("helm/*/ci/*.yaml")]
    assert lists
    assert [] == [path.name for path in lists if "://" in path.read_text()]


@_needs("argo-workflows")
def test_the_workflow_migrates_the_canary_and_then_every_shard() -> None:
    workflow = _load(DEPLOY / "argo-workflows" / "fleet.yaml")["spec"]
    fleet, migrate = workflow["templates"]
    (canary,), (shard,) = fleet["steps"]
    number = "{{workflow.parameters.shards}}"

    def part(step: Any) -> str:
        (parameter,) = step["arguments"]["parameters"]
        return str(parameter["value"])

    assert "--select=canary" == part(canary)
    assert (f"--shard={{{{item}}}}/{number}", number) == (
        part(shard),
        shard["withSequence"]["count"],
    )
    *common, last = migrate["container"]["args"]
    assert "{{inputs.parameters.part}}" == last
    assert ("canary",) == fleet_options([*common, part(canary)]).select
    word = part(shard).replace("{{item}}", "7").replace(number, "8")
    assert "7/8" == fleet_options([*common, word]).shard


@_needs("argo-workflows")
@_needs("kubernetes")
def test_the_workflow_is_hardened_and_retries_as_the_job() -> None:
    workflow = _load(DEPLOY / "argo-workflows" / "fleet.yaml")["spec"]
    job = _load(FLEET / "shards.yaml")
    (container,) = _pod(job)["containers"]
    migrate = workflow["templates"][1]

    assert _pod(job)["securityContext"] == workflow["securityContext"]
    assert _pod(job)["volumes"] == workflow["volumes"]
    for key in ("securityContext", "resources", "volumeMounts"):
        assert container[key] == migrate["container"][key]
    hopeless = job["spec"]["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"]
    strategy = migrate["retryStrategy"]
    assert f"!(asInt(lastRetry.exitCode) in {hopeless})" == strategy["expression"]
    assert str(job["spec"]["backoffLimitPerIndex"]) == strategy["limit"]


@_needs("ci")
def test_the_matrix_has_every_shard_once() -> None:
    jobs = _load(DEPLOY / "ci" / "fleet.yml")["jobs"]
    strategy = jobs["shards"]["strategy"]

    assert "canary" == jobs["shards"]["needs"]
    assert [*range(len(strategy["matrix"]["shard"]))] == strategy["matrix"]["shard"]
    assert not strategy["fail-fast"]
    found = {}
    for name, job in jobs.items():
        command = job["steps"][-1]["run"].replace("${{ matrix.shard }}", "7")
        words = shlex.split(command.replace("${{ strategy.job-total }}", "8"))
        found[name] = fleet_options(words[words.index("fleet") :])
    assert ("7/8", ("canary",)) == (found["shards"].shard, found["canary"].select)


@_needs("ci")
def test_the_matrix_has_its_secret_in_one_place() -> None:
    """Not in the step that starts the container, and in no command."""
    for job in _load(DEPLOY / "ci" / "fleet.yml")["jobs"].values():
        writes, runs = job["steps"]
        assert "secrets." in str(writes["env"])
        assert "secrets." not in str(runs) + writes["run"]


def test_the_documents_commands_have_no_password_and_name_the_namespace() -> None:
    lines = [line for block in _BLOCKS for line in block.splitlines() if "kubectl" in line]
    namespace = _load(FLEET / "kustomization.yaml")["namespace"] if FLEET.exists() else "shop"

    assert [] == [line for line in lines if "literal" in line or "://" in line]
    # kustomize's own namespace, and a file that is on no cluster.
    elsewhere = (f"-n {namespace} ", "apply -k", "create -k", "patch --local")
    assert [] == [line for line in lines if not any(each in line for each in elsewhere)]


def test_the_documents_number_for_gitlab_starts_at_zero() -> None:
    (command,) = [block for block in _BLOCKS if "CI_NODE_INDEX" in block]
    environment = {"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "8"}
    said = subprocess.run(  # noqa: S603 - the document's own command
        ["/bin/sh", "-c", f"echo {shlex.split(command, posix=False)[-1]}"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    words = [*shlex.split(command)[1:-1], said]
    assert "0/8" == fleet_options(words).shard
