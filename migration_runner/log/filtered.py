"""What others write to a standard stream themselves: redacted, and plain for a terminal."""

from __future__ import annotations

import io
from typing import TextIO

from migration_runner.log.plain_text import plain_text, without_surrogates
from migration_runner.log.redaction import redact


class FilteredStream(io.TextIOBase):
    """A text stream that passes on whole lines, filtered; what has no line end when it is flushed.

    A carriage return ends a line, too: of a progress bar.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there
        """The stream's own."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # as above
        """The stream's own."""
        return self._stream.errors

    @property
    def buffer(self) -> object:
        """The stream's own: for bytes, which pass as they are."""
        return self._stream.buffer

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the file descriptor, for child processes."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def write(self, text: str) -> int:
        """Write what has come to its end, and keep the rest."""
        whole = self._begun + text
        end = max(whole.rfind("\n"), whole.rfind("\r")) + 1
        self._begun = whole[end:]
        self._pass(whole[:end])
        return len(text)

    def flush(self) -> None:
        """Write the rest."""
        begun, self._begun = self._begun, ""
        self._pass(begun)
        self._stream.flush()

    def _pass(self, text: str) -> None:
        if not text:
            return
        lines = without_surrogates(redact(text)).split("\r")
        self._stream.write("\r".join(plain_text(line) for line in lines))
        self._stream.flush()
