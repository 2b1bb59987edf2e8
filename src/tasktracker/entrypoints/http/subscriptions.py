"""Subscriptions to changes. A subscription holds neither a thread nor a transaction, so there may be thousands."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from uuid import UUID

from litestar.types import Receive

from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import DomainError, TooManyStreams
from tasktracker.domain.sync.ports import ChangeNotifier
from tasktracker.domain.sync.stream_service import StreamService
from tasktracker.entrypoints.http.core.threads import ThreadRunner

CHECK_SECONDS = 4
"""Interval of the check whether actors may still act. A subscription ends within 5 seconds of a revocation."""


class Subscription:
    """A subscription to the changes of an actor's feed."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.position = 0
        self.is_over = False
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Make `wait` return."""
        self._woken.set()

    def end(self) -> None:
        """Make `wait` return at once, from now on."""
        self.is_over = True
        self._woken.set()

    def clear(self) -> None:
        """Make `wait` wait for the next `wake`, unless the subscription has ended."""
        if not self.is_over:
            self._woken.clear()

    async def wait(self, seconds: float) -> bool:
        """Wait for `wake` or `end`, and return False on a timeout."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True


@contextmanager
def ended_on_disconnect(receive: Receive, subscription: Subscription) -> Iterator[None]:
    """End a subscription when its client disconnects. Discards the unread part of the request."""
    watcher = asyncio.ensure_future(_end_on_disconnect(receive, subscription))
    try:
        yield
    finally:
        watcher.cancel()


async def _end_on_disconnect(receive: Receive, subscription: Subscription) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    subscription.end()


class SubscriptionRegistry:
    """All subscriptions of this process. Listens for changes and wakes the subscriptions to the changed feeds."""

    def __init__(
        self, notifier: ChangeNotifier, streams: StreamService, threads: ThreadRunner, *, per_user: int
    ) -> None:
        self._notifier = notifier
        self._streams = streams
        self._threads = threads
        self._per_user = per_user
        self._subscriptions: dict[UUID, set[Subscription]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._background: list[asyncio.Task[None]] = []
        self._missed = asyncio.Event()
        self._is_closing = False

    @property
    def count(self) -> int:
        """The number of open subscriptions. May be read on any thread."""
        return sum(len(of_user) for of_user in list(self._subscriptions.values()))

    def open(self) -> None:
        """Start to listen. Must be called in the event loop."""
        self._loop = asyncio.get_running_loop()
        self._background = [asyncio.create_task(self._drop_revoked()), asyncio.create_task(self._resync())]
        self._notifier.open(self._on_change)

    def end_all_soon(self) -> None:
        """Schedule the end of all subscriptions, and end later ones at once. The server waits until all streams end.

        May be called on any thread, and by a signal handler.
        """
        self._call_soon(self._end_all)

    async def close(self) -> None:
        """Stop listening, and end all subscriptions."""
        self._end_all()
        for task in self._background:
            task.cancel()
        await asyncio.to_thread(self._notifier.close)

    @contextmanager
    def subscribed(self, actor: Actor) -> Iterator[Subscription]:
        """Subscribe to the actor's feed. Raises TooManyStreams."""
        subscriptions = self._subscriptions[actor.user_id]
        if len(subscriptions) >= self._per_user:
            raise TooManyStreams(f"You already have {self._per_user} open streams.")
        subscription = Subscription(actor)
        if self._is_closing:
            subscription.end()
        subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            subscriptions.discard(subscription)
            if not subscriptions:
                del self._subscriptions[actor.user_id]

    def __len__(self) -> int:
        return sum(map(len, self._subscriptions.values()))

    def _all(self) -> list[Subscription]:
        return [each for subscriptions in self._subscriptions.values() for each in subscriptions]

    def _end_all(self) -> None:
        self._is_closing = True
        for subscription in self._all():
            subscription.end()

    def _on_change(self, user_ids: Collection[UUID] | None) -> None:
        """Implement ChangeListener. Called on the notifier's thread."""
        self._call_soon(self._wake, user_ids)

    def _call_soon(self, callback: Callable[..., None], *args: object) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(callback, *args)

    def _wake(self, user_ids: Collection[UUID] | None) -> None:
        if user_ids is None:
            self._missed.set()
            return
        for user_id in user_ids:
            for subscription in self._subscriptions.get(user_id, ()):
                subscription.wake()

    async def _resync(self) -> None:
        """When notifications may have been lost, wake the subscriptions whose feeds have changed."""
        while True:
            await self._missed.wait()
            self._missed.clear()
            if not self._subscriptions:
                continue
            try:
                heads = await self._threads.run(self._streams.heads, list(self._subscriptions))
            except DomainError:
                # The storage is unavailable: try again.
                await asyncio.sleep(1)
                self._missed.set()
                continue
            for subscription in self._all():
                if heads.get(subscription.actor.user_id, 0) > subscription.position:
                    subscription.wake()

    async def _drop_revoked(self) -> None:
        """End the subscriptions of actors that may no longer act."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            subscriptions = self._all()
            if not subscriptions:
                continue
            try:
                live = set(
                    await self._threads.run(
                        self._streams.filter_admissible, list({each.actor for each in subscriptions})
                    )
                )
            except DomainError:
                continue
            for subscription in subscriptions:
                if subscription.actor not in live:
                    subscription.end()
