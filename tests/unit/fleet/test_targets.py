"""Targets are read from any text: all of them, or one error that says where, and has no secret."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migration_runner.errors import ConfigError
from migration_runner.fleet.targets import Target, make_targets, parse_targets
from tests.fixtures.databases import CANARY

ENCODED = quote(CANARY, safe="")
URL = f"postgresql://migrator:{ENCODED}@db1:5432/acme"
# A word that every spelling of the password has.
SECRET = "canary"


def _facts(target: Target) -> tuple[Any, ...]:
    return target.name, target.url, target.schema, target.x, target.labels


def _error(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_targets(text, "targets.txt")
    assert "invalid_targets" == caught.value.facts["reason"]
    return caught.value


def _message(text: str) -> str:
    return _error(text).message


LINES = f"""\
# The canary first.
acme   {URL}   ring=canary region=eu

  bolt schema=bolt
crate\tx=tenant=crate\tx=verbose  region=eu
{URL.replace("acme", "delta")}
schema=echo
fox url=postgresql://db2/fox docs=https://example.com/fox
"""
TARGETS = [
    ("acme", URL, "", (), {"ring=canary", "region=eu"}),
    ("bolt", "", "bolt", (), set[str]()),
    ("crate", "", "", ("tenant=crate", "verbose"), {"region=eu"}),
    ("delta", URL.replace("acme", "delta"), "", (), set[str]()),
    ("echo", "", "echo", (), set[str]()),
    ("fox", "postgresql://db2/fox", "", (), {"docs=https://example.com/fox"}),
]
OBJECTS = [
    {"name": name, "url": url or None, "schema": schema, "x": list(x), "labels": sorted(labels)}
    for name, url, schema, x, labels in TARGETS
]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LINES, id="lines"),
        pytest.param(LINES.replace("\n", "\r\n"), id="crlf"),
        pytest.param("\ufeff" + LINES, id="bom"),
        pytest.param(LINES.rstrip("\n"), id="no-end"),
        pytest.param(json.dumps(OBJECTS), id="list"),
        pytest.param("\ufeff\n" + json.dumps(OBJECTS, indent=2), id="indented-list"),
        pytest.param("\n".join(map(json.dumps, OBJECTS)), id="json-lines"),
        pytest.param("\r\n# JSON\r\n" + "\r\n".join(map(json.dumps, OBJECTS)), id="json-crlf"),
    ],
)
def test_each_form_says_the_same(text: str) -> None:
    """Lines, a list, and an object in each line."""
    found = parse_targets(text, "targets.txt")
    assert TARGETS == [_facts(target) for target in found]
    assert CANARY == (found[0].address and found[0].address.parameters["password"])


def test_labels_can_be_a_mapping() -> None:
    """As a ConfigMap or a JSON column has them."""
    labels = {"ring": "canary", "tier": 1, "paid": True}
    (target,) = parse_targets(json.dumps([{"schema": "a", "labels": labels}]), "x")
    assert {"ring=canary", "tier=1", "paid=true"} == target.labels


def test_a_line_ends_where_an_editor_ends_it() -> None:
    """Not at characters within a JSON text that Unicode calls line separators."""
    text = json.dumps({"name": "a", "schema": "s\u2028\x85t"}, ensure_ascii=False)
    (target,) = parse_targets(text, "x")
    assert "s\u2028\x85t" == target.schema


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("acme", "line 1 (acme) names no database: add a URL, schema=SCHEMA or x=WORD"),
        ("\n# \nacme label=1", "line 3 (acme) names no database"),
        ("a postgresql://h/a postgresql://h/b", "line 1 has two of url"),
        ("a schema=a schema=b", "line 1 has two of schema"),
        ("x=a", "line 1 has no name"),
        ("a mysql://h/a", "line 1 has a URL that does not start with postgresql://"),
        ("a,postgresql://h/a", "line 1 has a URL that does not start with postgresql://"),
        ("a schema=a\n{", "line 2 is not valid JSON"),
        ('{"name": "a", "schema": "a", "uri": ""}', "line 1 has 'uri', which is none of name, url"),
        ('{"name": 7, "schema": "a"}', "line 1 has a name that is not a string"),
        ('{"name": "a b", "schema": "a"}', "line 1 has the name 'a b', which has white space"),
        ('{"name": "a\\u009bb", "schema": "a"}', "line 1 has the name 'a\\x9bb', which has white"),
        ("a:b@c schema=a", "line 1 has a name that looks like a password, or a URL without"),
        ("a" * 201 + " schema=a", "line 1 has a name of 201 characters (200 at most)"),
        ("a x=" + "b" * 16_385, "line 1 (a) has 16385 characters of url, schema and x (16384 at"),
        ('{"name": "a", "schema": ["a"]}', "line 1 has a schema that is not a string"),
        ('{"name": "a", "schema": "a\\nb"}', "line 1 has a schema with a line break or"),
        ('{"name": "a", "schema": "a", "x": {"t": 1}}', "line 1 has x that are not strings"),
        ('{"name": "a", "x": ["t\\u0000"]}', "line 1 has x with a line break or an"),
        ('{"name": "a", "schema": "a", "labels": [1]}', "line 1 has labels that are not strings"),
        ('{"schema": "a", "labels": {"a": []}}', "line 1 has labels that are not strings"),
        ('{"name": "\\ud800", "schema": "a"}', "line 1 has a name with a line break or"),
        ('{"name": "a", "schema": "a", "x": "\\ud800"}', "line 1 has x with a line break or"),
        ("[1, null]", "2 problems: entry 1 is neither an object nor a line of words; entry 2"),
        ('[{"schema": "a"}, {"name": "b"}]', "entry 2 (b) names no database"),
        ('[\n{"schema": "a"},\n]', "targets.txt: not valid JSON: Illegal trailing comma"),
        ("[" * 100_000, "targets.txt: not valid JSON: it is nested too deeply"),
        ('{"x":' * 100_000, "line 1 is not valid JSON: it is nested too deeply"),
    ],
)  # fmt: skip
def test_a_problem_says_where_it_is(text: str, problem: str) -> None:
    """By the line, or by the entry of a list."""
    message = _message(text)
    assert message.startswith("targets.txt")
    if "trailing comma" in problem:
        # Python 3.13 names it, older ones say what they expect.
        problem = "targets.txt: not valid JSON: "
    assert problem in message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", id="html"),
        pytest.param(bytes(range(256)).decode("latin-1") * 40, id="binary"),
        pytest.param("x" * 1_000_000, id="huge-line"),
        pytest.param("\n".join(f"tenant{number}" for number in range(10_000)), id="many-lines"),
        pytest.param("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj << /Type /Catalog >>", id="pdf"),
        pytest.param("waves:\n  - name: a\n    match: [b]\n", id="another-file"),
        pytest.param("{}", id="empty-object"),
        pytest.param("[[]]", id="list-of-lists"),
        pytest.param('"acme"', id="json-text"),
    ],
)
def test_rubbish_is_one_clear_error(text: str) -> None:
    """Short, and with the first places: the file is not what it should be."""
    message = _message(text)
    assert len(message) < 4000
    assert message.startswith("targets.txt")


def test_an_empty_text_has_no_targets() -> None:
    """Whether that is an error is the command's affair."""
    for text in ("", "\ufeff", "\n\n", "# nothing\n", "[]", " [ ] "):
        assert [] == parse_targets(text, "x")


def test_ten_problems_are_listed_and_all_counted() -> None:
    """The eleventh helps no more than the number."""
    message = _message("\n".join(f"tenant{number}" for number in range(12)))
    assert "12 problems: line 1 (tenant0)" in message
    assert message.endswith("; and 2 more.")
    assert "(tenant9)" in message
    assert "(tenant10)" not in message


@pytest.mark.parametrize(
    "line",
    [
        f"acme {URL} {URL}",
        f"acme {URL.replace('postgresql', 'mysql')}",
        f"acme {URL}?nothing=1",
        f"acme {URL}?sslmode",
        f"acme,{URL}",
        f'"acme" "{URL}"',
        f"acme={URL}",
        f"migrator:{ENCODED}@db1/acme",
        f"acme migrator:{ENCODED}@db1/acme",
        f"password={ENCODED} host=db1",
        f"acme postgresql://migrator:{SECRET} with white space@db1/acme",
        json.dumps({"name": URL}),
        json.dumps({"name": URL, "schema": "a"}),
        json.dumps({"url": URL + "\n"}) + "}",
        json.dumps({"name": "a", "url": [URL]}),
        json.dumps({"name": "a", "url": URL + "\nb"}),
        json.dumps({"name": "a", "schema": "a", URL: 1}),
        json.dumps({"name": "a", "address": URL}),
        json.dumps([URL + " " + URL]),
        json.dumps([URL])[:-1],
        json.dumps({"name": "a b", "url": URL}),
        f"{URL}\n{URL}",
    ],
)
def test_no_password_is_in_an_error(line: str) -> None:
    """Neither in the message nor in its facts, however the line is wrong."""
    error = _error(line)
    assert SECRET not in error.message
    assert SECRET not in json.dumps(error.facts)
    assert SECRET not in repr(error)


def test_no_password_is_in_a_target_s_repr() -> None:
    """Which a traceback with locals can show."""
    (target,) = parse_targets(f"acme {URL}", "x")
    assert SECRET not in repr(target)


def test_a_name_is_there_once() -> None:
    """Results, the log and --only are by name."""
    text = "a schema=a\na schema=b\na schema=c\nb schema=d"
    assert "targets.txt: 1 problem: 3 targets have the name 'a'." == _message(text)


SAME = "'a' and 'b' are the same database and schema"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgresql://db1/app", "postgresql://db1/app"),
        ("postgresql://db1/app", "postgresql://db1:5432/app"),
        ("postgresql://db1/app", "postgresql://DB1/app"),
        ("postgres://db1/app", "postgresql+psycopg://db1/app"),
        ("postgresql://u:one@db1/app", "postgresql://u:two@db1/app"),
        ("postgresql://db1/app", "postgresql:///app?host=db1"),
        ("postgresql://db1/app", "postgresql://db1/app?connect_timeout=3"),
        ("postgresql://u@db1", "postgresql://u@db1/u"),
        ("postgresql://u@db1/app schema=s", "postgresql://v@db1/app schema=s"),
        ("schema=s", "schema=s"),
        ("schema=S", 'schema="s"'),
        ("schema=s,public", "schema=s"),
        ("x=t", "x=t"),
        ("schema=s x=t", "schema=s x=u"),
    ],
)
def test_a_database_is_there_once(one: str, other: str) -> None:
    """However it is spelled."""
    assert f"targets.txt: 1 problem: {SAME}." == _message(f"a {one}\nb {other}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgresql://db1/app", "postgresql://db1/App"),
        ("postgresql://db1/app", "postgresql://db2/app"),
        ("postgresql://db1/app", "postgresql://db1:5433/app"),
        ("postgresql://db1/app", "postgresql://db1/app schema=s"),
        ("postgresql:///app?host=/run/one", "postgresql:///app?host=/run/ONE"),
        ("postgresql:///app?hostaddr=10.0.0.1", "postgresql:///app?hostaddr=10.0.0.2"),
        # Their search_path can be a schema of their own; the look knows.
        ("postgresql://u@db1/app", "postgresql://v@db1/app"),
        ("postgresql://u@db1", "postgresql://v@db1"),
        ("postgresql://h/app?options=-csearch_path=a", "postgresql://h/app?options=-csearch_path=b"),
        ("postgresql:///?service=a", "postgresql:///?service=b"),
        ("schema=s", 'schema="S"'),
        ("x=t", "x=u"),
        ("x=t postgresql://db1/app", "x=t postgresql://db2/app"),
    ],
)  # fmt: skip
def test_different_places_are_not_taken_for_one(one: str, other: str) -> None:
    """A false alarm would keep a fleet from running at all."""
    assert ["a", "b"] == [
        target.name for target in parse_targets(f"a {one}\nb {other}", "targets.txt")
    ]


_WORDS = st.sampled_from(
    ["a", "schema=s", "x=t", URL, "[", "]", "{", "}", '"name"', ":", ",", "#", "\n", "\r", " ",
     "\ufeff", "\0", "null", "://", "=", "@", "url=", "\ud800", "\u2028", "\x85"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(_WORDS).map("".join), st.lists(_WORDS).map(" ".join)))
@example("[" + "9" * 5000 + "]")
@example('{"name": ' + "9" * 5000 + "}")
def test_any_text_gives_targets_or_an_error(text: str) -> None:
    """Nothing else: a crash would say nothing to whoever wrote the list."""
    error, found = None, []
    try:
        found = parse_targets(text, "targets.txt")
    except ConfigError as caught:
        error = caught
    said = f"{error and error.message} {json.dumps(error and error.facts)}"
    assert SECRET not in said
    assert error is None or error.message.startswith("targets.txt")
    assert all(target.name for target in found)
    assert len({target.name for target in found}) == len(found)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_OBJECTS = st.dictionaries(
    st.sampled_from(["name", "url", "schema", "x", "labels"]) | st.text(max_size=3),
    _JSON | st.just(URL) | st.sampled_from(["a", "b", ["a"]]),
)


@given(st.lists(_OBJECTS | _JSON, max_size=4))
def test_any_json_gives_targets_or_an_error(found: list[Any]) -> None:
    """As rows of a query, too, which are no text at all."""
    error, targets = None, None
    try:
        targets = make_targets([(f"row {n}", each) for n, each in enumerate(found, 1)], "rows")
    except ConfigError as caught:
        error = caught
    assert SECRET not in str(error)
    assert len(found) == len(found if targets is None else targets)
    words = [word for each in targets or () for word in (*each.x, *each.labels)]
    assert all(isinstance(word, str) for word in words)
