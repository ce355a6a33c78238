"""Calls that are not waited for longer than they may take."""

from __future__ import annotations

import contextlib
import contextvars
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import TypeVar

_Result = TypeVar("_Result")


def call_within(
    seconds: float, function: Callable[[], _Result], discard: Callable[[_Result], object]
) -> _Result:
    """Call `function` in a separate thread, and wait at most `seconds` for it.

    So the resolver, which hangs in C for many seconds if DNS is down, can neither exceed the limit
    nor delay signal handling; nor can the thread delay the end of the process. What arrives too
    late is `discard`ed. Raises `TimeoutError`, and what `function` raises.
    """
    pending: Future[_Result] = Future()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - passed to the waiting thread
            if not pending.cancelled():
                pending.set_exception(error)
            return
        try:
            pending.set_result(result)
        except InvalidStateError:
            discard(result)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="connect", daemon=True).start()
    try:
        return pending.result(seconds)
    except TimeoutError:
        if pending.cancel():
            message = f"connection timed out after {seconds:.1f} s"
            raise TimeoutError(message) from None
        return pending.result()
    except BaseException:
        pending.cancel()
        raise


def require_resolver(seconds: float, hosts: Sequence[str]) -> None:
    """Resolve `hosts`. Raises `TimeoutError` if that takes longer than `seconds`.

    An event loop resolves in a thread that the end of the loop, and of the process, would wait for.
    """

    def resolve() -> None:
        for host in hosts:
            # Unknown hosts are for the driver to report.
            with contextlib.suppress(OSError):
                socket.getaddrinfo(host, None)

    call_within(seconds, resolve, lambda _none: None)
