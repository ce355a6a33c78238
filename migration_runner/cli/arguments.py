"""What the words of the command line mean: the command, the settings among them, its options."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, NamedTuple

from migration_runner.cli.command_arguments import FLEET_PREFIX
from migration_runner.cli.command_table import (
    ALEMBICS_INIT,
    ALEMBICS_INIT_FLAGS,
    BY_NAME,
    CONFIG,
    EXEC,
    FLEET,
    INIT,
    UPGRADE,
    Command,
)
from migration_runner.cli.parsers import (
    PROGRAM,
    alembic_command_parser,
    command_parser,
    main_parser,
)
from migration_runner.commands.invocation import FleetOptions, Options
from migration_runner.errors import UsageError
from migration_runner.settings.variables import VARIABLES
from migration_runner.usage_errors import reject_unknown, unknown_command

_HELP: Final = "help"
_SETTINGS: Final = "settings"
_OPTIONS: Final = frozenset(field.name for field in fields(Options))


class CommandLine(NamedTuple):
    """A command, the flags before it, the words behind it, and what follows a --, with it."""

    command: Command
    before: dict[str, Any]
    words: list[str]
    tail: Sequence[str]


class Arguments(NamedTuple):
    """The settings that were given as flags, and the command's own options."""

    flags: dict[str, Any]
    options: Options


def find_command(words: Sequence[str]) -> CommandLine:
    """Parse what stands before the command.

    Raises `UsageError`, and `SystemExit` once it has printed help or the version.
    """
    # argparse's releases treat a -- differently, and another program's flags may follow it.
    end = words.index("--") if "--" in words else len(words)
    before, rest = _parse_start(words[:end])
    name, *rest = rest or [UPGRADE.name]
    if name == _HELP:
        name, *rest = _resolve_help(rest)
    if name not in BY_NAME:
        raise unknown_command(name, [*BY_NAME, _HELP], PROGRAM)
    command = BY_NAME[name]
    if command is INIT and any(word.startswith(ALEMBICS_INIT_FLAGS) for word in rest):
        command = ALEMBICS_INIT
    return CommandLine(command, before, rest, words[end:])


def parse_arguments(line: CommandLine) -> Arguments:
    """Parse the rest, and check it. Raises as `find_command`."""
    command = line.command
    parse = _parse_alembic_command if command.is_alembics else _parse_command
    found = _merge(line.before, parse(command, line.words, line.tail))
    if found.pop("quiet", False):
        found.setdefault("log_level", "warning")
    own = {each: found.pop(each) for each in _OPTIONS & found.keys()}
    options = Options(command=command.name, **own)
    # As with variables, an empty value counts as none.
    flags = {each: value for each, value in found.items() if value}
    _check_settings(flags)
    return Arguments(flags | _implied_settings(command, flags, options), options)


def _parse_start(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the flags before the command, and the rest."""
    parser = main_parser()
    namespace, unknown = parser.parse_known_args(words)
    reject_unknown(unknown, parser)
    found = vars(namespace)
    return found, found.pop("rest", [])


def _parse_command(command: Command, words: Sequence[str], tail: Sequence[str]) -> dict[str, Any]:
    """Return what stands behind a command of the runner's; the `tail` begins with a --."""
    parser = command_parser(command)
    namespace, unknown = parser.parse_known_args([*words, *(() if command is EXEC else tail)])
    reject_unknown(unknown, parser)
    found = vars(namespace)
    of_fleet = {name for name in found if name.startswith(FLEET_PREFIX)}
    if of_fleet:
        given = {name.removeprefix(FLEET_PREFIX): found.pop(name) for name in of_fleet}
        lists = {name: tuple(each) for name, each in given.items() if isinstance(each, list)}
        found["fleet"] = FleetOptions(**{**given, **lists})
    targets = found.get("targets", ())
    found["targets"] = (targets,) if isinstance(targets, str) else tuple(targets)
    if command is EXEC:
        found["targets"] += tuple(tail[1:])
    return found


def _parse_alembic_command(
    command: Command, words: Sequence[str], tail: Sequence[str]
) -> dict[str, Any]:
    """Return the settings behind a command of Alembic's, and the words that are Alembic's."""
    namespace, others = alembic_command_parser(command).parse_known_args(words)
    return {**vars(namespace), "words": (*others, *tail)}


def _resolve_help(words: Sequence[str]) -> list[str]:
    """Return the command line that prints the help which `migrate help WORDS` asks for."""
    if not words or words[0] == _HELP:
        main_parser().print_help()
        raise SystemExit
    name = words[0]
    if name == _SETTINGS:
        from migration_runner.cli.settings_page import print_settings_page  # noqa: PLC0415 - rarely

        print_settings_page()
        raise SystemExit
    if name not in BY_NAME:
        raise unknown_command(name, [*BY_NAME, _SETTINGS], PROGRAM)
    return [name, "--help"]


def _merge(before: Mapping[str, Any], behind: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands before the command and what stands behind it. Raises `UsageError`."""
    for name, flag in (("files", "-c"), ("section", "-n")):
        values = [given[name] for given in (before, behind) if name in given]
        if values and values[0] != values[-1]:
            message = f"{flag} is given twice, with different values. Give it once."
            raise UsageError(message)
    merged = {**before, **behind}
    if arguments := [*before.get("x", ()), *behind.get("x", ())]:
        merged["x"] = arguments
    return merged


def _check_settings(flags: Mapping[str, Any]) -> None:
    """Raise `UsageError` that lists every flag with a wrong value."""
    problems = []
    for variable in VARIABLES:
        text = flags.get(variable.field)
        if text is None:
            continue
        try:
            variable.parse(text)
        except ValueError as error:
            problems.append(f"{variable.flag} {error} (it is {text!r})")
    if problems:
        message = f"{'; '.join(problems)}."
        raise UsageError(message, problems=problems)


def _implied_settings(
    command: Command, flags: Mapping[str, Any], options: Options
) -> dict[str, str]:
    """Return the settings that follow from the command and its options."""
    implied: dict[str, str] = {}
    if command is CONFIG:
        # It shows what was given.
        return implied
    if options.as_json:
        implied["log_format"] = "json"
    if command is UPGRADE and options.targets:
        implied["target"] = " ".join(options.targets)
    # A fleet's runs take long: with --json, their log is on standard error.
    quiet = command.answers(options) and (command.name != FLEET or bool(options.targets))
    if quiet and "log_level" not in flags and not os.environ.get("MIGRATE_LOG_LEVEL"):
        implied["log_level"] = "warning"
    return implied
