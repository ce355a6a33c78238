"""SQL as pg_dump writes it, in tokens and statements.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

# Possessive: a quote that is not closed costs no time.
_TOKEN: Final = re.compile(
    r"""
    (?: \s+ | --[^\n]* )*+
    (?:
        (?P<string>[eE]'(?:[^'\\]++|\\.|'')*+' | '(?:[^']++|'')*+')
      | (?P<quoted>"(?:[^"]++|"")*+")
      | (?P<dollar>\$\$.*?\$\$ | \$(?P<tag>[^\W\d]\w*)\$.*?\$(?P=tag)\$)
      | (?P<word>[^\W\d][\w$]*)
      | (?P<number>\d[\w.]*)
      | (?P<symbol>\S)
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_ROUTINE: Final = re.compile(r"CREATE\s+(OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE)\b", re.IGNORECASE)


class Kind(enum.Enum):
    """What a token is. A word is a key word, or a name without quotes."""

    WORD = "word"
    QUOTED = "quoted"
    STRING = "string"
    DOLLAR = "dollar"
    NUMBER = "number"
    SYMBOL = "symbol"


_KINDS: Final = {kind.value: kind for kind in Kind}


class Token(NamedTuple):
    """A piece of a text, and where it is there. White space and comments are none."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the next one may start."""
        return self.start + len(self.text)

    @property
    def identifier(self) -> str:
        """The name without its quotes."""
        if self.kind is Kind.QUOTED:
            return self.text[1:-1].replace('""', '"')
        return self.text


def tokens(text: str) -> list[Token]:
    """Return the tokens of a text."""
    return list(_tokens(text, 0))


def statements(dump: str) -> Iterator[str]:
    """Yield a dump's statements, without semicolons, comments between them and psql's commands."""
    position = 0
    while (position := _next_start(dump, position)) < len(dump):
        end = _end(dump, position)
        if statement := dump[position:end].rstrip():
            yield statement
        position = end + 1


def _next_start(dump: str, position: int) -> int:
    """Return where the next statement starts."""
    while position < len(dump):
        token = next(_tokens(dump, position), None)
        if token is None:
            break
        if token.text != "\\":
            return token.start
        # Of psql: \restrict, \unrestrict, \connect.
        position = (dump.find("\n", token.start) + 1) or len(dump)
    return len(dump)


def _end(dump: str, start: int) -> int:
    """Return where the semicolon is that ends a statement.

    Those in parentheses (a rule's commands) and in a routine's BEGIN ATOMIC ... END do not, as psql
    has it.
    """
    depth, blocks, before = 0, 0, ""
    routine = _ROUTINE.match(dump, start) is not None
    for token in _tokens(dump, start):
        word = token.text.upper() if token.kind is Kind.WORD else token.text
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
        elif routine and word == "ATOMIC" and before == "BEGIN":
            blocks = 1
        elif blocks and word == "CASE":
            blocks += 1
        elif blocks and word == "END":
            blocks -= 1
        elif token.text == ";" and depth <= 0 and blocks == 0:
            return token.start
        before = word
    return len(dump)


def _tokens(text: str, start: int) -> Iterator[Token]:
    for match in _TOKEN.finditer(text, start):
        name = match.lastgroup or ""
        # Its tag is a group inside another one.
        name = "dollar" if name == "tag" else name
        yield Token(_KINDS[name], match[name], match.start(name))
