"""Mails: their texts in every language, their form, and values that must not change it."""

from __future__ import annotations

import os
import re
import smtplib
import ssl
import stat
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.adapters.mail import smtp
from tasktracker.adapters.mail.composer import LANGUAGES, Composer, catalogue
from tasktracker.adapters.mail.folder import FolderMailer, MailFolder
from tasktracker.adapters.mail.smtp import SmtpMailer
from tasktracker.adapters.mail.urls import Encryption, Relay, parse, sender
from tasktracker.domain.accounts.user import canonical_email
from tasktracker.domain.deliveries.delivery import BY_ADMIN, DeliveryKind, ListedTask
from tasktracker.domain.deliveries.ports import NotSent
from tasktracker.domain.kernel.fields import Refused
from tests.fakes import START
from tests.mail import OF_TASKS, PUBLIC_URL, SENDER, UNTIL, new_letter, parts

KINDS = [*DeliveryKind, "address-taken"]
LINK = f"{PUBLIC_URL}/link/verify-email?token=TOKEN-token_0"

composer = Composer(SENDER, PUBLIC_URL)


def write(**more: Any) -> EmailMessage:
    return read(composer.write(new_letter(**more)))


def read(mail: EmailMessage) -> EmailMessage:
    """Return a mail as a recipient reads it."""
    return message_from_bytes(mail.as_bytes(), policy=default)


class Words(HTMLParser):
    """The words of an HTML page that are shown, and its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str | None] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "title")
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words += data.split()


# -------------------------------------------------------------------- catalogue


def shape(texts: Any) -> Any:
    """Return texts with only their keys, their numbers, and their placeholders."""
    if isinstance(texts, dict):
        return {key: shape(value) for key, value in texts.items()}
    if isinstance(texts, list):
        return [shape(each) for each in texts]
    return sorted({name for _, name, _, _ in Formatter().parse(texts) if name})


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts_with_the_same_placeholders(language: str) -> None:
    assert shape(catalogue(language)) == shape(catalogue("en"))


def test_every_kind_has_texts_and_no_text_is_unused() -> None:
    assert set(catalogue("en")) == {"common", *KINDS}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_text_and_html_say_the_same(kind: str, language: str) -> None:
    mail = write(kind=kind, language=language)
    words = Words(parts(mail)["html"])
    plain = parts(mail)["plain"]
    in_text = [word for word in plain.replace(": ", " ").split() if word not in ("--", "Task", "Tracker")]
    in_html = {word.rstrip(":") for word in words.words}
    assert {word.rstrip(":") for word in in_text} - in_html == set()
    texts = catalogue(language)[kind]
    assert [link for link in words.links if link != f"{PUBLIC_URL}/"] == (
        [f"{PUBLIC_URL}/link/{kind}?token=TOKEN-token_0"] * 2 if "button" in texts else []
    )
    day = "Monday, 2 March 2026" if language == "en" else "Montag, 2. März 2026"
    assert mail["Subject"] == texts["subject"].format(inviter="ada", **OF_TASKS | {"day": day})
    assert mail["Content-Language"] == language
    assert "{" not in plain


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_says_that_an_administrator_made_the_change(language: str) -> None:
    """It has no advice against strangers, and no IP address."""
    parameters = {"username": "grace", "at": START.isoformat(), **BY_ADMIN}
    common = catalogue(language)["common"]
    for kind in ("two-factor-disabled", "address-changed", "password-link"):
        plain = " ".join(parts(write(kind=kind, language=language, parameters=parameters))["plain"].split())
        for name in ("by_admin", "by_admin_note"):
            assert common[name].format(host="tasks.example.org") in plain
        assert common["from"] not in plain
        assert not any(note[:30] in plain for note in catalogue(language)[kind].get("notes", []))


def test_an_unknown_language_is_english() -> None:
    assert write(language="xx")["Content-Language"] == "en"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_lists_tasks_in_both_forms_with_their_days_and_local_times(language: str) -> None:
    parameters = {**OF_TASKS, "time_zone": "Europe/Vienna"}
    tasks = {
        "overdue": [ListedTask("<b>Pay</b>", "2026-03-01", "task/1")],
        "today": [ListedTask("Call", "2026-03-02T23:30:00+00:00", "task/2")],
    }
    mail = write(
        kind="daily-summary", language=language, link=None, path="today", parameters=parameters, tasks=tasks,
        unsubscribe="daily-summary.1.2",
    )  # fmt: skip
    common = catalogue(language)["common"]
    day, moment = {
        "en": ("Sunday, 1 March 2026", "Tuesday, 3 March 2026, 00:30 (Vienna)"),
        "de": ("Sonntag, 1. März 2026", "Dienstag, 3. März 2026, 00:30 Uhr (Vienna)"),
    }[language]
    shown = [
        common["overdue"],
        common["listed"].format(title="<b>Pay</b>", due=day),
        common["today"],
        common["listed"].format(title="Call", due=moment),
        common["unsubscribe"],
    ]
    html = Words(parts(mail)["html"])
    for each in shown:
        assert each in parts(mail)["plain"]
        assert each in " ".join(html.words)
    link = f"{PUBLIC_URL}/link/unsubscribe?token=daily-summary.1.2"
    assert [each for each in html.links if each != f"{PUBLIC_URL}/"] == [
        *(f"{PUBLIC_URL}/{path}" for path in ("task/1", "task/2", "today", "today")),
        link,
    ]
    assert f"{common['unsubscribe']}: {link}" in parts(mail)["plain"].splitlines()
    assert link not in " ".join(html.words), "a long link is hidden behind words"
    assert mail["List-Unsubscribe"].strip() == f"<{link}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_only_mails_with_a_token_can_be_unsubscribed_from() -> None:
    assert not {"List-Unsubscribe", "List-Unsubscribe-Post"} & set(write().keys())


# ------------------------------------------------------------------------- form


def test_a_mail_has_the_headers_that_the_standards_require() -> None:
    mail = write()
    assert mail["From"] == "Task Tracker <tasks@mail.example.org>"
    assert mail["To"] == "grace@example.net"
    assert mail["Message-ID"] == "<0193@mail.example.org>"
    assert mail["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert b"\n" not in composer.write(new_letter()).as_bytes().replace(b"\r\n", b"")  # RFC 5322 §2.3
    assert all(len(line) <= 998 for line in composer.write(new_letter()).as_bytes().splitlines())  # RFC 5322 §2.1.1


def test_a_duplicate_differs_only_in_the_boundary_of_its_parts() -> None:
    first, second = (re.sub(rb"=+\d+==", b"", composer.write(new_letter()).as_bytes()) for _ in range(2))
    assert first == second


def test_the_button_without_a_link_leads_to_the_service() -> None:
    mail = write(kind="share-invitation", link=None)
    assert Words(parts(mail)["html"]).links == [f"{PUBLIC_URL}/"] * 3


def test_the_time_is_shown_in_the_zone_of_the_user() -> None:
    parameters = {"username": "grace", "at": "2026-07-01T22:30:00+00:00", "time_zone": "Europe/Vienna"}
    for language, expected in (
        ("en", "Time: Thursday, 2 July 2026, 00:30 (Vienna)"),
        ("de", "Zeit: Donnerstag, 2. Juli 2026, 00:30 Uhr (Vienna)"),
    ):
        assert expected in parts(write(kind="new-device", language=language, parameters=parameters))["plain"]


def test_details_are_shown_only_if_they_are_known_and_in_utc_without_a_zone() -> None:
    known = parts(write(kind="new-device", parameters={"username": "grace", "at": "2026-07-01T22:30:00+00:00"}))
    assert "Time: Wednesday, 1 July 2026, 22:30 (UTC)" in known["plain"]
    unknown = parts(write(kind="new-device", parameters={"username": "grace"}))
    assert "Time:" not in unknown["plain"] + unknown["html"]


def test_details_are_shown_in_their_order_with_their_labels() -> None:
    times = {"due": "2026-07-01T22:30:00+00:00", "at": "2026-07-01T02:00:00+00:00"}
    named = {"token": "backup", "device": "Firefox", "from": "192.0.2.7", "time_zone": "America/New_York"}
    plain = parts(write(kind="new-device", parameters={"username": "grace", **times, **named}))["plain"].splitlines()
    details = [
        "Time: Tuesday, 30 June 2026, 22:00 (New York)",
        "IP address: 192.0.2.7",
        "Device: Firefox",
        "Token: backup",
        "Due: Wednesday, 1 July 2026, 18:30 (New York)",
    ]
    begin = plain.index(details[0])
    assert plain[begin : begin + len(details)] == details


def test_a_list_without_tasks_is_not_shown() -> None:
    tasks = {"overdue": [], "today": [ListedTask("Call", "2026-03-02", "task/1")]}
    mail = write(kind="daily-summary", link=None, path="today", parameters=OF_TASKS, tasks=tasks)
    for text in parts(mail).values():
        assert "Due today" in text
        assert "Overdue" not in text


def test_the_end_of_a_link_is_shown_in_the_zone_of_the_user() -> None:
    parameters = {"until": "2026-07-01T22:30:00+00:00", "time_zone": "Europe/Vienna"}
    text = parts(write(kind="invitation", parameters=parameters))["plain"]
    assert "until Thursday, 2 July 2026, 00:30 (Vienna)" in " ".join(text.split())


def test_the_service_is_named_with_its_port() -> None:
    mail = read(Composer(SENDER, "https://example.org:8443/tasks/").write(new_letter()))
    assert "Task Tracker at example.org:8443." in " ".join(parts(mail)["plain"].split())
    assert "https://example.org:8443/tasks/link/" in parts(mail)["plain"]


@pytest.mark.parametrize("username", ["-".join(["grace"] * 12), "grace" * 20])
def test_no_line_of_the_text_ends_within_a_name(username: str) -> None:
    for kind in ("verify-email", "address-taken", "new-device", "address-changed"):
        assert username in parts(write(kind=kind, parameters={"username": username}))["plain"], kind


def test_values_are_escaped_in_html_and_not_in_text() -> None:
    parameters = {"username": "<b>&amp;{host}", "device": "<script>"}
    mail = write(kind="new-device", parameters=parameters)
    assert "<b>&amp;{host}" in parts(mail)["plain"]
    assert "&lt;b&gt;&amp;amp;{host}" in parts(mail)["html"]
    assert "&lt;script&gt;" in parts(mail)["html"]
    assert "<script>" not in parts(mail)["html"]


@pytest.mark.parametrize("value", ["ada\r\nBcc: eve@example.org", "ada\nBcc: eve@example.org", "ada\r\n\r\nSpam"])
def test_a_value_adds_no_header(value: str) -> None:
    letter = new_letter("share-invitation", parameters={"inviter": value} | UNTIL)
    with pytest.raises(ValueError, match=r"."):
        composer.write(letter)
    with pytest.raises(ValueError, match=r"."):
        composer.write(replace(letter, to=f"{value}@example.org", parameters={"inviter": "ada"} | UNTIL))


@given(st.text(max_size=60))
def test_a_mail_goes_to_the_address_of_a_user_and_to_no_other(text: str) -> None:
    try:
        address = canonical_email(f"{text}@example.org")
    except Refused:
        return
    assert address is not None
    (found,) = write(to=address)["To"].addresses
    assert found == Address(username=address.removesuffix("@example.org"), domain="example.org")


# --------------------------------------------------------------------- settings

URLS = {
    "smtp://mail.example.org": Relay("mail.example.org", 587),
    "smtp://u%40x:p%2Fw%3A@mail.example.org:2525": Relay("mail.example.org", 2525, Encryption.STARTTLS, "u@x", "p/w:"),
    "smtps://u:p@mail.example.org/": Relay("mail.example.org", 465, Encryption.TLS, "u", "p"),
    "smtp://localhost?tls=off": Relay("localhost", 25, Encryption.NONE),
    "smtp://[::1]:1025?tls=off": Relay("::1", 1025, Encryption.NONE),
    "folder:data/mail": Path("data/mail"),
    "folder:///var/mail": Path("/var/mail"),
    "folder://data/mail": Path("data/mail"),
}


@pytest.mark.parametrize("url", URLS)
def test_a_relay_or_a_folder_is_read_from_its_url(url: str) -> None:
    assert parse(url) == URLS[url]


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(parse("smtp://u:secret@h"))
    with pytest.raises(ValueError, match="must be like smtp"):
        parse("smtp://u:secret/more@h")  # `secret` is taken for a port


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Task Tracker <tasks@example.org>", "Task Tracker"),
        ("tasks@example.org", ""),
        ('"A, B" <tasks@example.org>', "A, B"),
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(text: str, name: str) -> None:
    assert sender(text) == Address(name, addr_spec="tasks@example.org")


# ----------------------------------------------------------------------- folder


def test_a_folder_keeps_each_mail_as_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "mail"
    mailer = FolderMailer(folder, composer)
    mailer.send(new_letter())
    mailer.send(new_letter())  # a duplicate
    later = START + timedelta(microseconds=1)
    mailer.send(new_letter(message_id="<0192@mail.example.org>", to="ada@example.net", created_at=later))
    mailer.send(new_letter(message_id="<0191@mail.example.org>", created_at=START - timedelta(microseconds=1)))
    mailer.send(new_letter(message_id="<0190@mail.example.org>", created_at=START - timedelta(microseconds=1)))
    mailer.close()
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "being-written.partial").touch()
    found = MailFolder(folder)
    newest, older, *others = found.names()
    assert len(others) == 2, "two mails of one moment"
    first, second = found.find(newest), found.find(older)
    assert first is not None
    assert second is not None
    assert (first["To"], second["To"]) == ("ada@example.net", "grace@example.net")
    assert LINK in parts(second)["plain"]
    (tmp_path / "secret.eml").write_text("Subject: secret\n\n")
    assert found.find("../../secret") is None
    assert MailFolder(tmp_path / "missing").names() == []


@pytest.mark.parametrize("missing", [os.W_OK, os.X_OK])
def test_a_folder_without_a_right_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int) -> None:
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & missing)
    with pytest.raises(NotSent, match="no file can be written") as raised:
        FolderMailer(tmp_path, composer).check()
    assert (raised.value.is_permanent, raised.value.is_of_relay) == (False, True)


def test_a_long_answer_of_a_relay_is_cut() -> None:
    answer = smtp._answer(550, b"no \r\n" * 1000)
    assert answer.startswith("the relay answered 550 no no no")
    assert len(answer) == smtp.MAX_PROBLEM_LENGTH


def test_a_folder_is_checked_and_not_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (Path("new/mail"), tmp_path / "new" / "mail"):
        assert str(tmp_path / "new" / "mail") in FolderMailer(folder, composer).check()
    assert list(tmp_path.iterdir()) == []
    file = tmp_path / "file"
    file.touch(0o700)
    for path in (file, file / "mail"):
        with pytest.raises(NotSent, match="no file can be written"):
            FolderMailer(path, composer).check()


# ------------------------------------------------------------------------ relay


SUBJECT = composer.write(new_letter())["Subject"]


class FakeSmtp:
    """A connection to a relay. `made` are the calls to all connections."""

    made: ClassVar[list[Any]] = []
    noop_code = 250
    failure: ClassVar[Exception | None] = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.made.append(("connect", arguments, options))

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: self.made.append((name, *arguments, *options.items()))

    def noop(self) -> tuple[int, bytes]:
        return self.noop_code, b""

    def send_message(self, mail: EmailMessage, from_addr: str, to_addrs: list[str]) -> None:
        assert (mail["Subject"], from_addr, to_addrs) == (SUBJECT, SENDER.addr_spec, ["grace@example.net"])
        self.made.append("send")
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []
    monkeypatch.setattr(FakeSmtp, "made", made)
    for name in ("SMTP", "SMTP_SSL"):
        monkeypatch.setattr(smtplib, name, type(name, (FakeSmtp,), {}))
    return made


CONTEXT: Any = "a context"


@pytest.mark.parametrize(
    ("encryption", "user", "expected"),
    [
        (Encryption.NONE, None, [("connect", ("h", 26), {"timeout": 3})]),
        (
            Encryption.STARTTLS,
            "ada",
            [
                ("connect", ("h", 26), {"timeout": 3}),
                ("starttls", ("context", CONTEXT)),
                ("login", "ada", "secret"),
            ],
        ),
        (Encryption.TLS, None, [("connect", ("h", 26), {"timeout": 3, "context": CONTEXT})]),
    ],
)
def test_a_connection_has_its_limit_its_encryption_and_its_user(
    made: list[Any], encryption: Encryption, user: str | None, expected: list[Any]
) -> None:
    mailer = SmtpMailer(Relay("h", 26, encryption, user, "secret"), composer, CONTEXT, timeout=3)
    mailer.send(new_letter())
    mailer.send(new_letter())
    mailer.close()
    mailer.close()
    assert made == [*expected, "send", "send", ("quit",), ("close",)]
    mailer.send(new_letter())
    assert mailer.check() == ("the relay answers, and accepts the user" if user else "the relay answers")
    assert made[len(expected) + 4 :] == [*expected, "send"], "it is closed only until the next letter"


@pytest.mark.parametrize("code", [421, 500])
def test_a_connection_that_the_relay_has_given_up_is_made_again(
    made: list[Any], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    mailer = SmtpMailer(Relay("h", 26, Encryption.NONE), composer, CONTEXT)
    mailer.send(new_letter())
    monkeypatch.setattr(FakeSmtp, "noop_code", code)
    mailer.send(new_letter())
    assert [each[0] if isinstance(each, tuple) else each for each in made] == [
        *("connect", "send", "quit", "close", "connect", "send")
    ]


@pytest.mark.parametrize(
    ("failure", "problem", "is_permanent", "is_of_relay"),
    [
        (smtplib.SMTPNotSupportedError(), "the relay takes no addresses outside ASCII (SMTPUTF8)", True, False),
        (smtplib.SMTPDataError(499, b"\xff"), "the relay answered 499 \ufffd", False, False),
        (smtplib.SMTPDataError(500, "no"), "the relay answered 500 no", True, False),
        (smtplib.SMTPRecipientsRefused({"x": (499, b"no")}), "the relay answered 499 no", False, False),
        (smtplib.SMTPRecipientsRefused({"x": (500, b"no")}), "the relay answered 500 no", True, False),
        (smtplib.SMTPServerDisconnected("gone"), "the relay cannot be used: gone", False, True),
        (smtplib.SMTPSenderRefused(550, b"no", "x"), "the relay answered 550 no", False, True),
        (OSError("x" * 1000), f"the relay cannot be used: {'x' * 1000}"[:300], False, True),
    ],
)
def test_a_failure_is_one_of_the_mail_or_of_the_relay(
    made: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    problem: str,
    is_permanent: bool,
    is_of_relay: bool,
) -> None:
    monkeypatch.setattr(FakeSmtp, "failure", failure)
    with pytest.raises(NotSent) as raised:
        SmtpMailer(Relay("h", 26, Encryption.NONE), composer, CONTEXT).send(new_letter())
    found = raised.value
    assert (found.problem, found.is_permanent, found.is_of_relay) == (problem, is_permanent, is_of_relay)
    assert (("quit",) in made) is is_of_relay, "after a failure of the relay, the state of the connection is unknown"


def test_a_connection_that_cannot_be_encrypted_is_closed(made: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: FakeSmtp, **__: object) -> None:
        raise smtplib.SMTPNotSupportedError("no STARTTLS")

    monkeypatch.setattr(FakeSmtp, "starttls", fail, raising=False)
    mailer = SmtpMailer(Relay("h", 26), composer)
    assert mailer._context.verify_mode is ssl.CERT_REQUIRED
    for call in (mailer.check, lambda: mailer.send(new_letter())):
        with pytest.raises(NotSent, match="no STARTTLS") as raised:
            call()
        assert raised.value.is_of_relay
    assert [each[0] for each in made] == ["connect", "quit", "close"] * 2
