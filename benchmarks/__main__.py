"""`python -m benchmarks [PART ...]`: measure, and write the result into benchmarks/README.md."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench
from benchmarks.contestants import CONTESTANTS
from benchmarks.herd import herds
from benchmarks.image import image_size
from benchmarks.killed_holder import killed_holder
from benchmarks.machine import describe_load, describe_machine
from benchmarks.parts import apply_all, nothing_to_do, one_pending
from benchmarks.result import render_result, replace_result
from benchmarks.sections import Section
from benchmarks.server import running_server

_PAGE: Final = Path(__file__).with_name("README.md")
_IMAGE: Final = "image"
# Each part, and the sizes that it is measured at if none are named.
_PARTS: Final[
    dict[str, tuple[Callable[[Bench, Sequence[int]], list[Section]], tuple[int, ...]]]
] = {
    "noop": (nothing_to_do, (10, 100, 1_000, 5_000)),
    "pending": (one_pending, (1_000,)),
    "apply": (apply_all, (100, 1_000)),
    "herd": (herds, (20, 100)),
    "kill": (lambda bench, _sizes: killed_holder(bench), (1,)),
}


def main() -> None:
    """Measure what was asked for."""
    options = _options()
    parts = options.parts or [*_PARTS, _IMAGE]
    chosen = [each for each in CONTESTANTS if each.name in (options.only or [each.name])]
    facts = [
        f"{datetime.now(tz=UTC):%Y-%m-%d}, {options.rounds} rounds",
        describe_machine(),
    ]
    sections: list[Section] = []
    load = describe_load()
    with (
        tempfile.TemporaryDirectory(prefix="migration-runner-bench-") as folder,
        running_server(options.fsync) as server,
    ):
        facts.append(server.describe())
        there = [each for each in chosen if each.installed]
        bench = Bench(server, there, Path(folder), options.rounds)
        for name, (part, sizes) in _PARTS.items():
            if name in parts:
                sections += part(bench, options.sizes or sizes)
    facts.append(f"Load of the machine: {load} before, {describe_load()} after")
    if _IMAGE in parts:
        facts.append(image_size(options.image))
    result = render_result(facts, chosen, sections)
    options.page.write_text(replace_result(options.page.read_text(), result))
    print(result)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    # Python 3.11 looks for the empty list among the choices, too.
    parser.add_argument("parts", nargs="*", choices=[*_PARTS, _IMAGE, []], metavar="PART")
    parser.add_argument("--rounds", type=int, default=5, help="three at most where a run is long")
    parser.add_argument("--sizes", type=int, nargs="+", help="instead of each part's own")
    parser.add_argument("--only", nargs="+", choices=[each.name for each in CONTESTANTS])
    parser.add_argument("--fsync", choices=["on", "off"], default="off", help="the server's")
    parser.add_argument("--image", default="migration-runner", help="whose size to tell")
    parser.add_argument("--page", type=Path, default=_PAGE, help="where the result goes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
