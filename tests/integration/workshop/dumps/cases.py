"""Differences between a migrated schema and its models, each with what is said about it.

Both begin with the shop's tables (`tests/fixtures/dumps.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Case:
    """SQL for the migrated schema, SQL for the models, and what is said; `back` is promised."""

    name: str
    schema: str
    models: str
    said: tuple[str, ...]
    back: bool = True


def _case(name: str, schema: str, models: str, *said: str, back: bool = True) -> Case:
    return Case(name, schema, models, said, back)


_MISSING: Final = "is missing in the history."
_ONLY: Final = "is only in the history; the models do not have it."
_TOTAL: Final = "ALTER TABLE orders ADD CONSTRAINT total_check CHECK"
_TAX: Final = "ALTER TABLE orders ADD tax numeric GENERATED ALWAYS AS"

CHECKS: Final = (
    _case(
        "check missing", "", f"{_TOTAL} (total > 0)",
        f"The check constraint total_check on orders {_MISSING}",
    ),
    _case(
        "check only in the schema", f"{_TOTAL} (total > 0)", "",
        f"The check constraint total_check on orders {_ONLY}",
    ),
    _case(
        "check changed", f"{_TOTAL} (total > 0)", f"{_TOTAL} (total >= 0)",
        "The check constraint total_check on orders is CHECK ((total >= (0)::numeric)) in the"
        " models, and CHECK ((total > (0)::numeric)) in the history.",
    ),
    _case(
        "check not validated", f"{_TOTAL} (total > 0) NOT VALID", f"{_TOTAL} (total > 0)",
        "The check constraint total_check on orders is validated in the models, and NOT VALID in"
        " the history.",
    ),
    _case(
        "check with another name", f"{_TOTAL} (total > 0)",
        "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0)",
        "The check constraint positive on orders is named total_check in the history.",
    ),
    _case(
        "foreign key missing", "",
        "ALTER TABLE orders ADD CONSTRAINT customer FOREIGN KEY (customer_id) REFERENCES customers",
        f"The foreign key customer on orders {_MISSING}",
    ),
    _case(
        "foreign key with another action",
        "ALTER TABLE orders ADD CONSTRAINT customer FOREIGN KEY (customer_id) REFERENCES customers",
        "ALTER TABLE orders ADD CONSTRAINT customer FOREIGN KEY (customer_id) REFERENCES customers"
        " ON DELETE CASCADE",
        "The foreign key customer on orders is FOREIGN KEY (customer_id) REFERENCES customers(id)"
        " ON DELETE CASCADE in the models, and FOREIGN KEY (customer_id) REFERENCES customers(id)"
        " in the history.",
    ),
    _case(
        "foreign key deferrable",
        "ALTER TABLE orders ADD CONSTRAINT customer FOREIGN KEY (customer_id) REFERENCES customers",
        "ALTER TABLE orders ADD CONSTRAINT customer FOREIGN KEY (customer_id) REFERENCES customers"
        " DEFERRABLE INITIALLY DEFERRED",
        "The foreign key customer on orders is FOREIGN KEY (customer_id) REFERENCES customers(id)"
        " DEFERRABLE INITIALLY DEFERRED in the models, and FOREIGN KEY (customer_id) REFERENCES"
        " customers(id) in the history.",
    ),
    _case(
        "unique constraint missing", "", "ALTER TABLE customers ADD UNIQUE (email)",
        f"The unique constraint customers_email_key on customers {_MISSING}",
    ),
    _case(
        "unique constraint with nulls",
        "ALTER TABLE customers ADD UNIQUE (email)",
        "ALTER TABLE customers ADD UNIQUE NULLS NOT DISTINCT (email)",
        "The unique constraint customers_email_key on customers is UNIQUE NULLS NOT DISTINCT"
        " (email) in the models, and UNIQUE (email) in the history.",
    ),
    _case(
        "unique index instead of a constraint",
        "ALTER TABLE customers ADD CONSTRAINT email UNIQUE (email)",
        "CREATE UNIQUE INDEX email ON customers (email)",
        f"The unique constraint email on customers {_ONLY}",
        f"The index email {_MISSING}",
    ),
    _case(
        "primary key of other columns",
        "CREATE TABLE pair (a int NOT NULL, b int NOT NULL, CONSTRAINT pk_pair PRIMARY KEY (a))",
        "CREATE TABLE pair (a int NOT NULL, b int NOT NULL, PRIMARY KEY (a, b))",
        "The primary key of pair is PRIMARY KEY (a, b) in the models, and PRIMARY KEY (a) in the"
        " history.",
    ),
    _case(
        "exclusion constraint missing", "",
        "ALTER TABLE orders ADD CONSTRAINT apart"
        " EXCLUDE USING gist (customer_id WITH =, during WITH &&)",
        f"The exclusion constraint apart on orders {_MISSING}",
    ),
    _case(
        "exclusion constraint changed",
        "ALTER TABLE orders ADD CONSTRAINT apart EXCLUDE USING gist (during WITH &&)",
        "ALTER TABLE orders ADD CONSTRAINT apart EXCLUDE USING gist (during WITH -|-)",
        "The exclusion constraint apart on orders is EXCLUDE USING gist (during WITH -|-) in the"
        " models, and EXCLUDE USING gist (during WITH &&) in the history.",
    ),
)  # fmt: skip

INDEXES: Final = (
    _case(
        "index missing", "", "CREATE INDEX ix_total ON orders (total)",
        f"The index ix_total {_MISSING}",
    ),
    _case(
        "index only in the schema", "CREATE INDEX ix_total ON orders (total)", "",
        f"The index ix_total {_ONLY}",
    ),
    _case(
        "index predicate missing", "CREATE INDEX ix_open ON orders (total)",
        "CREATE INDEX ix_open ON orders (total) WHERE note = 'open; really'",
        "The index ix_open has WHERE (note = 'open; really'::text) in the models, and has no"
        " condition in the history.",
    ),
    _case(
        "index predicate only in the schema",
        "CREATE INDEX ix_open ON orders (total) WHERE total > 0",
        "CREATE INDEX ix_open ON orders (total)",
        "The index ix_open has no condition in the models, and has WHERE (total > (0)::numeric) in"
        " the history.",
    ),
    _case(
        "index method", "CREATE INDEX ix_customer ON orders (customer_id)",
        "CREATE INDEX ix_customer ON orders USING hash (customer_id)",
        "The index ix_customer uses hash in the models, and uses btree in the history.",
    ),
    _case(
        "index operator class", "CREATE INDEX ix_note ON orders (note)",
        "CREATE INDEX ix_note ON orders (note text_pattern_ops)",
        "The index ix_note is on (note text_pattern_ops) in the models, and is on (note) in the"
        " history.",
    ),
    _case(
        "index of another method and operator class", "CREATE INDEX ix_note ON orders (note)",
        "CREATE INDEX ix_note ON orders USING gin (note gin_trgm_ops)",
        "The index ix_note uses gin in the models, and uses btree in the history; is on (note"
        " gin_trgm_ops) in the models, and is on (note) in the history.",
    ),
    _case(
        "index INCLUDE", "CREATE INDEX ix_total ON orders (total)",
        "CREATE INDEX ix_total ON orders (total) INCLUDE (note)",
        "The index ix_total has INCLUDE (note) in the models, and has no INCLUDE in the history.",
    ),
    _case(
        "index unique", "CREATE INDEX ix_total ON orders (total)",
        "CREATE UNIQUE INDEX ix_total ON orders (total)",
        "The index ix_total is unique in the models, and is not unique in the history.",
    ),
    _case(
        "index nulls not distinct", "CREATE UNIQUE INDEX ix_total ON orders (total)",
        "CREATE UNIQUE INDEX ix_total ON orders (total) NULLS NOT DISTINCT",
        "The index ix_total has NULLS NOT DISTINCT in the models, and has distinct nulls in the"
        " history.",
    ),
    _case(
        "index order", "CREATE INDEX ix_total ON orders (total)",
        "CREATE INDEX ix_total ON orders (total DESC NULLS LAST)",
        "The index ix_total is on (total DESC NULLS LAST) in the models, and is on (total) in the"
        " history.",
    ),
    _case(
        "index expression", "CREATE INDEX ix_note ON orders (lower(note))",
        "CREATE INDEX ix_note ON orders (upper(note))",
        "The index ix_note is on (upper(note)) in the models, and is on (lower(note)) in the"
        " history.",
    ),
    _case(
        "index options", "CREATE INDEX ix_total ON orders (total)",
        "CREATE INDEX ix_total ON orders (total) WITH (fillfactor = 70)",
        "The index ix_total has WITH (fillfactor='70') in the models, and has no WITH in the"
        " history.",
    ),
    _case(
        "index with another name", "CREATE INDEX total_idx ON orders (total)",
        "CREATE INDEX ix_total ON orders (total)",
        "The index ix_total is named total_idx in the history.",
    ),
    _case(
        "index and a column that it is on", "CREATE INDEX ix_old ON orders (note)",
        "ALTER TABLE orders DROP note; ALTER TABLE orders ADD remark text;"
        " CREATE INDEX ix_remark ON orders (remark)",
        f"The index ix_old {_ONLY}",
        f"The column orders.remark {_MISSING}",
        f"The index ix_remark {_MISSING}",
        f"The column orders.note {_ONLY}",
    ),
)  # fmt: skip

COLUMNS: Final = (
    _case(
        "generated expression", f"{_TAX} (total * 0.2) STORED", f"{_TAX} (total * 0.19) STORED",
        "The column orders.tax has GENERATED ALWAYS AS ((total * 0.19)) in the models, and"
        " GENERATED ALWAYS AS ((total * 0.2)) in the history.",
    ),
    _case(
        "virtual generated expression", f"{_TAX} (total * 0.2) VIRTUAL", f"{_TAX} (total) VIRTUAL",
        "The column orders.tax has GENERATED ALWAYS AS (total) in the models, and GENERATED ALWAYS"
        " AS ((total * 0.2)) in the history.",
    ),
    _case(
        "stored instead of virtual", f"{_TAX} (total * 2) VIRTUAL", f"{_TAX} (total * 2) STORED",
        "The column orders.tax is stored in the models, and virtual in the history.",
    ),
    _case(
        "generated only in the models", "ALTER TABLE orders ADD tax numeric", f"{_TAX} (1) STORED",
        "The column orders.tax has GENERATED ALWAYS AS (1) in the models, and no generated value in"
        " the history.",
    ),
    _case(
        "generated only in the schema", f"{_TAX} (1) STORED", "ALTER TABLE orders ADD tax numeric",
        "The column orders.tax has no generated value in the models, and GENERATED ALWAYS AS (1) in"
        " the history.",
    ),
    _case(
        "column missing", "", "ALTER TABLE orders ADD weight int DEFAULT 3 NOT NULL",
        f"The column orders.weight {_MISSING}",
    ),
    _case(
        "type, with a default", "ALTER TABLE orders ADD weight int DEFAULT 3",
        "ALTER TABLE orders ADD weight text DEFAULT 'x'",
        "The column orders.weight has the type text in the models, and the type integer in the"
        " history; has DEFAULT 'x'::text in the models, and DEFAULT 3 in the history.",
    ),
    _case(
        "an array's item type", "ALTER TABLE orders ADD tags varchar(10)[]",
        "ALTER TABLE orders ADD tags text[]",
        "The column orders.tags has the type text[] in the models, and the type character"
        " varying(10)[] in the history.",
    ),
    _case(
        "default", "ALTER TABLE orders ALTER total SET DEFAULT 1",
        "ALTER TABLE orders ALTER total SET DEFAULT 2",
        "The column orders.total has DEFAULT 2 in the models, and DEFAULT 1 in the history.",
    ),
    _case(
        "default only in the schema", "ALTER TABLE orders ALTER created SET DEFAULT now()", "",
        "The column orders.created has no default in the models, and DEFAULT now() in the"
        " history.",
    ),
    _case(
        "nullable", "ALTER TABLE orders ALTER note SET NOT NULL", "",
        "The column orders.note is nullable in the models, and NOT NULL in the history.",
    ),
    _case(
        "collation", "", 'ALTER TABLE orders ALTER note TYPE text COLLATE "C"',
        'The column orders.note has the collation pg_catalog."C" in the models, and the default'
        " collation in the history.",
    ),
    _case(
        "storage", "", "ALTER TABLE orders ALTER note SET STORAGE EXTERNAL",
        "The column orders.note has STORAGE EXTERNAL in the models, and the default storage in the"
        " history.",
    ),
    _case(
        "compression", "ALTER TABLE orders ALTER note SET COMPRESSION pglz", "",
        "The column orders.note has the default compression in the models, and COMPRESSION pglz in"
        " the history.",
    ),
    _case(
        "statistics target", "", "ALTER TABLE orders ALTER note SET STATISTICS 500",
        "The column orders.note has STATISTICS 500 in the models, and the default statistics"
        " target in the history.",
    ),
    _case(
        "column's settings", "ALTER TABLE orders ALTER note SET (n_distinct = 5)",
        "ALTER TABLE orders ALTER note SET (n_distinct_inherited = 7)",
        "The column orders.note has SET (n_distinct_inherited=7) in the models, and SET"
        " (n_distinct=5) in the history.",
    ),
    _case(
        "column with strange names", 'CREATE TABLE "Odd; name" ("a, b" int)',
        'CREATE TABLE "Odd; name" ("a, b" int DEFAULT 3 CONSTRAINT "(x" CHECK ("a, b" > 0))',
        'The column "Odd; name".a, b has DEFAULT 3 in the models, and no default in the history.',
        'The check constraint (x on "Odd; name" is missing in the history.',
    ),
)  # fmt: skip

SEQUENCES: Final = (
    _case(
        "serial to identity",
        "CREATE TABLE bills (id serial PRIMARY KEY); INSERT INTO bills DEFAULT VALUES",
        "CREATE TABLE bills (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
        f"The sequence of bills.id {_ONLY}",
        "The column bills.id has GENERATED ALWAYS AS IDENTITY in the models, and no identity in the"
        " history.",
    ),
    _case(
        "identity missing", "", "ALTER TABLE orders ALTER id ADD GENERATED BY DEFAULT AS IDENTITY",
        "The column orders.id has GENERATED BY DEFAULT AS IDENTITY in the models, and no identity"
        " in the history.",
    ),
    _case(
        "identity of another kind",
        "ALTER TABLE orders ALTER id ADD GENERATED BY DEFAULT AS IDENTITY",
        "ALTER TABLE orders ALTER id ADD GENERATED ALWAYS AS IDENTITY",
        "The column orders.id has GENERATED ALWAYS AS IDENTITY in the models, and GENERATED BY"
        " DEFAULT AS IDENTITY in the history.",
    ),
    _case(
        "identity's options", "ALTER TABLE orders ALTER id ADD GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE orders ALTER id ADD GENERATED ALWAYS AS IDENTITY"
        " (START 100 INCREMENT 5 MAXVALUE 9000 CYCLE)",
        "The column orders.id has an identity sequence with START WITH 100 INCREMENT BY 5 NO"
        " MINVALUE MAXVALUE 9000 CACHE 1 CYCLE in the models, and an identity sequence with START"
        " WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1 in the history.",
    ),
    _case(
        "serial missing", "ALTER TABLE orders ADD number int NOT NULL DEFAULT 1",
        "ALTER TABLE orders ADD number serial",
        "The column orders.number has no default in the models, and DEFAULT 1 in the history.",
        f"The sequence of orders.number {_MISSING}",
    ),
    _case(
        "sequence missing", "", "CREATE SEQUENCE numbers INCREMENT 10",
        f"The sequence numbers {_MISSING}",
    ),
    _case(
        "sequence's options", "CREATE SEQUENCE numbers", "CREATE SEQUENCE numbers AS int CACHE 20",
        "The sequence numbers is AS integer START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE"
        " CACHE 20 in the models, and START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1"
        " in the history.",
    ),
    _case(
        "sequence as a default", "", "CREATE SEQUENCE numbers;"
        " ALTER TABLE orders ADD number int DEFAULT nextval('numbers')",
        f"The sequence numbers {_MISSING}",
        f"The column orders.number {_MISSING}",
    ),
)  # fmt: skip

TYPES: Final = (
    _case(
        "enum value at the end", "", "ALTER TYPE status ADD VALUE 'late'",
        "The enum type status has the values 'open', 'closed', 'late' in the models, and 'open',"
        " 'closed' in the history.",
        back=False,
    ),
    _case(
        "enum values in several places", "", "ALTER TYPE status ADD VALUE 'new' BEFORE 'open';"
        " ALTER TYPE status ADD VALUE 'it''s late' AFTER 'open';"
        " ALTER TYPE status ADD VALUE 'later' AFTER 'it''s late';",
        "The enum type status has the values 'new', 'open', 'it''s late', 'later', 'closed' in the"
        " models, and 'open', 'closed' in the history.",
        back=False,
    ),
    _case(
        "enum type left behind", "CREATE TYPE colour AS ENUM ('red', 'green')", "",
        "The enum type colour is used by no column, and the models do not have it.",
    ),
    _case(
        "enum type of a new column", "",
        "CREATE TYPE colour AS ENUM ('red'); ALTER TABLE orders ADD colour colour",
        f"The enum type colour {_MISSING}",
        f"The column orders.colour {_MISSING}",
    ),
    _case(
        "enum type of a column that is dropped",
        "CREATE TYPE colour AS ENUM ('red'); ALTER TABLE orders ADD colour colour", "",
        f"The column orders.colour {_ONLY}",
        "The enum type colour is used by no column, and the models do not have it.",
    ),
    _case(
        "domain's check", "CREATE DOMAIN posint AS int CONSTRAINT positive CHECK (VALUE > 0)",
        "CREATE DOMAIN posint AS int CONSTRAINT positive CHECK (VALUE >= 0)",
        "The check constraint positive on posint is CHECK ((VALUE >= 0)) in the models, and CHECK"
        " ((VALUE > 0)) in the history.",
    ),
    _case(
        "domain's default", "CREATE DOMAIN posint AS int DEFAULT 1 NOT NULL",
        "CREATE DOMAIN posint AS int",
        "The domain posint is integer in the models, and integer NOT NULL DEFAULT 1 in the"
        " history.",
    ),
)  # fmt: skip

TABLES: Final = (
    _case(
        "table missing", "",
        "CREATE TABLE bills (id serial PRIMARY KEY, order_id bigint REFERENCES orders, paid bool"
        " DEFAULT false NOT NULL, CHECK (id > 0)); CREATE INDEX ix_paid ON bills (paid);"
        " COMMENT ON COLUMN bills.paid IS 'in full'",
        f"The table bills {_MISSING}",
        f"The foreign key bills_order_id_fkey on bills {_MISSING}",
    ),
    _case(
        "unlogged", "CREATE UNLOGGED TABLE hits (n int)", "CREATE TABLE hits (n int)",
        "The table hits is TABLE in the models, and UNLOGGED TABLE in the history.",
    ),
    _case(
        "storage parameters", "CREATE TABLE hits (n int) WITH (fillfactor = 70)",
        "CREATE TABLE hits (n int) WITH (autovacuum_enabled = false)",
        "The table hits is TABLE WITH (autovacuum_enabled='false') in the models, and TABLE WITH"
        " (fillfactor='70') in the history.",
    ),
    _case(
        "index on a partitioned table",
        "CREATE TABLE hits (n int) PARTITION BY RANGE (n);"
        " CREATE TABLE hits_1 PARTITION OF hits DEFAULT",
        "CREATE TABLE hits (n int) PARTITION BY RANGE (n); CREATE INDEX ix_n ON hits (n)",
        f"The index ix_n {_MISSING}",
    ),
    _case(
        "in another schema", "CREATE SCHEMA stock; CREATE TABLE stock.items (n int)",
        "CREATE SCHEMA stock; CREATE TABLE stock.items (n int CONSTRAINT few CHECK (n < 9))",
        f"The check constraint few on stock.items {_MISSING}",
    ),
)  # fmt: skip

OTHERS: Final = (
    _case(
        "comment on a table", "", "COMMENT ON TABLE orders IS 'it''s; --'",
        f"The comment on the table orders {_MISSING}",
    ),
    _case(
        "comment on a column changed", "COMMENT ON COLUMN orders.note IS 'a'",
        "COMMENT ON COLUMN orders.note IS 'b'",
        "The comment on orders.note is another text in the models than in the history.",
    ),
    _case(
        "comment on a column only in the schema", "COMMENT ON COLUMN orders.note IS 'a'", "",
        f"The comment on orders.note {_ONLY}",
    ),
    _case(
        "function of the models", "", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1;'",
        f"The function f() {_MISSING}",
    ),
    _case(
        "function changed", "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1;'",
        "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 2;'",
        "The function f(a integer) has another definition in the models than in the history.",
    ),
    _case(
        "view changed", "CREATE VIEW v AS SELECT id FROM orders",
        "CREATE VIEW v AS SELECT id FROM orders WHERE id > 3",
        "The view v has another definition in the models than in the history.",
    ),
    _case(
        "trigger of the models",
        "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'",
        "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';"
        " CREATE TRIGGER before BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION t()",
        f"The trigger before on orders {_MISSING}",
    ),
    _case(
        "policy changed", "CREATE POLICY own ON orders USING (total > 0)",
        "CREATE POLICY own ON orders USING (total > 1)",
        "The policy own on orders is CREATE POLICY own ON orders USING ((total > (1)::numeric)) in"
        " the models, and CREATE POLICY own ON orders USING ((total > (0)::numeric)) in the"
        " history.",
    ),
    _case(
        "row security", "", "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        f"Row security of orders {_MISSING}",
    ),
    _case(
        "extension of the models", "", "CREATE EXTENSION citext;"
        " ALTER TABLE customers ADD nick citext",
        f"The extension citext {_MISSING}",
        f"The column customers.nick {_MISSING}",
    ),
)  # fmt: skip

CASES: Final = (*CHECKS, *INDEXES, *COLUMNS, *SEQUENCES, *TYPES, *TABLES, *OTHERS)
