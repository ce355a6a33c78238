"""How far a revision says that it is, for the heartbeat."""

from __future__ import annotations

from typing import Any

_reported: dict[str, Any] | None = None


def report_progress(done: int, total: int | None = None, *, unit: str = "rows") -> None:
    """Say how far a revision is: the next heartbeat (`revision_running`) has it as `progress`.

    `total` is None where it is not known. It costs nothing and can be called as often as is
    convenient; under plain Alembic it does nothing.
    """
    global _reported  # noqa: PLW0603 - a process runs one revision at a time
    _reported = {"done": done, "total": total, "unit": unit}


def reported_progress() -> dict[str, Any] | None:
    """Return what the running revision has reported last; None without any."""
    return _reported


def forget_progress() -> None:
    """Start anew, for the next revision."""
    global _reported  # noqa: PLW0603 - as above
    _reported = None
