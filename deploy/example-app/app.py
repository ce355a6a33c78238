"""An application that starts after the migrations, and says what is in the shop.

It stands for yours. It needs the schema: started too early, it would fail.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from http import HTTPStatus
from wsgiref.simple_server import make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import sqlalchemy as sa

from models import Customer, Order

_url = sa.make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")
_engine = sa.create_engine(_url, pool_pre_ping=True)


def count_rows() -> str:
    """Return how many customers and orders there are."""
    with _engine.connect() as connection:
        customers = connection.scalar(sa.select(sa.func.count()).select_from(Customer))
        orders = connection.scalar(sa.select(sa.func.count()).select_from(Order))
    return f"{customers} customers, {orders} orders\n"


def answer(_request: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer any request."""
    text = count_rows()
    start_response(f"{HTTPStatus.OK:d} OK", [("Content-Type", "text/plain")])
    return [text.encode()]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("The shop is open on port 8000:", count_rows(), end="", flush=True)
    make_server("", 8000, answer).serve_forever()
