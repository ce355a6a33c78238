"""What a part of the benchmark has found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from benchmarks.measuring import Sample

# Who takes longer is measured once: the others are not to wait for hours.
_PATIENCE_SECONDS: Final = 60


@dataclass
class Section:
    """One comparison: the samples of each contestant, a round each, and who is left out why."""

    title: str
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, sample: Sample) -> None:
        """Add what a round has brought."""
        self.samples.setdefault(name, []).append(sample)

    def leave_out(self, name: str, why: str) -> None:
        """Drop a contestant that did not get through."""
        self.samples.pop(name, None)
        self.remarks[name] = why

    def is_through_with(self, name: str) -> bool:
        """Whether a contestant has no further round: it failed, or takes too long."""
        samples = self.samples.get(name, [])
        slow = bool(samples) and samples[-1].seconds > _PATIENCE_SECONDS
        return name in self.remarks or slow
