"""A place in a statement, which moves on with what is read."""

from __future__ import annotations

import re
from typing import Final

from migration_runner.workshop.dumps.lexer import Kind, Token, tokens

_STOPS: Final = (Kind.WORD, Kind.SYMBOL)


class Cursor:
    """Reads a text token by token."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._at = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._tokens)

    def mark(self) -> int:
        """Return the place, for `reset`."""
        return self._at

    def reset(self, mark: int) -> None:
        """Go back to a place."""
        self._at = mark

    def peek(self) -> str:
        """Return the next token; "" at the end."""
        return "" if self.done else self._tokens[self._at].text

    def take(self, words: str) -> bool:
        """Go behind these words if they are the next, written as here."""
        wanted = words.split()
        found = [token.text for token in self._tokens[self._at : self._at + len(wanted)]]
        if found != wanted:
            return False
        self._at += len(wanted)
        return True

    def next(self) -> Token:
        """Return the next token, and go behind it."""
        if self.done:
            return Token(Kind.SYMBOL, "", len(self._text))
        token = self._tokens[self._at]
        self._at += 1
        return token

    def qualified(self) -> tuple[str, str]:
        """Read a name and return its schema, "" without one, and itself."""
        parts = self.path()
        return ".".join(parts[:-1]), parts[-1]

    def path(self) -> list[str]:
        """Read a name and return its parts."""
        parts = [self.next().identifier]
        while self.take("."):
            parts.append(self.next().identifier)
        return parts

    def parentheses(self) -> str:
        """Read from an opening parenthesis to its closing one; return what is between them."""
        start = self.next().end
        depth = 1
        while depth and not self.done:
            token = self.next()
            depth += {"(": 1, ")": -1}.get(token.text, 0)
        return self._text[start : self._tokens[self._at - 1].start]

    @property
    def ahead(self) -> str:
        """All that is left, as it is."""
        return "" if self.done else self._text[self._tokens[self._at].start :].strip()

    def rest(self) -> str:
        """Return all that is left, and go behind it."""
        text = self.ahead
        self._at = len(self._tokens)
        return text

    def until(self, stops: frozenset[str]) -> str:
        """Read up to one of the words outside of parentheses; return what was before it."""
        start = len(self._text) if self.done else self._tokens[self._at].start
        depth = 0
        while not self.done:
            token = self._tokens[self._at]
            if depth == 0 and token.kind in _STOPS and token.text in stops:
                return self._text[start : token.start].strip()
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            self._at += 1
        return self._text[start:].strip()


def split(text: str) -> list[str]:
    """Return the parts between the commas outside of parentheses and brackets."""
    parts, depth, start = [], 0, 0
    for token in tokens(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            parts.append(text[start : token.start].strip())
            start = token.end
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def one_line(text: str) -> str:
    """Return a text with single spaces between its tokens' lines; literals stay as they are."""
    pieces, end = [], 0
    for token in tokens(text):
        gap = text[end : token.start]
        pieces.append(re.sub(r"\s+", " ", gap) + token.text)
        end = token.end
    return "".join(pieces).strip()
