"""Passwords that the runner does not know, found by what stands before them.

In URLs, in `password=...` (of a DSN, a query or a source line), and behind PASSWORD in SQL. All of
it works on text as it was said, before it is shortened or becomes JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

HIDDEN: Final = "***"

# Patterns are compiled, and kept by `re`, when a text needs them: most runs have none.
# Up to the last @: SQLAlchemy and many people write a password without percent-encoding.
# Limited, so that a long text takes no quadratic time.
_URL: Final = r"://([^\s/:@\"'<>]{0,200}):([^\s\"'<>]{1,400})@"
# One that was cut off before its @: what is no port is a password.
_BEGUN_URL: Final = (
    r"(://[^\s/:@\"'<>\[]{0,200}:)(?!\d{1,5}(?:\D|\Z))(?!\*)[^\s/\"'<>@,)\]}\\]{1,400}"
)
# A URL of another kind: https://host:8080/@name
_PORT: Final = r"\d{1,5}(?:[/?#]|\Z)"
_DATABASE_SCHEME: Final = r"(?:postgres(?:ql)?|mysql|mariadb|redis|mongodb)[\w+.]*\Z"

# "Can't locate revision identified by" is Alembic's.
_WORD: Final = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|(?<!revision )identified\s{1,20}by"
    r"|(?:secret_)?access_key|secret_key|private_key|api_?key|secret|(?:access|auth)_token)"
)
_SPACE: Final = r"(?:\s|/\*[^*]{0,200}\*/){0,20}"
# A literal reaches to the line's last quote: it can have doubled quotes and stand in another one.
# Without an end, it was truncated. In the text of a text, quotes are escaped.
_SINGLE: Final = r"\\{0,4}'(?:[^\n]*'|[^\n]*)"
_DOUBLE: Final = r'\\{0,4}"(?:[^\n]*"|[^\n]*)'
_DOLLAR: Final = r"\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"
_BEFORE_QUOTE: Final = r"(?:[EeNnBb]|[Uu]&)?"
_QUOTED: Final = rf"(?:{_BEFORE_QUOTE}{_SINGLE}|{_DOUBLE}|{_DOLLAR})"
_RULES: Final = tuple(
    f"(?is){rule}"
    for rule in (
        # 'password': '...', ("password", "...")
        rf"(?P<name>{_WORD}\\{{0,4}}[\"']{_SPACE}(?:=>|[:=,]){_SPACE}){_QUOTED}",
        # password=..., password = '...', password: '...'
        rf"(?P<name>(?<![\"']){_WORD}{_SPACE}(?:=>|[:=]){_SPACE}){_QUOTED}",
        rf"(?P<name>{_WORD}{_SPACE}={_SPACE})[^\s&\"',;)\]}}=>$%\\][^\s&\"',;)\]}}]*",
        # PASSWORD '...', PASSWORD('...'), PASSWORD'...'
        rf"(?P<name>{_WORD}\"?(?:{_SPACE}\({_SPACE}|(?:\s|/\*[^*]{{0,200}}\*/){{1,20}}))"
        rf"(?:{_BEFORE_QUOTE}{_SINGLE}|{_DOLLAR})",
        rf"(?P<name>(?<!\S){_WORD}){_BEFORE_QUOTE}{_SINGLE}",
    )
)
# Words that some rule needs, to leave most texts alone.
_HINTS: Final = ("pass", "pwd", "secret", "_key", "apikey", "_token", "identified")
# The second kind stands in another literal, such as EXECUTE's.
_LITERAL: Final = (
    rf"(?is)password{_SPACE}(?:[=(]{_SPACE})?"
    r"(?:E'(?P<escaped>(?:[^'\\]|''|\\.)+)'"
    r"|'{2,4}(?P<nested>[^']+)'{2,}"
    rf"|{_BEFORE_QUOTE}'(?P<plain>(?:[^']|'')+)'"
    r"|\$(?P<tag>\w*)\$(?P<dollar>.*?)\$(?P=tag)\$)"
)


def mask_passwords(text: str) -> str:
    """Return `text` without what looks like a password."""
    text = mask_urls(text)
    if _hinted(text):
        for rule in _RULES:
            text = re.sub(rule, _mask, text)
    return text


def mask_urls(text: str) -> str:
    """Return `text` without the passwords in URLs; safe also for text that is JSON already."""
    if "://" not in text:
        return text
    return re.sub(_BEGUN_URL, rf"\1{HIDDEN}", re.sub(_URL, _mask_url(text), text))


def literals_behind_password(statement: str) -> tuple[str, ...]:
    """Return the passwords that a statement sets: the server's messages can quote a part of it."""
    if "password" not in statement.lower():
        return ()
    found = []
    for match in re.finditer(_LITERAL, statement):
        if escaped := match["escaped"]:
            found.append(re.sub(r"\\(.)|''", lambda each: each[1] or "'", escaped))
        else:
            text = match["nested"] or match["plain"] or match["dollar"] or ""
            found.append(text.replace("''", "'"))
    return tuple(found)


def _hinted(text: str) -> bool:
    lower = text.lower()
    return any(word in lower for word in _HINTS)


def _mask(match: re.Match[str]) -> str:
    rest = match[0][len(match["name"]) :]
    quote = next((mark for mark in "'\"" if mark in rest[:5]), "")
    return f"{match['name']}{quote}{HIDDEN}{quote}"


def _mask_url(text: str) -> Callable[[re.Match[str]], str]:
    def mask(match: re.Match[str]) -> str:
        scheme = re.search(_DATABASE_SCHEME, text[max(0, match.start() - 40) : match.start()])
        if scheme is None and re.match(_PORT, match[2]):
            return match[0]
        return f"://{match[1]}:{HIDDEN}@"

    return mask
