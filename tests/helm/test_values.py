"""Wrong values are refused before anything is installed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from tests.fixtures.helm import CHART, Helm, Values, example

SECRET = "canary-in-values"


def _with(name: str, path: str, value: Any) -> Values:
    values = copy.deepcopy(example(name))
    *folders, last = path.split(".")
    place = values
    for folder in folders:
        place = place.setdefault(folder, {})
    place[last] = value
    return values


@pytest.mark.parametrize(
    ("name", "path", "value", "expected"),
    [
        ("job", "mode", "jobs", "at '/mode': value must be one of"),
        ("job", "mod", "job", "additional properties 'mod' not allowed"),
        ("job", "image.repository", "", "at '/image/repository': minLength"),
        ("job", "image.tag", "", "at '/image/tag': minLength"),
        ("job", "image.tag", 1.4, "at '/image/tag': got number, want string"),
        ("job", "image.digest", "sha256:short", "at '/image/digest'"),
        ("job", "database.secret", "", "at '/database/secret': minLength"),
        ("job", "settings.TIMEOUT", "5m", "invalid propertyName 'TIMEOUT'"),
        ("job", "settings.DATABASE_URL", "x", "invalid propertyName 'DATABASE_URL'"),
        ("job", "settings.MIGRATE_DATABASE_URL", "x", "'MIGRATE_DATABASE_URL'"),
        ("job", "settings.PGPASSWORD", "x", "invalid propertyName 'PGPASSWORD'"),
        ("job", "wait.timeout", "soon", "at '/wait/timeout'"),
        ("hook", "ttlSecondsAfterFinished", 0, "at '/ttlSecondsAfterFinished': minimum"),
        ("hook", "hook.events", ["post-upgrade"], "at '/hook/events/0': value must be one of"),
        ("hook", "hook.events", [], "at '/hook/events': minItems"),
        ("fleet", "mode", "init", "at '/mode': value must be one of 'job', 'hook', 'argocd'"),
        ("fleet", "fleet.shards", 0, "at '/fleet/shards': minimum"),
        ("fleet", "fleet.maxFailures", "few", "at '/fleet/maxFailures'"),
        ("fleet", "fleet.maxFailedIndexes", 9, "maxFailedIndexes (9) must not be greater than"),
        ("fleet", "fleet.targets.secret", "", "at '/fleet/targets': 'oneOf' failed"),
        ("fleet", "fleet.targets.configMap", "t", "at '/fleet/targets': 'oneOf' failed"),
        # Schemas, of which database?
        ("fleet-schemas", "database.secret", "", "at '/database/secret': minLength"),
    ],
)
def test_a_wrong_value(helm: Helm, name: str, path: str, value: Any, expected: str) -> None:
    assert expected in helm.refusal(_with(name, path, value))


def test_a_list_of_targets_with_urls(helm: Helm) -> None:
    """It would put passwords into a config map."""
    values = _with(
        "fleet-schemas", "fleet.targets.list", f"acme postgresql://shop:{SECRET}@db/acme"
    )

    refusal = helm.refusal(values)

    assert "at '/fleet/targets/list': 'not' failed" in refusal
    assert SECRET not in refusal


def test_nothing_is_installed_without_values(helm: Helm) -> None:
    refusal = helm.refusal({})

    assert "at '/image/repository': minLength" in refusal
    assert "at '/database/secret': minLength" in refusal


def test_the_schema_knows_every_value_and_no_other(helm: Helm) -> None:  # noqa: ARG001 - skips
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def compare(schema: dict[str, Any], values: dict[str, Any], ignored: set[str]) -> None:
        assert schema["properties"].keys() - ignored == values.keys()
        for name, value in values.items():
            inner = schema["properties"][name]
            if isinstance(value, dict) and "properties" in inner:
                compare(inner, value, set())

    # Helm itself passes it to a chart that is a dependency.
    compare(schema, values, {"global"})


def test_a_long_name_is_cut(helm: Helm) -> None:
    """The longest suffix of a pod's name is an index, and five random characters."""
    values = {**example("fleet"), "nameOverride": "a" * 60}
    names = [name.partition("/")[2] for name in helm.render(values)]
    assert ["a" * 40, f"{'a' * 40}-canary"] == sorted(names)
