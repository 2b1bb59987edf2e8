"""The values of settings: reading the text of each variable, and the reasons for refusing a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import msgspec
from msgspec.inspect import BoolType, EnumType, IntType, type_info

from tasktracker.adapters.mail.urls import FOLDER as MAIL_FOLDER
from tasktracker.adapters.mail.urls import parse as parse_mail_url
from tasktracker.adapters.mail.urls import sender
from tasktracker.adapters.sql.urls import POSTGRESQL, database_url
from tasktracker.domain.accounts.registration import Registration

FOLDER = MAIL_FOLDER
MEMORY = "memory://"
MIN_KEY_LENGTH = 32
RESERVED = frozenset(
    {
        *("api", "dev", "docs", "health", "link", "metrics", "problems", "schema", "user"),
        *("admin", "assets", "list", "settings", "task"),  # of the app
    }
)
"""The first parts of paths of the server. PUBLIC_URL must not begin with one, because a proxy may remove its path."""
MIN_METRICS_TOKEN_LENGTH = 16
MAX_SOCKET_BYTES = 107  # unix(7)
MAX_PORT = 65535
_SWITCHES = {"on": "true", "off": "false"}
# Labels of up to 63 characters (RFC 1035 §2.3.4).
_HOST = re.compile(r"(?!-)(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{0,5}))?/?"
)
_PATH = re.compile(r"([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def read(field: msgspec.structs.FieldInfo, text: str) -> Any:
    """Return the value of a setting's text. Raises ValueError without quoting the text, which may be secret."""
    if not text.isprintable():
        raise ValueError("must be text without control characters, in UTF-8")
    reader = _READERS.get(field.name)
    if reader is not None:
        return reader(text)
    raw = _SWITCHES.get(text.lower(), text) if field.type is bool else text
    try:
        return msgspec.convert(raw, field.type, strict=False, dec_hook=_path)
    except msgspec.ValidationError:
        raise ValueError(_expected(field.type)) from None


def _expected(type_: Any) -> str:
    found = type_info(type_)
    if isinstance(found, EnumType):
        return f"must be {' or '.join(str(each.value) for each in found.cls)}"
    if isinstance(found, BoolType):
        return "must be true or false"
    assert isinstance(found, IntType), "all other types accept any text"
    return f"must be a whole number from {found.ge} to {found.le}"


def _path(type_: type[Path], text: str) -> Path:
    return type_(text)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(_parts(text))
    if any(len(key) < MIN_KEY_LENGTH for key in keys):
        raise ValueError(f"each key must have at least {MIN_KEY_LENGTH} characters; `tasktracker keys new` prints one")
    return keys


def _socket(text: str) -> str:
    if len(text.encode()) > MAX_SOCKET_BYTES:
        raise ValueError(f"must have at most {MAX_SOCKET_BYTES} bytes")
    return text


def _metrics_token(text: str) -> str:
    if len(text) < MIN_METRICS_TOKEN_LENGTH or not text.isascii():
        raise ValueError(f"must have at least {MIN_METRICS_TOKEN_LENGTH} characters, of ASCII only")
    return text


def _database(text: str) -> str:
    if not text.startswith(MEMORY):
        database_url(text)
    return text


def _listen_database(text: str) -> str:
    if database_url(text).drivername != POSTGRESQL:
        raise ValueError("must start with postgresql://")
    return text


def _host(text: str) -> str:
    host = text.removeprefix("[").removesuffix("]")
    if not _HOST.fullmatch(host):
        try:
            ip_address(host)
        except ValueError:
            raise ValueError("must be an address or a host name, without a scheme and a port") from None
    return host


def _origins(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_origin(part) for part in _parts(text)))


def _origin(text: str) -> str:
    """Return an origin as browsers send it (RFC 6454 §6.2): in lower case, without a path and the default port."""
    if text in ("*", "null"):
        return text
    found = _ORIGIN.fullmatch(text.lower())
    port = int(found["port"] or 0) if found else 0
    if found is None or port > MAX_PORT:
        raise ValueError(
            "must be origins as browsers send them, as in https://app.example.org: with a scheme, without a path,"
            " and with international host names in the form xn--"
        )
    suffix = f":{port}" if port and port != _DEFAULT_PORTS.get(found["scheme"]) else ""
    return f"{found['scheme']}://{found['host']}{suffix}"


def _public_url(text: str) -> str:
    """Return a URL without a slash at the end. It may have a path, under which a proxy serves the server."""
    origin, slash, path = text.rstrip("/").partition("//")[2].partition("/")
    scheme = text.partition("//")[0].lower()
    if scheme not in ("http:", "https:") or not _PATH.fullmatch(path):
        raise ValueError("must be like https://tasks.example.org or https://example.org/tasks, without ? and #")
    if path.partition("/")[0] in RESERVED:
        raise ValueError(f"must not have a path that begins with a path of the server: {', '.join(sorted(RESERVED))}")
    return _origin(f"{scheme}//{origin}") + slash + path


def _mail_url(text: str) -> str:
    parse_mail_url(text)
    return text


def _mail_from(text: str) -> str:
    sender(text)
    return text


def _registration(text: str) -> Registration:
    if text not in list(Registration):
        raise ValueError(f"must be {', '.join(Registration)}")
    return Registration(text)


def _networks(text: str) -> tuple[str, ...]:
    networks = tuple(_parts(text))
    try:
        for network in networks:
            ip_network(network)
    except ValueError:
        raise ValueError("must be addresses or networks, as in 127.0.0.1,10.0.0.0/8") from None
    return networks


_READERS: Mapping[str, Callable[[str], Any]] = {
    "secret_keys": _keys,
    "metrics_token": _metrics_token,
    "unix_socket": _socket,
    "database_url": _database,
    "listen_database_url": _listen_database,
    "public_url": _public_url,
    "mail_url": _mail_url,
    "mail_from": _mail_from,
    "registration": _registration,
    "host": _host,
    "cors_allowed_origins": _origins,
    "trusted_proxies": _networks,
}
