"""The command `migrate`: the fast path first, and the rest only if there may be work to do."""

import _signal  # type: ignore[import-not-found]  # the C half of `signal`, without `enum`
import gc
import posix
import sys

from migration_runner.fast_path.look import try_fast_path

# As in `typing`, which takes longer to import than the fast path.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    """Run the command line and return the exit code."""
    exit_on_fast_path()
    return take_full_path()


def take_full_path(wait: "Callable[[], bool] | None" = None) -> int:
    """Run everything that the fast path cannot, and return the exit code.

    If there is something to `wait` for once all is imported, the rest follows only if it says so.
    """
    # Importing Alembic, SQLAlchemy and psycopg creates objects that all stay: searching them for
    # garbage again and again would add a tenth of the time.
    gc.disable()
    try:
        from migration_runner.project.importing import import_alembic  # noqa: PLC0415 - late, see above

        import_alembic()
        from migration_runner.cli.main import main as run  # noqa: PLC0415 - as above
    except Exception as error:  # noqa: BLE001 - an environment in which something is missing
        from migration_runner.crash import report_crash  # noqa: PLC0415 - rarely needed

        return report_crash(error)

    gc.freeze()
    gc.enable()
    if wait is not None and not wait():
        return 0
    code = run()
    from migration_runner.process_end import limit_shutdown  # noqa: PLC0415 - as above

    limit_shutdown(code)
    return code


def exit_on_fast_path() -> None:
    """End the process if the fast path is enough; otherwise return.

    SIGTERM and SIGINT are blocked until `signals` can handle them: until then PID 1 would lose
    them, and any other process would end without a report.
    """
    _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGTERM, _signal.SIGINT))
    code = try_fast_path(sys.argv[1:])
    if code is not None:
        # Nothing is open, and shutting the interpreter down would take as long as the fast path.
        posix._exit(code)  # noqa: SLF001 - `os._exit`, without importing `os`
