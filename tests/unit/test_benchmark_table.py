"""What the benchmarks make of their samples."""

from __future__ import annotations

import pytest

from benchmarks.measuring import Sample
from benchmarks.result import BEGIN, END, replace_result
from benchmarks.revisions import make_revisions, tables_of
from benchmarks.sections import Section
from benchmarks.table import ratios, render_section, render_summary, render_table


def _samples(*seconds: float) -> list[Sample]:
    return [Sample(each, cpu_seconds=0.004, peak_bytes=12_300_000) for each in seconds]


def _section() -> Section:
    section = Section("Nothing to do")
    section.samples = {
        "psql": _samples(0.010, 0.020, 0.010),
        "migrate": _samples(0.040, 0.050, 0.030),
        "slow": _samples(1.5, 2.5, 2),
    }
    return section


def test_a_ratio_is_of_the_same_round() -> None:
    assert [4, 2.5] == ratios(_samples(0.04, 0.05), _samples(0.01, 0.02))


def test_a_contestant_with_fewer_rounds_is_compared_in_those() -> None:
    assert [4] == ratios(_samples(0.04), _samples(0.01, 0.02))


@pytest.mark.parametrize("whose", ["own", "reference"])
def test_no_ratio_where_a_run_was_flawed(whose: str) -> None:
    good, bad = _samples(1), [Sample(2, flawed=True)]

    assert [] == (ratios(bad, good) if whose == "own" else ratios(good, bad))


def test_a_section_has_medians_spans_and_ratios() -> None:
    expected = """\
### Nothing to do

|  | ms | min to max | x psql | x migrate | CPU ms | peak MB |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| psql | 10.0 | 10.0 to 20.0 | 1.00 (1.00 to 1.00) | 0.33 (0.25 to 0.40) | 4.00 | 12.3 |
| migrate | 40.0 | 30.0 to 50.0 | 3.00 (2.50 to 4.00) | 1.00 (1.00 to 1.00) | 4.00 | 12.3 |
| slow | 2,000 | 1,500 to 2,500 | 150 (125 to 200) | 50.0 (37.5 to 66.7) | 4.00 | 12.3 |"""

    assert expected == render_section(_section())


def test_who_is_left_out_is_told_why() -> None:
    section = _section()
    section.leave_out("slow", "failed: a | b")

    last = render_section(section).splitlines()[-1]

    assert last.startswith("| slow |")
    assert last.endswith(r"| failed: a \| b |")


def test_remarks_that_differ_are_counted() -> None:
    section = Section("Herd")
    section.samples = {"tool": [Sample(1, remark=each) for each in ("a", "b", "a")]}

    assert render_section(section).endswith("| tool | 1,000 | 1,000 to 1,000 | a (2x); b (1x) |")


def test_the_summary_has_a_column_for_each_section() -> None:
    herd = Section("Herd")
    herd.samples = {"migrate": _samples(3), "slow": [Sample(9, flawed=True)]}

    assert render_summary([_section(), herd, Section("Empty")]) == (
        "|  | Nothing to do | Herd |\n"
        "| --- | ---: | ---: |\n"
        "| psql | 10.0 (1.00x) | - |\n"
        "| migrate | 40.0 (3.00x) | 3,000 |\n"
        "| slow | 2,000 (150x) | 9,000 * |"
    )


def test_a_table_leaves_empty_columns_out() -> None:
    assert "| a | c |\n| --- | ---: |\n| x | 3 |" == render_table(["a", "b", "c"], [["x", "", "3"]])


def test_no_further_round_for_who_failed_or_takes_long() -> None:
    section = _section()
    section.add("slow", Sample(61))
    section.leave_out("psql", "failed")

    assert section.is_through_with("slow")
    assert section.is_through_with("psql")
    assert not section.is_through_with("migrate")
    assert not section.is_through_with("new")


def test_the_result_is_replaced_in_its_page() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    assert f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n" == replace_result(page, "new")


def test_a_page_without_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="the page lacks"):
        replace_result("nothing", "new")


@pytest.mark.parametrize("count", [1, 3, 4, 10, 1_000])
def test_so_many_tables(count: int) -> None:
    made = [each for each in make_revisions(count) if each.sql.startswith("CREATE TABLE")]

    assert len(made) == tables_of(count)
