"""What is said of what was seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_runner.workshop.checks import CHECKS, Group
from migration_runner.workshop.finding import Finding
from migration_runner.workshop.hazards.advice import advice_for
from migration_runner.workshop.hazards.judgement import judge
from migration_runner.workshop.hazards.squawk_rules import ASKED, OFF, check_of
from migration_runner.workshop.hazards.statement import Change, ChangeKind, Lock, Seen, Statement

_ACCESS = "ACCESS EXCLUSIVE"
_GROWS = "wait for a time that grows with the table."


def _statement(sql: str, seen: Seen, line: int = 1, error: str = "") -> Statement:
    return Statement("r1", "r1.py", line, sql, error=error, seen=seen)


def _say(seen: Seen, sql: str = "SELECT 1", **words: list[str]) -> list[tuple[str, str]]:
    found = judge([_statement(sql, seen)], major=18, **words)
    return [(each.check, each.message) for each in found]


@pytest.mark.parametrize(
    ("seen", "check", "message"),
    [
        (
            Seen((Lock("orders", _ACCESS),), rewritten=("orders",)),
            "table-rewrite",
            f"Rewrites orders with all indexes under ACCESS EXCLUSIVE: reads and writes {_GROWS}",
        ),
        (
            Seen((Lock("orders", "SHARE"),), indexed=("orders",)),
            "index-build-blocks-writes",
            f"Builds an index on orders under SHARE: writes {_GROWS}",
        ),
        (
            Seen((Lock("orders", "SHARE UPDATE EXCLUSIVE"),), scanned=("orders",)),
            None,
            "",
        ),
        (
            Seen(
                (
                    Lock("customers", "SHARE ROW EXCLUSIVE"),
                    Lock("orders", "SHARE ROW EXCLUSIVE"),
                ),
                foreign_keys=("orders",),
            ),
            "foreign-key-scan",
            "Checks a foreign key in all rows of orders, while customers and orders are locked in"
            f" SHARE ROW EXCLUSIVE mode: writes {_GROWS}",
        ),
        (
            Seen((Lock("a", _ACCESS, line=3),), scanned=("b",)),
            "scan-blocks-access",
            "Reads all rows of b, while a is locked in ACCESS EXCLUSIVE mode since line 3: reads"
            f" and writes {_GROWS}",
        ),
        (
            Seen((Lock("a", "ROW EXCLUSIVE"),), written=("a",)),
            "whole-table-write",
            "Changes rows all over a in one transaction: they stay locked until it commits, and"
            " other writes to them wait, for a time that grows with the table.",
        ),
        (
            Seen((Lock("a", _ACCESS),)),
            "short-lock",
            "Takes ACCESS EXCLUSIVE on a, until the revision commits.",
        ),
        (Seen((Lock("a", _ACCESS, line=1),)), None, ""),
        (Seen((Lock("a", "ROW EXCLUSIVE"),)), None, ""),
    ],
)
def test_a_finding_says_what_waits(seen: Seen, check: str | None, message: str) -> None:
    assert ([] if check is None else [(check, message)]) == _say(seen)


def test_one_cause_is_one_finding() -> None:
    seen = Seen(
        (Lock("a", _ACCESS),),
        scanned=("a",),
        indexed=("a",),
        changes=(Change(ChangeKind.COLUMN_ADDED, "a", "b"),),
    )
    assert ["adds-required-column"] == [check for check, _ in _say(seen)]


def test_a_loop_over_one_line_is_one_finding() -> None:
    seen = Seen((Lock("a", "SHARE"),), indexed=("a",))
    found = judge([_statement("CREATE INDEX ON a (b)", seen)] * 2, major=18)
    assert 1 == len(found)
    place = (found[0].revision, found[0].file, found[0].line)
    assert ("r1", Path("r1.py"), 1) == place


def test_what_a_revision_declares_is_silent() -> None:
    dropped = Seen(changes=(Change(ChangeKind.COLUMN_DROPPED, "a", "b"),))
    emptied = Seen(changes=(Change(ChangeKind.EMPTIED, "a"),))
    assert ["drops-column"] == [check for check, _ in _say(dropped)]
    assert [] == _say(dropped, breaking=["r1"])
    assert ["empties-table"] == [check for check, _ in _say(emptied, breaking=["r1"])]


def test_many_names_are_shortened() -> None:
    changes = tuple(Change(ChangeKind.DROPPED, name) for name in "abcde")
    [(_, message)] = _say(Seen(changes=changes))
    assert message.startswith("Drops a, b, c and 2 more, ")


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ("SELECT 1", ["index-if-not-exists"]),
        ("DROP INDEX CONCURRENTLY IF EXISTS other", ["index-if-not-exists"]),
        ("DROP INDEX CONCURRENTLY IF EXISTS i", []),
        ('drop index "i"', []),
    ],
)
def test_an_invalid_index_is_dropped_first(earlier: str, expected: list[str]) -> None:
    create = "CREATE INDEX CONCURRENTLY  IF  NOT EXISTS i ON a (b)"
    found = judge([_statement(earlier, Seen()), _statement(create, Seen(), 2)], major=18)
    assert expected == [each.check for each in found]


def test_an_error_of_any_other_kind_is_somebody_elses() -> None:
    assert [] == judge([_statement("SELECT a", Seen(), error="42703")], major=18)


def test_advice_fits_the_server() -> None:
    seen = Seen((Lock("a", _ACCESS),), scanned=("a",))
    statement = _statement("ALTER TABLE a ALTER b SET NOT NULL", seen)
    assert "CHECK" in advice_for("scan-blocks-access", statement, 17)
    assert "ADD CONSTRAINT ... NOT NULL" in advice_for("scan-blocks-access", statement, 18)


def test_every_check_has_advice() -> None:
    names = [name for name, check in CHECKS.items() if check.group is Group.HAZARD]
    own = [name for name in names if not name.startswith("squawk-")]
    statement = _statement("SELECT 1", Seen())
    assert [] == [name for name in own if not advice_for(name, statement, 18)]


def test_every_rule_of_squawk_that_is_asked_is_a_check() -> None:
    names = {name for name in CHECKS if name.startswith("squawk-")}
    assert {check_of(rule) for rule in ASKED} == names
    assert frozenset() == ASKED & OFF.keys()


def test_observed_checks_that_replace_a_rule_exist() -> None:
    replaced = [
        name.strip()
        for reason in OFF.values()
        if reason.startswith("observed")
        for name in reason.partition(":")[2].split(",")
    ]
    assert [] == [name for name in replaced if name not in CHECKS]


def test_a_finding_has_everything() -> None:
    [found] = judge(
        [_statement("DROP TABLE a", Seen(changes=(Change(ChangeKind.DROPPED, "a"),)))], major=18
    )
    assert (
        Finding(
            "drops-table",
            "Drops a, which a running release may still use.",
            "Drop it once no release uses it. If no release that is running uses it, declare"
            " breaks_before = the revision that such releases lack.",
            "r1",
            Path("r1.py"),
            1,
        )
        == found
    )
