"""No secrets: in no line, however they are spelt and whoever has told of them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from migration_runner.log import redaction, streams
from migration_runner.log.bounds import shorten
from migration_runner.log.redaction import hide_secrets, redact

Capture = pytest.CaptureFixture[str]
SECRET = 'p@ss/w:rd %"\\x'


@contextlib.contextmanager
def _no_secrets() -> Iterator[None]:
    """Secrets are for the rest of a process's life."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("migration_runner.log.redaction._spellings", {})
        patch.setattr("migration_runner.log.redaction._hidden", ())
        patch.setattr("migration_runner.log.redaction._whole", set())
        yield


@pytest.fixture(autouse=True)
def _none_yet() -> Iterator[None]:
    with _no_secrets():
        yield


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        repr(SECRET)[1:-1],
        SECRET.replace("%", "%%"),
        json.dumps(repr(SECRET)[1:-1])[1:-1],
    ],
)
def test_a_secret_is_blanked_out_in_every_spelling(capfd: Capture, spelling: str) -> None:
    hide_secrets((SECRET,))

    streams.write_line(f"before {spelling} behind")

    assert "before *** behind\n" == capfd.readouterr().out


@given(st.text(st.characters(codec="utf-8"), min_size=4, max_size=40))
def test_any_secret_is_blanked_out_in_json(secret: str) -> None:
    # Not one that is a part of the line without it.
    assume(secret not in json.dumps({"detail": "<>"}))
    with _no_secrets():
        hide_secrets((secret,))
        line = redact(json.dumps({"detail": f"<{secret}>"}, ensure_ascii=False))

    assert "<***>" == json.loads(line)["detail"]


def test_secrets_that_are_found_later_are_hidden_too() -> None:
    hide_secrets(("first secret",))
    hide_secrets(("second secret",))

    assert "*** ***" == redact("first secret second secret")


def test_a_secret_that_is_also_the_users_name_is_not_hidden() -> None:
    hide_secrets(("shop",), public=("shop", "shop_db"))

    assert "user shop" == redact("user shop")


def test_a_secret_that_is_told_again_and_again_costs_no_more() -> None:
    """Every connection of env.py's tells its password, and a quote's spelling has quotes again."""
    hide_secrets((SECRET,))
    once = vars(redaction)["_hidden"]

    for _ in range(20):
        hide_secrets((SECRET,))

    assert once == vars(redaction)["_hidden"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("postgresql://shop:word@db/shop", "postgresql://shop:***@db/shop"),
        ("mysql+pymysql://shop:w%40rd@db:3306/x?a=b", "mysql+pymysql://shop:***@db:3306/x?a=b"),
        ("https://example.org:8080/@shop", "https://example.org:8080/@shop"),
        ("postgresql://shop@db:5432/shop", "postgresql://shop@db:5432/shop"),
    ],
)
def test_a_password_in_a_url_is_hidden_whoever_says_it(said: str, shown: str) -> None:
    assert shown == redact(said)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("postgresql://x:a/b@db/shop", "postgresql://x:***@db/shop"),
        ("postgresql://x:a@b@db/shop", "postgresql://x:***@db/shop"),
        ("postgresql://x:8080/b@db/shop", "postgresql://x:***@db/shop"),
        ("No revision 'postgresql://x:word'", "No revision 'postgresql://x:***'"),
        ("redis://:word@cache:6379/0", "redis://:***@cache:6379/0"),
        ("postgresql://db:5432 is down", "postgresql://db:5432 is down"),
        ("postgresql://[::1]:5432/shop", "postgresql://[::1]:5432/shop"),
        ("file://C:/x", "file://C:/x"),
        ("?user=x&password=word&b=c", "?user=x&password=***&b=c"),
        ("host=db password='a b' user=x", "host=db password='***' user=x"),
        ("dblink('password=word')", "dblink('password=***')"),
        ("{'password': 'word'}", "{'password': '***'}"),
        ("ALTER ROLE x PASSWORD 'it''s' VALID", "ALTER ROLE x PASSWORD '***' VALID"),
        ("PASSWORD E'a\\'b', 1", "PASSWORD '***', 1"),
        ("PASSWORD $a$word$a$ VALID", "PASSWORD *** VALID"),
        ("PASSWORD 'cut o", "PASSWORD '***'"),
        ("OPTIONS (secret_key 'word')", "OPTIONS (secret_key '***')"),
        ("CREATE USER x IDENTIFIED BY 'word'", "CREATE USER x IDENTIFIED BY '***'"),
        # What only looks like it.
        ("Can't locate revision identified by 'r9'", "Can't locate revision identified by 'r9'"),
        ("KeyError: 'password'", "KeyError: 'password'"),
        ('password authentication failed for "x"', 'password authentication failed for "x"'),
        ("password text, kind text DEFAULT 'a'", "password text, kind text DEFAULT 'a'"),
        ("DETAIL: Key (id)=(1)", "DETAIL: Key (id)=(1)"),
    ],
)
def test_what_looks_like_a_password(said: str, shown: str) -> None:
    assert shown == redact(said)


def test_a_part_of_a_password_that_a_statement_sets() -> None:
    redaction.hide_passwords_of("ALTER ROLE x PASSWORD 'it''s a word'; SELECT E'PASSWORD \\'no\\''")

    assert 'error at or near "***"' == redact('error at or near "it\'s a word"')


@pytest.mark.parametrize("longest", range(20, 60, 3))
def test_a_secret_is_hidden_before_a_text_is_cut(longest: int) -> None:
    hide_secrets(("a secret 0123456789",))

    short = shorten(f"{'x' * 30}a secret 0123456789{'y' * 30}", longest)

    assert len(short) <= longest
    assert {*short} <= {"x", "y", "*", "…"}


def test_a_long_text_takes_no_time() -> None:
    """No pattern looks at the rest of a text again and again."""
    texts = ("y" * 10_000_000, "password " * 50_000, "password" + " " * 500_000, "pwd'" * 100_000)
    for text in (*texts, "://" * 100_000, "://a:" * 50_000, "PASSWORD $$ " * 2000):
        assert redact(text)
