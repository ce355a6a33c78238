"""`migrate revision --autogenerate` on models that change."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import alembic

from tests.fixtures.workshop import NO_ORDERS, Workshop

_MODELS: Final = """\
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData({options})


class Base:
    metadata = metadata


"""
_ORDERS: Final = "'orders', {}sa.Column('id', sa.Integer, primary_key=True){}"
# What models are about: cases side by side have each a number behind these.
_NAMES: Final = re.compile("orders|others|sales|customers|people|stock|mood|Mood|temper")
_TEMPLATE: Final = Path(alembic.__file__).parent / "templates" / "generic" / "script.py.mako"
# What says that models and history differ, or that a revision does not lead there and back.
WRONG: Final = frozenset(
    {"models-differ", "asymmetric", "unequal-upgrades", "upgrade-fails", "downgrade-fails"}
    | {"second-upgrade-fails", "broken-file", "env"}
)


@dataclass(frozen=True)
class Outcome:
    """How the command ended, what it said as JSON, and the text of what it wrote."""

    exit_code: int
    facts: dict[str, Any]
    text: str
    stderr: str = ""

    @property
    def tried(self) -> tuple[int, list[str], list[str], list[str]]:
        """The exit code, what was done with the revision, what was found, and what is left."""
        assert "tried" in self.facts, f"{self.facts} {self.stderr}"
        left = [each["difference"] for each in self.facts["left"]]
        found = [each["message"] for each in self.facts["findings"]]
        return self.exit_code, self.facts["tried"], found, left

    @property
    def lines(self) -> list[str]:
        """The lines that were written, without the space around them."""
        return [line.strip() for line in self.text.splitlines()]


# Nothing is left of what the models have and the history had not.
CLEAN: Final[tuple[int, list[str], list[str], list[str]]] = (0, ["up", "down", "up"], [], [])


def orders(*parts: str) -> str:
    """Return the model of a table, with further columns, constraints and options."""
    return f"sa.Table({_orders('metadata, ', parts)})\n"


def write_orders(workshop: Workshop, *parts: str) -> None:
    """Write the revision that `orders` of these parts needs, where no command is to do so."""
    workshop.revision("orders", f"op.create_table({_orders('', parts)})", NO_ORDERS)


def _orders(metadata: str, parts: Iterable[str]) -> str:
    return _ORDERS.format(metadata, "".join(f", {part}" for part in parts))


def write_models(workshop: Workshop, models: str, options: str = "") -> None:
    """Write the models: Core tables, since they are shorter."""
    workshop.write("models.py", _MODELS.format(options=options) + models)
    shutil.copy(_TEMPLATE, workshop.versions.parent)


def autogenerate(workshop: Workshop, *words: str, **variables: str) -> Outcome:
    """Write a revision from the models."""
    message: tuple[str, ...] = () if "-m" in words else ("-m", "change")
    result = workshop.run("revision", "--autogenerate", *message, *words, "--json", **variables)
    try:
        facts = json.loads(result.stdout.splitlines()[0])
    except (IndexError, ValueError):
        return Outcome(result.exit_code, {}, "", result.stderr)
    text = Path(facts["file"]).read_text() if facts.get("file") else ""
    return Outcome(result.exit_code, facts, text, result.stderr)


def change_side_by_side(
    workshop: Workshop, cases: Iterable[tuple[str, str]], *words: str, options: str = ""
) -> Outcome:
    """Bring the history to the first models of all cases, and return what came of the second.

    Each case has tables and types of its own, as `numbered` names them: alone, each would cost
    some seconds.
    """
    before, after = (
        "".join(numbered(models, number) for number, models in enumerate(each))
        for each in zip(*cases, strict=True)
    )
    write_models(workshop, before, options)
    first = autogenerate(workshop)
    assert CLEAN == first.tried, first.text + first.stderr
    write_models(workshop, after, options)
    return autogenerate(workshop, *words)


def numbered(text: str, number: int) -> str:
    """Give tables, types and schemas the number of a case."""
    return _NAMES.sub(rf"\g<0>{number}", text)


def wrong(workshop: Workshop) -> list[tuple[str, str]]:
    """Return what `migrate verify` finds, but for hazards."""
    _, found = workshop.verify("--all", "--fail-on", "never")
    return [
        (each["check"], each["message"]) for each in found["findings"] if each["check"] in WRONG
    ]
