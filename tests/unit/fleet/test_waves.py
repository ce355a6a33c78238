"""Waves: which targets are in which, and what a file of them may say."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are not among the requirements
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.errors import ConfigError, UsageError
from migration_runner.fleet.targets import Target
from migration_runner.fleet.waves import Rule, Wave, plan_waves, read_rules

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs" / "fleet-waves.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def _target(name: str, *labels: str) -> Target:
    return Target(name, schema=name, labels=frozenset(labels))


EU2 = _target("eu2", "region=eu")
EU1 = _target("eu1", "region=eu", "ring=early")
US = _target("us", "region=us", "ring=early")
NONE = _target("none")
ALL = [EU2, EU1, US, NONE]


def _plan(canary: str = "", *rules: Rule) -> list[tuple[str, list[str]]]:
    waves = plan_waves(ALL, ALL, canary=canary, rules=rules)
    return [(wave.name, [target.name for target in wave.targets]) for wave in waves]


def test_without_a_plan_there_is_one_wave() -> None:
    """In the order of the list."""
    assert [("others", ["eu2", "eu1", "us", "none"])] == _plan()


@pytest.mark.parametrize(
    ("canary", "expected"),
    [
        ("1", [("canary", ["eu2"]), ("others", ["eu1", "us", "none"])]),
        ("3", [("canary", ["eu2", "eu1", "us"]), ("others", ["none"])]),
        ("4", [("canary", ["eu2", "eu1", "us", "none"])]),
        ("99", [("canary", ["eu2", "eu1", "us", "none"])]),
        ("ring=early", [("canary", ["eu1", "us"]), ("others", ["eu2", "none"])]),
    ],
)
def test_the_canary_is_first(canary: str, expected: list[tuple[str, list[str]]]) -> None:
    """A number of targets, or those with a label."""
    assert expected == _plan(canary)


@pytest.mark.parametrize("canary", ["1", "ring=early"])
def test_only_the_canary_stops_the_rest(canary: str) -> None:
    """A failure of its own does; one of the others is for the budget."""
    waves = plan_waves(ALL, ALL, canary=canary)
    assert [("canary", True), ("others", False)] == [(wave.name, wave.stops) for wave in waves]


@pytest.mark.parametrize("canary", ["0", "000", "1234567890", "9" * 5000])
def test_a_canary_of_none_is_an_error(canary: str) -> None:
    """It would protect nothing; and a number has an end."""
    with pytest.raises(UsageError) as caught:
        plan_waves(ALL, ALL, canary=canary)
    assert len(caught.value.message) < 200


def test_rules_follow_each_other() -> None:
    """A target is in the first wave that matches; what is in none comes last."""
    rules = (Rule("early", ("ring=early",)), Rule("rest of eu", ("region=eu", "region=us")))
    assert [("early", ["eu1", "us"]), ("rest of eu", ["eu2"]), ("others", ["none"])] == _plan(
        "", *rules
    )


def test_the_canary_is_in_no_later_wave() -> None:
    """A wave without targets of its own vanishes."""
    rules = (Rule("us", ("region=us",)), Rule("eu", ("region=eu",), order="name"))
    assert [("canary", ["eu1", "us"]), ("eu", ["eu2"]), ("others", ["none"])] == _plan(
        "ring=early", *rules
    )
    assert [("canary", ["eu2"]), ("us", ["us"]), ("eu", ["eu1"]), ("others", ["none"])] == _plan(
        "1", *rules
    )


def test_a_wave_is_ordered_by_name_or_as_listed() -> None:
    """As listed unless it says so."""
    assert ("eu", ["eu2", "eu1"]) == _plan("", Rule("eu", ("region=eu",)))[0]
    assert ("eu", ["eu1", "eu2"]) == _plan("", Rule("eu", ("region=eu",), order="name"))[0]


def test_a_rule_s_options_become_the_wave_s() -> None:
    """`parallel` and `on_error`."""
    rule = Rule("eu", ("region=eu",), parallel=8, on_error="stop")
    assert Wave("eu", [EU2, EU1], 8, stops=True) == plan_waves(ALL, ALL, rules=[rule])[0]


def test_a_label_of_another_shard_is_known() -> None:
    """Every shard has the same file; one that no target of the fleet has is a typo."""
    rules = [Rule("us", ("region=us",))]
    assert [Wave("others", [EU1])] == plan_waves([EU1], ALL, rules=rules, canary="")
    assert [Wave("others", [EU2])] == plan_waves([EU2], ALL, canary="ring=early")
    message = r"No target has the label 'region=us' \(did you mean region=eu\?\)\."
    with pytest.raises(UsageError, match=message):
        plan_waves([EU1], [EU1], rules=rules)
    with pytest.raises(UsageError, match=r"No target has the label 'ring=earyl' \(did you mean"):
        plan_waves(ALL, ALL, canary="ring=earyl")


@given(
    st.lists(st.frozensets(st.sampled_from("abc")), max_size=12),
    st.lists(st.lists(st.sampled_from("abc"), min_size=1), max_size=4),
    st.sampled_from(["", "1", "3", "a"]),
)
def test_every_target_is_in_exactly_one_wave(
    labels: list[frozenset[str]], rules: list[list[str]], canary: str
) -> None:
    """Whatever the rules say."""
    targets = [Target(f"t{n}", schema="s", labels=each) for n, each in enumerate(labels)]
    known = [Target("known", schema="s", labels=frozenset("abc"))]
    waves = plan_waves(
        targets,
        known,
        canary=canary,
        rules=[Rule(f"w{n}", tuple(match)) for n, match in enumerate(rules)],
    )
    found = [target.name for wave in waves for target in wave.targets]
    assert sorted(target.name for target in targets) == sorted(found)
    assert all(wave.targets for wave in waves)


EXAMPLE = """\
waves:
  - name: staging
    match: [ring=staging]     # a comment
    order: name
    parallel: 8
    on_error: stop
  - {name: eu, match: region=eu}
"""
RULES = [Rule("staging", ("ring=staging",), "name", 8, "stop"), Rule("eu", ("region=eu",))]


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        "\ufeff" + EXAMPLE,
        EXAMPLE.replace("\n", "\r\n"),
        json.dumps(yaml.safe_load(EXAMPLE)),
        "\ufeff\n" + json.dumps(yaml.safe_load(EXAMPLE), indent=2),
    ],
)
def test_a_file_is_yaml_or_json(tmp_path: Path, text: str) -> None:
    """As any editor writes it."""
    file = tmp_path / "waves.yaml"
    file.write_bytes(text.encode())
    assert RULES == read_rules(str(file))


def _wave(**facts: Any) -> dict[str, Any]:
    return {"name": "a", "match": ["b"], **facts}


# Without what the schema cannot say: two waves with one name.
RIGHT: list[Any] = [
    [_wave()],
    [_wave(match="b")],
    [_wave(match=["b", "c"]), _wave(name="d")],
    [_wave(order="name"), _wave(name="b", order="listed")],
    [_wave(parallel=1)],
    [_wave(parallel=10**6)],
    [_wave(parallel=8.0)],
    [_wave(on_error="stop"), _wave(name="b", on_error="continue")],
    [_wave(name=" ")],
]
WRONG: list[Any] = [
    None, [], {}, "a", 1, [None], ["a"], [[]], [{}], [{"name": "a"}], [{"match": "b"}],
    [_wave(name="")], [_wave(name=7)], [_wave(name=None)], [_wave(match=[])], [_wave(match="")],
    [_wave(match=[""])], [_wave(match=None)], [_wave(match=[1])], [_wave(match={"ring": "b"})],
    [_wave(match=[["b"]])], [_wave(order="size")], [_wave(order=None)], [_wave(order=["name"])],
    [_wave(order="")], [_wave(parallel=0)], [_wave(parallel=-1)], [_wave(parallel=1.5)],
    [_wave(parallel="8")], [_wave(parallel=True)], [_wave(parallel=None)], [_wave(on_error="no")],
    [_wave(on_error=False)], [_wave(on_error={})], [_wave(jobs=8)], [_wave(), 1], {"name": "a"},
]  # fmt: skip
DOCUMENTS: list[Any] = [
    *({"waves": each} for each in (*RIGHT, *WRONG)),
    None, [], {}, "waves", 7, [_wave()], {"waves": [_wave()], "canary": "a"}, {"Waves": [_wave()]},
    {1: 2}, {"waves": [{**_wave(), 1: 2}]}, {None: None}, {"waves": [_wave()], True: 1},
]  # fmt: skip


def _is_valid(document: Any) -> bool:
    # A key that is not a string is in no JSON, and so in no schema.
    keys = [*document] if isinstance(document, dict) else []
    waves = document.get("waves") if isinstance(document, dict) else None
    for wave in waves if isinstance(waves, list) else ():
        keys += [*wave] if isinstance(wave, dict) else []
    return all(isinstance(key, str) for key in keys) and VALIDATOR.is_valid(document)


def _is_read(file: Path, text: str) -> bool:
    file.write_text(text, encoding="utf-8")
    try:
        read_rules(str(file))
    except ConfigError as error:
        return "waves have the name" in error.message
    return True


def test_the_table_has_right_and_wrong_files() -> None:
    """As the schema sees them."""
    assert [True] * len(RIGHT) == [_is_valid({"waves": each}) for each in RIGHT]
    assert [False] * len(WRONG) == [_is_valid({"waves": each}) for each in WRONG]


@pytest.mark.parametrize("document", DOCUMENTS, ids=repr)
def test_the_schema_says_what_is_read(tmp_path: Path, document: Any) -> None:
    """An editor that knows the schema, and the command, agree: in YAML, and in JSON."""
    expected = _is_valid(document)
    assert expected == _is_read(tmp_path / "waves.yaml", yaml.safe_dump(document))
    keys = document if isinstance(document, dict) else {}
    if isinstance(document, dict) and all(isinstance(key, str) for key in keys):
        assert _is_valid(json.loads(json.dumps(document))) == _is_read(
            tmp_path / "waves.json", json.dumps(document)
        )


_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    ["a", "", ["a"], [], ["a", ""], None, 0, 1, 2.0, 2.5, True, {}, "name", "listed", "stop"]
)
_FIELDS = st.sampled_from(["name", "match", "order", "parallel", "on_error", "jobs"])
_WAVES = st.builds(
    lambda start, others: {**start, **others},
    st.sampled_from([{}, _wave()]),
    st.dictionaries(_FIELDS, _VALUES, max_size=3),
)


@given(st.lists(_WAVES | _VALUES, max_size=3), st.booleans())
def test_any_waves_are_read_as_the_schema_says(
    tmp_path_factory: pytest.TempPathFactory,
    waves: list[Any],
    as_json: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    """Not only those of the table."""
    file = tmp_path_factory.getbasetemp() / "any-waves"
    text = (json.dumps if as_json else yaml.safe_dump)({"waves": waves})
    assert _is_valid({"waves": waves}) == _is_read(file, text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must have `waves`, and nothing else"),
        ("waves: [", "is not valid YAML: "),
        ("waves: 2026-13-45", "is not valid YAML: "),
        ("waves: !!python/object:os.system x", "is not valid YAML: "),
        ("waves: &a [*a]", "wave 1 is not a mapping"),
        ("[" * 5000, "is not valid YAML: it is nested too deeply"),
        ('{"waves":' * 100_000, "is not valid JSON: it is nested too deeply"),
        ('{"waves": ' + "9" * 5000 + "}", "is not valid JSON: "),
        ('{"waves": [],}', "is not valid JSON: "),
        ("a\0b", "is not valid YAML: "),
        ("waves: []", "`waves` must be a list of at least one"),
        ("waves: [{name: a, match: b}, {name: a, match: c}]", "2 waves have the name 'a'"),
        ("waves: [{name: a, match: b}, {name: b}]", "wave 2 (b) must have labels in `match`"),
        ("waves: [{name: a, mach: b}]", "wave 1 has 'mach', which is none of name, match, order,"),
        ("waves: [{name: a, match: b, order: size}]", "`order` must be one of listed, name"),
        ("waves: [{name: a, match: b, parallel: 0}]", "`parallel` must be a number from 1"),
    ],
)
def test_a_problem_says_where_it_is(tmp_path: Path, text: str, problem: str) -> None:
    """In the file, by the number of the wave."""
    file = tmp_path / "waves.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_rules(str(file))
    assert caught.value.message.startswith(f"--waves {file}: ")
    assert problem in caught.value.message
    assert len(caught.value.message) < 1000
    assert ("invalid_waves", str(file)) == (
        caught.value.facts["reason"],
        caught.value.facts["file"],
    )


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """It is missing, a folder, or something else."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    problems = []
    for name in ("missing", "", "binary"):
        with pytest.raises(ConfigError) as caught:
            read_rules(str(tmp_path / name))
        problems.append(caught.value.message.partition("cannot be read: ")[2])
    assert ["No such file or directory.", "Is a directory.", "it is not valid UTF-8."] == problems


def test_without_pyyaml_there_is_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And YAML says what to install."""
    imports = builtins.__import__

    def without(name: str, *others: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return imports(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    file = tmp_path / "waves"
    file.write_text(json.dumps(yaml.safe_load(EXAMPLE)))
    assert RULES == read_rules(str(file))
    file.write_text(EXAMPLE)
    with pytest.raises(ConfigError) as caught:
        read_rules(str(file))
    assert caught.value.message == (
        f"--waves {file}: YAML needs PyYAML:"
        " pip install 'migration-runner[fleet]', or write it as JSON."
    )
