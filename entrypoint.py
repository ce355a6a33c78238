#!/usr/bin/python3 -IS
"""The container's entry point: the command `migrate`.

With `-IS`, as in the first line, Python skips site packages and its own settings, which would take
longer than the fast path. If the fast path is not enough, Python is started again as usual.
"""

import posix
import sys

if __name__ == "__main__":
    if sys.flags.isolated:
        path = posix.environ.get(b"PYTHONPATH", b"").decode("utf-8", "surrogateescape")
        sys.path[:0] = [part for part in (*path.split(":"), __file__.rpartition("/")[0]) if part]
    if "migrate_again" not in sys._xoptions:  # noqa: SLF001 - the documented place of -X
        from migration_runner.start import exit_on_fast_path

        exit_on_fast_path()
    from migration_runner.fast_path.kept_connection import pass_on, take_over

    if sys.flags.isolated:
        again = [sys.executable, "-X", pass_on(), __file__, *sys.argv[1:]]
        posix.execv(sys.executable, again)
    take_over()
    from migration_runner.start import take_full_path

    raise SystemExit(take_full_path())
