"""Mails are handed over to a real SMTP server, and its answers are understood."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tasktracker.adapters.mail.composer import Composer
from tasktracker.adapters.mail.smtp import SmtpMailer
from tasktracker.adapters.mail.urls import Encryption
from tasktracker.adapters.mail.urls import Relay as Target
from tasktracker.domain.deliveries.ports import NotSent
from tests.mail import PASSWORD, PUBLIC_URL, SENDER, USER, Inbox, certificate, new_letter, parts, relay


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("relay"))


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def mailer(port: int, pem: Path | None, encryption: Encryption = Encryption.STARTTLS, **more: Any) -> SmtpMailer:
    context = ssl.create_default_context(cafile=str(pem) if pem else None)
    user, password = (USER, PASSWORD) if pem else (None, "")
    values: dict[str, Any] = {"user": user, "password": password} | more
    target = Target("127.0.0.1", port, encryption, **values)
    return SmtpMailer(target, Composer(SENDER, PUBLIC_URL), context, timeout=2)


@pytest.fixture
def tested(pem: Path, inbox: Inbox) -> Iterator[SmtpMailer]:
    with relay(pem, inbox=inbox) as running:
        tested = mailer(running.port, pem)
        yield tested
        tested.close()


def failure(mailer: SmtpMailer, **more: Any) -> NotSent:
    with pytest.raises(NotSent) as raised:
        mailer.send(new_letter(**more))
    return raised.value


def test_letters_are_sent_over_one_encrypted_connection_after_authentication(tested: SmtpMailer, inbox: Inbox) -> None:
    for number in range(3):
        tested.send(new_letter(message_id=f"<{number}@example.org>"))
    assert [mail["Message-ID"] for mail in inbox.received] == ["<0@example.org>", "<1@example.org>", "<2@example.org>"]
    assert inbox.recipients == ["grace@example.net"] * 3
    assert "TOKEN-token_0" in parts(inbox.received[0])["plain"]
    assert inbox.connections == 1
    tested.close()
    tested.send(new_letter())
    assert inbox.connections == 2


def test_tls_from_the_begin_works_too(pem: Path, inbox: Inbox) -> None:
    with relay(pem, implicit=True, inbox=inbox) as running:
        tested = mailer(running.port, pem, Encryption.TLS, user=None)
        tested.send(new_letter())
        tested.close()
        stranger = mailer(running.port, None, Encryption.TLS)  # does not know the certificate
        assert "certificate" in str(failure(stranger))
    assert len(inbox.received) == 1


def test_a_relay_without_encryption_is_used_only_if_that_is_allowed(inbox: Inbox) -> None:
    with relay(inbox=inbox) as running:
        refused = failure(mailer(running.port, None))
        assert "STARTTLS" in refused.problem
        assert (refused.is_permanent, refused.is_of_relay) == (False, True)
        assert inbox.received == []
        tested = mailer(running.port, None, Encryption.NONE)
        assert tested.check() == "the relay answers"
        tested.send(new_letter())
        tested.close()
    assert len(inbox.received) == 1


def test_a_relay_with_another_certificate_gets_no_password(pem: Path, inbox: Inbox, tmp_path: Path) -> None:
    with relay(pem, inbox=inbox) as running:
        refused = failure(mailer(running.port, certificate(tmp_path)))
    assert "CERTIFICATE_VERIFY_FAILED" in refused.problem
    assert refused.is_of_relay


def test_a_wrong_password_is_a_problem_of_the_relay_and_is_tried_again(pem: Path, inbox: Inbox) -> None:
    with relay(pem, inbox=inbox) as running:
        refused = failure(mailer(running.port, pem, password="wrong"))
    assert refused.problem.startswith("the relay answered 535")
    assert (refused.is_permanent, refused.is_of_relay) == (False, True)


@pytest.mark.parametrize("place", ["on_recipient", "on_message"])
@pytest.mark.parametrize(("answer", "is_permanent"), [("550 no", True), ("451 later", False)])
def test_an_answer_about_one_mail_ends_the_connection_for_no_other(
    tested: SmtpMailer, inbox: Inbox, place: str, answer: str, is_permanent: bool
) -> None:
    setattr(inbox, place, lambda _: answer)
    refused = failure(tested)
    assert refused.problem == f"the relay answered {answer}"
    assert (refused.is_permanent, refused.is_of_relay) == (is_permanent, False)
    setattr(inbox, place, lambda _: None)
    tested.send(new_letter())
    assert (len(inbox.received), inbox.connections) == (1, 1)


@pytest.mark.parametrize("taken", [False, True])
def test_a_dropped_connection_is_made_again(tested: SmtpMailer, inbox: Inbox, taken: bool) -> None:
    tested.send(new_letter())

    def drop(mail: EmailMessage) -> str:
        inbox.received += [mail] * taken
        return ""

    inbox.on_message = drop
    refused = failure(tested)
    assert (refused.is_permanent, refused.is_of_relay) == (False, True)
    inbox.on_message = lambda _: None
    tested.send(new_letter())
    assert (len(inbox.received), inbox.connections) == (2 + taken, 2)


def test_a_relay_that_is_down_or_says_nothing_is_a_problem_of_the_relay(pem: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        silence = failure(mailer(port, pem))
        assert "timed out" in silence.problem
        assert silence.is_of_relay
    refused = failure(mailer(port, pem))
    assert "refused" in refused.problem
    assert refused.is_of_relay


def test_an_address_outside_ascii_is_sent_if_the_relay_takes_it(tested: SmtpMailer, inbox: Inbox) -> None:
    tested.send(new_letter(to="grâce@example.net"))
    assert inbox.recipients == ["grâce@example.net"]


@pytest.mark.parametrize("to", ['a"b,c@example.net', "a>b@example.net", "a;b@example.net"])
def test_special_characters_of_an_address_are_quoted(tested: SmtpMailer, inbox: Inbox, to: str) -> None:
    tested.send(new_letter(to=to))
    assert len(inbox.recipients) == 1
