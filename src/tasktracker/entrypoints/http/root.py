"""The description of the service, which a client reads before it uses the rest of the API."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version
from typing import Annotated
from uuid import UUID

from litestar import Controller, get
from msgspec import Meta, Struct

from tasktracker.domain.accounts.registration import Registration, RegistrationMode
from tasktracker.domain.kernel.actors import Actor, SystemActor
from tasktracker.domain.kernel.errors import InsufficientScope, InvalidToken, SessionEnded
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, MAX_PAGE
from tasktracker.domain.kernel.store import server_id
from tasktracker.domain.sync.mutation import MAX_MUTATIONS
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread
from tasktracker.entrypoints.settings import Settings


class CapabilitiesView(Struct):
    """What this server offers. Further capabilities may be added."""

    registration: Annotated[
        Registration, Meta(description="Whether new users may register: always, with an invitation, or not.")
    ]
    mail: Annotated[bool, Meta(description="Whether the server sends e-mail.")]


class LimitsView(Struct):
    """Limits of requests, and the retention. Further limits may be added."""

    body_bytes: Annotated[int, Meta(description="Maximum size of a request body, except for imports.")]
    mutations: Annotated[int, Meta(description="Maximum number of mutations in a push.")]
    page_size: Annotated[int, Meta(description="The size of a page without `limit`.")]
    max_page_size: int
    retention_days: Annotated[
        int,
        Meta(
            description="The least number of days for which deletions, histories and results of mutations are stored."
        ),
    ]


class CallerView(Struct):
    """The user of the token."""

    id: UUID
    username: str


class RootView(Struct):
    """The service, and the user of the token."""

    name: str
    version: str
    server: Annotated[
        UUID, Meta(description="The id of the server's data. It does not change when the data is restored.")
    ]
    capabilities: CapabilitiesView
    limits: LimitsView
    user: Annotated[CallerView | None, Meta(description="Null if no token was sent.")]


class RootController(Controller):
    """`/api/`."""

    path = "/api"
    tags = ("service",)

    settings: Settings
    store: Storage
    registration_mode: RegistrationMode
    threads: ThreadRunner

    @get(
        "/",
        operation_id="describeService",
        summary="Describe the service",
        opt=operation(InvalidToken, SessionEnded, access=Access.OPTIONAL_TOKEN),
    )
    @on_thread
    def describe_service(self, request: Request) -> RootView:
        """The name, version, id, capabilities and limits of the server, and the user of the token, if one is sent.

        A client that stores data must compare `server` and `user` with those of its data before it sends changes.
        """
        actor: Actor | None = request.scope["user"]
        with self.store.reading(SystemActor("describe the service")) as work:
            registration = self.registration_mode.current(work)
        return RootView(
            name="Task Tracker",
            version=version("tasktracker-server"),
            server=server_id(self.store),
            capabilities=CapabilitiesView(registration=registration, mail=bool(self.settings.mail_url)),
            limits=LimitsView(
                body_bytes=self.settings.max_body_bytes,
                mutations=MAX_MUTATIONS,
                page_size=DEFAULT_PAGE,
                max_page_size=MAX_PAGE,
                retention_days=self.settings.window_days,
            ),
            user=self._user(actor) if actor else None,
        )

    def _user(self, actor: Actor) -> CallerView:
        # For an API token, the user is named with any scopes.
        with suppress(InsufficientScope), self.store.reading(actor):
            pass
        with self.store.reading(SystemActor("name the user of a token")) as work:
            user = work.users.find_unlocked(actor.user_id)
        if user is None:
            raise SessionEnded
        return CallerView(user.id, user.username)
