"""The Jobs of `deploy/kubernetes/fleet/`, their pods run as containers: shards, kills, failures."""

from __future__ import annotations

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import yaml

from migration_runner.fleet.selection import Shard
from tests.fixtures.containers import PASSWORD, ContainerDatabase, Containers, Images, run
from tests.fixtures.jobs import Job, JobRun
from tests.fixtures.pods import MANIFESTS, Kustomize, Manifest
from tests.fixtures.runner import ROOT, Result
from tests.fixtures.shop import HEAD, REVISIONS

# The example has more, and takes longer.
SHARDS = 4
# What the first revision creates.
BREAKS = "CREATE TABLE customers ()"


class Fleet:
    """Databases, each a target, and the Jobs that migrate them."""

    def __init__(
        self,
        database: ContainerDatabase,
        containers: Containers,
        jobs: dict[str, Manifest],
        folder: Path,
    ) -> None:
        self.database = database
        self._containers = containers
        self._jobs = jobs
        self._file = folder / "targets"
        folder.chmod(0o755)
        self._databases: dict[str, str] = {}

    def add(self, shard: int, label: str = "") -> str:
        """Make a database that belongs to a shard, and return its target's name."""
        name = next(
            name
            for name in (f"tenant-{number}" for number in range(10_000))
            if name not in self._databases and Shard(shard, SHARDS).has(name)
        )
        self._databases[name] = self.database.create()
        with self._file.open("a") as file:
            file.write(f"{name} {self.database.url(self._databases[name])} {label}\n")
        return name

    @property
    def targets(self) -> str:
        """The text of the file of targets."""
        return self._file.read_text()

    def job(self, name: str = "shop-fleet") -> Job:
        """Return a Job that has not been started."""
        return Job(self._jobs[name], self._containers, self.database.network, self._file)

    def query(self, target: str, statement: str) -> str:
        """Return what psql prints."""
        return self.database.query(self._databases[target], statement)

    def connect(self, target: str) -> psycopg.Connection:
        """Open a session in a target's database."""
        return psycopg.connect(
            self.database.url(self._databases[target], at=self.database.published)
        )

    def wait_until_blocked(self, target: str) -> None:
        """Return when a revision in this target waits for a lock."""
        name = self._databases[target]
        self.database.wait_until(
            f"FROM pg_stat_activity WHERE datname = '{name}' AND wait_event_type = 'Lock'"
        )

    def heads(self) -> dict[str, str]:
        """Return the revision of each target, "" for none."""
        return {target: self._head(target) for target in self._databases}

    def _head(self, target: str) -> str:
        if not self.query(target, "SELECT to_regclass('alembic_version')"):
            return ""
        return self.query(target, "SELECT version_num FROM alembic_version")

    def recorded(self) -> dict[str, str]:
        """Return how many rows each ledger has, and how many revisions are in it."""
        count = "SELECT count(*), count(DISTINCT revision) FROM migration_runner.ledger"
        return {target: self.query(target, count) for target in self._databases}


@pytest.fixture(scope="module")
def jobs(kustomize: Kustomize, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Manifest]:
    """Return the manifests by their names."""
    folder = tmp_path_factory.mktemp("kubernetes") / "copy"
    manifests = Path(shutil.copytree(MANIFESTS, folder))
    shards = manifests / "fleet" / "shards.yaml"
    shards.write_text(shards.read_text().replace("completions: 8", f"completions: {SHARDS}"))
    rendered = kustomize.render_all("fleet", manifests)
    return {each["metadata"]["name"]: each for each in rendered}


@pytest.fixture
def fleet(
    container_database: ContainerDatabase,
    containers: Containers,
    jobs: dict[str, Manifest],
    tmp_path: Path,
) -> Fleet:
    """Return a fleet without databases."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    return Fleet(container_database, containers, jobs, folder)


def _said(run: JobRun) -> str:
    return "".join(run.logs)


def test_a_killed_shard_and_a_broken_target(fleet: Fleet) -> None:
    """And the next Job does what is left. Shards without targets have nothing to do."""
    killed, broken = 1, 2
    targets = [fleet.add(shard) for shard in (0, killed, killed, broken, broken)]
    _, _, slow, _, bad = targets
    fleet.query(bad, BREAKS)
    job = fleet.job()

    with fleet.connect(slow) as blocking, ThreadPoolExecutor() as threads:
        blocking.execute(BREAKS)
        running = threads.submit(job.run)
        fleet.wait_until_blocked(slow)
        job.pod(killed).signal(signal.SIGKILL)
        blocking.rollback()
        run = running.result()

    assert {0: [0], killed: [137, 0], broken: [1], 3: [0]} == run.exit_codes
    assert ({broken}, "FailedIndexes") == (run.failed, run.condition)
    assert {**dict.fromkeys(targets, HEAD), bad: ""} == fleet.heads()
    assert f"--only {bad}" in _said(run)
    assert PASSWORD not in _said(run)

    fleet.query(bad, "DROP TABLE customers")
    again = fleet.job().run()

    assert ("Complete", set(range(SHARDS))) == (again.condition, again.completed)
    assert dict.fromkeys(targets, HEAD) == fleet.heads()
    assert dict.fromkeys(targets, f"{REVISIONS}|{REVISIONS}") == fleet.recorded()


def test_the_budget_stops_what_is_running(fleet: Fleet) -> None:
    """It rolls back, and is not half done."""
    for shard in range(3):
        fleet.query(fleet.add(shard), BREAKS)
    slow = fleet.add(3)
    job = fleet.job()

    with fleet.connect(slow) as blocking:
        blocking.execute(BREAKS)
        run = job.run()
        blocking.rollback()

    assert ("MaxFailedIndexesExceeded", {0, 1, 2}) == (run.condition, run.failed)
    assert [143] == run.exit_codes[3]
    assert {""} == set(fleet.heads().values())
    assert "" == fleet.query(slow, "SELECT to_regclass('customers')")


@pytest.mark.parametrize("broken", [True, False])
def test_the_canary_touches_no_other_target(fleet: Fleet, *, broken: bool) -> None:
    canary, other = fleet.add(0, "canary"), fleet.add(0)
    if broken:
        fleet.query(canary, BREAKS)

    run = fleet.job("shop-fleet-canary").run()

    assert ("PodFailurePolicy" if broken else "Complete") == run.condition
    assert {0: [1 if broken else 0]} == run.exit_codes
    assert {canary: "" if broken else HEAD, other: ""} == fleet.heads()


def test_the_steps_of_the_ci_matrix(fleet: Fleet, images: Images, tmp_path: Path) -> None:
    """The canary's job, and one of the matrix, as a runner would run them."""
    workflow = yaml.safe_load((ROOT / "deploy" / "ci" / "fleet.yml").read_text())
    canary, other = fleet.add(0, "canary"), fleet.add(3)
    environment = {
        "CONTAINER": f"{workflow['env']['CONTAINER']} --network={fleet.database.network}",
        "IMAGE": images.project,
        "RUNNER_TEMP": str(tmp_path),
        "TARGETS": fleet.targets,
    }

    def run_job(name: str) -> Result:
        steps = [each["run"] for each in workflow["jobs"][name]["steps"]]
        script = "\n".join(steps).replace("${{ matrix.shard }}", "3")
        script = script.replace("${{ strategy.job-total }}", str(SHARDS))
        return run("bash", "-e", "-o", "pipefail", "-c", script, check=True, **environment)

    assert "1 target: 1 applied." == run_job("canary").finished["summary"]
    assert {canary: HEAD, other: ""} == fleet.heads()
    assert "1 target: 1 applied." == run_job("shards").finished["summary"]
    assert {canary: HEAD, other: HEAD} == fleet.heads()
