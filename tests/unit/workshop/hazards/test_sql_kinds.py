"""What a statement's text says, where there are no rows to be seen."""

from __future__ import annotations

import pytest

from migration_runner.workshop.hazards.sql_kinds import (
    controls,
    defines,
    plain_name,
    rows_used,
    truncates,
)


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("UPDATE orders SET a = 1", ["orders"]),
        ('UPDATE ONLY shop."Order" AS o SET a = 1', ["shop.Order"]),
        ("UPDATE orders SET a = 1 WHERE b IS NULL", ["orders"]),
        ("UPDATE orders SET a = 1 WHERE b <> 'x'", ["orders"]),
        ("UPDATE orders SET a = c.a FROM customers c WHERE c.id = orders.customer_id", ["orders"]),
        ("UPDATE orders SET a = (SELECT b FROM c WHERE c.id = 1)", ["orders"]),
        ("UPDATE orders SET a = 'b' -- WHERE id = 1", ["orders"]),
        ("DELETE FROM orders", ["orders"]),
        ("DELETE FROM orders USING c WHERE c.id = orders.id", ["orders"]),
        ("WITH gone AS (DELETE FROM orders RETURNING *) INSERT INTO old SELECT 1", ["orders"]),
        ("SELECT 1; DELETE FROM orders", ["orders"]),
        ("DO $$ BEGIN UPDATE orders SET a = 1; END $$", ["orders"]),
        ("DO 'BEGIN UPDATE orders SET a = 1; END'", ["orders"]),
        ("DO $x$ BEGIN LOOP UPDATE orders SET a = 1 WHERE id = n; END LOOP; END $x$", ["orders"]),
        ("UPDATE orders SET a = 1 WHERE id = 5", []),
        ("UPDATE orders SET a = 1 WHERE (b IS NULL AND c > 5)", []),
        ("UPDATE orders SET a = 1 WHERE id IN ('a', 'b')", []),
        ("UPDATE orders SET a = 1 WHERE id = ANY(ARRAY[1])", []),
        ("UPDATE orders SET a = 1 WHERE id IN (SELECT id FROM orders LIMIT 10)", []),
        ("UPDATE orders SET a = 1 WHERE at < date '2026-01-01'", []),
        ("UPDATE orders SET a = 1 WHERE id = CAST('x' AS uuid)", []),
        ("UPDATE orders SET a = 1 WHERE at < now() - interval '1 day'", []),
        ("UPDATE orders SET a = 1 WHERE id = coalesce(b, c)", ["orders"]),
        ("UPDATE orders SET a = 1 WHERE CURRENT OF c", []),
        ("DELETE FROM orders WHERE paid = false", []),
        ("INSERT INTO a VALUES (1) ON CONFLICT DO UPDATE SET b = 1", []),
        ("SELECT 'UPDATE orders SET a = 1'", []),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ UPDATE orders SET a = 1 $$", []),
        ("CREATE TRIGGER t BEFORE UPDATE ON orders EXECUTE FUNCTION f()", []),
        ("DO $$ BEGIN LOOP UPDATE orders SET a = 1 WHERE id = n; COMMIT; END LOOP; END $$", []),
        ("DO $$ BEGIN UPDATE orders SET a = 1 WHERE id = 7; END $$", []),
    ],
)
def test_unbounded_writes(sql: str, written: list[str]) -> None:
    assert written == [*rows_used(sql).written]


@pytest.mark.parametrize(
    ("sql", "copied"),
    [
        ("INSERT INTO old SELECT * FROM orders", ["orders"]),
        ("INSERT INTO old (a) SELECT a FROM shop.orders WHERE b IS NULL", ["shop.orders"]),
        ("INSERT INTO old SELECT * FROM orders WHERE id < 5", []),
        ("INSERT INTO old VALUES (1)", []),
        ("CREATE TEMP TABLE old AS SELECT * FROM orders", ["orders"]),
        ("CREATE MATERIALIZED VIEW old AS SELECT * FROM orders", ["orders"]),
        ("CREATE VIEW old AS SELECT * FROM orders", []),
        ("WITH a AS (SELECT * FROM orders) INSERT INTO old SELECT * FROM a", ["orders", "a"]),
    ],
)
def test_unbounded_copies(sql: str, copied: list[str]) -> None:
    assert copied == [*rows_used(sql).copied]


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT id, name FROM orders", ["orders"]),
        ("SELECT count(*) FROM ONLY orders WHERE a IS NULL", ["orders"]),
        ("SELECT id FROM orders LIMIT 10", []),
        ("SELECT id FROM orders WHERE id = 5", []),
        ("SELECT max(id) FROM orders", []),
        ("SELECT 1 FROM orders", []),
        ("SELECT EXISTS (SELECT 1 FROM orders)", []),
        ("UPDATE a SET b = (SELECT c FROM orders)", []),
        ("CREATE VIEW old AS SELECT * FROM orders", []),
    ],
)
def test_unbounded_reads(sql: str, read: list[str]) -> None:
    assert read == [*rows_used(sql).read]


@pytest.mark.parametrize(
    "sql", ["BEGIN", " /* x */ commit", "SAVEPOINT a", "SET LOCAL a = 1", "-- nothing", "SHOW a"]
)
def test_statements_about_the_session(sql: str) -> None:
    assert controls(sql)


def test_other_statements() -> None:
    assert not any(map(controls, ["SELECT 1", "SETTLE", "ALTER TABLE a SET (fillfactor = 9)"]))


def test_truncate_is_found_in_a_block_only_where_it_is_executed() -> None:
    found = [
        truncates(sql)
        for sql in ("TRUNCATE a", "DO $$ BEGIN TRUNCATE a; END $$", "SELECT 'TRUNCATE a'")
    ]
    assert [True, True, False] == found


def test_ddl_is_told_from_queries() -> None:
    assert [True, False] == [defines("/* x */ alter domain a add check (true)"), defines("SELECT")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Orders", "orders"), ('"Orders"', "Orders"), ('a . "b""c"', 'a.b"c'), ('"a.b".c', "a.b.c")],
)
def test_a_name_is_as_in_the_catalog(name: str, expected: str) -> None:
    assert expected == plain_name(name)
