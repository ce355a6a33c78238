"""What all parts have: the server, the contestants, their projects, and the rounds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestant import Contestant, Work
from benchmarks.measuring import RunFailed, Sample, measure
from benchmarks.revisions import Revision, tables_of
from benchmarks.sections import Section
from benchmarks.server import BenchmarkServer, Database

# One run of what was set up for it.
Attempt = Callable[[], Sample]


@dataclass(frozen=True)
class Bench:
    """A benchmark that is running."""

    server: BenchmarkServer
    contestants: Sequence[Contestant]
    folder: Path
    rounds: int

    @property
    def few_rounds(self) -> int:
        """How many rounds a part takes whose single run takes long."""
        return min(self.rounds, 3)

    def project(
        self, contestant: Contestant, revisions: Sequence[Revision], name: str | None = None
    ) -> Path:
        """Write a contestant's project with these revisions, or add them to it, and build it."""
        slug = "".join(letter if letter.isalnum() else "_" for letter in contestant.name)
        folder = self.folder / (name or str(len(revisions))) / slug
        folder.mkdir(parents=True, exist_ok=True)
        contestant.write(folder, revisions)
        build = contestant.build(folder)
        if build is not None:
            measure(build)
        return folder

    def apply(self, contestant: Contestant, folder: Path, database: Database, work: Work) -> Sample:
        """Run a contestant on a database."""
        return measure(contestant.run(folder, database, work))

    def verify(self, database: Database, count: int) -> None:
        """Raise `RunFailed` unless `count` revisions have left their tables."""
        found = self.server.tables(database)
        if found != tables_of(count):
            message = f"there are {found} tables, not {tables_of(count)}"
            raise RunFailed(message)

    def section(
        self,
        title: str,
        contestants: Iterable[Contestant],
        set_up: Callable[[Contestant], Attempt],
        rounds: int,
        *,
        warm_up: bool = True,
    ) -> Section:
        """Set each contestant up, run it once for warmth, then all in turn, round by round."""
        section = Section(title)
        attempts: dict[str, Attempt] = {}
        say(title)
        for contestant in contestants:
            begun = time.monotonic()
            try:
                attempt = set_up(contestant)
                if warm_up:
                    attempt()
            except RunFailed as failure:
                _leave_out(section, contestant.name, failure)
            else:
                attempts[contestant.name] = attempt
                say(f"  {contestant.name} is set up, {time.monotonic() - begun:.1f} s")
        for number in range(rounds):
            say(f"  round {number + 1} of {rounds}")
            for name, attempt in attempts.items():
                if section.is_through_with(name):
                    continue
                try:
                    section.add(name, attempt())
                except RunFailed as failure:
                    _leave_out(section, name, failure)
        return section


def say(text: str) -> None:
    """Tell how far the benchmark is."""
    print(text, file=sys.stderr, flush=True)


def _leave_out(section: Section, name: str, failure: RunFailed) -> None:
    say(f"  {name} failed: {failure}")
    section.leave_out(name, f"failed: {failure}")
