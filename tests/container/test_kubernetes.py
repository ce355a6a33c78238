"""`deploy/kubernetes/`: valid manifests, and a pod that runs."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]  # it has no stubs
import pytest

from migration_runner import errors
from migration_runner.errors import MigrationError
from tests.fixtures.containers import ContainerDatabase
from tests.fixtures.pods import MANIFESTS, Kustomize, Pod, pod_of

FOLDERS = sorted(path.parent.name for path in MANIFESTS.glob("*/kustomization.yaml"))
# Only these can end otherwise when they are tried again.
TRANSIENT = {errors.PendingRevisions, errors.DatabaseUnavailable, errors.TemporaryFailure}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_manifests_are_valid(kustomize: Kustomize, folder: str) -> None:
    manifests = kustomize.render_all(folder)

    assert manifests
    for manifest in manifests:
        kubernetes_validate.validate(manifest, "1.37", strict=True)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_container_is_hardened(kustomize: Kustomize, folder: str) -> None:
    for manifest in kustomize.render_all(folder):
        if manifest["kind"] == "ConfigMap":
            continue
        pod = pod_of(manifest)
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        for container in pod.get("initContainers", []) + pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert context["allowPrivilegeEscalation"] is False
            assert ["ALL"] == context["capabilities"]["drop"]
            assert container["resources"]["requests"]
            assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("folder", ["base", "job"])
def test_the_overlay_changes_what_a_cluster_has_of_its_own(
    kustomize: Kustomize, tmp_path: Path, folder: str
) -> None:
    """For the Job, one word is changed, as the document says."""
    manifests = Path(shutil.copytree(MANIFESTS, tmp_path / "kubernetes"))
    overlay = manifests / "production" / "kustomization.yaml"
    overlay.write_text(overlay.read_text().replace("- ../base", f"- ../{folder}"))

    rendered = kustomize.render("production", manifests)

    deployment = rendered["Deployment"]
    (init,) = pod_of(deployment)["initContainers"]
    (migrate,) = [init] if folder == "base" else pod_of(rendered["Job"])["containers"]
    assert {"shop"} == {each["metadata"]["namespace"] for each in rendered.values()}
    assert 4 == deployment["spec"]["replicas"]
    image = "registry.example.com/shop-migrations:v1.4.2"
    assert [image, image] == [init["image"], migrate["image"]]
    names = sorted(variable["name"] for variable in migrate["env"])
    assert ["DATABASE_URL_FILE", "MIGRATE_DDL_RETRY_TIMEOUT"] == names
    for manifest in rendered.values():
        kubernetes_validate.validate(manifest, "1.37", strict=True)


def test_the_job_is_not_tried_again_when_that_cannot_help(kustomize: Kustomize) -> None:
    ends = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, MigrationError)
    }
    hopeless = {
        "containerName": "migrate",
        "operator": "In",
        # A Job runs no `verify`.
        "values": sorted({end.exit_code for end in ends - TRANSIENT - {errors.HazardFound}}),
    }
    actions = [
        (job["spec"]["podFailurePolicy"]["rules"][-1], job["metadata"]["name"])
        for folder in ("job", "fleet")
        for job in kustomize.render_all(folder)
        if job["kind"] == "Job"
    ]
    assert [
        ({"action": "FailJob", "onExitCodes": hopeless}, "shop-migrate"),
        ({"action": "FailIndex", "onExitCodes": hopeless}, "shop-fleet"),
        ({"action": "FailJob", "onExitCodes": hopeless}, "shop-fleet-canary"),
    ] == actions


@pytest.mark.parametrize("folder", ["fleet", "fleet-schemas"])
def test_the_number_of_shards_is_given_once(
    kustomize: Kustomize, tmp_path: Path, folder: str
) -> None:
    """With more shards in the arguments than indexes, targets would never be migrated."""
    manifests = Path(shutil.copytree(MANIFESTS, tmp_path / "kubernetes"))
    shards = manifests / "fleet" / "shards.yaml"
    shards.write_text(shards.read_text().replace("completions: 8", "completions: 12"))

    (job,) = [
        manifest
        for manifest in kustomize.render_all(folder, manifests)
        if manifest["metadata"]["name"] == "shop-fleet"
    ]

    (migrate,) = pod_of(job)["containers"]
    place = migrate["args"].index("--shard") + 1
    assert (12, "$(JOB_COMPLETION_INDEX)/12") == (
        job["spec"]["completions"],
        migrate["args"][place],
    )


APPLICATION = (
    "import os, psycopg; connection = psycopg.connect(os.environ['DATABASE_URL']);"
    "print(connection.execute('SELECT count(*) FROM customers').fetchone()[0], 'customers');"
    "connection.close()"
)


def _place(database: ContainerDatabase) -> tuple[str, str]:
    name = database.create()
    return name, database.url(name, at=database.published)


def test_the_init_container_migrates_before_the_application_starts(
    kustomize: Kustomize, pod: Pod, podman_image: str, container_database: ContainerDatabase
) -> None:
    specification = pod_of(kustomize.render("base")["Deployment"])
    _, url = _place(container_database)

    played = pod.play(specification, url, podman_image, APPLICATION)

    assert 0 == played.exit_code, played.stderr
    assert "applied" == pod.termination_message("migrate")["outcome"]
    application = pod.wait("shop")
    assert (0, "0 customers\n") == (application.exit_code, application.stdout), application.stderr


def test_a_failed_migration_keeps_the_application_from_starting(
    kustomize: Kustomize, pod: Pod, podman_image: str, container_database: ContainerDatabase
) -> None:
    specification = pod_of(kustomize.render("base")["Deployment"])
    name, url = _place(container_database)
    container_database.query(name, "CREATE TABLE customers ()")

    played = pod.play(specification, url, podman_image, APPLICATION)

    assert 0 != played.exit_code
    assert 1 == pod.wait("migrate").finished["exit_code"]
    assert 1 == pod.termination_message("migrate")["exit_code"]
    assert "" == container_database.query(name, "SELECT to_regclass('alembic_version')")
    facts = pod.inspect("migrate")
    assert "65532:65532" == facts["Config"]["User"]
    assert facts["HostConfig"]["ReadonlyRootfs"]
    assert not facts["EffectiveCaps"]


def test_the_pods_of_a_job_wait_for_it(
    kustomize: Kustomize,
    pods: tuple[Pod, Pod],
    podman_image: str,
    container_database: ContainerDatabase,
) -> None:
    manifests = kustomize.render("job")
    name, url = _place(container_database)
    pod, job = pods
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(
            pod.play, pod_of(manifests["Deployment"]), url, podman_image, APPLICATION
        )
        container_database.wait_until(f"FROM pg_stat_activity WHERE datname = '{name}'")

        job.play(pod_of(manifests["Job"]), url, podman_image)

        assert "applied" == job.wait("migrate").finished["outcome"]
        assert 0 == waiting.result().exit_code
    assert "up_to_date" == pod.termination_message("migrate")["outcome"]
    assert "0 customers\n" == pod.wait("shop").stdout
