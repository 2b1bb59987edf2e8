"""Writes letters as mails: text and HTML from one catalogue of texts."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from tasktracker.domain.deliveries.delivery import BY_ADMIN, Letter, ListedTask

LANGUAGES = ("en", "de")
DETAILS = ("at", "from", "device", "token", "due")
"""Parameters that are shown as a list, each with its label."""

_LINK = Markup('<a class="text" href="{}" style="color:#1c2430">{}</a>')
_PACKAGE = "tasktracker.adapters.mail"
_TEMPLATES = Environment(
    loader=PackageLoader(_PACKAGE, "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@cache
def catalogue(language: str) -> Mapping[str, Any]:
    """Return the texts of a language: `common` ones, and those of each kind of letters."""
    return tomllib.loads(files(_PACKAGE).joinpath("texts", f"{language}.toml").read_text(encoding="utf-8"))


class Composer:
    """Writes letters. The same letter always gives the same mail, so duplicates are identical.

    Links lead to `public_url`. Values, such as a username, are escaped in HTML. A value with a line break is refused in
    a header.
    """

    def __init__(self, sender: Address, public_url: str) -> None:
        self._sender = sender
        self._public_url = public_url.rstrip("/")
        self._host = urlsplit(public_url).netloc

    def write(self, letter: Letter) -> EmailMessage:
        """Return the mail. Raises ValueError for a recipient that cannot be written in a header."""
        language = letter.language if letter.language in LANGUAGES else LANGUAGES[0]
        texts, common = catalogue(language)[letter.kind], catalogue(language)["common"]
        values = {**letter.parameters, "host": self._host}
        for name in ("at", "until", "due", "day"):
            if name in values:
                values[name] = _local(letter, values[name], common)
        subject = texts["subject"].format(**values)
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._sender
        mail["To"] = _recipient(letter.to)
        mail["Subject"] = subject
        mail["Date"] = letter.created_at
        mail["Message-ID"] = letter.message_id
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: asks for no automatic reply
        if letter.unsubscribe is not None:
            mail["List-Unsubscribe"] = f"<{self._link('unsubscribe', letter.unsubscribe)}>"
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
        mail.set_content(self._render("mail.txt", language, letter, texts, common, subject, values, str.format))
        html = self._render("mail.html", language, letter, texts, common, subject, values, _escaped)
        mail.add_alternative(html, subtype="html")
        mail["Content-Language"] = language  # before, it would be a header of the first part
        return mail

    def _render(
        self,
        template: str,
        language: str,
        letter: Letter,
        texts: Mapping[str, Any],
        common: Mapping[str, Any],
        subject: str,
        values: Mapping[str, str],
        fill: Callable[..., str],
    ) -> str:
        listed: str = common["listed"]

        def titled(task: ListedTask) -> str:
            link = f"{self._public_url}/{task.path}"
            return _LINK.format(link, task.title) if fill is _escaped else task.title

        def filled(lines: Sequence[str]) -> Sequence[str]:
            return [fill(each, **values) for each in lines]

        paragraphs, notes = texts.get("paragraphs", []), texts.get("notes", [])
        if BY_ADMIN.keys() <= letter.parameters.keys():
            # The notes are advice for the case that another person has got into the account.
            paragraphs, notes = [*paragraphs, common["by_admin"]], [common["by_admin_note"]]

        return _TEMPLATES.get_template(template).render(
            language=language,
            subject=subject,
            paragraphs=filled(paragraphs),
            details=[(common[name], values[name]) for name in DETAILS if name in letter.parameters],
            button=texts.get("button"),
            link=self._link(*letter.link) if letter.link else f"{self._public_url}/{letter.path}",
            lists=[
                (
                    common[name],
                    [fill(listed, title=titled(each), due=_local(letter, each.due, common)) for each in tasks],
                )
                for name, tasks in letter.tasks.items()
                if tasks
            ],
            notes=filled(notes),
            copy_link=common["copy_link"],
            unsubscribe=letter.unsubscribe and (common["unsubscribe"], self._link("unsubscribe", letter.unsubscribe)),
            footer=fill(common["footer"], **values),
            public_url=self._public_url,
        )

    def _link(self, kind: str, token: str) -> str:
        return f"{self._public_url}/link/{kind}?{urlencode({'token': token})}"


def _escaped(text: str, **values: str) -> Markup:
    return Markup(escape(text)).format(**values)  # noqa: S704  # both are escaped


def _local(letter: Letter, text: str, common: Mapping[str, Any]) -> str:
    """Return a day, or a time in the recipient's time zone if it is known, in words."""
    if "T" not in text:
        return _day(date.fromisoformat(text), common)
    zone = letter.parameters.get("time_zone", "UTC")
    at = datetime.fromisoformat(text).astimezone(ZoneInfo(zone))
    return f"{common['moment'].format(day=_day(at, common), at=at)} ({zone.rpartition('/')[2].replace('_', ' ')})"


def _day(at: date, common: Mapping[str, Any]) -> str:
    weekday, month = common["weekdays"][at.weekday()], common["months"][at.month - 1]
    return str(common["day"].format(weekday=weekday, month=month, at=at))


def _recipient(address: str) -> Address:
    """Return an address, whose local part may need quotes (RFC 5322 §3.4.1)."""
    local, _, domain = address.rpartition("@")
    return Address(username=local, domain=domain)
