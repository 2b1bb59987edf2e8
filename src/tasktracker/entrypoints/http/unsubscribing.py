"""The page on which users unsubscribe from mails, which is also the one-click target of mail programs (RFC 8058)."""

from __future__ import annotations

from dataclasses import replace

from litestar import Controller, Response, get, post

from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.errors import DomainError
from tasktracker.domain.reminders.letters import ReminderLetters
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tasktracker.entrypoints.http.link_pages import link_token, message, page_language, refusal
from tasktracker.entrypoints.texts import text


class UnsubscribeController(Controller):
    """`/link/unsubscribe`: a GET shows a button; a POST, also that of a mail program, turns the mails off.

    The token is in the address. So the body of the POST, of any media type, is not read.
    """

    path = "/link/unsubscribe"

    reminder_letters: ReminderLetters
    store: Storage
    threads: ThreadRunner

    @get("/", include_in_schema=False, opt=operation(access=Access.PAGE))
    async def show(self, request: Request) -> Response[str]:
        """The form of a link."""
        language, token = page_language(request), link_token(request)
        try:
            kind, _ = self.reminder_letters.find(token)
        except DomainError as error:
            return refusal(error, language, request.app.state.home)
        page = message(language, f"unsubscribe.{kind}")
        page = replace(page, button=text(language, "unsubscribe.button"), token=token)
        return page.response()

    @post("/", include_in_schema=False, status_code=200, opt=operation(access=Access.PAGE))
    async def use(self, request: Request) -> Response[str]:
        """Turn the mails off."""
        language = page_language(request)
        try:
            kind = await self.threads.run(self._unsubscribe, link_token(request))
        except DomainError as error:
            return refusal(error, language, request.app.state.home)
        return message(language, f"unsubscribe.{kind}.done", request.app.state.home).response()

    def _unsubscribe(self, token: str) -> DeliveryKind:
        with self.store.writing(SystemActor("unsubscribe from mails")) as work:
            return self.reminder_letters.unsubscribe(work, token)
