"""An application that starts after the migrations, and shows what it finds in the database.

It stands for yours, and knows no model: the revision, and how many rows each table has.
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
from alembic.runtime.migration import MigrationContext

PORT = 8000
_url = sa.make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")
_engine = sa.create_engine(_url, pool_pre_ping=True)


def describe_database() -> str:
    """Return the revision, and a line for each table."""
    with _engine.connect() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
        lines = [f"revision: {', '.join(heads) or 'none'}"]
        for table in sorted(sa.inspect(connection).get_table_names()):
            rows = connection.scalar(sa.select(sa.func.count()).select_from(sa.table(table)))
            lines.append(f"rows in {table}: {rows}")
    return "".join(f"{line}\n" for line in lines)


def answer(_request: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer any request."""
    text = describe_database()
    start_response(f"{HTTPStatus.OK:d} OK", [("Content-Type", "text/plain")])
    return [text.encode()]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server = make_server("", PORT, answer)
    print(describe_database(), f"listening on port {PORT}\n", sep="", end="", flush=True)
    server.serve_forever()
