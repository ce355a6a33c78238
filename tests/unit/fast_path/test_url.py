"""The fast path's URLs are a part of what the runner takes, and mean the same."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner.fast_path.url import parse_ordinary_url
from migration_runner.settings.database_url import parse_database_url

ODD = st.text("aZ0%@:/?#&=+[], \\'\"é.-_~", max_size=8)


@given(st.tuples(ODD, ODD, ODD, ODD, ODD, ODD))
def test_it_takes_nothing_in_another_sense(parts: tuple[str, ...]) -> None:
    user, password, host, port, database, options = parts
    url = f"postgresql://{user}:{password}@{host}:{port}/{database}?{options}"

    found = parse_ordinary_url(url)

    if found is not None:
        assert parse_database_url(url).parameters == found


@given(
    user=st.text("aZ09@:/é%&", min_size=1, max_size=8),
    password=st.text(min_size=1, max_size=12).filter(lambda text: "\n" not in text),
    database=st.text("aZ09-é", min_size=1, max_size=8),
)
def test_it_takes_whatever_is_encoded(user: str, password: str, database: str) -> None:
    url = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@db/{quote(database)}"

    assert parse_database_url(url).parameters == parse_ordinary_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgres://shop@db/shop?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem",
        "postgresql+psycopg://shop:secret@db.example.org:6432/shop",
        "postgresql://shop@10.0.0.1/shop?channel_binding=require",
    ],
)
def test_it_takes_the_ordinary(url: str) -> None:
    assert parse_database_url(url).parameters == parse_ordinary_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://shop@db/shop",
        "postgresql:///shop?host=/run/postgresql",
        "postgresql://one,two/shop",
        "postgresql://[::1]/shop",
        "postgresql://shop:p@ss@db/shop",
        "postgresql://shop@db/shop?options=-c%20search_path=x",
        "postgresql://shop@db/shop?ssl=true",
        "postgresql://shop@db/shop?sslmode=require&sslmode=disable",
        "postgresql://shop@db/shop?host=other",
        "postgresql://shop@db:port/shop",
        "postgresql://shop:%ff@db/shop",
        "postgresql://shop@db",
        "",
    ],
)
def test_it_leaves_the_rest(url: str) -> None:
    assert parse_ordinary_url(url) is None
