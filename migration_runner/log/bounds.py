"""Lines of a limited length: Docker and containerd cut a longer one, and it is no JSON any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from migration_runner.log.redaction import redact

Facts = dict[str, Any]
Render = Callable[[Facts], str]

# Containerd's and Docker's, with the line's end.
LONGEST_LINE: Final = 16_384
# The field that counts what was cut.
CUT: Final = "cut"
# Whatever else has to go.
_KEPT: Final = (
    "timestamp",
    "level",
    "event",
    "run_id",
    "outcome",
    "exit_code",
    "summary",
    "revision",
)
# How long a text may be, and an eighth as many entries in a list, one after the other.
_LENGTHS: Final = (8000, 6000, 4500, 3200, 2300, 1600, 1100, 800, 560, 400, 280, 200, 140, 100, 60)
_FEWEST_ENTRIES: Final = 3
_FEWEST_NAMES: Final = 40


def shorten(text: str, longest: int) -> str:
    """Return `text` without secrets and at most this long: its middle is left out."""
    return _shorten(redact(text), longest)


def shorten_bytes(text: str, most: int) -> str:
    """Return `text`, which has no secrets, with at most this many bytes: the middle is left out."""
    shorter, longest = text, len(text)
    while (size := len(shorter.encode())) > most:
        # A character has up to four bytes.
        longest -= max(1, (size - most) // 4)
        shorter = _shorten(text, longest)
    return shorter


def fit(facts: Facts, render: Render, limit: int = LONGEST_LINE) -> tuple[str, dict[str, int]]:
    """Render `facts`, cut so that the line and its end have at most `limit` bytes.

    Also returns what the line says it lacks: by field, characters of a text or entries of a list.
    """
    line = render(facts)
    if _size(line) < limit:
        return line, {}
    for longest in _LENGTHS:
        cutting = _Cutting(longest)
        shorter = cutting.cut_all(facts)
        line = render({**shorter, CUT: dict(cutting.counts)})
        if _size(line) < limit:
            return line, dict(cutting.counts)
    least = {name: value for name in _KEPT if isinstance(value := shorter.get(name), str | int)}
    counts = {"": len(facts) - len(least)}
    return render({**least, CUT: counts}), counts


class _Cutting:
    """Texts no longer than `longest`, and lists in proportion."""

    def __init__(self, longest: int) -> None:
        self.counts: Counter[str] = Counter()
        self._longest = longest
        self._entries = max(_FEWEST_ENTRIES, longest // 8)

    def cut_all(self, facts: Facts) -> Facts:
        """Return the facts, each cut; too many of them, but the important ones, go."""
        kept = {*_KEPT, *list(facts)[: max(self._entries, _FEWEST_NAMES)]}
        names = [name for name in facts if name in kept]
        self._count("", len(facts) - len(names))
        return {self._cut_text("", name): self._cut(name, facts[name]) for name in names}

    def _cut(self, path: str, value: Any) -> Any:
        if isinstance(value, str):
            return self._cut_text(path, value)
        if isinstance(value, list):
            self._count(path, len(value) - self._entries)
            return [self._cut(path, each) for each in value[: self._entries]]
        if isinstance(value, dict):
            most = max(self._entries, _FEWEST_NAMES)
            self._count(path, len(value) - most)
            return {
                self._cut_text(path, name): self._cut(f"{path}.{name}"[: self._longest], each)
                for name, each in list(value.items())[:most]
            }
        return value

    def _cut_text(self, path: str, text: str) -> str:
        shorter = _shorten(text, self._longest)
        # The sign for what is left out is a character.
        self._count(path, len(text) - len(shorter) + (shorter is not text))
        return shorter

    def _count(self, path: str, count: int) -> None:
        if count > 0:
            self.counts[path] += count


def _shorten(text: str, longest: int) -> str:
    """Leave the middle out: the end of a traceback, or of a sentence, matters as well."""
    if len(text) <= longest:
        return text
    end = (longest - 1) // 3
    return f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"


def _size(line: str) -> int:
    return len(line.encode(errors="backslashreplace"))
