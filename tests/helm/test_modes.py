"""When the migrations run in each mode, and with which arguments."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.fleet_commands import fleet_options
from tests.fixtures.helm import Helm, Values, example
from tests.fixtures.pods import Manifest, pod_of
from tests.helm.test_manifests import containers_of

TARGETS = ["fleet", "--targets", "/run/fleet/targets", "--jobs", "4", "--jobs-per-server", "4"]


def _hook(weight: int) -> dict[str, str]:
    return {
        "helm.sh/hook": "pre-install,pre-upgrade",
        "helm.sh/hook-weight": str(weight),
        "helm.sh/hook-delete-policy": "before-hook-creation",
    }


def _sync(wave: int) -> dict[str, str]:
    return {
        "argocd.argoproj.io/hook": "Sync",
        "argocd.argoproj.io/sync-wave": str(wave),
        "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
    }


def _orders(manifests: dict[str, Manifest]) -> dict[str, dict[str, str]]:
    return {name: each["metadata"].get("annotations", {}) for name, each in manifests.items()}


def _fleet(**changed: Any) -> Values:
    values = example("fleet")
    return {**values, "fleet": {**values["fleet"], **changed}}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("job", {"Job/shop-migrate-1": {}}),
        ("hook", {"Job/shop-migrate": _hook(0)}),
        ("argocd", {"Job/shop-migrate": _sync(-1)}),
        ("init", {}),
    ],
)
def test_one_database(helm: Helm, mode: str, expected: dict[str, Any]) -> None:
    assert expected == _orders(helm.render({**example("job"), "mode": mode}))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("job", {"ConfigMap/shop-migrate-targets": {}, "Job/shop-migrate-1": {}}),
        (
            "hook",
            {
                "ConfigMap/shop-migrate-targets": _hook(-2),
                "Job/shop-migrate-canary": _hook(-1),
                "Job/shop-migrate": _hook(0),
            },
        ),
        (
            "argocd",
            {
                "ConfigMap/shop-migrate-targets": {"argocd.argoproj.io/sync-wave": "-3"},
                "Job/shop-migrate-canary": _sync(-2),
                "Job/shop-migrate": _sync(-1),
            },
        ),
    ],
)
def test_a_fleet_after_its_canary_after_its_targets(
    helm: Helm, mode: str, expected: dict[str, Any]
) -> None:
    assert expected == _orders(helm.render({**example("fleet-schemas"), "mode": mode}))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"mode": "hook", "hook": {"events": ["pre-upgrade"], "weight": 5}},
            {**_hook(5), "helm.sh/hook": "pre-upgrade"},
        ),
        ({"mode": "argocd", "argocd": {"wave": 3}}, _sync(3)),
    ],
)
def test_the_order_is_a_value(helm: Helm, values: Values, expected: dict[str, str]) -> None:
    (annotations,) = _orders(helm.render({**example("job"), **values})).values()
    assert expected == annotations


@pytest.mark.parametrize("mode", ["hook", "argocd"])
def test_the_canary_is_a_job(helm: Helm, mode: str) -> None:
    manifests = helm.render({**_fleet(shards=12, jobsPerServer=2), "mode": mode})

    (canary,) = containers_of(manifests["Job/shop-migrate-canary"])
    shards = manifests["Job/shop-migrate"]
    (shard,) = containers_of(shards)
    common = [*TARGETS[:-1], "2"]
    assert [*common, "--select", "canary"] == canary["args"]
    assert [
        *common,
        *("--shard", "$(JOB_COMPLETION_INDEX)/12", "--max-failures", "5%"),
    ] == shard["args"]
    assert (12, "Indexed") == (shards["spec"]["completions"], shards["spec"]["completionMode"])
    assert ("canary",) == fleet_options(canary["args"]).select
    last = fleet_options(shard["args"], index=11)
    assert ("11/12", "5%", 2) == (last.shard, last.max_failures, last.jobs_per_server)


def test_the_canary_is_an_init_container_where_nothing_orders_jobs(helm: Helm) -> None:
    (job,) = helm.render({**_fleet(), "mode": "job"}).values()

    canary, shard = containers_of(job)
    assert [*TARGETS, "--select", "canary"] == canary["args"]
    assert "--shard" in shard["args"]


@pytest.mark.parametrize("mode", ["job", "hook", "argocd"])
def test_a_fleet_without_canary(helm: Helm, mode: str) -> None:
    (job,) = helm.render({**_fleet(canary={"select": ""}), "mode": mode}).values()
    assert 1 == len(containers_of(job))


@pytest.mark.parametrize(
    ("targets", "volume"),
    [
        ({"secret": "t"}, {"secret": {"secretName": "t", "defaultMode": 0o440}}),
        ({"secret": "", "configMap": "t"}, {"configMap": {"name": "t"}}),
        (
            {"secret": "", "list": "acme schema=acme"},
            {"configMap": {"name": "shop-migrate-targets"}},
        ),
    ],
)
def test_the_targets_are_a_mounted_file(
    helm: Helm, targets: dict[str, str], volume: dict[str, Any]
) -> None:
    values = _fleet(targets={**targets, "key": "list.txt"})
    manifests = helm.render({**values, "database": {"secret": "shop-migrate"}})

    (source,) = volume.values()
    key = "targets" if targets.get("list") else "list.txt"
    source["items"] = [{"key": key, "path": "targets"}]
    for job in (each for each in manifests.values() if each["kind"] == "Job"):
        mounted = {each["name"]: each for each in pod_of(job)["volumes"]}["targets"]
        assert {"name": "targets", **volume} == mounted
        (container,) = containers_of(job)
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        assert {"database": "/run/secrets/database", "targets": "/run/fleet"} == mounts


def test_the_targets_are_a_query(helm: Helm) -> None:
    query = "SELECT name, url FROM tenants WHERE region = 'eu'"
    values = _fleet(targets={"secret": "", "sql": query})

    job = helm.render({**values, "database": {"secret": "shop-migrate"}})["Job/shop-migrate"]

    (container,) = containers_of(job)
    assert query == fleet_options(container["args"]).targets_sql
    assert ["database"] == [each["name"] for each in pod_of(job)["volumes"]]
