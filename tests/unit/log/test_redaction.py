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
