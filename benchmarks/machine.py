"""The machine that the benchmark ran on."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def describe_machine() -> str:
    """Return cores, processor, memory, kernel and Python in a line."""
    processor = _first("/proc/cpuinfo", r"model name\s*:\s*(.*)") or platform.machine()
    kilobytes = int(_first("/proc/meminfo", r"MemTotal:\s*(\d+)") or 0)
    return (
        f"{os.cpu_count()} cores ({processor}), {kilobytes / 2**20:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def describe_load() -> str:
    """Return how busy the machine is."""
    return f"{os.getloadavg()[0]:.1f}"


def _first(path: str, pattern: str) -> str | None:
    file = Path(path)
    found = re.search(pattern, file.read_text()) if file.exists() else None
    return found[1] if found else None
