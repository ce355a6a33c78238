"""The parts in which one run at a time is measured."""

from __future__ import annotations

from benchmarks.bench import Attempt, Bench
from benchmarks.contestant import Contestant, Work
from benchmarks.measuring import Sample
from benchmarks.revisions import make_revisions
from benchmarks.sections import Section


def nothing_to_do(bench: Bench, size: int) -> Section:
    """Run on a database that is at the head."""
    revisions = make_revisions(size)

    def set_up(contestant: Contestant) -> Attempt:
        folder = bench.project(contestant, revisions)
        database = bench.server.create()
        bench.apply(contestant, folder, database, Work.ALL)
        bench.verify(database, size)
        return lambda: bench.apply(contestant, folder, database, Work.NOTHING)

    title = f"Nothing to do, {size:,} revisions"
    return bench.section(title, bench.contestants, set_up, bench.rounds)


def one_pending(bench: Bench, size: int) -> Section:
    """Run on a database that lacks the last revision."""
    revisions = make_revisions(size)

    def set_up(contestant: Contestant) -> Attempt:
        name = f"pending-{size}"
        folder = bench.project(contestant, revisions[:-1], name)
        behind = bench.server.create()
        bench.apply(contestant, folder, behind, Work.ALL)
        bench.project(contestant, revisions, name)

        def attempt() -> Sample:
            with bench.server.database(behind) as database:
                sample = bench.apply(contestant, folder, database, Work.LAST)
                bench.verify(database, size)
                return sample

        return attempt

    title = f"One pending revision of {size:,}"
    return bench.section(title, bench.contestants, set_up, bench.rounds)


def apply_all(bench: Bench, size: int) -> Section:
    """Run on an empty database."""
    revisions = make_revisions(size)

    def set_up(contestant: Contestant) -> Attempt:
        folder = bench.project(contestant, revisions)

        def attempt() -> Sample:
            with bench.server.database() as database:
                sample = bench.apply(contestant, folder, database, Work.ALL)
                bench.verify(database, size)
                return sample

        return attempt

    title = f"{size:,} revisions on an empty database"
    return bench.section(title, bench.contestants, set_up, bench.few_rounds)
