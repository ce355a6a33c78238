"""Draw what commands write on a terminal: `python -m scripts.picture FILE.svg COMMAND ...`.

Each command is a line of a shell. They run one after the other on a new, empty database, which is
removed afterwards.
"""

from __future__ import annotations

import io
import os
import pty
import shlex
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from scripts.local_postgres import embedded

_COLUMNS: Final = 84
_ROWS: Final = 40
# Of a longer output, this many lines at the beginning and at the end.
_FIRST, _LAST = 8, 4
# Those of the make that runs this are not for the one in the picture.
_MAKES_OWN: Final = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "NO_COLOR")
# Rich's, with fonts that a reader has, in place of one from the network.
_FORMAT: Final = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def capture(command: str, environment: dict[str, str]) -> list[str]:
    """Run a command on a terminal and return its lines. Exits where the command fails."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (_ROWS, _COLUMNS))
    words = shlex.split(command)
    with subprocess.Popen(  # noqa: S603 - the user's command
        words, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
    os.close(ours)
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}:\n{shown.decode()}")
    return shown.decode().splitlines()


def _read(terminal: int) -> bytes:
    """Return what there is to read; nothing at the end, which Linux reports as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def shorten(lines: list[str]) -> list[str]:
    """Leave out the middle of a long output."""
    if len(lines) <= _FIRST + _LAST + 1:
        return lines
    return [*lines[:_FIRST], "...", *lines[-_LAST:]]


def draw(commands: list[str]) -> str:
    """Run the commands and return the picture."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True)
    environment = {name: text for name, text in os.environ.items() if name not in _MAKES_OWN}
    with tempfile.TemporaryDirectory() as folder, embedded(Path(folder) / "data") as url:
        environment |= {"DATABASE_URL": url, "MIGRATE_BUILD": "", "TERM": "xterm-256color"}
        for number, command in enumerate(commands):
            console.print("\n" if number else "", end="")
            console.print(Text.assemble("$ ", (command, "bold")))
            for line in shorten(capture(command, environment)):
                console.print(Text.from_ansi(line))
    return console.export_svg(title="", code_format=_FORMAT, unique_id="run")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(sys.argv[2:]))
