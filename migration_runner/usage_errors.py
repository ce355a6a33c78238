"""Errors of the command line, which name the flag and its value; also for Alembic's own parsers."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Final, NoReturn

from migration_runner.errors import UsageError

# argparse says what is wrong only in its messages.
_WORDINGS: Final = (
    (r"argument ([^\s:]+): expected (?:one|at least one) argument", r"\1 needs a value"),
    (r"argument ([^\s:]+): ignored explicit argument (.*)", r"\1 takes no value (it has \2)"),
    (r"argument ([^\s:]+): (.*)", r"\1: \2"),
    (r"the following arguments are required: (.*)", r"Missing argument: \1"),
)
_MOST_SUGGESTIONS: Final = 3


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` instead of exiting with 2."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse reports."""
        raise usage_error(message, self.prog)


def usage_error(message: str, prog: str) -> UsageError:
    """Return what argparse reports as an error of the runner's."""
    for pattern, wording in _WORDINGS:
        if match := re.fullmatch(pattern, message, re.DOTALL):
            message = match.expand(wording)
            break
    return UsageError(f"{message[:1].upper()}{message[1:]}. See `{prog} --help`.")


def reject_unknown(
    words: Sequence[str], parser: argparse.ArgumentParser, more_flags: Iterable[str] = ()
) -> None:
    """Raise `UsageError` if there are `words` that the `parser` did not take."""
    words = [word for word in words if word != "--"]
    flags = [word for word in words if word.startswith("-") and word != "-"]
    if flags:
        # What follows the = may be a secret.
        name = flags[0].partition("=")[0]
        raise unknown_flag(name, [*flags_of(parser), *more_flags], parser.prog)
    if words:
        message = f"Unexpected argument {words[0]!r}. See `{parser.prog} --help`."
        raise UsageError(message)


def unknown_flag(name: str, known: Iterable[str], prog: str) -> UsageError:
    """Return an error that suggests those of the `known` flags that are most like `name`."""
    return UsageError(f"Unknown flag {name}{_advise(name, known, prog)}")


def unknown_command(name: str, known: Iterable[str], prog: str) -> UsageError:
    """Return an error that suggests those of the `known` commands that are most like `name`."""
    return UsageError(f"Unknown command {name!r}{_advise(name, known, prog)}")


def _advise(name: str, known: Iterable[str], prog: str) -> str:
    known = sorted(set(known))
    # An abbreviation is most like what it begins.
    alike = [word for word in known if word.startswith(name)][:_MOST_SUGGESTIONS]
    alike = alike or difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {' or '.join(alike)}?)." if alike else f". See `{prog} --help`."


def flags_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return every flag that the `parser` takes."""
    return [
        flag
        for action in parser._actions  # noqa: SLF001 - argparse has no public way
        for flag in action.option_strings
    ]
