"""The SQLSTATEs with which servers refuse a connection, whatever language they speak.

libpq tells them in the text of its verbose messages, which have to be asked for between the start
of a connection and its first poll; psycopg and psycopg2 do not. So this is an attempt of its own.
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQCONNECTSTARTPARAMS
https://www.postgresql.org/docs/current/libpq-control.html#LIBPQ-PQSETERRORVERBOSITY
"""

from __future__ import annotations

import ctypes
import re
import select
import time
from collections.abc import Mapping
from typing import Any, Final

from migration_runner.database.bounded import call_within
from migration_runner.database.libpq_library import loaded_libpq

_POLLING_FAILED, _POLLING_READING, _POLLING_WRITING = range(3)
_VERBOSE: Final = 2
# `FATAL:  28P01: ...`; the severity's name may be translated.
_STATE: Final = re.compile(r":  ([0-9A-Z]{5}): ")


def ask_refusals(parameters: Mapping[str, str], seconds: float) -> list[str]:
    """Connect once more, and return the SQLSTATEs of the servers that refuse.

    Empty if none does, or within `seconds`, or if libpq cannot be asked.
    """
    path = loaded_libpq()
    if path is None:
        return []
    try:
        return call_within(seconds, lambda: _refusals(path, parameters, seconds), lambda _: None)
    except (OSError, AttributeError, ValueError):
        # `TimeoutError`, too; no such library, no such function, no socket.
        return []


def _refusals(path: str, parameters: Mapping[str, str], seconds: float) -> list[str]:
    libpq = _functions(path)
    names = _texts(parameters.keys())
    connection = libpq.PQconnectStartParams(names, _texts(parameters.values()), 0)
    try:
        libpq.PQsetErrorVerbosity(connection, _VERBOSE)
        deadline = time.monotonic() + seconds
        asked = _POLLING_WRITING
        while asked in (_POLLING_READING, _POLLING_WRITING) and libpq.PQsocket(connection) >= 0:
            poll = select.poll()
            event = select.POLLIN if asked == _POLLING_READING else select.POLLOUT
            poll.register(libpq.PQsocket(connection), event)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                break
            asked = libpq.PQconnectPoll(connection)
        if asked != _POLLING_FAILED:
            return []
        return _STATE.findall(libpq.PQerrorMessage(connection).decode(errors="replace"))
    finally:
        libpq.PQfinish(connection)


def _functions(path: str) -> Any:
    libpq = ctypes.CDLL(path)
    libpq.PQconnectStartParams.restype = ctypes.c_void_p
    libpq.PQsetErrorVerbosity.argtypes = [ctypes.c_void_p, ctypes.c_int]
    for function in (libpq.PQsocket, libpq.PQconnectPoll, libpq.PQerrorMessage, libpq.PQfinish):
        function.argtypes = [ctypes.c_void_p]
    libpq.PQerrorMessage.restype = ctypes.c_char_p
    return libpq


def _texts(values: Any) -> Any:
    texts = [str(value).encode() for value in values]
    return (ctypes.c_char_p * (len(texts) + 1))(*texts, None)
