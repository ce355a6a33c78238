"""Many runs at the same moment, on one empty database."""

from __future__ import annotations

from typing import Final

from benchmarks.bench import Attempt, Bench
from benchmarks.contestant import Contestant, Work
from benchmarks.measuring import Sample, measure_herd
from benchmarks.revisions import make_revisions
from benchmarks.sections import Section

_REVISIONS: Final = 10
_LIMIT_SECONDS: Final = 300


def herd(bench: Bench, size: int) -> Section:
    """Run a herd of this size, from the first start to the last end."""
    revisions = make_revisions(_REVISIONS)

    def set_up(contestant: Contestant) -> Attempt:
        folder = bench.project(contestant, revisions)
        with bench.server.database() as database:
            bench.apply(contestant, folder, database, Work.ALL)

        def attempt() -> Sample:
            with bench.server.database() as database:
                command = contestant.run(folder, database, Work.ALL)
                sample = measure_herd(command, size, _LIMIT_SECONDS)
                bench.verify(database, _REVISIONS)
                return sample

        return attempt

    racing = [each for each in bench.contestants if each.takes_part_in_races]
    section = bench.section(
        f"{size} runs at once, {_REVISIONS} revisions on an empty database",
        [each for each in racing if size <= each.herd_limit],
        set_up,
        bench.few_rounds,
        warm_up=False,
    )
    for each in racing:
        if size > each.herd_limit:
            section.leave_out(each.name, "left out: needs too much memory")
    return section
