"""Event streams of changes: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.types import Receive, Scope, Send
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.feed.entries import Op
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import (
    CursorExpired,
    DomainError,
    InvalidInput,
    TooManyStreams,
    Unavailable,
)
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.sync.service import Changes, SyncService
from tasktracker.domain.sync.stream_service import StreamService
from tasktracker.domain.sync.ticket import TICKET_LIFETIME
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.changes import SyncCursors, Typed
from tasktracker.entrypoints.http.core.middleware import IS_HEAD
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request, query
from tasktracker.entrypoints.http.core.responses import HeadResponse, StreamedResponse
from tasktracker.entrypoints.http.core.schemas import CursorText, JsonBody, NoFields
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread, set_sharer
from tasktracker.entrypoints.http.subscriptions import Subscription, SubscriptionRegistry, ended_on_disconnect

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 20
RETRY_SECONDS = 1
RETRY = f"retry: {RETRY_SECONDS * 1000}\n".encode()
"""How long an `EventSource` waits before it connects again, in milliseconds."""
PAGE = 100


class FollowChanges(Typed):
    """Where to start, and a ticket."""

    cursor: CursorText | UnsetType = UNSET
    ticket: (
        Annotated[str, Meta(description="A ticket, for clients that cannot send a token in a header.")] | UnsetType
    ) = UNSET


class TicketView(Struct):
    """A single-use ticket for an event stream."""

    ticket: str
    expires_in: Annotated[int, Meta(description="Seconds until the ticket expires.")]


class EventView(Struct):
    """A changed item."""

    type: ItemType
    id: UUID
    op: Op
    version: int


class EventController(Controller):
    """`/api/events/`."""

    path = "/api/events"
    tags = ("sync",)

    sync: SyncService
    streams: StreamService
    store: Storage
    sync_cursors: SyncCursors
    subscriptions: SubscriptionRegistry
    clock: Clock
    threads: ThreadRunner
    stream_threads: ThreadRunner

    @post(
        "/tickets",
        operation_id="createTicket",
        summary="Create a ticket for an event stream",
        status_code=201,
        opt=operation(InvalidInput, access=Access.SESSION),
    )
    @on_thread
    def create_ticket(
        self,
        request: Request,
        data: JsonBody[NoFields | None] = None,  # noqa: ARG002  # only validated
    ) -> TicketView:
        """Create a single-use ticket that opens an event stream.

        It is for clients that cannot send an `Authorization` header, such as `EventSource` in a browser.
        """
        assert request.auth is not None, "a session has an access token"
        with self.store.writing(request.session_actor) as work:
            text = self.streams.issue(work, request.auth.expires_at)
        return TicketView(text, int(TICKET_LIFETIME.total_seconds()))

    @get(
        "/",
        operation_id="followChanges",
        summary="Stream changes",
        opt=operation(TooManyStreams, access=Access.TICKET, query=FollowChanges, produces=(MEDIA_TYPE,)),
    )
    async def follow_changes(self, request: Request) -> Response[bytes]:
        """Stream the changes after `Last-Event-ID` or `cursor`. The id of each event is a sync cursor.

        Without `Last-Event-ID` and `cursor`, the stream starts with an event of the type `ready`, and continues with
        the next change. It ends when the token that opened it expires. An event of the type `resync` means that the
        cursor is no longer valid: the client must pull the full state.
        """
        filters = query(FollowChanges, request)
        actor, until = await self._admit(request, filters)
        run, types = self.stream_threads.run, filters.chosen
        # A client that reconnects automatically sends the more recent position in the header.
        text = request.headers.get("last-event-id") or filters.cursor
        cursor = await run(self.sync_cursors.open, text, actor, types)
        latest = await run(self.sync.latest, actor)
        with self.subscriptions.subscribed(actor):
            pass  # raises TooManyStreams before the response starts
        if IS_HEAD in request.scope["state"]:
            return HeadResponse(MEDIA_TYPE, {})
        stream = _Stream(self, actor, types, cursor or latest, until)
        return _StreamResponse(stream, begin=latest if cursor is None else None)

    async def _admit(self, request: Request, filters: FollowChanges) -> tuple[Actor, datetime | None]:
        """Return the actor of the ticket or token, and the time at which the stream must end."""
        if filters.ticket is not UNSET:
            redeem = partial(self.streams.redeem, filters.ticket, keep=IS_HEAD in request.scope["state"])
            actor, until = await self.stream_threads.run(redeem)
            request.scope["user"] = actor  # for the log
            set_sharer(actor.user_id.int, "GET")
            return actor, until
        return request.user, request.auth.expires_at if request.auth else None


class _Stream:
    """The events of one stream, and the time at which it ends."""

    def __init__(
        self,
        services: EventController,
        actor: Actor,
        types: frozenset[ItemType],
        cursor: SyncCursor,
        until: datetime | None,
    ) -> None:
        self._sync = services.sync
        self._clock = services.clock
        self._sealed = services.sync_cursors
        self._run = services.stream_threads.run
        self._types = types
        self._cursor = cursor
        self._until = until
        self.subscriptions = services.subscriptions
        self.actor = actor

    @property
    def seconds_left(self) -> float:
        """Seconds until the next heartbeat, or until the token expires."""
        if self._until is None:
            return HEARTBEAT_SECONDS
        return min(HEARTBEAT_SECONDS, (self._until - self._clock.now()).total_seconds())

    @property
    def is_over(self) -> bool:
        """Whether the token that opened the stream has expired."""
        return self._until is not None and self._clock.now() >= self._until

    async def read(self, subscription: Subscription) -> tuple[bytes, bool]:
        """Return the events to send, and whether there are more."""
        subscription.clear()
        try:
            changes = await self._run(self._sync.pull, self.actor, self._cursor, PAGE, self._types)
        except CursorExpired:
            self._cursor = await self._run(self._sync.latest, self.actor)
            subscription.position = self._cursor.sequence
            return self.format_event(self._cursor, "resync", b"{}"), False
        block = self._format(changes)
        self._cursor = changes.next
        subscription.position = max(subscription.position, changes.head)
        return block, changes.has_more

    def format_event(self, cursor: SyncCursor, kind: str | None = None, data: bytes | None = None) -> bytes:
        """Return one event in the format of the stream."""
        lines = [f"id: {self._sealed.seal(cursor, self.actor, self._types)}".encode()]
        if kind is not None:
            lines.append(f"event: {kind}".encode())
        if data is not None:
            lines.append(b"data: " + data)
        return b"\n".join(lines) + b"\n\n"

    def _format(self, changes: Changes) -> bytes:
        last = len(changes.items) - 1
        events = []
        for number, found in enumerate(changes.items):
            # Only the last event of a page has the new time. The others keep the time of the previous page's cursor.
            cursor = changes.next if number == last else replace(self._cursor, sequence=found.sequence)
            entry = found.entry
            view = EventView(entry.type, entry.id, entry.op, entry.version)
            events.append(self.format_event(cursor, data=msgspec.json.encode(view)))
        return b"".join(events)


class _StreamResponse(StreamedResponse):
    """Sends events until the token expires, the session ends, the client disconnects or the server stops."""

    def __init__(self, stream: _Stream, begin: SyncCursor | None) -> None:
        super().__init__(MEDIA_TYPE, {"X-Accel-Buffering": "no"})
        self._stream = stream
        self._begin = begin

    async def stream(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Start the response and send its body."""
        stream = self._stream
        subscribed = stream.subscriptions.subscribed(stream.actor)
        with subscribed as subscription, ended_on_disconnect(receive, subscription):
            await self.start(send)
            # Send a first block at once, so that proxies forward the response.
            first = b": hello\n\n" if self._begin is None else stream.format_event(self._begin, "ready", b"{}")
            await _send(send, RETRY + first)
            await self._follow(subscription, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _follow(self, subscription: Subscription, send: Send) -> None:
        stream = self._stream
        while not subscription.is_over and not stream.is_over:
            try:
                block, has_more = await stream.read(subscription)
            except Unavailable:
                # The next successful read includes the changes made in the meantime.
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except DomainError:
                return  # the session has ended
            if block:
                await _send(send, block)
            if not has_more and not await subscription.wait(stream.seconds_left):
                await _send(send, b":\n\n")


async def _send(send: Send, block: bytes) -> None:
    await send({"type": "http.response.body", "body": block, "more_body": True})
