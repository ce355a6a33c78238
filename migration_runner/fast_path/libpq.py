"""Queries over libpq itself: psycopg alone takes ten times as long to import; see `look`.

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


class Conversation:
    """A connection, and one question after the other, each in a thread of its own.

    Only so can neither a resolver nor a server that hangs keep the process.
    """

    def __init__(self, library: str, parameters: dict[str, str]) -> None:
        """Prepare one; it connects with the first question. Raises `OSError` without a library."""
        self._libpq = _Libpq(library)
        self._parameters = parameters
        self._connection: int | None = None
        self._row: list[str | None] | None = None
        self._left = False
        # Held while a question is under way, and for good by who closes the connection.
        self._idle = _thread.allocate_lock()
        # The seconds of the connecting.
        self.waited: float | None = None

    def ask(self, query: str) -> None:
        """Begin to ask; there is no answer to the question before that nobody has fetched."""
        self._idle.acquire()
        self._row = None
        _thread.start_new_thread(self._ask, (query.encode(),))

    def answer(self, seconds: float) -> list[str | None] | None:
        """Return the backend's number by the login, and the row; None where there is not one row.

        Raises `TimeoutError` where there is no answer within `seconds`, `OSError` where there is no
        connection.
        """
        if not self._idle.acquire(timeout=seconds):
            raise TimeoutError
        self._idle.release()
        if self.waited is None:
            raise OSError
        return self._row

    def detach(self) -> int:
        """Return the connection's descriptor, and leave it open."""
        self._idle.acquire()
        return int(self._libpq.socket(self._connection))

    def close(self) -> None:
        """Close the connection. Where an answer is still to come, its thread does that."""
        self._left = True
        if self._idle.acquire(blocking=False):
            self._libpq.finish(self._connection)

    def _ask(self, query: bytes) -> None:
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
            if self._left:
                self.close()

    def _connect(self) -> bool:
        began = time.perf_counter()
        names = [name.encode() for name in self._parameters]
        values = [value.encode() for value in self._parameters.values()]
        self._connection = self._libpq.connect(_texts(names), _texts(values), 0)
        connected = bool(self._libpq.status(self._connection) == _CONNECTION_OK)
        if connected:
            self.waited = time.perf_counter() - began
        return connected


class _Libpq:
    """The functions that a conversation needs."""

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
    """Return C's array of them, with a null pointer behind the last."""

    class Texts(Array):  # type: ignore[type-arg]  # as above
        _length_ = len(texts) + 1
        _type_ = _Text

    return Texts(*texts, None)
