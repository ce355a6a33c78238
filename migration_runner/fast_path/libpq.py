"""Queries with libpq alone: psycopg takes ten times as long to import; see `look`.

https://www.postgresql.org/docs/current/libpq.html
"""

# The C half of `ctypes`: the Python half takes as long to import as libpq takes to connect.
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


class Connection:
    """A connection that runs one query after another, each in a thread of its own.

    So neither a resolver nor a server that hangs can block the process.
    """

    def __init__(self, library: str, parameters: dict[str, str]) -> None:
        """Load libpq; the first query connects. Raises `OSError` if there is no such library."""
        self._libpq = _Libpq(library)
        self._parameters = parameters
        self._connection: int | None = None
        self._row: list[str | None] | None = None
        self._closed = False
        # Held while a query is running, and for good once the connection is closed.
        self._idle = _thread.allocate_lock()
        # The seconds that connecting took.
        self.connect_seconds: float | None = None

    def send(self, query: str) -> None:
        """Start a query. The row of the previous one is discarded."""
        self._idle.acquire()
        self._row = None
        _thread.start_new_thread(self._run, (query.encode(),))

    def fetch(self, seconds: float) -> list[str | None] | None:
        """Return the backend's PID as of the login, and the row; None if it is not one row.

        Raises `TimeoutError` if there is no result within `seconds`, `OSError` if there is no
        connection.
        """
        if not self._idle.acquire(timeout=seconds):
            raise TimeoutError
        self._idle.release()
        if self.connect_seconds is None:
            raise OSError
        return self._row

    def detach(self) -> int:
        """Return the connection's file descriptor, and leave it open."""
        self._idle.acquire()
        return int(self._libpq.socket(self._connection))

    def close(self) -> None:
        """Close the connection. If a query is running, its thread does so when it ends."""
        self._closed = True
        if self._idle.acquire(blocking=False):
            self._libpq.finish(self._connection)

    def _run(self, query: bytes) -> None:
        libpq, result = self._libpq, None
        try:
            if self._connection is None and not self._connect():
                return
            result = libpq.execute(self._connection, query)
            if libpq.result_status(result) != _TUPLES_OK or libpq.rows(result) != 1:
                return
            row: list[str | None] = [str(libpq.backend(self._connection))]
            for column in range(libpq.columns(result)):
                null = libpq.is_null(result, 0, column)
                row.append(None if null else libpq.value(result, 0, column).decode())
            self._row = row
        finally:
            libpq.clear(result)
            self._idle.release()
            if self._closed:
                self.close()

    def _connect(self) -> bool:
        began = time.perf_counter()
        names = [name.encode() for name in self._parameters]
        values = [value.encode() for value in self._parameters.values()]
        self._connection = self._libpq.connect(_texts(names), _texts(values), 0)
        connected = bool(self._libpq.status(self._connection) == _CONNECTION_OK)
        if connected:
            self.connect_seconds = time.perf_counter() - began
        return connected


class _Libpq:
    """The functions of libpq that a connection needs."""

    def __init__(self, library: str) -> None:
        self._handle = dlopen(library, 0)
        self.connect = self._function("PQconnectdbParams", _Pointer, _Pointer, _Pointer, _Int)
        self.status = self._function("PQstatus", _Int, _Pointer)
        self.backend = self._function("PQbackendPID", _Int, _Pointer)
        self.socket = self._function("PQsocket", _Int, _Pointer)
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
    """Return them as a C array that ends with a null pointer."""

    class Texts(Array):  # type: ignore[type-arg]  # as above
        _length_ = len(texts) + 1
        _type_ = _Text

    return Texts(*texts, None)
