"""The fast path's lines: to a standard output that nobody reads, and with nothing to hide."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest

from migration_runner.fast_path.report import require_plain
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


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("the head is r1 \x9b31m", {}),
        ("the head is r1 \u202e", {}),
        ("built by 7canary7", {"SHOP_TOKEN": "7canary7"}),
        ("built by word", {}),
        ("postgresql://db", {}),
    ],
)
def test_what_has_to_be_cleaned_is_left_to_the_full_path(
    text: str, environment: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        require_plain(f"{text}\n".encode(), {"password": "word"}, environment)


def test_ordinary_text_is_not() -> None:
    require_plain(
        b"the database is shop_7\n",
        {"password": "shop", "dbname": "shop_7"},
        {"SHOP_TOKEN": "shop_7", "PGPASSWORD": "short"},
    )
