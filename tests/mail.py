"""An SMTP server with STARTTLS and authentication, which can refuse, delay and drop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tasktracker.domain.deliveries.delivery import Letter
from tests.fakes import START
from tests.postgres_supervisor import free_port

USER, PASSWORD = "tasks", "sesame/open+1%"
SENDER = Address("Task Tracker", "tasks", "mail.example.org")
PUBLIC_URL = "https://tasks.example.org/app"

Answer = Callable[[str], str | None]
"""The answer to a recipient or a message; None accepts it. Sleep or raise to delay or drop."""


OF_TASKS = {"title": "Pay the rent", "day": "2026-03-02", "count": "2"}
UNTIL = {"until": (START + timedelta(days=14)).isoformat()}


def new_letter(kind: str = "verify-email", **more: Any) -> Letter:
    values: dict[str, Any] = {
        "kind": kind,
        "message_id": "<0193@mail.example.org>",
        "created_at": START,
        "to": "grace@example.net",
        "language": "en",
        "parameters": {"username": "grace", "inviter": "ada", "at": START.isoformat(), "from": "192.0.2.7"}
        | UNTIL
        | OF_TASKS,
        "link": (kind, "TOKEN-token_0"),
    }
    return Letter(**(values | more))


def certificate(folder: Path) -> Path:
    """Write a certificate of 127.0.0.1 with its key, signed by itself, and return its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "relay.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


class Inbox:
    """What the relay has taken over, and how it answers."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.connections = 0
        self.on_recipient: Callable[[str], Any] = lambda _: None
        self.on_message: Callable[[EmailMessage], Any] = lambda _: None

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections += session.ssl is None
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (answer := self.on_recipient(address)) is not None:
            return str(answer)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=default)
        answer = self.on_message(mail)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer is None or answer.startswith("2"):
            self.received.append(mail)
            self.recipients += envelope.rcpt_tos
        if answer == "":
            assert server.transport is not None
            server.transport.close()
        return answer or "250 OK"


class _Listener(Controller):
    """A server that closes its connections before its loop ends. Open ones would warn later, in another test."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._transports: list[asyncio.BaseTransport] = []

    def factory(self) -> SMTP:
        protocol = SMTP(self.handler, **self.SMTP_kwargs)
        made = protocol.connection_made

        def connection_made(transport: asyncio.BaseTransport) -> None:
            self._transports.append(transport)
            made(transport)

        protocol.connection_made = connection_made  # type: ignore[method-assign]
        return protocol

    def cancel_tasks(self, stop_loop: bool = True) -> None:
        self._end = self.loop.create_task(self._finish())

    async def _finish(self) -> None:
        """Take no new connections, abort the others, and stop the loop when their tasks have ended."""
        assert isinstance(self.server, asyncio.Server)
        for each in self.server.sockets:  # not close(): a connection that is being accepted would fail
            self.loop.remove_reader(each.fileno())
        are_left = True
        while are_left:
            await asyncio.sleep(0.01)
            are_left = len(asyncio.all_tasks()) > 1
            for transport in self._transports:
                if isinstance(transport, asyncio.Transport):
                    transport.abort()
        await asyncio.sleep(0.01)
        self.loop.stop()


class Relay:
    """A running relay. `url` is its MAIL_URL."""

    def __init__(self, inbox: Inbox, pem: Path | None, *, implicit: bool = False, port: int = 0) -> None:
        self.inbox = inbox
        context = None
        if pem is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(pem)

        def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
            assert isinstance(data, LoginPassword)
            return AuthResult(handled=False, success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()))

        options: dict[str, Any] = {"enable_SMTPUTF8": True}
        if context is not None and not implicit:
            options |= {"authenticator": authenticate, "auth_required": True}
            options |= {"tls_context": context, "require_starttls": True}
        self._controller = _Listener(
            inbox,
            hostname="127.0.0.1",
            port=port or free_port(),
            ssl_context=context if implicit else None,
            ready_timeout=30,
            **options,
        )

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()


@contextmanager
def relay(pem: Path | None = None, *, implicit: bool = False, inbox: Inbox | None = None) -> Iterator[Relay]:
    """A relay. With a certificate, it requires STARTTLS and authentication, or TLS from the beginning."""
    running = Relay(inbox or Inbox(), pem, implicit=implicit)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def parts(mail: EmailMessage) -> Mapping[str, str]:
    """Return the text and the HTML of a mail."""
    return {part.get_content_subtype(): part.get_content() for part in mail.iter_parts()}
