"""What an index's definition says, part by part."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from migration_runner.workshop.dumps.cursor import Cursor, one_line

_CLAUSES: Final = frozenset({"INCLUDE", "NULLS", "WITH", "WHERE"})


@dataclass(frozen=True)
class Index:
    """`columns` have their operator classes, collations and orders; "" is what it has not."""

    unique: str
    method: str
    columns: str
    include: str
    nulls: str
    options: str
    predicate: str


# Each part in the words for a sentence, and how it is named where it is not there.
_WORDS: Final = {
    "unique": ("is {}", "is not unique"),
    "method": ("uses {}", ""),
    "columns": ("is on {}", ""),
    "include": ("has INCLUDE {}", "no INCLUDE"),
    "nulls": ("has {}", "distinct nulls"),
    "options": ("has WITH {}", "no WITH"),
    "predicate": ("has WHERE {}", "no condition"),
}


def parse_index(statement: str) -> Index:
    """Return what CREATE INDEX, as a dump has it, says."""
    cursor = Cursor(statement)
    cursor.take("CREATE")
    unique = "unique" if cursor.take("UNIQUE") else ""
    cursor.until(frozenset({"USING"}))
    cursor.take("USING")
    method = cursor.next().text
    columns = f"({one_line(cursor.parentheses())})"
    found = dict.fromkeys(("include", "nulls", "options", "predicate"), "")
    while not cursor.done:
        if cursor.take("NULLS NOT DISTINCT"):
            found["nulls"] = "NULLS NOT DISTINCT"
        elif cursor.take("INCLUDE"):
            found["include"] = f"({cursor.parentheses()})"
        elif cursor.take("WITH"):
            found["options"] = f"({cursor.parentheses()})"
        elif cursor.take("WHERE"):
            found["predicate"] = cursor.rest()
        else:
            cursor.next()
    return Index(unique, method, columns, **found)


def describe_difference(schema: str, models: str) -> str:
    """Say in what two indexes of one name differ, as the end of a sentence."""
    ours, theirs = parse_index(models), parse_index(schema)
    said = []
    for part in fields(Index):
        one, other = getattr(ours, part.name), getattr(theirs, part.name)
        if one != other:
            said.append(f"{_say(part.name, one)} in the models, and {_say(part.name, other)}")
    return "; ".join(f"{text} in the history" for text in said)


def _say(part: str, text: str) -> str:
    there, missing = _WORDS[part]
    if text:
        return there.format(text)
    return missing if missing.startswith("is ") else f"has {missing}"
