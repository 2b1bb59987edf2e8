"""Hands mails over to a relay by SMTP (RFC 5321, RFC 6409)."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from threading import Lock

from tasktracker.adapters.mail.composer import Composer
from tasktracker.adapters.mail.urls import Encryption, Relay
from tasktracker.domain.deliveries.delivery import Letter
from tasktracker.domain.deliveries.ports import NotSent

TIMEOUT = 10  # seconds for each answer of the relay; a mail needs a few answers
MAX_PROBLEM_LENGTH = 300


class SmtpMailer:
    """Implements Mailer. The connection is kept for the next letter, until `close`."""

    def __init__(
        self, relay: Relay, composer: Composer, context: ssl.SSLContext | None = None, timeout: float = TIMEOUT
    ) -> None:
        self._relay = relay
        self._composer = composer
        self._context = context or ssl.create_default_context()
        self._timeout = timeout
        self._connection: smtplib.SMTP | None = None
        self._lock = Lock()

    def send(self, letter: Letter) -> None:
        try:
            mail = self._composer.write(letter)
        except ValueError as error:  # an address that cannot be written in a header
            raise NotSent(f"the address cannot be used: {error}", is_permanent=True) from error
        with self._lock:
            try:
                self._hand_over(self._connected(), mail)
            except NotSent:
                raise
            except OSError as error:
                # After any other failure, the state of the connection is unknown.
                self._disconnect()
                raise NotSent(_described(error), is_of_relay=True) from error

    def check(self) -> str:
        with self._lock:
            try:
                self._connected()
            except OSError as error:
                self._disconnect()
                raise NotSent(_described(error), is_of_relay=True) from error
        return "the relay answers" if self._relay.user is None else "the relay answers, and accepts the user"

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def _hand_over(self, connection: smtplib.SMTP, mail: EmailMessage) -> None:
        sender, recipient = _address(mail["From"].addresses[0]), _address(mail["To"].addresses[0])
        try:
            connection.send_message(mail, sender, [recipient])
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = next(iter(error.recipients.values()))
            raise NotSent(_answer(code, answer), is_permanent=code >= 500) from error
        except smtplib.SMTPDataError as error:
            raise NotSent(_answer(error.smtp_code, error.smtp_error), is_permanent=error.smtp_code >= 500) from error
        except smtplib.SMTPNotSupportedError as error:
            raise NotSent("the relay takes no addresses outside ASCII (SMTPUTF8)", is_permanent=True) from error

    def _connected(self) -> smtplib.SMTP:
        """Return an open connection. The relay may have closed the connection of the earlier letter."""
        if self._connection is not None:
            with suppress(OSError):
                if self._connection.noop()[0] == 250:
                    return self._connection
            self._disconnect()
        relay = self._relay
        if relay.encryption is Encryption.TLS:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                relay.host, relay.port, timeout=self._timeout, context=self._context
            )
        else:
            connection = smtplib.SMTP(relay.host, relay.port, timeout=self._timeout)
        self._connection = connection
        if relay.encryption is Encryption.STARTTLS:
            connection.starttls(context=self._context)
        if relay.user is not None:
            connection.login(relay.user, relay.password)
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.quit()
            self._connection.close()
            self._connection = None


def _address(address: Address) -> str:
    return address.addr_spec


def _answer(code: int, answer: bytes | str) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return f"the relay answered {code} {' '.join(text.split())}"[:MAX_PROBLEM_LENGTH]


def _described(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    return f"the relay cannot be used: {error}"[:MAX_PROBLEM_LENGTH]
