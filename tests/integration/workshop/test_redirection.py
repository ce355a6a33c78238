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
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.mark.parametrize(
    "how", ["creator=connect", "pool=sqlalchemy.pool.QueuePool(connect)"], ids=["creator", "pool"]
)
@pytest.mark.parametrize("words", [("verify", "--all"), ("check", "--deep")])
def test_an_engine_that_connects_by_itself_is_refused(
    workshop: Workshop, database: Database, how: str, words: tuple[str, ...]
) -> None:
    workshop.write("migrations/env.py", ENV.format(how=how))
    workshop.orders()
    with database.connect() as connection:
        connection.execute("CREATE TABLE orders (id bigint)")

    result = workshop.run(*words, APPLICATION_DATABASE=database.url)

    finished = json.loads(result.stderr.splitlines()[-1])
    assert (78, "engine_with_creator") == (result.exit_code, finished["error"]["reason"])
    assert [("orders",)] == database.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
