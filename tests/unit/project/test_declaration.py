"""What a project declares, as its files have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_runner.errors import ConfigError
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.project.declaration import Declaration
from migration_runner.settings.settings import AlembicOptions
from tests.fixtures.project import Project


@pytest.fixture(autouse=True)
def _folder(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)


def _declared(**options: object) -> tuple[str | None, str] | None:
    found = AlembicProject(AlembicOptions(**options)).declared  # type: ignore[arg-type]  # the test's own
    return found and (found.schema, found.table)


def _write(file: str, text: str) -> None:
    with Path(file).open("a") as opened:
        opened.write(f"\n{text}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fast_path = alembic_version", (None, "alembic_version")),
        ("fast_path = public.alembic_version", ("public", "alembic_version")),
        ("fast_path = two words.100%%", ("two words", "100%")),
        ("", None),
    ],
)
def test_in_the_ini(text: str, expected: tuple[str | None, str] | None) -> None:
    _write("alembic.ini", f"[migration_runner]\n{text}")

    assert expected == _declared()


def test_nothing() -> None:
    assert None is _declared()
    _write("pyproject.toml", "[tool.other]\nfast_path = 1")
    assert None is _declared()


def test_in_pyproject_and_the_ini_takes_precedence() -> None:
    _write("pyproject.toml", '[tool.migration_runner]\nfast_path = "s.v"')
    assert ("s", "v") == _declared()
    _write("alembic.ini", "[migration_runner]\nfast_path = w")
    assert (None, "w") == _declared()


def test_of_a_run_with_other_options_it_says_nothing() -> None:
    _write(
        "alembic.ini", "[migration_runner]\nfast_path = v\n[other]\nscript_location = migrations"
    )

    assert None is _declared(x=("tenant=one",))
    assert None is _declared(section="other")
    assert (None, "v") == _declared(raise_errors=True)


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("alembic.ini", "[migration_runner]\nfastpath = v", "did you mean fast_path?"),
        ("alembic.ini", "[migration_runner]\nfast_path = v\nx = 1", "x is not an option"),
        ("alembic.ini", "[migration_runner]\nfast_path =", "must be the name of the version table"),
        ("alembic.ini", "[migration_runner]\nfast_path = s.", "must be the name of"),
        ("alembic.ini", "[migration_runner]\nfast_path = .v", "must be the name of"),
        ("alembic.ini", "[migration_runner]\nfast_path = 100%", "write %% for each %"),
        ("alembic.ini", "[migration_runner]\nfast_path = %(x)s", "Bad value substitution"),
        ("pyproject.toml", "[tool.migration_runner]\nfast_path = true", "(it is True)"),
        ("pyproject.toml", "[tool]\nmigration_runner = 1", "it is not a table"),
    ],
)
def test_what_is_not_understood(file: str, text: str, problem: str) -> None:
    _write(file, text)

    with pytest.raises(ConfigError) as caught:
        _declared()

    assert f"of {file} is invalid" in caught.value.message
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("pyproject.toml", "[tool.migration_runner]\nfast_path = v", "Invalid value"),
        ("alembic.ini", "version_locations = a\npath_separator = x", "is not a valid value for"),
    ],
)
def test_a_configuration_that_alembic_cannot_read(file: str, text: str, problem: str) -> None:
    Path("alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    _write(file, text)

    with pytest.raises(ConfigError, match=f"not a valid Alembic configuration: .*{problem}"):
        _declared()


@pytest.mark.parametrize(
    ("schema", "text"), [(None, "fast_path = v"), ("public", "fast_path = public.v")]
)
def test_it_is_named_as_it_is_written(schema: str | None, text: str) -> None:
    assert text == Declaration("alembic.ini", schema, "v").text
