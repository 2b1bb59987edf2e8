"""Syncing over HTTP: pull the full state or later changes, and push offline changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from litestar import Controller, get, post
from msgspec import UNSET, UnsetType

from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import CursorExpired, InvalidInput, TooManyStreams
from tasktracker.domain.sync.push_service import PushService
from tasktracker.domain.sync.service import Changes, SyncService
from tasktracker.entrypoints.http.changes import ChangesView, PullChanges, SyncCursors, view_changes
from tasktracker.entrypoints.http.core.operation import operation
from tasktracker.entrypoints.http.core.request import Request, query
from tasktracker.entrypoints.http.core.schemas import JsonBody
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread
from tasktracker.entrypoints.http.push import PushedView, PushMutations, PushOptions, read_mutation, view_result
from tasktracker.entrypoints.http.subscriptions import Subscription, SubscriptionRegistry, ended_on_disconnect


class SyncController(Controller):
    """`/api/sync/`."""

    path = "/api/sync"
    tags = ("sync",)

    sync: SyncService
    pushing: PushService
    sync_cursors: SyncCursors
    subscriptions: SubscriptionRegistry
    threads: ThreadRunner

    @get(
        "/",
        operation_id="pullChanges",
        summary="Pull changes",
        opt=operation(CursorExpired, TooManyStreams, query=PullChanges),
    )
    async def pull_changes(self, request: Request) -> ChangesView:
        """Without a cursor, return the full state; with a cursor, the changes after it.

        Each item is returned once, in its current state, even if it has changed several times. With `wait`, the server
        responds when there is a change, or after this number of seconds.
        """
        filters = query(PullChanges, request)
        pull = partial(self._pull, request.user, filters.cursor, filters.limit, filters.chosen)
        if not filters.wait:
            return (await self.threads.run(pull))[1]
        with (
            self.subscriptions.subscribed(request.user) as subscription,
            ended_on_disconnect(request.receive, subscription),
        ):
            return await self._with_changes(subscription, filters.wait, pull)

    @post(
        "/",
        operation_id="pushMutations",
        summary="Push offline changes",
        status_code=200,
        opt=operation(InvalidInput, CursorExpired, query=PushOptions),
    )
    @on_thread
    def push_mutations(self, request: Request, data: JsonBody[PushMutations]) -> PushedView:
        """Apply the mutations of a device, merged by field with the changes of others.

        Each mutation has its own result. A rejected or conflicting mutation changes nothing. If a `category` or
        `parent` does not exist, the field is left out of the applied mutation, and `dropped` names it. The whole
        request may be sent again: no mutation is applied twice. `limit` and `types` concern the returned changes.
        """
        actor, filters = request.user, query(PushOptions, request)
        cursor = self.sync_cursors.open(UNSET if data.cursor is None else data.cursor, actor, filters.chosen)
        if cursor is not None:
            self.sync.require_valid(actor, cursor)
        mutations = [read_mutation(body) for body in data.mutations]
        outcomes = self.pushing.push(actor, mutations, atomic=data.atomic)
        results = [view_result(each, outcome) for each, outcome in zip(mutations, outcomes, strict=True)]
        if cursor is None:
            return PushedView(results, [], None, has_more=False, cursor_valid_until=None)
        pulled = self.sync.pull(actor, cursor, filters.limit, filters.chosen)
        changes = view_changes(pulled, actor, filters.chosen, self.sync_cursors)
        return PushedView(results, changes.changes, changes.next_cursor, changes.has_more, changes.cursor_valid_until)

    def _pull(
        self, actor: Actor, cursor: str | UnsetType, limit: int, types: frozenset[ItemType]
    ) -> tuple[Changes, ChangesView]:
        changes = self.sync.pull(actor, self.sync_cursors.open(cursor, actor, types), limit, types)
        return changes, view_changes(changes, actor, types, self.sync_cursors)

    async def _with_changes(
        self, subscription: Subscription, seconds: int, pull: Callable[[], tuple[Changes, ChangesView]]
    ) -> ChangesView:
        """Pull until there are changes or the time is over. No thread and no connection is used while waiting."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            subscription.clear()
            changes, view = await self.threads.run(pull)
            subscription.position = changes.head
            # The subscription also wakes for changes of other types.
            has_answer = changes.items or changes.has_more or subscription.is_over
            if has_answer or not await subscription.wait(deadline - loop.time()):
                return view
