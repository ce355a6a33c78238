"""The server's own words."""

from __future__ import annotations

from migration_runner.workshop.hazards.server_reasons import Reasons, read_reasons


def test_reasons_are_read_as_each_driver_has_them() -> None:
    found = read_reasons(
        [
            'DEBUG:  rewriting table "orders"\n',
            'verifying table "Odd "name""',
            'validating foreign key constraint "fk"',
            'building index "ix" on table "orders" serially',
            'building index "iy" on table "lines" with request for 2 parallel workers',
            'building index "pg_toast_1_index" on table "pg_toast_1" serially',
            'existing constraints on column "orders.a" are sufficient to prove that it does not'
            " contain nulls",
            "something else",
        ]
    )
    expected = Reasons(
        rewritten=frozenset({"orders"}),
        verified=frozenset({'Odd "name"'}),
        validated=frozenset({"fk"}),
        indexed=frozenset({"orders", "lines"}),
        texts=(
            'rewriting table "orders"',
            'verifying table "Odd "name""',
            'validating foreign key constraint "fk"',
            'building index "ix" on table "orders" serially',
            'building index "iy" on table "lines" with request for 2 parallel workers',
            'existing constraints on column "orders.a" are sufficient to prove that it does not'
            " contain nulls",
        ),
    )
    assert expected == found
