"""What a part of the benchmark has found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from benchmarks.measuring import Sample

# A tool that takes longer is measured once, so that a benchmark does not take hours.
_PATIENCE_SECONDS: Final = 60


@dataclass
class Section:
    """One comparison: the samples of each contestant, a round each, and why others are left out."""

    title: str
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, sample: Sample) -> None:
        """Add the sample of a round."""
        self.samples.setdefault(name, []).append(sample)

    def leave_out(self, name: str, why: str) -> None:
        """Drop a contestant that failed."""
        self.samples.pop(name, None)
        self.remarks[name] = why

    def is_through_with(self, name: str) -> bool:
        """Whether a contestant has no further round: it failed, or takes too long."""
        samples = self.samples.get(name, [])
        slow = bool(samples) and samples[-1].seconds > _PATIENCE_SECONDS
        return name in self.remarks or slow
