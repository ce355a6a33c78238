"""A Service's variables are ignored, and a typo of a setting never is, on both paths."""

from __future__ import annotations

from typing import Final

import pytest

from migration_runner.errors import ConfigError
from migration_runner.fast_path.eligibility import ordinary
from migration_runner.fast_path.service_links import service_links
from migration_runner.settings.settings import load_settings
from tests.fixtures.service_links import links

SERVICES: Final = [
    links("MIGRATE"),
    links("MIGRATE", 53, "udp", "DNS_UDP"),
    links("MIGRATE", named="HTTP") | links("MIGRATE", 443, named="HTTPS"),
    links("MIGRATE_API"),
    links("MIGRATE_WAIT_TIMEOUT"),
    links("MIGRATE") | links("MIGRATE_API", 3868, "sctp"),
    links("PG", 5432),
]


@pytest.mark.parametrize("environment", SERVICES, ids=[min(each) for each in SERVICES])
def test_a_services_variables_are_ignored(environment: dict[str, str]) -> None:
    assert set(environment) == set(service_links(environment))
    assert ordinary(environment)
    assert "head" == load_settings(environment, needs_project=False).target


MISSPELT: Final = [
    *({name: value} for name, value in links("MIGRATE").items()),
    {**links("MIGRATE"), "MIGRATE_TARGTE": "head"},
    {**links("MIGRATE"), "MIGRATE_TARGTE": ""},
    {**links("MIGRATE"), "MIGRATE_PORT_TIMEOUT": "5s"},
    {**links("MIGRATE"), "MIGRATE_SERVICE_PORT_HTTP": "soon"},
    {**links("MIGRATE"), "MIGRATE_PORT_80_TCP_NAME": "http"},
    {**links("MIGRATE"), "MIGRATE_PORT_80_HTTP": "http"},
    {**links("MIGRATE"), "MIGRATE_API_SERVICE_HOST": "10.0.0.1"},
    {**links("MIGRATE"), "MIGRATE_PORT": "80"},
    {**links("MIGRATE"), "MIGRATE_SERVICE_PORT": "http"},
    {name: value for name, value in links("MIGRATE").items() if not name.endswith("SERVICE_HOST")},
]


@pytest.mark.parametrize("environment", MISSPELT, ids=[" ".join(each) for each in MISSPELT])
def test_what_is_not_the_whole_set_is_refused(environment: dict[str, str]) -> None:
    assert not ordinary(environment)
    with pytest.raises(ConfigError, match="is not a setting"):
        load_settings(environment, needs_project=False)
