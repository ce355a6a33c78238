"""One query over libpq itself: psycopg alone takes ten times as long to import; see `glance`.

https://www.postgresql.org/docs/current/libpq.html
"""

import _thread
import time
from ctypes import CDLL, POINTER, c_char_p, c_int, c_void_p

_CONNECTION_OK = 0
_TUPLES_OK = 2


class Question:
    """A connection and a query, under way in a thread of its own.

    Only so can neither a resolver nor a server that hangs keep the process.
    """

    def __init__(self, library: str, parameters: dict[str, str], query: str) -> None:
        """Begin. Raises `OSError` where there is no such library."""
        self._libpq = _load(library)
        self._parameters = parameters
        self._query = query
        self._answer: list[str | None] | None = None
        self._pending = _thread.allocate_lock()
        self._pending.acquire()
        _thread.start_new_thread(self._ask, ())

    def answer(self, seconds: float) -> list[str | None] | None:
        """Return the backend's number by the login, the row, and the seconds of the connecting.

        None where there is no row, or not within `seconds`.
        """
        if not self._pending.acquire(timeout=seconds):
            return None
        return self._answer

    def _ask(self) -> None:
        libpq = self._libpq
        connection = result = None
        began = time.perf_counter()
        try:
            names = [name.encode() for name in self._parameters]
            values = [value.encode() for value in self._parameters.values()]
            words = c_char_p * (len(names) + 1)
            connection = libpq.PQconnectdbParams(words(*names, None), words(*values, None), 0)
            if libpq.PQstatus(connection) != _CONNECTION_OK:
                return
            waited = time.perf_counter() - began
            result = libpq.PQexec(connection, self._query.encode())
            if libpq.PQresultStatus(result) != _TUPLES_OK or libpq.PQntuples(result) != 1:
                return
            row: list[str | None] = [str(libpq.PQbackendPID(connection))]
            for column in range(libpq.PQnfields(result)):
                null = libpq.PQgetisnull(result, 0, column)
                row.append(None if null else libpq.PQgetvalue(result, 0, column).decode())
            self._answer = [*row, repr(waited)]
        finally:
            libpq.PQclear(result)
            libpq.PQfinish(connection)
            self._pending.release()


def _load(library: str) -> CDLL:
    libpq = CDLL(library)
    texts = POINTER(c_char_p)
    for name, result, arguments in (
        ("PQconnectdbParams", c_void_p, (texts, texts, c_int)),
        ("PQstatus", c_int, (c_void_p,)),
        ("PQbackendPID", c_int, (c_void_p,)),
        ("PQexec", c_void_p, (c_void_p, c_char_p)),
        ("PQresultStatus", c_int, (c_void_p,)),
        ("PQntuples", c_int, (c_void_p,)),
        ("PQnfields", c_int, (c_void_p,)),
        ("PQgetisnull", c_int, (c_void_p, c_int, c_int)),
        ("PQgetvalue", c_char_p, (c_void_p, c_int, c_int)),
        ("PQclear", None, (c_void_p,)),
        ("PQfinish", None, (c_void_p,)),
    ):
        function = getattr(libpq, name)
        function.restype, function.argtypes = result, arguments
    return libpq
