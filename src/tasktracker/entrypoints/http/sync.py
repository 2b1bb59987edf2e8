"""Syncing over HTTP: the full state, what has changed since, and what was done offline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from litestar import Controller, get, post
from litestar.params import JSONBody
from msgspec import UNSET

from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import CursorExpired, InvalidInput, TooManyStreams
from tasktracker.domain.sync.push_service import PushService
from tasktracker.domain.sync.service import Changes, SyncService
from tasktracker.entrypoints.http.changes import ChangesView, PullChanges, SyncCursors, view_changes
from tasktracker.entrypoints.http.cursors import Cursors
from tasktracker.entrypoints.http.hub import Hub, Waiter, hanging_up
from tasktracker.entrypoints.http.operation import operation
from tasktracker.entrypoints.http.push import PushedView, PushMutations, PushOptions, read_mutation, view_result
from tasktracker.entrypoints.http.threads import Threads
from tasktracker.entrypoints.http.wire import Injected, Request


async def _with_changes(
    waiter: Waiter, seconds: int, threads: Threads, pull: Callable[[], tuple[Changes, ChangesView]]
) -> ChangesView:
    """Pull until there is something, or the time has passed. Nothing is held meanwhile: no thread, no connection."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        waiter.clear()
        changes, view = await threads.run(pull)
        waiter.position = changes.head
        # What has changed may be of other types.
        if changes.items or waiter.is_over or not await waiter.wait(deadline - loop.time()):
            return view


class SyncController(Controller):
    """`/api/sync/`."""

    path = "/api/sync"
    tags = ("sync",)

    @get(
        "/",
        operation_id="pullChanges",
        summary="Read what has changed",
        opt=operation(CursorExpired, TooManyStreams),
    )
    async def pull_changes(
        self,
        request: Request,
        actor: Injected[Actor],
        sync: Injected[SyncService],
        hub: Injected[Hub],
        threads: Injected[Threads],
        filters: Injected[PullChanges],
        cursors: Injected[Cursors],
    ) -> ChangesView:
        """Everything the caller has, and from then on what has changed, with nothing left out in between.

        Without a cursor it is the full state. Each item is told once, as it is now, however often it was changed.
        With `wait`, an answer without changes is put off until there are some, or that time has passed.
        """
        sealed, types = SyncCursors(cursors), filters.chosen

        def pull() -> tuple[Changes, ChangesView]:
            changes = sync.pull(actor, sealed.open(filters.cursor, actor, types), filters.limit, types)
            return changes, view_changes(changes, actor, types, sealed)

        if not filters.wait:
            return (await threads.run(pull))[1]
        with hub.waiting(actor) as waiter, hanging_up(request.receive, waiter):
            return await _with_changes(waiter, filters.wait, threads, pull)

    @post(
        "/",
        operation_id="pushMutations",
        summary="Tell what was done",
        sync_to_thread=True,
        status_code=200,
        opt=operation(InvalidInput, CursorExpired),
    )
    def push_mutations(
        self,
        actor: Injected[Actor],
        sync: Injected[SyncService],
        pushing: Injected[PushService],
        filters: Injected[PushOptions],
        cursors: Injected[Cursors],
        data: JSONBody[PushMutations],
    ) -> PushedView:
        """Apply what a device did, merging it by field with what others have done since.

        Each mutation has a result of its own. What is in conflict, or rejected, has changed nothing. The whole
        request may be sent again: what was applied is not applied twice.
        """
        sealed, types = SyncCursors(cursors), filters.chosen
        cursor = sealed.open(UNSET if data.cursor is None else data.cursor, actor, types)
        if cursor is not None:
            sync.require_valid(actor, cursor)
        mutations = [read_mutation(body) for body in data.mutations]
        outcomes = pushing.push(actor, mutations, atomic=data.atomic)
        results = [view_result(each, outcome) for each, outcome in zip(mutations, outcomes, strict=True)]
        if cursor is None:
            return PushedView(results, [], None, has_more=False, cursor_valid_until=None)
        changes = view_changes(sync.pull(actor, cursor, filters.limit, types), actor, types, sealed)
        return PushedView(results, changes.changes, changes.next_cursor, changes.has_more, changes.cursor_valid_until)
