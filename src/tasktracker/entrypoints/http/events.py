"""Changes as they happen, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.accounts.ports import TokenSigner
from tasktracker.domain.feed.entries import ItemType, Op
from tasktracker.domain.kernel.actors import Actor, SessionActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import (
    CursorExpired,
    DomainError,
    InsufficientScope,
    InvalidToken,
    NotAuthenticated,
    SessionEnded,
    TooManyStreams,
    Unavailable,
)
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.sync.service import Changes, SyncService
from tasktracker.domain.sync.stream_service import StreamService
from tasktracker.domain.sync.ticket import TICKET_LIFE
from tasktracker.entrypoints.http.actor import bearer_token
from tasktracker.entrypoints.http.changes import SyncCursors, Typed
from tasktracker.entrypoints.http.cursors import Cursors
from tasktracker.entrypoints.http.edge import ACTOR, IS_HEAD
from tasktracker.entrypoints.http.hub import Hub, Waiter, hanging_up
from tasktracker.entrypoints.http.operation import operation
from tasktracker.entrypoints.http.wire import CursorText, Injected, Request

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 20
STALLED_SECONDS = 60
RETRY_SECONDS = 1
PAGE = 100


class FollowChanges(Typed):
    """Where to begin, and by which right."""

    cursor: CursorText | UnsetType = UNSET
    ticket: Annotated[str, Meta(description="In place of a token, where no header can be sent.")] | UnsetType = UNSET


class TicketView(Struct):
    """What opens one stream, soon."""

    ticket: str
    expires_in: Annotated[int, Meta(description="Seconds for which it is good.")]


class EventView(Struct):
    """An item that has changed."""

    type: ItemType
    id: UUID
    op: Op
    version: int


class EventController(Controller):
    """`/api/events/`."""

    path = "/api/events"
    tags = ("sync",)

    @post(
        "/tickets",
        operation_id="createTicket",
        summary="Get a ticket for a stream",
        status_code=201,
        sync_to_thread=True,
        opt=operation(),
    )
    def create_ticket(
        self,
        request: Request,
        person: Injected[SessionActor],
        streams: Injected[StreamService],
        signer: Injected[TokenSigner],
    ) -> TicketView:
        """For browsers, whose event streams send no headers: it opens one stream, on any process."""
        text = streams.issue(person, signer.read(bearer_token(request) or "").expires_at)
        return TicketView(text, int(TICKET_LIFE.total_seconds()))

    @get(
        "/",
        operation_id="followChanges",
        summary="Follow changes as they happen",
        opt=operation(
            NotAuthenticated,
            InvalidToken,
            SessionEnded,
            InsufficientScope,
            TooManyStreams,
            produces=MEDIA_TYPE,
            ticketed=True,
        ),
    )
    async def follow_changes(
        self,
        request: Request,
        sync: Injected[SyncService],
        streams: Injected[StreamService],
        hub: Injected[Hub],
        signer: Injected[TokenSigner],
        clock: Injected[Clock],
        cursors: Injected[Cursors],
        filters: Injected[FollowChanges],
    ) -> Response[bytes]:
        """A stream of events, each with a sync cursor as its id: what has changed since `Last-Event-ID` or `cursor`.

        Without either it begins with what happens next. It ends with the token that it was opened by. An event of the
        type `resync` tells that the cursor cannot be continued from: the full state is to be fetched anew.
        """
        actor, until = await _admit(request, filters, streams, hub, signer)
        types, sealed = filters.chosen, SyncCursors(cursors)
        # What reconnects by itself has the later of the two in the header.
        text = request.headers.get("last-event-id") or filters.cursor
        cursor = await hub.run(sealed.open, text, actor, types)
        latest = await hub.run(sync.latest, actor)
        with hub.waiting(actor):
            pass  # refused before the answer begins
        if IS_HEAD in request.scope["state"]:
            return Response(b"", media_type=MEDIA_TYPE)
        stream = _Stream(sync, hub, clock, sealed, actor, types, cursor or latest, until)
        return _StreamResponse(stream, begin=latest if cursor is None else None)


async def _admit(
    request: Request, filters: FollowChanges, streams: StreamService, hub: Hub, signer: TokenSigner
) -> tuple[Actor, datetime | None]:
    """Return who asks, by a ticket or a token, and until when they may stay."""
    if filters.ticket is not UNSET:
        actor, until = await hub.run(streams.redeem, filters.ticket)
        request.scope["state"][ACTOR] = actor
        return actor, until
    actor = request.scope["state"][ACTOR]  # as was found out before anything else was read
    if isinstance(actor, SessionActor):
        return actor, signer.read(bearer_token(request) or "").expires_at
    return actor, None


class _Stream:
    """What one stream tells, and for how long."""

    def __init__(
        self,
        sync: SyncService,
        hub: Hub,
        clock: Clock,
        sealed: SyncCursors,
        actor: Actor,
        types: frozenset[ItemType],
        cursor: SyncCursor,
        until: datetime | None,
    ) -> None:
        self._sync = sync
        self._clock = clock
        self._sealed = sealed
        self._types = types
        self._cursor = cursor
        self._until = until
        self.hub = hub
        self.actor = actor

    @property
    def seconds_left(self) -> float:
        """Until the next thing to do though nothing happens."""
        if self._until is None:
            return HEARTBEAT_SECONDS
        return min(HEARTBEAT_SECONDS, (self._until - self._clock.now()).total_seconds())

    @property
    def is_over(self) -> bool:
        """Whether the token has expired that it was opened by."""
        return self._until is not None and self._clock.now() >= self._until

    async def read(self, waiter: Waiter) -> tuple[bytes, bool]:
        """Return the events that are to be sent, and whether there are more."""
        waiter.clear()
        try:
            changes = await self.hub.run(self._sync.pull, self.actor, self._cursor, PAGE, self._types)
        except CursorExpired:
            self._cursor = await self.hub.run(self._sync.latest, self.actor)
            waiter.position = self._cursor.sequence
            return self.mark(self._cursor, "resync", b"{}"), False
        block = self._write(changes)
        self._cursor = changes.next
        waiter.position = max(waiter.position, changes.head)
        return block, changes.has_more

    def mark(self, cursor: SyncCursor, kind: str | None = None, data: bytes | None = None) -> bytes:
        """Return one event."""
        lines = [f"id: {self._sealed.seal(cursor, self.actor, self._types)}".encode()]
        if kind is not None:
            lines.append(f"event: {kind}".encode())
        if data is not None:
            lines.append(b"data: " + data)
        return b"\n".join(lines) + b"\n\n"

    def _write(self, changes: Changes) -> bytes:
        last = len(changes.items) - 1
        events = []
        for number, found in enumerate(changes.items):
            # All but the last of a page have more to come: their cursors are as old as that of the page before.
            cursor = changes.next if number == last else replace(self._cursor, sequence=found.sequence)
            mark = found.mark
            view = EventView(mark.type, mark.id, mark.op, mark.version)
            events.append(self.mark(cursor, data=msgspec.json.encode(view)))
        return b"".join(events)


class _StreamResponse(Response[bytes]):
    """An answer that goes on."""

    def __init__(self, stream: _Stream, begin: SyncCursor | None) -> None:
        super().__init__(b"", media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})
        self._stream = stream
        self._begin = begin

    def to_asgi_response(self, *_: Any, **more: Any) -> ASGIResponse:
        """Return what sends it."""
        headers = {**(more.get("headers") or {}), **self.headers}
        return _Sending(self._stream, self._begin, headers=headers, media_type=self.media_type, status_code=200)


class _Sending(ASGIResponse):
    """Sends events until the token expires, the session ends, the client goes or the server stops."""

    _should_set_content_length = False

    def __init__(self, stream: _Stream, begin: SyncCursor | None, **more: Any) -> None:
        super().__init__(**more)
        self._stream = stream
        self._begin = begin

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        stream = self._stream
        try:
            with stream.hub.waiting(stream.actor) as waiter, hanging_up(receive, waiter):
                await self.start_response(send)
                # Something to read at once, so that everybody in between passes the answer on.
                await _send(send, b": hello\n\n" if self._begin is None else stream.mark(self._begin))
                await self._follow(waiter, send)
        except TimeoutError:
            return  # a client that takes nothing; the connection is closed
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _follow(self, waiter: Waiter, send: Send) -> None:
        stream = self._stream
        while not waiter.is_over and not stream.is_over:
            try:
                block, has_more = await stream.read(waiter)
            except Unavailable:
                # The database is gone for the moment. What is changed meanwhile is read once it is back.
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except DomainError:
                return  # the session has ended
            if block:
                await _send(send, block)
            if not has_more and not await waiter.wait(stream.seconds_left):
                await _send(send, b":\n\n")


async def _send(send: Send, block: bytes) -> None:
    async with asyncio.timeout(STALLED_SECONDS):
        await send({"type": "http.response.body", "body": block, "more_body": True})
