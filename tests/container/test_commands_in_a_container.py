"""Commands that print an answer, and another migration command, in the image as it is."""

from __future__ import annotations

import json

from tests.fixtures.containers import PASSWORD, ContainerDatabase, Containers
from tests.fixtures.runner import Result

# It has no shell, but an interpreter, with Alembic in it.
ALEMBIC = ("python3", "-m", "alembic", "upgrade", "+1")


def test_status_exec_and_ledger(
    containers: Containers, container_database: ContainerDatabase
) -> None:
    url = container_database.url(container_database.create())

    def run(*command: str) -> Result:
        network = ("--network", container_database.network)
        return containers.run(*network, "-e", f"DATABASE_URL={url}", command=command)

    behind = run("status", "--check")
    executed = run("exec", "--", *ALEMBIC)
    half_way = run("status", "--check")
    applied = run()
    ledger = json.loads(run("ledger").stdout)
    at_head = run("status", "--check")

    assert [3, 0, 3, 0, 0] == [
        each.exit_code for each in (behind, executed, half_way, applied, at_head)
    ], executed.stdout
    assert 1 == len(executed.finished["applied"])
    assert "at head" == json.loads(at_head.stdout)["relation"]
    directions = [row["direction"] for row in reversed(ledger)]
    assert ["adopted", *["upgrade"] * (len(ledger) - 1)] == directions
    assert not [each for each in (behind, executed, applied) if PASSWORD in each.stdout]


def test_without_a_database_status_tells_of_the_image(containers: Containers) -> None:
    result = containers.run(
        "--network=none", "-e", "DATABASE_URL=postgresql://a@database/a", command=("status",)
    )

    assert 69 == result.exit_code
    facts = json.loads(result.stdout)
    assert facts["image"]["heads"]
    assert facts["database"] is None
