"""The protocol's cancel request, for drivers that have no function for it.

https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CANCELREQUEST
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Final

_REQUEST: Final = struct.Struct("!iiii")
_CODE: Final = 80877102
_SECONDS: Final = 1.0


def send_cancel_request(address: tuple[str, int] | str, pid: int, secret: int) -> None:
    """Ask the server at `address`, a host and port or a socket's path, to cancel a statement.

    Unencrypted: the server accepts that before any authentication. Raises `OSError`.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(address, str):
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.settimeout(_SECONDS)
            connection.connect(address)
        else:
            connection = stack.enter_context(socket.create_connection(address[:2], _SECONDS))
        connection.sendall(_REQUEST.pack(_REQUEST.size, _CODE, pid, secret))
        # The server closes the connection once it has sent the signal.
        connection.recv(1)
