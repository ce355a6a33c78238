"""What plain Alembic does with other people's projects, the runner does, too, and nothing else.

`CORPUS=1` runs them, `CORPUS=optuna,dstack` some; otherwise they are skipped.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from tests.corpus.bench import Bench, State
from tests.fixtures.runner import Result

AT_ONCE: Final = 8


@pytest.fixture(scope="module")
def expected(bench: Bench) -> State:
    """Return what plain Alembic makes of an empty database."""
    place = bench.place()
    bench.alembic(place)
    state = bench.state(place)
    assert len(place.words.configs) == len(state.version_tables)
    return state


def _applied(results: list[Result]) -> Counter[str]:
    return Counter(each["revision"] for result in results for each in result.finished["applied"])


def test_an_empty_database(bench: Bench, expected: State) -> None:
    place = bench.place()

    first = bench.migrate(place)

    assert expected == bench.state(place)
    assert ["applied"] == [result.finished["outcome"] for result in first]
    assert Counter(bench.recorded(place)) == _applied(first)
    before = bench.dump(place)
    second = bench.migrate(place)
    assert ["up_to_date"] == [result.finished["outcome"] for result in second]
    assert before == bench.dump(place)


def test_a_database_that_plain_alembic_has_migrated(bench: Bench, expected: State) -> None:
    place = bench.place()
    bench.alembic(place)

    first = bench.migrate(place)

    assert ["up_to_date"] == [result.finished["outcome"] for result in first]
    assert expected == bench.state(place)
    before = bench.dump(place)
    second = bench.migrate(place)
    assert ["up_to_date"] == [result.finished["outcome"] for result in second]
    bench.alembic(place)
    assert before == bench.dump(place)


def test_many_runs_at_once(bench: Bench, expected: State) -> None:
    place = bench.place()

    results = bench.migrate(place, AT_ONCE)

    assert expected == bench.state(place)
    assert Counter(bench.recorded(place)) == _applied(results)
    assert {"applied", "up_to_date"} == {result.finished["outcome"] for result in results}
