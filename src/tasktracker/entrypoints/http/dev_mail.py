"""Mails that were written into a folder, for a developer on the same host."""

from __future__ import annotations

from email.message import EmailMessage
from html import escape
from ipaddress import ip_address

from litestar import Controller, MediaType, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from tasktracker.domain.deliveries.ports import MailArchive
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request, header
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread

FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")
HEADERS = {
    # Mails have styles and no scripts. `sandbox` prevents a script in a mail from running.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class DevMailController(Controller):
    """`/dev/mail`: only with `MAIL_URL=folder:…`, and for direct connections from the same host."""

    path = "/dev/mail"

    mail_folder: MailArchive | None
    threads: ThreadRunner

    @get("/", include_in_schema=False, opt=operation(access=Access.PUBLIC))
    @on_thread
    def list_mails(self, request: Request) -> Response[str]:
        """A page that links to all mails, the newest first."""
        folder = self._folder(request)
        found = ((name, folder.find(name)) for name in folder.names())
        rows = "".join(
            f"<tr><td>{escape(mail['Date'])}<td>{escape(mail['To'])}<td>{escape(mail['Subject'])}"
            f'<td><a href="/dev/mail/{name}/html">HTML</a> <a href="/dev/mail/{name}/plain">text</a>'
            for name, mail in found
            if mail is not None
        )
        style = "body { font: 15px system-ui; color-scheme: light dark } td { padding: 4px 12px 4px 0 }"
        return _html(f"<!doctype html><title>Mails</title><style>{style}</style><table>{rows}</table>")

    @get("/{name:str}/{form:str}", include_in_schema=False, opt=operation(access=Access.PUBLIC))
    @on_thread
    def show_mail(self, request: Request, name: FromPath[str], form: FromPath[str]) -> Response[str]:
        """The HTML or the text of a mail."""
        mail = self._folder(request).find(name)
        part = mail.get_body((form,)) if mail is not None and form in ("html", "plain") else None
        if not isinstance(part, EmailMessage):
            raise NotFoundException
        content: str = part.get_content()
        return _html(content if form == "html" else f"<!doctype html><pre>{escape(content)}</pre>")

    def _folder(self, request: Request) -> MailArchive:
        """Return the folder. Raises NotFoundException for any other client, as for an unknown path."""
        if self.mail_folder is None or not _is_direct(request):
            raise NotFoundException
        return self.mail_folder


def _is_direct(request: Request) -> bool:
    """Return whether the request comes from a program on the same host, and through no proxy."""
    try:
        is_local = ip_address(request.origin.address or "").is_loopback
    except ValueError:
        is_local = False
    return is_local and not any(header(request, name) for name in FORWARDED)


def _html(content: str) -> Response[str]:
    return Response(content, media_type=MediaType.HTML, headers=HEADERS)
