"""The progress that a revision reports, for the heartbeat."""

from __future__ import annotations

from typing import Any

_reported: dict[str, Any] | None = None


def report_progress(done: int, total: int | None = None, *, unit: str = "rows") -> None:
    """Report a revision's progress: the next heartbeat (`revision_running`) has it as `progress`.

    `total` is None if it is not known. Calls cost nothing, so report as often as is convenient;
    under plain Alembic this does nothing.
    """
    global _reported  # noqa: PLW0603 - a process runs one revision at a time
    _reported = {"done": done, "total": total, "unit": unit}


def reported_progress() -> dict[str, Any] | None:
    """Return the last progress that the running revision has reported, or None."""
    return _reported


def forget_progress() -> None:
    """Discard the reported progress, before the next revision."""
    global _reported  # noqa: PLW0603 - as above
    _reported = None
