"""The models' schema in an empty database, with what only revisions make."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import sqlalchemy
from sqlalchemy import CheckConstraint, Column, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import UserDefinedType

from migration_runner.errors import HistoryError
from migration_runner.workshop.databases import url_of
from migration_runner.workshop.dumps.comparison import compare
from migration_runner.workshop.dumps.difference import SchemaDifference
from migration_runner.workshop.dumps.models_schema import create_models
from migration_runner.workshop.dumps.parsing import parse
from tests.fixtures.dumps import Database, Databases


class Named(UserDefinedType[str]):
    """A type of the server's, by its name."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_kw: object) -> str:
        """Return what CREATE TABLE takes."""
        return self.name


def _url(database: Database, driver: str) -> str:
    url = url_of(database.cluster.parameters(database.name))
    return url.replace("postgresql:", f"postgresql+{driver}:")


def _created(
    databases: Databases, migrated: str, metadata: MetaData | Sequence[MetaData]
) -> tuple[Database, Database]:
    """Return a migrated database, and one that the models' tables were made in."""
    first, second = databases.empty(), databases.empty()
    first.run(migrated)
    engine = sqlalchemy.create_engine(_url(second, "psycopg"))
    try:
        create_models(engine, metadata, first.schema())
    finally:
        engine.dispose()
    return first, second


def _differences(
    databases: Databases, migrated: str, metadata: MetaData | Sequence[MetaData]
) -> list[SchemaDifference]:
    first, second = _created(databases, migrated, metadata)
    return compare(first.schema(), second.schema())


_NEEDED: dict[str, tuple[str, list[SchemaItem]]] = {
    "a function as a default": (
        "CREATE FUNCTION tag() RETURNS text LANGUAGE sql AS 'SELECT ''100 %''';"
        "CREATE TABLE t (a text DEFAULT tag(), b text DEFAULT '5 %')",
        [
            Column("a", Text, server_default=text("tag()")),
            Column("b", Text, server_default="5 %"),
        ],
    ),
    "a function that uses the table": (
        "CREATE FUNCTION amount() RETURNS bigint LANGUAGE sql RETURN 1;"
        "CREATE TABLE t (a bigint DEFAULT amount());"
        "CREATE OR REPLACE FUNCTION amount() RETURNS bigint LANGUAGE sql AS"
        " 'SELECT count(*) FROM t'",
        [Column("a", sqlalchemy.BigInteger, server_default=text("amount()"))],
    ),
    "a sequence": (
        "CREATE SEQUENCE numbers START 7; CREATE TABLE t (a int DEFAULT nextval('numbers'))",
        [Column("a", Integer, server_default=text("nextval('numbers')"))],
    ),
    "an extension's type and operator class": (
        "CREATE EXTENSION citext; CREATE EXTENSION pg_trgm;"
        "CREATE TABLE t (a citext); CREATE INDEX ix ON t USING gin (a gin_trgm_ops)",
        [
            Column("a", Named("citext")),
            Index("ix", "a", postgresql_using="gin", postgresql_ops={"a": "gin_trgm_ops"}),
        ],
    ),
    "a domain with a check": (
        "CREATE DOMAIN posint AS int CHECK (VALUE > 0); CREATE TABLE t (a posint)",
        [Column("a", Named("posint"))],
    ),
    "a domain of an enum": (
        "CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN my_mood AS mood;"
        "CREATE TABLE t (a my_mood, b mood)",
        [Column("a", Named("my_mood")), Column("b", Named("mood"))],
    ),
    "an enum that the models do not make": (
        "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE t (a mood)",
        [Column("a", postgresql.ENUM("sad", "glad", name="mood", create_type=False))],
    ),
    "a composite type": (
        "CREATE TYPE pair AS (a int, b text); CREATE TABLE t (a pair)",
        [Column("a", Named("pair"))],
    ),
    "a collation": (
        "CREATE COLLATION plain (provider = libc, locale = 'C');"
        "CREATE TABLE t (a text COLLATE plain)",
        [Column("a", Text(collation="plain"))],
    ),
    "a function in a check": (
        "CREATE FUNCTION good(text) RETURNS bool IMMUTABLE LANGUAGE sql RETURN true;"
        "CREATE TABLE t (a text, CONSTRAINT ok CHECK (good(a)))",
        [Column("a", Text), CheckConstraint("good(a)", name="ok")],
    ),
}


@pytest.mark.parametrize("kind", _NEEDED)
def test_what_models_need_comes_from_the_migrated_schema(
    kind: str, dumps_databases: Databases
) -> None:
    migrated, items = _NEEDED[kind]
    metadata = MetaData()
    Table("t", metadata, *items)

    assert [] == _differences(dumps_databases, migrated, metadata)


def test_a_schema_is_made_also_if_only_the_models_have_it(dumps_databases: Databases) -> None:
    metadata = MetaData()
    Table("t", metadata, Column("a", Integer), schema="old")
    Table("u", metadata, Column("a", Integer), schema="late")

    found = _differences(dumps_databases, "CREATE SCHEMA old; CREATE TABLE old.t (a int)", metadata)

    said = [
        "The schema late is missing in the history.",
        "The table late.u is missing in the history.",
    ]
    assert said == [each.sentence for each in found]


def test_an_enum_of_the_models_keeps_their_values_although_a_function_needs_it(
    dumps_databases: Databases,
) -> None:
    metadata = MetaData()
    mood = sqlalchemy.Enum("sad", "glad", name="mood")
    Table("t", metadata, Column("a", mood, server_default=text("usual()")))

    found = _differences(
        dumps_databases,
        "CREATE TYPE mood AS ENUM ('sad');"
        "CREATE FUNCTION usual() RETURNS mood LANGUAGE sql AS 'SELECT ''sad''::mood';"
        "CREATE TABLE t (a mood DEFAULT usual())",
        metadata,
    )

    said = (
        "The enum type mood has the values 'sad', 'glad' in the models, and 'sad' in the history."
    )
    assert [said] == [each.sentence for each in found]


def test_what_the_models_make_themselves_is_theirs(dumps_databases: Databases) -> None:
    metadata = MetaData()
    Table("t", metadata, Column("a", Text), schema="stock")
    for statement in (
        "CREATE SCHEMA stock",
        "CREATE EXTENSION pg_trgm",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
    ):
        ddl = sqlalchemy.DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy's
        sqlalchemy.event.listen(metadata, "before_create", ddl)

    found = _differences(
        dumps_databases,
        "CREATE SCHEMA stock; CREATE EXTENSION pg_trgm; CREATE TABLE stock.t (a text);"
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        metadata,
    )

    said = "The function f() has another definition in the models than in the history."
    assert [said] == [each.sentence for each in found]


def test_several_metadatas_are_one_schema(dumps_databases: Databases) -> None:
    metadatas = [MetaData(), MetaData()]
    mood = sqlalchemy.Enum("sad", name="mood")
    for number, metadata in enumerate(metadatas):
        Table(f"t{number}", metadata, Column("a", mood))

    migrated = (
        "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t0 (a mood); CREATE TABLE t1 (a mood)"
    )
    assert [] == _differences(dumps_databases, migrated, metadatas)


def test_a_foreign_key_to_a_table_of_another_metadata(dumps_databases: Databases) -> None:
    first, second = MetaData(), MetaData()
    users = Table("users", second, Column("id", Integer, primary_key=True))
    Table("posts", first, Column("user_id", sqlalchemy.ForeignKey(users.c.id)))

    made = (
        "CREATE TABLE users (id serial PRIMARY KEY);"
        "CREATE TABLE posts (user_id int REFERENCES users)"
    )
    assert [] == _differences(dumps_databases, made, [first, second])
    assert [] == _differences(dumps_databases, made, [second, first])


def test_two_tables_of_one_name_are_refused(dumps_databases: Databases) -> None:
    metadatas = [MetaData(), MetaData()]
    for metadata in metadatas:
        Table("t", metadata, Column("a", Integer))

    with pytest.raises(HistoryError, match="a table of the same name: t"):
        _created(dumps_databases, "", metadatas)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([Column("a", Named("nothing"))], 'at CREATE TABLE t: type "nothing" does not exist'),
        ([Column("a", Integer, server_default=text("f()"))], r"CREATE TABLE t: function f\(\)"),
        (
            [Column("a", Integer, sqlalchemy.ForeignKey("elsewhere.id"))],
            "could not find table 'elsewhere'",
        ),
    ],
)
def test_what_nobody_makes_is_named_with_the_table(
    items: list[sqlalchemy.Column[object]], message: str, dumps_databases: Databases
) -> None:
    metadata = MetaData()
    Table("t", metadata, *items)

    with pytest.raises(HistoryError, match=message):
        _created(dumps_databases, "CREATE TABLE t (a int)", metadata)


def test_a_transaction_that_is_open_is_the_callers(dumps_databases: Databases) -> None:
    metadata = MetaData()
    Table("t", metadata, Column("a", Named("mood")))
    migrated = parse("CREATE TYPE public.mood AS ENUM ('sad');")
    database = dumps_databases.empty()
    engine = sqlalchemy.create_engine(_url(database, "psycopg2"))

    with engine.connect() as connection, connection.begin():
        create_models(connection, metadata, migrated)
        assert frozenset() == database.schema().tables()
    engine.dispose()

    assert {("public", "t")} == database.schema().tables()
