"""Answers for people."""

from __future__ import annotations

from typing import Any

from migration_runner.report.tables import render_ledger, render_status, render_table

ENTRY: dict[str, Any] = {
    "sequence": 7,
    "version_table_schema": "public",
    "version_table": "alembic_version",
    "direction": "upgrade",
    "revision": "r2",
    "message": "orders",
    "started_at": "2026-10-01T12:30:00.123456+00:00",
    "duration_seconds": 1.256,
    "build": "v7",
    "role": "shop",
    "host": "pod-1",
}
IMAGE: dict[str, Any] = {
    "image": {"build": None, "heads": ["r2"], "revisions": 2, "target": "head"},
    "database": None,
    "relation": None,
}
HISTORY: dict[str, Any] = {
    "database": {
        "name": "shop",
        "server_version": "18.4",
        "version_table": "public.alembic_version",
        "heads": [],
    },
    "relation": "behind",
    "pending": ["r1", "r2"],
    "unknown": [],
    "run_lock": {"key": 7, "holder": None},
    "last_run": None,
    "ledger": [],
}


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    lines = render_table(("a", "long header"), [("wide cell", "b"), ("c", "")]).splitlines()

    assert ["a          long header", "wide cell  b", "c"] == lines


def test_the_ledger_has_a_line_for_each_row() -> None:
    stamp = {**ENTRY, "sequence": 8, "direction": "stamp", "revision": None, "build": None}
    stamp |= {"duration_seconds": None, "host": None, "message": None}

    header, first, second = render_ledger([stamp, ENTRY]).splitlines()

    assert "#  when (UTC)" == header[:13]
    assert ["8", "2026-10-01", "12:30:00", "stamp", "base", "shop@?"] == first.split()
    words = ["upgrade", "r2", "1.26", "s", "v7", "shop@pod-1", "orders"]
    assert ["7", "2026-10-01", "12:30:00", *words] == second.split()


def test_several_histories_name_their_version_tables() -> None:
    text = render_ledger([ENTRY, {**ENTRY, "version_table": "other"}])

    assert "r2 (public.alembic_version)" in text
    assert "r2 (public.other)" in text
    assert "alembic_version" not in render_ledger([ENTRY])


def test_the_status_of_an_empty_database() -> None:
    assert [
        "image     r2 (2 revisions)",
        "database  base (shop, public.alembic_version, PostgreSQL 18.4)",
        "relation  behind",
        "pending   2: r1, r2",
    ] == render_status({**IMAGE, **HISTORY}).splitlines()


def test_everything_that_there_is_to_tell_is_told() -> None:
    last_run = {"run_id": "1a2b", "host": "pod-1", "build": "v7", "started_at": "2026-10-01T12:30"}
    facts = {
        **IMAGE,
        **HISTORY,
        "image": {**IMAGE["image"], "build": "v6"},
        "relation": "ahead",
        "pending": [],
        "unknown": ["r3"],
        "run_lock": {"key": 7, "holder": {"application_name": "migrate 3c4d pod-2", "pid": 44}},
        "last_run": last_run,
        "ledger": [ENTRY],
    }

    lines = render_status(facts).splitlines()

    assert "image     r2 (2 revisions, build v6)" == lines[0]
    assert "only in the database: r3" in lines
    assert "run lock  migrate 3c4d pod-2 (pid 44)" in lines
    assert "last run  1a2b on pod-1, build v7, 2026-10-01T12:30" in lines
    assert ["", *render_ledger([ENTRY]).splitlines()] == lines[-3:]


def test_a_database_that_is_down_leaves_the_images_side() -> None:
    error = {"kind": "DatabaseUnavailable", "message": "Nothing listens there."}

    assert [
        "image     r2 (2 revisions)",
        "database  unreachable: Nothing listens there.",
    ] == render_status({**IMAGE, "error": error}).splitlines()


def test_every_history_of_the_database_is_there() -> None:
    other = {**HISTORY, "database": {**HISTORY["database"], "version_table": "public.other"}}

    text = render_status({**IMAGE, **HISTORY, "further": [other]})

    assert text.index("public.alembic_version") < text.index("public.other")
    assert 2 == text.count("relation  behind")


def test_a_long_list_is_cut() -> None:
    many = [f"r{number}" for number in range(8)]

    text = render_status({**IMAGE, **HISTORY, "pending": many})

    assert "pending   8: r0, r1, r2, r3, r4 and 3 more" in text
