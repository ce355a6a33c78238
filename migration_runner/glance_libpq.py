"""One query over libpq itself: psycopg alone takes ten times as long to import; see `glance`.

https://www.postgresql.org/docs/current/libpq.html
"""

# What `ctypes` is made of. Its Python half takes as long to import as libpq takes to connect.
import _thread
import time
from _ctypes import FUNCFLAG_CDECL, Array, CFuncPtr, _SimpleCData, dlopen, dlsym


class _Int(_SimpleCData):  # type: ignore[type-arg]  # no subscripts at run time
    _type_ = "i"


class _Pointer(_SimpleCData):  # type: ignore[type-arg]  # no subscripts at run time
    _type_ = "P"


class _Text(_SimpleCData):  # type: ignore[type-arg]  # no subscripts at run time
    _type_ = "z"


_CONNECTION_OK = 0
_TUPLES_OK = 2


class Question:
    """A connection and a query, under way in a thread of its own.

    Only so can neither a resolver nor a server that hangs keep the process.
    """

    def __init__(self, library: str, parameters: dict[str, str], query: str) -> None:
        """Begin. Raises `OSError` where there is no such library."""
        self._libpq = _Libpq(library)
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
            connection = libpq.connect(_texts(names), _texts(values), 0)
            if libpq.status(connection) != _CONNECTION_OK:
                return
            waited = time.perf_counter() - began
            result = libpq.execute(connection, self._query.encode())
            if libpq.result_status(result) != _TUPLES_OK or libpq.rows(result) != 1:
                return
            row: list[str | None] = [str(libpq.backend(connection))]
            for column in range(libpq.columns(result)):
                null = libpq.is_null(result, 0, column)
                row.append(None if null else libpq.value(result, 0, column).decode())
            self._answer = [*row, repr(waited)]
        finally:
            libpq.clear(result)
            libpq.finish(connection)
            self._pending.release()


class _Libpq:
    """The functions that a question needs."""

    def __init__(self, library: str) -> None:
        self._handle = dlopen(library, 0)
        self.connect = self._function("PQconnectdbParams", _Pointer, _Pointer, _Pointer, _Int)
        self.status = self._function("PQstatus", _Int, _Pointer)
        self.backend = self._function("PQbackendPID", _Int, _Pointer)
        self.execute = self._function("PQexec", _Pointer, _Pointer, _Text)
        self.result_status = self._function("PQresultStatus", _Int, _Pointer)
        self.rows = self._function("PQntuples", _Int, _Pointer)
        self.columns = self._function("PQnfields", _Int, _Pointer)
        self.is_null = self._function("PQgetisnull", _Int, _Pointer, _Int, _Int)
        self.value = self._function("PQgetvalue", _Text, _Pointer, _Int, _Int)
        self.clear = self._function("PQclear", None, _Pointer)
        self.finish = self._function("PQfinish", None, _Pointer)

    def _function(self, name: str, result: type | None, *arguments: type) -> CFuncPtr:
        function = _Function(dlsym(self._handle, name))
        function.restype, function.argtypes = result, arguments
        return function


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL
    _restype_ = _Int


def _texts(texts: list[bytes]) -> Array[_Text]:
    """Return C's array of them, with a null pointer behind the last."""

    class Texts(Array):  # type: ignore[type-arg]  # as above
        _length_ = len(texts) + 1
        _type_ = _Text

    return Texts(*texts, None)
