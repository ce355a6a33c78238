"""Answers for people."""

from __future__ import annotations

from typing import Any

from migration_runner.report.tables import render_ledger, render_status

# A terminal in which nothing has to be wrapped.
WIDE = 200
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
    "edited": [],
    "run_lock": {"key": 7, "holder": None},
    "last_run": None,
    "ledger": [],
}


def test_the_ledger_has_a_line_for_each_row() -> None:
    stamp = {**ENTRY, "sequence": 8, "direction": "stamp", "revision": None, "build": None}
    stamp |= {"duration_seconds": None, "host": None, "message": None}

    header, first, second = render_ledger([stamp, ENTRY], WIDE).splitlines()

    assert "#  when (UTC)" == header[:13]
    assert ["8", "2026-10-01", "12:30:00", "stamp", "base", "shop@?"] == first.split()
    words = ["upgrade", "r2", "1.26", "s", "v7", "shop@pod-1", "orders"]
    assert ["7", "2026-10-01", "12:30:00", *words] == second.split()


def test_several_histories_name_their_version_tables() -> None:
    other = {**ENTRY, "version_table": "other"}

    for width in (WIDE, 80):
        text = render_ledger([ENTRY, other], width)

        assert "public.alembic_version" in text
        assert "public.other" in text
        assert "alembic_version" not in render_ledger([ENTRY], width)


def test_in_a_narrow_terminal_a_row_of_the_ledger_continues_in_the_next_line() -> None:
    long = {**ENTRY, "host": "orders-5f7d8c9b6d-x2x9q", "build": None, "message": "word " * 20}

    assert [
        "#  when (UTC)           what     revision  took",
        "7  2026-10-01 12:30:00  upgrade  r2        1.26 s",
        "    by: shop@orders-5f7d8c9b6d-x2x9q, message: word word word word word word",
        "    word word word word word word word word word word word word word word",
        "7  2026-10-01 12:30:00  upgrade  r2        1.26 s",
        "    build: v7, by: shop@pod-1, message: orders",
    ] == render_ledger([long, ENTRY], 80).splitlines()


def test_the_status_of_an_empty_database() -> None:
    assert [
        "image     r2 (2 revisions)",
        "database  base (shop, public.alembic_version, PostgreSQL 18.4)",
        "state     behind",
        "pending   2: r1, r2",
    ] == render_status({**IMAGE, **HISTORY}, WIDE).splitlines()


def test_everything_that_is_known_is_shown() -> None:
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

    lines = render_status(facts, WIDE).splitlines()

    assert "image     r2 (2 revisions, build v6)" == lines[0]
    assert "          only in the database: r3" in lines
    assert "run lock  migrate 3c4d pod-2 (pid 44)" in lines
    assert "last run  1a2b on pod-1, build v7, 2026-10-01T12:30" in lines
    assert ["", *render_ledger([ENTRY], WIDE).splitlines()] == lines[-3:]


def test_a_database_that_is_down_leaves_the_images_side() -> None:
    error = {"kind": "DatabaseUnavailable", "message": "Connection refused\n\tIs it running?"}

    assert [
        "image     r2 (2 revisions)",
        "database  unreachable: Connection refused",
        "          Is it running?",
    ] == render_status({**IMAGE, "error": error}, WIDE).splitlines()


def test_a_contradiction_is_shown_in_place_of_what_is_not_known() -> None:
    facts = {
        **IMAGE,
        **HISTORY,
        "database": {**HISTORY["database"], "heads": None},
        "relation": "contradictory",
        "pending": [],
        "contradiction": {"message": "The version table does not exist."},
    }

    assert [
        "image     r2 (2 revisions)",
        "database  unknown (shop, public.alembic_version, PostgreSQL 18.4)",
        "state     contradictory",
        "          The version table does not exist.",
    ] == render_status(facts, WIDE).splitlines()


def test_every_history_of_the_database_is_there() -> None:
    other = {**HISTORY, "database": {**HISTORY["database"], "version_table": "public.other"}}

    text = render_status({**IMAGE, **HISTORY, "further": [other]}, WIDE)

    assert text.index("public.alembic_version") < text.index("public.other")
    assert 2 == text.count("state     behind")


def test_a_long_list_is_cut() -> None:
    many = [f"r{number}" for number in range(8)]

    text = render_status({**IMAGE, **HISTORY, "pending": many}, WIDE)

    assert "pending   8: r0, r1, r2, r3, r4 and 3 more" in text


def test_a_narrow_terminal_wraps_the_status_behind_its_labels() -> None:
    many = [f"revision{number}" for number in range(8)]

    lines = render_status({**IMAGE, **HISTORY, "pending": many}, 40).splitlines()

    assert [
        "image     r2 (2 revisions)",
        "database  base (shop,",
        "          public.alembic_version,",
        "          PostgreSQL 18.4)",
        "state     behind",
        "pending   8: revision0, revision1,",
        "          revision2, revision3,",
        "          revision4 and 3 more",
    ] == lines


def test_one_revision_edited_ones_and_several_heads() -> None:
    image = {**IMAGE["image"], "revisions": 1, "error": "The history has 2 heads."}

    text = render_status({**HISTORY, "image": image, "edited": ["r1", "r2"]}, WIDE)

    assert "r2 (1 revision)" in text
    assert "          The history has 2 heads.\n" in text
    assert "edited    since they were applied: r1, r2" in text
