#!/usr/bin/python3 -IS
"""The container's entry point: the command `migrate`.

Started with `-IS`, as in the first line, Python looks neither for packages nor for settings of its
own, which takes longer than the fast path. Where that is not enough, it is started again, as usual.
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
    from migration_runner.fast_path.kept_connection import hand_on, take_over

    if sys.flags.isolated:
        again = [sys.executable, "-X", hand_on(), __file__, *sys.argv[1:]]
        posix.execv(sys.executable, again)
    take_over()
    from migration_runner.start import take_full_path

    raise SystemExit(take_full_path())
