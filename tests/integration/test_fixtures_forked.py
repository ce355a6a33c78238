"""A command that is forked sees what one in a Python of its own sees."""

from __future__ import annotations

import json

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.forked import COMMAND, FULL_PATH
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate, Result

SEEN = """\
import json, locale, os, re, resource, signal, stat, sys, threading, warnings

def describe(number):
    status = os.fstat(number)
    return stat.S_IFMT(status.st_mode), status.st_rdev

main = sys.modules["__main__"]
seen = {
    "folder": os.getcwd(),
    "environment": sorted(os.environ.items()),
    "words": sys.argv,
    "path": sys.path,
    "flags": str(sys.flags),
    "options": [str(sys._xoptions), sys.warnoptions, str(warnings.filters)],
    "main": [main.__file__, getattr(main.__spec__, "name", "")],
    # What runs the entry point's file here is imported for `-m` anyway.
    "modules": " ".join(sorted(sys.modules.keys() - {"runpy", "pkgutil"})),
    "signals": [re.sub(" at .*", "", str(signal.getsignal(number)))
                for number in signal.valid_signals()],
    "masked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "threads": sorted(thread.name for thread in threading.enumerate()),
    "files": [describe(number) for number in range(3)],
    "open": len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0,
    "streams": [[each.encoding, each.errors, each.line_buffering, each.isatty()]
                for each in (sys.__stdout__, sys.__stderr__)],
    "locale": locale.setlocale(locale.LC_ALL),
    "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
    "group": os.getpgrp(),
}
# A line for each: together they are longer than a line of the log may be.
for name, value in seen.items():
    print("seen", json.dumps([name, value]))
"""


def _seen(result: Result) -> dict[str, object]:
    assert 0 == result.exit_code, result.stdout + result.stderr
    lines = [event["event"] for event in result.events if event["event"].startswith("seen ")]
    seen = dict(json.loads(line.removeprefix("seen ")) for line in lines)
    assert "group" in seen
    return seen


@pytest.mark.parametrize("words", [COMMAND, FULL_PATH], ids=["command", "full path"])
@pytest.mark.parametrize("hash_seed", [{}, {"PYTHONHASHSEED": "0"}], ids=["", "hash seed"])
def test_it_sees_the_same(
    words: tuple[str, ...],
    hash_seed: dict[str, str],
    database: Database,
    project: Project,
    migrate: Migrate,
) -> None:
    project.write_env(SEEN + ENV_PY)
    command = [migrate.python, *words]
    variables = {"DATABASE_URL": database.url, **hash_seed}

    fresh = migrate.start_command(command, **variables)
    expected = _seen(fresh.wait())
    forked = migrate.fork(command, **variables)
    actual = _seen(forked.wait())

    assert type(fresh.process) is not type(forked.process)
    for name, value in expected.items():
        assert value == actual[name], name
