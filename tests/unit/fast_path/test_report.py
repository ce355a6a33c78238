"""The fast path's lines, to a standard output that nobody reads."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

from tests.fixtures.runner import ROOT

WRITE = """\
from migration_runner.fast_path import report
report.full_pipe_seconds = 0.01
report.write_all(b"line", b"", "/nowhere")
"""


def test_a_full_pipe_does_not_keep_the_process() -> None:
    reader, writer = os.pipe()
    flags = fcntl.fcntl(writer, fcntl.F_GETFL)
    fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        fcntl.fcntl(writer, fcntl.F_SETFL, flags)

    ended = subprocess.run([sys.executable, "-c", WRITE], stdout=writer, cwd=ROOT, check=False)  # noqa: S603 - our own arguments

    assert 0 == ended.returncode
    os.close(reader)
    os.close(writer)
