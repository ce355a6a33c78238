"""A disturbed run is judged when the disturbance is over, whoever ends first."""

from __future__ import annotations

import threading
from typing import Final

from tests.fixtures.disturbance import Moment, Trigger
from tests.fixtures.proxy import Message, Proxy

_LAST: Final = Message("client", b"X", b"", "")


def test_a_fault_at_the_last_message_is_waited_for(proxy: Proxy) -> None:
    trigger = Trigger(proxy)
    begun = threading.Event()
    over = threading.Event()

    def fault() -> None:
        begun.set()
        while proxy.tap is not None:
            pass
        over.set()

    trigger.arm(Moment(1, meanwhile=False), fault)
    assert proxy.tap is not None
    message = threading.Thread(target=proxy.tap, args=[_LAST], daemon=True)
    message.start()
    assert begun.wait(60)

    trigger.disarm()

    assert over.is_set()
    message.join(60)


def test_a_message_that_comes_too_late_does_nothing(proxy: Proxy) -> None:
    trigger = Trigger(proxy)
    struck = threading.Event()
    trigger.arm(Moment(1, meanwhile=True), struck.set)
    tap = proxy.tap
    assert tap is not None

    trigger.disarm()
    tap(_LAST)

    assert not struck.is_set()
