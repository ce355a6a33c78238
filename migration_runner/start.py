"""The command `migrate`: the fast path first, and everything else only where there may be work."""

import _signal  # type: ignore[import-not-found]  # what `signal` is made of, without `enum`
import gc
import posix
import sys

from migration_runner.fast_path.look import try_fast_path


def main() -> int:
    """Run the command line's words and return the exit code."""
    exit_on_fast_path()
    return take_full_path()


def take_full_path() -> int:
    """Do what the fast path is not enough for, and return the exit code."""
    # This imports Alembic, SQLAlchemy and psycopg, all of which stays: to look for garbage in it
    # time and again takes a tenth as long.
    gc.disable()
    from migration_runner.project.importing import import_alembic  # noqa: PLC0415 - late, see above

    import_alembic()
    from migration_runner.cli import main as run  # noqa: PLC0415 - as above

    gc.freeze()
    gc.enable()
    return run()


def exit_on_fast_path() -> None:
    """End the process where the fast path is enough; return where it is not.

    SIGTERM and SIGINT wait until `signals` can answer them: as PID 1 they would be lost, else they
    would end the process without a word.
    """
    _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGTERM, _signal.SIGINT))
    code = try_fast_path(sys.argv[1:])
    if code is not None:
        # Nothing is open, and tearing the interpreter down would take as long as the fast path.
        posix._exit(code)  # noqa: SLF001 - `os._exit`, without importing `os`
