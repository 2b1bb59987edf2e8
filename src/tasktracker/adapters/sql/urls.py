"""Database URLs. Only this module parses them, so that the whole program uses the same file or server."""

from __future__ import annotations

from difflib import get_close_matches
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo
from sqlalchemy import URL

POSTGRESQL = "postgresql+psycopg"
SQLITE = "sqlite"
_DRIVERS = {
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    POSTGRESQL: POSTGRESQL,
    "sqlite": SQLITE,
    "sqlite+pysqlite": SQLITE,
}
_FILE = "an SQLite database must be a file, as in sqlite:///path/to/file.db"
_SERVER = (
    "a PostgreSQL URL must be like postgresql://user:password@host/name; special characters in the password must be"
    " percent-encoded"
)
_MAX_PORT = 65535


def database_url(url: str) -> URL:
    """Parse a database URL and set its driver. Raises ValueError, which never quotes the URL."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError("not a database URL, such as sqlite:///path/to/file.db or postgresql://user@host/name")
    driver = _DRIVERS.get(scheme)
    if driver is None:
        raise ValueError("databases of this kind are not supported, only sqlite:///path and postgresql://host/name")
    return _sqlite(rest) if driver == SQLITE else _postgresql(rest)


def _sqlite(rest: str) -> URL:
    try:
        path = unquote(rest.removeprefix("/"), errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"{_FILE}, in UTF-8") from None
    if not rest.startswith("/") or "?" in rest or path in ("", ":memory:") or path.startswith("file:"):
        raise ValueError(_FILE)
    if not path.isprintable():
        raise ValueError(f"{_FILE}, without control characters")
    return URL.create(SQLITE, database=path)


def _postgresql(rest: str) -> URL:
    """Parse the text after `postgresql://` as libpq does. It may have several hosts, or a socket's folder as the host.

    See https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
    """
    url = f"postgresql://{rest}"
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except (psycopg.Error, UnicodeError):
        raise ValueError(_unknown_parameter(url) or _SERVER) from None
    # If a password contains a special character, it ends too early, and the rest becomes a host or a port.
    ports = given.get("port", "").split(",")
    if "@" in given.get("host", "") or not all(_is_port(port) for port in ports):
        raise ValueError(_SERVER)
    try:
        for host in given.get("host", "").split(","):
            if not host.startswith("/"):
                host.encode("idna")  # as psycopg does to find its addresses
    except UnicodeError:
        raise ValueError("contains a host name that is not valid") from None
    user, password, name = (given.pop(key, None) for key in ("user", "password", "dbname"))
    return URL.create(POSTGRESQL, username=user, password=password, database=name, query=given)


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and 0 < int(text) <= _MAX_PORT)


def _unknown_parameter(url: str) -> str | None:
    """Describe the first parameter that libpq does not know, without quoting it. It may be part of the password."""
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    try:
        names = [name for name, _ in parse_qsl(urlsplit(url).query)]
    except ValueError:
        return None
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, 1)
            return "has an unknown connection parameter" + (f"; did you mean {close[0]}?" if close else "")
    return None
