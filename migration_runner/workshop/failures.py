"""What failed of a project's own code, in words; and what it needs that was not given to it."""

from __future__ import annotations

import os
import socket
import urllib.error
from collections.abc import Iterator
from types import CodeType
from typing import Any, Final

from migration_runner.errors import ConfigError, MigrationError

_NEEDS: Final = "needs"
_NETWORK: Final = (socket.gaierror, ConnectionError, TimeoutError, urllib.error.URLError)
_ENVIRONMENT: Final = os.getenv.__code__.co_filename


def note_needs(error: MigrationError) -> None:
    """Add to an error how to give the project what it asked for; nothing if that is not known.

    This has to happen in the process in which it failed: only there is what was raised.
    """
    needs = next(filter(None, map(_needs, _causes(error))), "")
    if needs:
        error.facts[_NEEDS] = needs
        if isinstance(error, ConfigError):
            error.message = f"{error.message} {needs}"


def needs_of(error: MigrationError) -> str:
    """Return what `note_needs` has noted, as a sentence."""
    return str(error.facts.get(_NEEDS, ""))


def describe_failure(error: MigrationError) -> str:
    """Return what went wrong, without what a run would say about the database."""
    message = str(error.facts.get("message") or error.message)
    kind = error.facts.get("exception_type")
    # Without its type, "'SECRET_KEY'" or "no way" says little.
    if kind and "sqlstate" not in error.facts and kind != message:
        message = f"{kind}: {message}"
    return f"{message.rstrip('.')}."


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or error.__context__
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _needs(error: BaseException) -> str:
    if isinstance(error, KeyError) and _raised_in(error)[-1].co_filename == _ENVIRONMENT:
        return (
            f"It reads the variable {error.args[0]} from the environment: set it for this command."
        )
    if fields := _missing_settings(error):
        return (
            f"It reads {', '.join(fields)} from the environment, for {getattr(error, 'title', '')}:"
            " set that for this command."
        )
    if isinstance(error, _NETWORK):
        return (
            "It connects to another server than this command's: run it where that can be reached,"
            " or keep what it asks for in the revision."
        )
    return ""


def _missing_settings(error: BaseException) -> list[str]:
    """Return the fields that pydantic's settings have no value for."""
    errors = getattr(error, "errors", None)
    if not callable(errors) or not any(
        "pydantic_settings" in each.co_filename for each in _raised_in(error)
    ):
        return []
    found: list[dict[str, Any]] = errors()
    return [".".join(map(str, each["loc"])) for each in found if each.get("type") == "missing"]


def _raised_in(error: BaseException) -> list[CodeType]:
    """Return the functions of an error's traceback, the innermost last."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        found.append(trace.tb_frame.f_code)
        trace = trace.tb_next
    return found
