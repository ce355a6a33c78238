"""Converts a database URL, as applications write it, to libpq's connection parameters.

URLs are SQLAlchemy's or libpq's, and often have passwords that are not percent-encoded.
So the credentials end at the first `@` after which hosts, database and options are valid, and a
`%` that does not start an escape stands for itself. Encoded URLs keep their exact meaning.
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

_SCHEME = re.compile(r"(?P<dialect>postgres(?:ql)?)(?:\+(?P<driver>\w+))?://", re.ASCII)
_HOST = r"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\[\]@/?#:,\s]*)(?::\d*)?"
_PLACE = re.compile(
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)"
    r"(?:/(?P<database>[^/?#@]*))?"
    r"(?:\?(?P<options>[\w%]+=[^&]*(?:&[\w%]+=[^&]*)*)?)?"
)
SECRET_PARAMETERS: Final = (
    "password",
    "sslpassword",
    "oauth_client_secret",
    "scram_client_key",
    "scram_server_key",
)
# asyncpg and pg8000 name libpq's `sslmode` this way; libpq has none of their other options.
_SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
_SSL_FLAGS = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
_LIBPQ_DRIVERS: Final = frozenset({None, "psycopg", "psycopg2", "psycopg2cffi"})


@dataclass(frozen=True)
class DatabaseAddress:
    """The database's address: libpq's connection parameters, and the secrets among them.

    libpq takes missing parameters from its environment variables (`PGHOST`, `PGSERVICE` ...).
    """

    parameters: dict[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    # The variable that has the address, or names the file with it, and the driver in the URL.
    origin: str = ""
    driver: str = ""
    file: str = ""
    # Of its sessions; empty for the server's own.
    search_path: str = ""

    @property
    def public(self) -> tuple[str, ...]:
        """The names of the user and the database, shown even if a secret is the same word."""
        return self.parameters.get("user", ""), self.parameters.get("dbname", "")


def parse_database_url(url: str) -> DatabaseAddress:
    """Parse `url`.

    Accepts `postgres://`, `postgresql://` and `postgresql+<driver>://`, several hosts
    (`host1:5432,host2:5432`, or one `host=` option each), sockets (`?host=/run/postgresql`) and
    libpq's options. Raises `ValueError`, without the password, for anything else.
    """
    if "\n" in url:
        message = "has more than one line"
        raise ValueError(message)
    scheme = _SCHEME.match(url)
    if scheme is None:
        message = "does not start with postgresql://"
        raise ValueError(message)
    credentials, place = _split(url[scheme.end() :])
    parameters: dict[str, str] = {}
    if credentials is not None:
        user, separator, password = credentials.partition(":")
        _put(parameters, "user", unquote(user))
        if separator:
            _put(parameters, "password", unquote(password))
    hosts, ports = _split_hosts(place["hosts"].split(","))
    options = [part.partition("=") for part in (place["options"] or "").split("&") if part]
    pairs = [(unquote(name), unquote(value)) for name, _, value in options]
    if option_hosts := [value for name, value in pairs if name == "host"]:
        hosts, ports = _split_hosts([host for value in option_hosts for host in value.split(",")])
    _put(parameters, "host", ",".join(hosts))
    if any(ports):
        parameters["port"] = ",".join(ports)
    _put(parameters, "dbname", unquote(place["database"] or ""))
    for name, value in pairs:
        if name != "host":
            _put_option(parameters, name, value, driver=scheme["driver"])
    secrets = tuple(parameters[name] for name in SECRET_PARAMETERS if name in parameters)
    return DatabaseAddress(parameters, secrets, driver=scheme["driver"] or "")


def _split(rest: str) -> tuple[str | None, re.Match[str]]:
    """Split the credentials from the rest; the module's docstring says where."""
    at = -1
    if whole := _PLACE.fullmatch(rest):
        return None, whole
    while (at := rest.find("@", at + 1)) != -1:
        if place := _PLACE.fullmatch(rest, at + 1):
            return rest[:at], place
    message = "is not of the form postgresql://user:password@host:5432/database"
    raise ValueError(message)


def _split_hosts(entries: list[str]) -> tuple[list[str], list[str]]:
    hosts, ports = [], []
    for entry in entries:
        host, port = entry, ""
        if match := re.fullmatch(r"(\[.*\]|[^/:]*):(\d*)", entry):
            host, port = match[1], match[2]
        hosts.append(unquote(host.strip("[]")))
        ports.append(port)
    return hosts, ports


def _put(parameters: dict[str, str], name: str, value: str) -> None:
    if value:
        parameters[name] = value


@functools.cache
def _libpq_options() -> frozenset[str]:
    # Imported late: without options in the URL, the settings are read without psycopg.
    from psycopg import pq  # noqa: PLC0415

    return frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())


def _put_option(parameters: dict[str, str], name: str, value: str, driver: str | None) -> None:
    if name == "ssl":
        name, value = "sslmode", _SSL_FLAGS.get(value.lower(), value)
        if value not in _SSL_MODES:
            # The value is not shown, as below.
            message = f"has an invalid ssl=: use one of {', '.join(sorted(_SSL_MODES))}"
            raise ValueError(message)
    known = _libpq_options()
    if name in known:
        parameters[name] = value
    elif driver in _LIBPQ_DRIVERS:
        # The name is not shown: it can be part of a password that is not percent-encoded.
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
        message = f"has an option that libpq does not know{hint}"
        raise ValueError(message)
