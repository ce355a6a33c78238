"""What differs between two dumps, and is no difference between a schema and its models."""

from __future__ import annotations

import pytest

from migration_runner.workshop.dumps.comparison import compare
from tests.fixtures.dumps import Databases

_FUNCTION = "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'"
_NOISE = {
    "column order": ("CREATE TABLE t (a int, b text)", "CREATE TABLE t (b text, a int)"),
    "names after a table's rename": (
        "CREATE TABLE old (id serial PRIMARY KEY, n int NOT NULL);ALTER TABLE old RENAME TO new",
        "CREATE TABLE new (id serial PRIMARY KEY, n int NOT NULL)",
    ),
    "names after a rename, with an identity": (
        "CREATE TABLE old (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);"
        "ALTER TABLE old RENAME TO new; ALTER TABLE new RENAME id TO number",
        "CREATE TABLE new (number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
    ),
    "a primary key's name": (
        "CREATE TABLE t (a int CONSTRAINT pk_t PRIMARY KEY)",
        "CREATE TABLE t (a int PRIMARY KEY)",
    ),
    "names of constraints that the models do not name": (
        "CREATE TABLE t (a int CONSTRAINT uq_t UNIQUE CONSTRAINT ck_t CHECK (a > 0),"
        " b bigint CONSTRAINT fk_t REFERENCES orders)",
        "CREATE TABLE t (a int UNIQUE CHECK (a > 0), b bigint REFERENCES orders)",
    ),
    "NOT NULL with a name": (
        "CREATE TABLE t (a int CONSTRAINT filled NOT NULL)",
        "CREATE TABLE t (a int NOT NULL)",
    ),
    "a table that the models do not have": (
        "CREATE TYPE colour AS ENUM ('red');"
        "CREATE TABLE t (id serial PRIMARY KEY, c colour CHECK (c = 'red'), o bigint"
        " REFERENCES orders); CREATE INDEX ix ON t (c); COMMENT ON TABLE t IS 'ours'",
        "",
    ),
    "Alembic's table": ("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)", ""),
    "a mapped view": ("CREATE VIEW v AS SELECT 1 AS a", "CREATE TABLE v (a int PRIMARY KEY)"),
    "what only revisions make": (
        "CREATE EXTENSION citext; CREATE SCHEMA migration_runner;"
        "CREATE TABLE migration_runner.entries (id serial PRIMARY KEY);"
        f"{_FUNCTION}; CREATE TRIGGER t AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION t();"
        "COMMENT ON TRIGGER t ON orders IS 'x'; ALTER TABLE orders DISABLE TRIGGER t;"
        "CREATE VIEW v AS SELECT * FROM orders; CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;"
        "CREATE UNIQUE INDEX ix_m ON m (one);"
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY; ALTER TABLE orders FORCE ROW LEVEL SECURITY;"
        "CREATE POLICY p ON orders USING (true); CREATE STATISTICS s ON status, total FROM orders;"
        "CREATE DOMAIN d AS int CHECK (VALUE > 0); CREATE TYPE pair AS (a int);"
        "CREATE SEQUENCE numbers; CREATE COLLATION c (provider = libc, locale = 'C');"
        "CREATE RULE r AS ON DELETE TO orders DO ALSO (SELECT 1; SELECT 2);"
        "CREATE AGGREGATE g (int) (sfunc = int4pl, stype = int)",
        "",
    ),
    "an enum type that a function uses": (
        "CREATE TYPE colour AS ENUM ('red');"
        "CREATE FUNCTION f(colour) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "",
    ),
    "an enum type that only a function's body names": (
        "CREATE TYPE colour AS ENUM ('red');"
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS"
        " $$ SELECT 1 FROM enum_range(NULL::colour) $$",
        "",
    ),
    "partitions, and what they inherit": (
        "CREATE TABLE hits (n int PRIMARY KEY) PARTITION BY RANGE (n);"
        "CREATE INDEX ix_n ON hits (n);"
        "CREATE TABLE hits_1 PARTITION OF hits FOR VALUES FROM (1) TO (5);"
        "CREATE TABLE hits_2 PARTITION OF hits DEFAULT",
        "CREATE TABLE hits (n int PRIMARY KEY) PARTITION BY RANGE (n);"
        "CREATE INDEX ix_n ON hits (n)",
    ),
    "a sequence that a column owns, where the models only use it": (
        "CREATE SEQUENCE numbers; CREATE TABLE t (n int DEFAULT nextval('numbers'));"
        "ALTER SEQUENCE numbers OWNED BY t.n",
        "CREATE SEQUENCE numbers; CREATE TABLE t (n int DEFAULT nextval('numbers'))",
    ),
    "another way to write the same": (
        "CREATE VIEW v AS SELECT 1 AS one;"
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (note IN ('a', 'quickly'));"
        "CREATE INDEX ix ON orders USING btree (total ASC) WHERE (note IS NOT NULL)",
        "ALTER TABLE orders ADD CONSTRAINT c"
        " CHECK (((note = ANY (ARRAY['a', 'quickly']))));"
        "CREATE INDEX ix ON orders (total) WHERE note IS NOT NULL",
    ),
}


@pytest.mark.parametrize("kind", _NOISE)
def test_noise_is_no_difference(kind: str, dumps_databases: Databases) -> None:
    migrated, created = dumps_databases.clone(), dumps_databases.clone()
    schema, models = _NOISE[kind]
    migrated.run(schema)
    created.run(models)
    assert migrated.dump() != created.dump()

    assert [] == compare(migrated.schema(), created.schema())


def test_tables_can_be_left_out(dumps_databases: Databases) -> None:
    migrated, created = dumps_databases.clone(), dumps_databases.clone()
    created.run("CREATE SCHEMA stock; CREATE TABLE stock.items (n int UNIQUE)")
    created.run("CREATE INDEX ix ON orders (total); COMMENT ON TABLE customers IS 'x'")
    migrated.run("CREATE SCHEMA stock")

    ignored = {"stock.items", "orders", "customers"}
    assert [] == compare(migrated.schema(), created.schema(), ignored)
