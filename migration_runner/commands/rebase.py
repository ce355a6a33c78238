"""`migrate rebase`: puts one's own new revisions behind somebody else's head."""

from __future__ import annotations

from migration_runner.commands.developer_tools import developer_tools
from migration_runner.commands.invocation import Invocation


def rebase(invocation: Invocation) -> None:
    """Rebase each history. Raises what `rebase_history` raises."""
    with developer_tools("rebase"):
        # Not in the image.
        from migration_runner.commands.rebasing import rebase_history  # noqa: PLC0415
    settings = invocation.load_settings()
    for _, each in settings.each_history():
        rebase_history(invocation, each)
