"""`python -m benchmarks [PART ...]`: measure, and write the result into benchmarks/README.md."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench
from benchmarks.contestants import CONTESTANTS
from benchmarks.herd import herd
from benchmarks.image import image_size
from benchmarks.killed_holder import killed_holder
from benchmarks.machine import describe_load, describe_machine
from benchmarks.parts import apply_all, nothing_to_do, one_pending
from benchmarks.result import render_result, replace_result
from benchmarks.sections import Section
from benchmarks.server import running_server

_PAGE: Final = Path(__file__).with_name("README.md")
_IMAGE: Final = "image"
# Each part, and the numbers of revisions or runs that it is measured with.
_PARTS: Final[dict[str, tuple[Callable[[Bench, int], Section], tuple[int, ...]]]] = {
    "noop": (nothing_to_do, (10, 100, 1_000, 5_000)),
    "pending": (one_pending, (100, 1_000)),
    "apply": (apply_all, (100, 1_000)),
    "herd": (herd, (20, 100)),
    "kill": (killed_holder, (1,)),
}


def main() -> None:
    """Measure the chosen parts. The result is written after each step, since a part takes long."""
    # As with Ctrl-C, everything that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(128 + signal.SIGTERM))
    options = _options()
    parts = options.parts or [*_PARTS, _IMAGE]
    chosen = [each for each in CONTESTANTS if each.name in (options.only or [each.name])]
    facts = [f"{datetime.now(tz=UTC):%Y-%m-%d}, {options.rounds} rounds", describe_machine()]
    if _IMAGE in parts:
        facts.append(image_size(options.image))
    sections: list[Section] = []
    load = describe_load()

    def publish() -> None:
        so_far = f"Load of the machine: {load} before, {describe_load()} after"
        result = render_result([*facts, so_far], chosen, sections)
        options.page.write_text(replace_result(options.page.read_text(), result))

    with (
        tempfile.TemporaryDirectory(prefix="migration-runner-bench-") as folder,
        running_server(options.fsync) as server,
    ):
        facts.append(server.describe())
        publish()
        there = [each for each in chosen if each.installed]
        bench = Bench(server, there, Path(folder), options.rounds)
        for part, sizes in (_PARTS[name] for name in _PARTS if name in parts):
            for size in sizes:
                if size <= options.largest:
                    sections.append(part(bench, size))
                    publish()
    print(f"The result is in {options.page}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    # Python 3.11 looks for the empty list among the choices, too.
    parser.add_argument("parts", nargs="*", choices=[*_PARTS, _IMAGE, []], metavar="PART")
    parser.add_argument("--rounds", type=int, default=5, help="at most three for long parts")
    parser.add_argument("--largest", type=int, default=5_000, help="skip larger sizes")
    parser.add_argument("--only", nargs="+", choices=[each.name for each in CONTESTANTS])
    parser.add_argument("--fsync", choices=["on", "off"], default="off", help="PostgreSQL's fsync")
    parser.add_argument("--image", default="migration-runner", help="the image to measure")
    parser.add_argument("--page", type=Path, default=_PAGE, help="the page to write the result to")
    return parser.parse_args()


if __name__ == "__main__":
    main()
