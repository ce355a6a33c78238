"""Renders an event as a line: clean, within the limit, and at debug with all that was cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from structlog.typing import EventDict, WrappedLogger

from migration_runner.log import events
from migration_runner.log.bounds import fit
from migration_runner.log.facts import clean_facts, render_json

# Each character can take six bytes: \u0000.
_PART: Final = 2500


class Lines:
    """A structlog renderer. `render` makes one line of clean facts.

    With `parts`, which writes a line, everything that a line lacks comes before it.
    """

    def __init__(
        self, render: Callable[[EventDict], str], parts: Callable[[str], None] | None = None
    ) -> None:
        self._render = render
        self._parts = parts

    def __call__(self, _logger: WrappedLogger, _name: str, event_dict: EventDict) -> str:
        """Render one event."""
        facts = clean_facts(event_dict)
        line, cut = fit(facts, self._render)
        if self._parts is not None and cut:
            for field in dict.fromkeys(path.partition(".")[0] for path in cut):
                self._write_parts(facts, field)
        return line

    def _write_parts(self, facts: dict[str, Any], field: str) -> None:
        whole = facts.get(field, "")
        text = whole if isinstance(whole, str) else render_json(whole)
        parts = [text[at : at + _PART] for at in range(0, len(text), _PART)]
        names = ("timestamp", "run_id")
        kept: dict[str, Any] = {name: facts[name] for name in names if name in facts}
        for number, part in enumerate(parts, 1):
            line, _ = fit(
                {
                    **kept,
                    "level": "debug",
                    "event": events.FIELD_CUT,
                    "of": facts["event"][:_PART],
                    "field": field[:_PART],
                    "part": number,
                    "parts": len(parts),
                    "text": part,
                },
                self._render,
            )
            if self._parts is not None:
                self._parts(line)
