"""The value of MAIL_URL, and the sender of mails."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import getaddresses
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

FOLDER = "folder:"
EXAMPLE = "must be like smtp://user:password@mail.example.org:587, smtps://… or folder:PATH"


class Encryption(StrEnum):
    """How the connection to a relay is encrypted."""

    STARTTLS = "starttls"
    """Encryption starts after a greeting in clear text (RFC 3207). A relay that does not offer this is not used."""
    TLS = "tls"
    """The whole connection is encrypted (RFC 8314)."""
    NONE = "off"


PORTS = {Encryption.STARTTLS: 587, Encryption.TLS: 465, Encryption.NONE: 25}


@dataclass(frozen=True, slots=True)
class Relay:
    """A server that takes over mails."""

    host: str
    port: int
    encryption: Encryption = Encryption.STARTTLS
    user: str | None = None
    password: str = field(default="", repr=False)


def parse(text: str) -> Relay | Path:
    """Return the relay, or the folder. Raises ValueError without quoting the text, which may contain a password."""
    if text.startswith(FOLDER):
        if not (folder := text.removeprefix(FOLDER).removeprefix("//")):
            raise ValueError("must name a folder after folder:")
        return Path(folder)
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise ValueError(EXAMPLE) from None
    if url.scheme not in ("smtp", "smtps") or not host or url.path.strip("/") or url.fragment:
        raise ValueError(EXAMPLE)
    encryption = _encryption(url)
    if url.username and encryption is Encryption.NONE:
        raise ValueError("must not send a password without encryption: leave out ?tls=off, or the user")
    user, password = unquote(url.username or ""), unquote(url.password or "")
    if not (user + password).isascii():  # as far as smtplib can send them
        raise ValueError("must have a user and a password in ASCII")
    return Relay(host, port or PORTS[encryption], encryption, user or None, password)


def _encryption(url: SplitResult) -> Encryption:
    if url.query not in ("", "tls=off") or (url.query and url.scheme == "smtps"):
        raise ValueError("may have no parameter but ?tls=off, after smtp://, for a relay on the same host or network")
    if url.scheme == "smtps":
        return Encryption.TLS
    return Encryption.NONE if url.query else Encryption.STARTTLS


def sender(text: str) -> Address:
    """Return the sender of a text like `Task Tracker <tasks@example.org>`. Raises ValueError."""
    (name, address), *others = getaddresses([text])
    try:
        found = Address(name, addr_spec=address)
    except (ValueError, IndexError, MessageError):
        found = Address()
    if others or "." not in found.domain or not address.isascii():
        raise ValueError("must be an address in ASCII, as in Task Tracker <tasks@example.org>")
    return found
