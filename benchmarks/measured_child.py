"""Start a command, once or several times at once, and print what each took.

Run as a process of its own, `python -I -S measured_child.py COPIES LIMIT OUTPUT COMMAND ...`: Linux
counts what the parent had at the fork into a child's peak memory, so the parent must be small. One
JSON list comes out: exit code, seconds, CPU seconds and peak memory in bytes of each copy. Those
that are not through after `LIMIT` seconds are killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time


def main() -> None:
    """Do it."""
    copies, limit, output = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    command = sys.argv[4:]
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    started: dict[int, float] = {}
    groups: list[int] = []

    def kill(_number: int, _frame: object) -> None:
        for group in groups:
            try:  # noqa: SIM105 - small: no further import
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                pass

    signal.signal(signal.SIGALRM, kill)
    signal.alarm(limit)
    for _ in range(copies):
        now = time.monotonic()
        pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions, setpgroup=0)
        groups.append(pid)
        started[pid] = now
    first = min(started.values())
    ended = []
    for _ in range(copies):
        pid, status, usage = os.wait4(-1, 0)
        # A herd is one thing: from its start to the end of each.
        seconds = time.monotonic() - (first if copies > 1 else started[pid])
        cpu = usage.ru_utime + usage.ru_stime
        code = os.waitstatus_to_exitcode(status)
        ended.append([code, seconds, cpu, usage.ru_maxrss * 1024])
    print(json.dumps(ended))


if __name__ == "__main__":
    main()
