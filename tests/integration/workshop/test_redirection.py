"""Whatever env.py connects to, a developer's command changes no database but its own."""

from __future__ import annotations

import json

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.workshop import Workshop

# As the connectors of cloud providers are used; the other one is a pool of the project's own.
ENV = """\
import os

import psycopg
import sqlalchemy
from alembic import context

from models import Base


def connect():
    return psycopg.connect(os.environ["APPLICATION_DATABASE"])


engine = sqlalchemy.create_engine("postgresql+psycopg://", {how})
{more}
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""


LISTENER = """
@sqlalchemy.event.listens_for(engine, "do_connect")
def connect_instead(dialect, record, arguments, words):
    return connect()
"""
OTHER_HOST = """
@sqlalchemy.event.listens_for(engine, "do_connect")
def lead_away(dialect, record, arguments, words):
    words.update(psycopg.conninfo.conninfo_to_dict(os.environ["APPLICATION_DATABASE"]))
"""


@pytest.mark.parametrize(
    ("how", "more"),
    [
        ("creator=connect", ""),
        ("pool=sqlalchemy.pool.QueuePool(connect)", ""),
        ("echo=False", LISTENER),
        ("echo=False", OTHER_HOST),
    ],
    ids=["creator", "pool", "listener that connects", "listener that names another"],
)
@pytest.mark.parametrize("words", [("verify", "--all"), ("check", "--deep")])
def test_an_engine_that_connects_by_itself_is_refused(
    workshop: Workshop, database: Database, how: str, more: str, words: tuple[str, ...]
) -> None:
    workshop.write("migrations/env.py", ENV.format(how=how, more=more))
    workshop.orders()
    with database.connect() as connection:
        connection.execute("CREATE TABLE orders (id bigint)")

    result = workshop.run(*words, APPLICATION_DATABASE=database.url)

    finished = json.loads(result.stderr.splitlines()[-1])
    assert (78, "engine_with_creator") == (result.exit_code, finished["error"]["reason"])
    assert [("orders",)] == database.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
