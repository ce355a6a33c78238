"""Running a command and measuring it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.contestant import Command

_LAUNCHER: Final = Path(__file__).with_name("measured_child.py")
# Only to end a process that hangs.
LIMIT_SECONDS: Final = 900
_TAIL: Final = 300


class RunFailed(Exception):
    """A contestant failed, or did not do what it should."""


@dataclass(frozen=True)
class Sample:
    """What one run took, or one herd: then the sum of the CPU time, and the largest of the rest."""

    seconds: float
    cpu_seconds: float = 0
    peak_bytes: int = 0
    # It failed, or did something wrong: its time is not comparable.
    flawed: bool = False
    remark: str = ""


def measure(command: Command) -> Sample:
    """Run a command once. Raises `RunFailed` with its last words."""
    output = command.folder / "benchmark.log"
    output.unlink(missing_ok=True)
    sample = measure_herd(command, 1)
    if sample.flawed:
        words = " ".join(output.read_text(errors="replace").split())
        raise RunFailed(words[-_TAIL:] or "no output")
    return sample


def measure_herd(command: Command, copies: int, limit: int = LIMIT_SECONDS) -> Sample:
    """Run a command `copies` times at once, until the last has ended."""
    output = command.folder / "benchmark.log"
    words = [str(word) for word in command.arguments]
    done = subprocess.run(
        [sys.executable, "-I", "-S", _LAUNCHER, str(copies), str(limit), output, *words],
        check=True,
        cwd=command.folder,
        env=command.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    runs = json.loads(done.stdout)
    codes, seconds, cpu, peak = zip(*runs, strict=True)
    good = codes.count(0)
    remark = f"{good} of {copies} succeeded" if copies > 1 else ""
    return Sample(max(seconds), sum(cpu), max(peak), good < copies, remark)
