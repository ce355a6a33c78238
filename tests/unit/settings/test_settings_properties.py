"""Whatever stands in a variable: settings, or an error that names the variable."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from migration_runner.errors import ConfigError
from migration_runner.settings.database_address import OVERRIDES
from migration_runner.settings.durations import LONGEST, parse_duration
from migration_runner.settings.settings import (
    Settings,
    load_settings,
    trace_alembic_config,
    trace_setting,
)
from migration_runner.settings.variables import VARIABLES, Variable

# Whatever a process can be started with: no NUL, and bytes that are no UTF-8 as surrogates.
ANY_TEXT = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"])
)
URL_NAMES = ("DATABASE_URL", "DATABASE_URL_FILE", *OVERRIDES)
NAMES = (*(variable.name for variable in VARIABLES), *URL_NAMES, "ALEMBIC_CONFIG")
# Long enough that it is nowhere by chance.
PASSWORDS = st.text(
    st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), min_size=6, max_size=40
).map(lambda text: f"canary{text}canary")


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an alembic.ini that is there."""
    path = tmp_path_factory.mktemp("settings") / "alembic.ini"
    path.write_text("[alembic]\n")
    return path


def _load(environment: dict[str, str], configuration: Path) -> Settings | ConfigError:
    """Return what comes of it; any other exception is the test's failure."""
    try:
        return load_settings({"ALEMBIC_CONFIG": str(configuration), **environment})
    except ConfigError as error:
        return error


@settings(max_examples=500)
@given(name=st.sampled_from(NAMES), text=ANY_TEXT)
@example(name="ALEMBIC_CONFIG", text="x" * 300)
@example(name="DATABASE_URL_FILE", text="x" * 300)
@example(name="MIGRATE_RUN_LOCK_KEY", text="9" * 5000)
@example(name="MIGRATE_WAIT_TIMEOUT", text="9" * 5000)
@example(name="MIGRATE_WAIT_TIMEOUT", text="\N{SUPERSCRIPT TWO}s")
@example(name="MIGRATE_RUN_LOCK_KEY", text="\N{ARABIC-INDIC DIGIT ONE}")
def test_any_text_gives_settings_or_an_error_that_names_the_variable(
    configuration: Path, name: str, text: str
) -> None:
    address = {} if name in URL_NAMES else {"DATABASE_URL": "postgresql://shop@db/shop"}

    found = _load({**address, name: text}, configuration)

    if isinstance(found, ConfigError):
        unset = not text.strip() and "no database is configured" in found.message
        assert name in found.message or unset
        assert 1 == len(found.facts["problems"])


@given(name=st.text(st.characters(codec="ascii", min_codepoint=48, max_codepoint=95), max_size=20))
def test_an_unknown_variable_is_named(configuration: Path, name: str) -> None:
    variable = f"MIGRATE_{name}"
    found = _load({"PGDATABASE": "shop", variable: "on"}, configuration)

    if variable in NAMES:
        return
    assert isinstance(found, ConfigError)
    assert f"{variable} is not a setting" in found.message


@st.composite
def _environments(draw: st.DrawFn) -> dict[str, str]:
    """Give environments with a password in a URL, and mostly with something wrong."""
    schemes = ["postgresql", "postgres", "postgresql+asyncpg", "mysql", ""]
    places = ["@db/shop", "@db:port/shop", "@db/shop?sslmod=off", "@db/shop?ssl=maybe", "@", "/"]
    others = [{}, {"MIGRATE_LEDGER": "perhaps"}, {"DATABASE_URL_FILE": "/nowhere"}]
    password = draw(PASSWORDS)
    written = draw(st.sampled_from([password, quote(password, safe="")]))
    scheme, place = draw(st.sampled_from(schemes)), draw(st.sampled_from(places))
    url = f"{scheme}://shop:{written}{place}"
    return {**draw(st.sampled_from(others)), draw(st.sampled_from(URL_NAMES)): url}


@settings(max_examples=300)
@given(environment=_environments())
@example(environment={"DATABASE_URL": "postgresql://shop:5/x?ssl=canary@db/shop"})
@example(environment={"DATABASE_URL": "postgresql://shop:5/x?canary=off@db/shop"})
def test_no_error_shows_a_password(configuration: Path, environment: dict[str, str]) -> None:
    """Nor a piece of one that nobody has encoded, nor that of a URL where a file's name belongs."""
    found = _load(environment, configuration)

    shown = f"{found.message} {found.facts}" if isinstance(found, ConfigError) else repr(found)
    assert "canary" not in shown


@given(number=st.integers(0, 2_147_483), unit=st.sampled_from(["ms", "s", "", "m", "h"]))
def test_durations_come_back(number: int, unit: str) -> None:
    seconds = number * {"ms": 0.001, "s": 1, "": 1, "m": 60, "h": 3600}[unit]

    for text in (f"{number}{unit}", f" {number} {unit.upper()} ", f"{number}.0{unit}"):
        if seconds > LONGEST:
            with pytest.raises(ValueError, match="too long"):
                parse_duration(text)
        else:
            assert seconds == pytest.approx(parse_duration(text))


@given(seconds=st.floats(0.001, LONGEST))
def test_plain_seconds_come_back(seconds: float) -> None:
    assert seconds == pytest.approx(parse_duration(f"{seconds:f}"), abs=1e-6)


@given(variable=st.sampled_from(VARIABLES), value=st.text(), flag=st.none() | st.text())
def test_a_flag_is_nearer_than_the_environment_and_that_than_the_default(
    variable: Variable, value: str, flag: str | None
) -> None:
    flags = {} if flag is None else {variable.field: flag}

    found = trace_setting(variable, {variable.name: value}, flags)

    assert variable.name == found.name
    if flag is not None:
        assert (flag, variable.flag) == (found.text, found.origin)
    elif value:
        assert (value, variable.name) == (found.text, found.origin)
    else:
        assert (variable.default, "default") == (found.text, found.origin)


@given(value=st.text(), flag=st.text())
def test_the_same_for_the_alembic_configuration(value: str, flag: str) -> None:
    found = trace_alembic_config({"ALEMBIC_CONFIG": value}, {"files": [flag] if flag else []})

    expected = [(flag, "--config"), (value, "ALEMBIC_CONFIG"), ("alembic.ini", "default")]
    assert next(each for each in expected if each[0]) == (found.text, found.origin)
