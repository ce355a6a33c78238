"""Help: what a command takes, every setting, and nothing wider than 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from migration_runner.cli.arguments import find_command, parse_arguments
from migration_runner.cli.command_table import ALEMBIC_COMMANDS, BY_NAME, COMMANDS, Command
from migration_runner.project.command_line import configure
from migration_runner.settings.settings import AlembicOptions
from migration_runner.settings.variables import VARIABLES, Variable

POINTER = "migrate help settings"


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def _page(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the page that these words print."""
    with pytest.raises(SystemExit):
        _print_help(words)
    return capsys.readouterr().out


def _print_help(words: Sequence[str]) -> None:
    _, options = parse_arguments(find_command(words))
    # Still here: the page is Alembic's own.
    configure(AlembicOptions(), [options.command, *options.words])


def _sentences(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    "words",
    [["--help"], ["help", "settings"], *([name, "--help"] for name in BY_NAME)],
    ids=" ".join,
)
def test_every_page_fits_into_80_columns(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    page = _page(capsys, *words)

    assert [] == [line for line in page.splitlines() if len(line) > 80]
    assert "%%" not in page


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_commands_page_has_what_it_takes_and_a_pointer_to_the_rest(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    page = _page(capsys, command.name, "-h")

    assert command.description in _sentences(page)
    assert [] == [variable.flag for variable in VARIABLES if f"{variable.flag} " in page[:-80]]
    assert "--quiet" not in page
    assert page.rstrip().endswith(POINTER)


@pytest.mark.parametrize("command", ALEMBIC_COMMANDS, ids=lambda command: command.name)
def test_the_page_of_a_command_of_alembics_points_to_the_runners_flags(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    page = _page(capsys, command.name, "--help")

    assert page.rstrip().endswith(POINTER)


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (["help"], ["--help"]),
        (["-q", "help", "help"], ["-h"]),
        (["help", "downgrade"], ["downgrade", "--help"]),
        (["help", "history"], ["history", "--help"]),
    ],
)
def test_help_is_a_command_too(
    words: list[str], same: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _page(capsys, *same) == _page(capsys, *words)


def test_the_main_page_lists_every_command_on_one_page(capsys: pytest.CaptureFixture[str]) -> None:
    page = _page(capsys, "--help")

    assert [] == [each.name for each in BY_NAME.values() if f"  {each.name} " not in page]
    assert len(page.splitlines()) <= 50
    assert "positional" not in page


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.field)
def test_the_settings_page_has_variable_flag_default_and_choices(
    variable: Variable, capsys: pytest.CaptureFixture[str]
) -> None:
    page = _page(capsys, "help", "settings")

    heading = f"  {variable.flag} {variable.takes}, {variable.name}\n"
    assert heading in page
    entry = _sentences(page.partition(heading)[2].partition("\n\n")[0])
    default = f" Default: {variable.default}." if variable.default else ""
    assert variable.help + default == entry
    assert variable.choices == tuple(variable.takes.split("|") if "|" in variable.takes else ())


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.field)
def test_choices_and_default_are_what_is_accepted(variable: Variable) -> None:
    for text in (*variable.choices, variable.default):
        variable.parse(text)

    if variable.choices:
        with pytest.raises(ValueError, match=" or |, ".join(variable.choices)):
            variable.parse("perhaps")
