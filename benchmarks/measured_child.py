"""Start a command, once or several times at once, and print what each process took.

It runs in its own process, `python -I -S measured_child.py COPIES LIMIT OUTPUT COMMAND ...`: Linux
counts the parent's memory at the fork towards a child's peak, so the parent must be small. The
output is a JSON list: exit code, seconds, CPU seconds and peak memory in bytes of each copy. A copy
that has not ended after `LIMIT` seconds is killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time


def main() -> None:
    """Run the command, and print the result."""
    copies, limit, output = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    command = sys.argv[4:]
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    running: set[int] = set()

    def kill(*_signal: object) -> None:
        for pid in running:
            # With its child processes: each has its own process group.
            os.killpg(pid, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.alarm(limit)
    ended = []
    try:
        # A herd is one thing: from its start to the end of each.
        begun = time.monotonic()
        for _ in range(copies):
            running.add(
                os.posix_spawnp(command[0], command, os.environ, file_actions=actions, setpgroup=0)
            )
        for _ in range(copies):
            pid, status, usage = os.wait4(-1, 0)
            seconds = time.monotonic() - begun
            running.remove(pid)
            cpu = usage.ru_utime + usage.ru_stime
            code = os.waitstatus_to_exitcode(status)
            ended.append([code, seconds, cpu, usage.ru_maxrss * 1024])
    finally:
        kill()
    print(json.dumps(ended))


if __name__ == "__main__":
    main()
