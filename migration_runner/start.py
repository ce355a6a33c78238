"""The command `migrate`: a glance first, and everything else only where there may be work."""

import _signal  # type: ignore[import-not-found]  # what `signal` is made of, without `enum`
import gc
import posix
import sys

from migration_runner.glance import glance


def main() -> int:
    """Run the command line's words and return the exit code."""
    glance_and_end()
    return go_on()


def go_on() -> int:
    """Do what a glance is not enough for, and return the exit code."""
    # This imports Alembic, SQLAlchemy and psycopg, all of which stays: to look for garbage in it
    # time and again takes a tenth as long.
    gc.disable()
    from migration_runner.alembic_import import import_alembic  # noqa: PLC0415 - late, see above

    import_alembic()
    from migration_runner.cli import main as run  # noqa: PLC0415 - as above

    gc.freeze()
    gc.enable()
    return run()


def glance_and_end() -> None:
    """End the process where a glance is enough; return where it is not.

    SIGTERM and SIGINT wait until `signals` can answer them: as PID 1 they would be lost, else they
    would end the process without a word.
    """
    _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGTERM, _signal.SIGINT))
    code = glance(sys.argv[1:])
    if code is not None:
        # Nothing is open, and tearing the interpreter down would take as long as the glance.
        posix._exit(code)  # noqa: SLF001 - `os._exit`, without importing `os`
