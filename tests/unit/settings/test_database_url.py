"""URLs as people write them become libpq's parameters, and passwords stay whole."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import pq
from psycopg.pq.misc import ConninfoOption

from migration_runner.settings.database_url import parse_database_url


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        (
            "postgres://u:p@h/db",
            {"user": "u", "password": "p", "host": "h", "dbname": "db"},
        ),
        (
            "postgresql+asyncpg://u:p%40@h:5/db?ssl=require&prepared_statement_cache_size=0",
            {
                "user": "u",
                "password": "p@",
                "host": "h",
                "port": "5",
                "dbname": "db",
                "sslmode": "require",
            },
        ),
        (
            "postgresql://u:p@ss/w?rd:#1@h1:1,h2:2/db?application_name=a@b",
            {
                "user": "u",
                "password": "p@ss/w?rd:#1",
                "host": "h1,h2",
                "port": "1,2",
                "dbname": "db",
                "application_name": "a@b",
            },
        ),
        ("postgresql:///db?host=/tmp", {"host": "/tmp", "dbname": "db"}),  # noqa: S108 - a socket
        (
            "postgresql://u:p%w@[::1]:5/db",
            {"user": "u", "password": "p%w", "host": "::1", "port": "5", "dbname": "db"},
        ),
        (
            "postgresql://u@/db?host=h1:1&host=h2",
            {"user": "u", "host": "h1,h2", "port": "1,", "dbname": "db"},
        ),
        ("postgresql://", {}),
    ],
)
def test_parses(url: str, parameters: dict[str, str]) -> None:
    """Each form in circulation means what its users expect."""
    assert parameters == parse_database_url(url).parameters


@given(password=st.text(min_size=1).filter(lambda text: "\x00" not in text and text.isprintable()))
def test_an_encoded_password_comes_back_as_it_was(password: str) -> None:
    """Whatever the password, its encoded form is unambiguous."""
    address = parse_database_url(f"postgresql://user:{quote(password, safe='')}@host/db")

    assert password == address.parameters["password"]
    assert (password,) == address.secrets


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:canary@host/db",
        "postgresql://user:canary@host:port/db",
        "postgresql://user:canary@host/db?sslmod=require",
        "postgresql://user:canary@host/db?ssl=canary",
    ],
)
def test_a_wrong_url_is_refused_without_showing_the_password(url: str) -> None:
    """The error says what is wrong and shows no password."""
    with pytest.raises(ValueError, match=r"does not|is not|libpq|ssl=") as caught:
        parse_database_url(url)

    assert "user:canary" not in str(caught.value)


def test_the_address_does_not_show_itself() -> None:
    """A repr in a log or a traceback has no password."""
    assert "canary" not in repr(parse_database_url("postgresql://user:canary@host/db"))


def test_many_urls_ask_libpq_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet has thousands."""
    asked = []
    defaults = pq.Conninfo.get_defaults()

    def ask() -> list[ConninfoOption]:
        asked.append(1)
        return defaults

    monkeypatch.setattr(pq.Conninfo, "get_defaults", ask)
    for number in range(3):
        parse_database_url(f"postgresql://host/db{number}?sslmode=require")

    assert len(asked) <= 1
