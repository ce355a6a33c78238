"""Statements that cannot be observed: what is known of them."""

from __future__ import annotations

import pytest

from migration_runner.workshop.hazards.known import Known, known, may_be_wrapped

_WEAK = "SHARE UPDATE EXCLUSIVE"
_STRONG = "ACCESS EXCLUSIVE"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON ONLY Shop.orders (a)", Known("shop.orders", _WEAK)),
        ("create index concurrently if not exists i on orders (a)", Known("orders", _WEAK)),
        ("DROP INDEX CONCURRENTLY i", Known("", _WEAK)),
        ("REINDEX TABLE CONCURRENTLY orders", Known("orders", _WEAK)),
        ("REINDEX (CONCURRENTLY) TABLE orders", Known("", _WEAK)),
        ("ALTER TABLE a DETACH PARTITION b CONCURRENTLY", Known("a", _WEAK)),
        ("VACUUM (ANALYZE) orders", Known("", _WEAK)),
        ("VACUUM (FULL false) orders", Known("", _WEAK)),
        ("/* x */ VACUUM FULL VERBOSE orders", Known("orders", _STRONG, rewrites=True)),
        ("VACUUM (VERBOSE, FULL) orders", Known("orders", _STRONG, rewrites=True)),
        ("VACUUM FULL", Known("", _STRONG, rewrites=True)),
        ("CLUSTER", Known("", _STRONG, rewrites=True)),
        ("REINDEX DATABASE shop", Known("", _STRONG, reindexes=True)),
        ("ALTER TABLE a ADD COLUMN b int", None),
        ("SELECT 'CREATE INDEX CONCURRENTLY i ON a (b)'", None),
    ],
)
def test_what_is_known(sql: str, expected: Known | None) -> None:
    assert expected == known(sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER TABLE a ADD COLUMN b int", True),
        ("CREATE INDEX i ON a (b);", True),
        ("UPDATE a SET b = 1", True),
        ("CREATE INDEX CONCURRENTLY i ON a (b)", False),
        ("DO $$ BEGIN COMMIT; END $$", False),
        ("DO $$ BEGIN CALL p(); END $$", False),
        ("DO $$ BEGIN DROP TABLE a; END $$", True),
        ("CALL p()", False),
        ("CREATE DATABASE a", False),
        ("ALTER TABLE a ADD b int; ALTER TABLE a ADD c int", False),
    ],
)
def test_what_is_the_same_in_a_transaction(sql: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert expected == may_be_wrapped(sql)
