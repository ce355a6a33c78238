"""Converts an ordinary database URL to libpq's parameters; see `look`.

`database_url` takes the others: several hosts, sockets, passwords that are not percent-encoded.
"""

_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
# Options that libpq has by the same name; their values are words and paths.
_OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding", "gssencmode")


def parse_ordinary_url(url: str) -> dict[str, str] | None:
    """Return libpq's parameters for `postgresql://user:password@host:port/database`.

    Options may follow. None for any other URL, such as one without a host or a database.
    """
    scheme, found, rest = url.partition("://")
    if not found or scheme not in _SCHEMES:
        return None
    rest, _, options = rest.partition("?")
    credentials, _, place = rest.rpartition("@")
    server, _, database = place.partition("/")
    host, _, port = server.partition(":")
    user, _, password = credentials.partition(":")
    parts = {"user": user, "password": password, "host": host, "port": port, "dbname": database}
    for option in options.split("&") if options else ():
        name, found, value = option.partition("=")
        if not found or name not in _OPTIONS or name in parts or not value:
            return None
        parts[name] = value.replace("/", "%2F")
    parameters = {name: _decode(value) for name, value in parts.items() if value}
    if None in parameters.values() or not (host and database) or "%" in host:
        return None
    if port and not (port.isascii() and port.isdecimal()):
        return None
    return parameters  # type: ignore[return-value]  # None is not in there


def _decode(text: str) -> str | None:
    """Decode a part of the URL; None if it has characters that should have been encoded."""
    first, *escaped = text.split("%")
    data = first.encode("ascii", "replace")
    for part in escaped:
        if not (part[1:] and _HEXADECIMAL.issuperset(part[:2])):
            return None
        data += bytes.fromhex(part[:2]) + part[2:].encode("ascii", "replace")
    if not _PLAIN.issuperset(first) or not all(_PLAIN.issuperset(part[2:]) for part in escaped):
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
