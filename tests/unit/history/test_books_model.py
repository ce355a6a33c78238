"""Version table, ledger and history over long lives, against a model of what is really there."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from migration_runner.history.relation import AT_HEAD, BEHIND
from tests.fixtures.books import AppliedTwiceError, World

# More in `make test-all`.
LIVES: Final = int(os.environ.get("LIVES", "2000")) if os.environ.get("FAULTS") else 200
# Hypothesis prefers short lists, in which little happens.
SHORTEST: Final = int(os.environ.get("SHORTEST", "15"))


@dataclass(frozen=True)
class Step:
    """One step of a life, with the seed of its choices."""

    name: str
    seed: int

    def take(self, world: World) -> None:
        """Take it."""
        STEPS[self.name](world, random.Random(self.seed))  # noqa: S311 - no secret


RUNS: Final = ("migrate", "migrate", "downgrade", "roll back", "back up", "restore", "dump")
GROWTH: Final = ("add on top", "branch")
PLAIN: Final = ("plain upgrade", "plain downgrade")
REWRITING: Final = ("insert below", "re-point", "swap", "remove")
LOSSES: Final = ("lose the version table", "hide its rows", "stamp what is there")
LEDGER: Final = ("lose the ledger", "switch the ledger off or on")
STEPS: Final[dict[str, Callable[[World, random.Random], object]]] = {
    "migrate": lambda world, _: _migrate(world),
    "downgrade": World.downgrade,
    "roll back": World.roll_back,
    "back up": lambda world, _: world.back_up(),
    "restore": lambda world, chosen: world.restore(chosen, dump=False),
    "dump": lambda world, chosen: world.restore(chosen, dump=True),
    "add on top": World.add_on_top,
    "branch": World.branch,
    "plain upgrade": lambda world, _: world.plain_upgrade(),
    "plain downgrade": World.plain_downgrade,
    "insert below": World.insert_below,
    "re-point": World.re_point,
    "swap": World.swap,
    "remove": World.remove,
    "lose the version table": lambda world, _: world.lose_version_table(),
    "hide its rows": lambda world, _: world.hide_version_rows(),
    "stamp what is there": lambda world, _: world.stamp_what_is_there(),
    "lose the ledger": lambda world, _: world.lose_ledger(),
    "switch the ledger off or on": lambda world, _: world.switch_ledger(),
}


def _migrate(world: World) -> None:
    """Run, and compare what is said with what is there."""
    outcome = world.migrate()
    event(outcome)
    if outcome in ("applied", "up_to_date", "ahead"):
        assert not set(world.graph) - world.there - world.database.uncertain, outcome


def _lives(*kinds: tuple[str, ...]) -> st.SearchStrategy[list[Step]]:
    names = st.sampled_from([name for kind in kinds for name in kind])
    steps = st.builds(Step, names, st.integers(0, 2**16))
    return st.lists(steps, min_size=SHORTEST, max_size=40)


def _settled() -> World:
    """Return a database with three revisions in a line, applied by two runs."""
    world = World()
    for number in range(3):
        world.add(sorted(world.history.heads))
        if number:
            world.migrate()
    return world


@settings(max_examples=LIVES, phases=[Phase.generate, Phase.shrink])
@given(life=_lives(RUNS, GROWTH, REWRITING))
def test_where_only_the_runner_works_a_contradiction_is_exactly_what_is_not_true(
    life: list[Step],
) -> None:
    """Whatever happens to the history."""
    world = _settled()
    for step in life:
        step.take(world)
        if world.books().relate().kind in (BEHIND, AT_HEAD):
            found = world.contradiction()
            named = set(found.revisions if found else ()) - world.database.uncertain
            assert named <= world.wrong, step
            assert found or not world.wrong, step


@settings(max_examples=LIVES, phases=[Phase.generate, Phase.shrink])
@given(life=_lives(RUNS, GROWTH, PLAIN, LEDGER, ("stamp what is there",)))
def test_where_a_history_only_grows_nothing_contradicts(life: list[Step]) -> None:
    """Whoever has upgraded and downgraded, with plain Alembic or the runner."""
    world = _settled()
    for step in life:
        step.take(world)
        assert world.contradiction() is None, step


@settings(max_examples=LIVES, phases=[Phase.generate, Phase.shrink])
@given(life=_lives(RUNS, GROWTH, REWRITING, LOSSES))
def test_with_a_version_table_that_is_lost_or_hidden_nothing_is_applied_twice(
    life: list[Step],
) -> None:
    world = _settled()
    for step in life:
        step.take(world)


@settings(max_examples=LIVES, phases=[Phase.generate, Phase.shrink])
@given(life=_lives(RUNS, GROWTH, REWRITING, PLAIN, LOSSES))
def test_all(
    life: list[Step],
) -> None:
    world = _settled()
    for step in life:
        if world.blurred:
            with contextlib.suppress(AppliedTwiceError):
                outcome = world.migrate()
                event(f"blurred: {outcome}")
                assert outcome != "ahead" or world.graph.keys() == world.there
            return
        step.take(world)
