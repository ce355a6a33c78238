"""What a project declares about its runs, in its Alembic configuration.

`fast_path = alembic_version` in the section `[migration_runner]` of alembic.ini, or in
`[tool.migration_runner]` of pyproject.toml, declares that a run without flags depends on nothing
but the runner's connection, the image's files, and this version table. It is named as env.py
configures it: `version_table_schema.version_table`, or `version_table` alone.
"""

from __future__ import annotations

import configparser
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from alembic.config import Config

from migration_runner.documentation import docs_page
from migration_runner.errors import ConfigError
from migration_runner.project.errors import describe_interpolation
from migration_runner.settings.settings import DEFAULT_SECTION

_SECTION: Final = "migration_runner"
_OPTION: Final = "fast_path"


class Declaration(NamedTuple):
    """The declared version table, and the file that declares it."""

    file: str
    schema: str | None
    table: str

    @property
    def text(self) -> str:
        """What is declared, as it is written."""
        return f"{_OPTION} = {name_table(self.schema, self.table)}"


def name_table(schema: str | None, table: str) -> str:
    """Return a version table as it is declared."""
    return f"{schema}.{table}" if schema else table


def example(schema: str | None, table: str, file: str) -> str:
    """Return what to add to a configuration file, in one line."""
    if file.endswith(".toml"):
        return f'[tool.{_SECTION}] {_OPTION} = "{name_table(schema, table)}"'
    return f"[{_SECTION}] {_OPTION} = {name_table(schema, table).replace('%', '%%')}"


def read_declaration(config: Config) -> Declaration | None:
    """Return what the configuration declares about a run with these options; None for nothing.

    It declares nothing about another section (`-n`) or about a run with `-x`.
    Raises `ConfigError` for what it does not understand.
    """
    file, options = _options(config)
    unknown = sorted(options.keys() - {_OPTION})
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], [_OPTION], n=1)
        hint = f" (did you mean {nearest[0]}?)" if nearest else ""
        raise _invalid(file, f"{unknown[0]} is not an option{hint}")
    if not options:
        return None
    text = options[_OPTION]
    schema, separator, table = text.rpartition(".") if isinstance(text, str) else ("", "", "")
    if not table or (separator and not schema):
        problem = f"{_OPTION} must be the name of the version table, as env.py configures it"
        raise _invalid(file, f"{problem} (it is {text!r})")
    if config.config_ini_section != DEFAULT_SECTION or getattr(config.cmd_opts, "x", None):
        return None
    return Declaration(file, schema or None, table)


def declaration_wrong(declared: Declaration, difference: str) -> ConfigError:
    """Return the error of a project whose env.py does not do what it declares."""
    message = (
        f"{declared.file} declares {declared.text}, but {difference}. Correct the declaration or"
        f" env.py, or remove the declaration: runs are then slower ({docs_page('speed')})."
    )
    return ConfigError(message, reason="wrong_declaration", file=declared.file)


def configuration_files(config: Config) -> list[str]:
    """Return the files that Alembic reads, whether they exist or not."""
    names = [config.config_file_name, getattr(config, "toml_file_name", None)]
    return [str(name) for name in names if name]


def _options(config: Config) -> tuple[str, Mapping[str, Any]]:
    """Return the section's file and options; as in Alembic, the ini takes precedence."""
    ini = str(config.config_file_name)
    try:
        if config.file_config.has_section(_SECTION):
            shared = config.file_config.defaults()
            found = config.file_config.items(_SECTION)
            return ini, {name: value for name, value in found if name not in shared}
    except configparser.InterpolationSyntaxError as error:
        raise _invalid(ini, f"it has {describe_interpolation(error)}") from None
    except configparser.Error as error:
        raise _invalid(ini, " ".join(str(error).split())) from None
    for file in configuration_files(config):
        if file.endswith(".toml") and Path(file).is_file():
            return file, _toml_options(file)
    return ini, {}


def _toml_options(file: str) -> Mapping[str, Any]:
    text = Path(file).read_text(encoding="utf-8", errors="replace")
    if _SECTION not in text:
        return {}
    import tomllib  # noqa: PLC0415 - slow, and rarely needed

    try:
        options = tomllib.loads(text).get("tool", {}).get(_SECTION, {})
    except tomllib.TOMLDecodeError as error:
        raise _invalid(file, str(error)) from None
    if not isinstance(options, dict):
        raise _invalid(file, "it is not a table")
    return options


def _invalid(file: str, problem: str) -> ConfigError:
    section = f"tool.{_SECTION}" if file.endswith(".toml") else _SECTION
    message = f"The section [{section}] of {file} is invalid: {problem}."
    return ConfigError(message, reason="invalid_declaration", file=file)
