"""A search_path as an option of the connection, so that it is there from the first statement on."""

from __future__ import annotations

import os
import re


def with_search_path(options: str | None, search_path: str) -> str:
    """Return libpq's `options` with this search_path behind what they have.

    Without options of its own, a connection has those of PGOPTIONS
    (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS).
    """
    theirs = os.environ.get("PGOPTIONS", "") if options is None else options
    # The server splits them at white space that has no backslash before it.
    escaped = re.sub(r"([\\\s])", r"\\\1", search_path)
    return f"{theirs} -csearch_path={escaped}".lstrip()


def first_schema(search_path: str) -> str:
    """Return the first schema's name: quoted, or else in lower case, as the server reads it."""
    text = search_path.strip()
    if quoted := re.match(r'"((?:[^"]|"")*)"', text):
        return quoted[1].replace('""', '"')
    return text.partition(",")[0].strip().lower()
