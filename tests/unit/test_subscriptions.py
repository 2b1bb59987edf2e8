"""The registry of subscriptions, with a storage that fails at first."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Mapping
from contextlib import ExitStack, closing
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from tasktracker.adapters.events.local import LocalChangeNotifier
from tasktracker.adapters.events.polling import PollingChangeNotifier
from tasktracker.domain.kernel.actors import Actor, SessionActor
from tasktracker.domain.kernel.errors import StorageUnavailable, TooManyStreams
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tasktracker.entrypoints.http.subscriptions import Subscription, SubscriptionRegistry
from tests.waiting import PATIENCE

ACTOR = SessionActor(uuid4(), uuid4(), 1)
ALICE, BOB = uuid4(), uuid4()


def test_a_change_wakes_the_subscriptions_that_it_concerns(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep, checked, failures = asyncio.sleep, list[set[Actor]](), [StorageUnavailable, StorageUnavailable]
    monkeypatch.setattr(asyncio, "sleep", lambda _: sleep(0.001))
    alice, laptop, bob, carol = (SessionActor(user, uuid4(), 1) for user in (ALICE, ALICE, BOB, uuid4()))
    live = [alice, bob, carol]

    class Streams:
        def heads(self, _: Collection[UUID]) -> Mapping[UUID, int]:
            if failures:
                raise failures.pop()
            return {ALICE: 5, BOB: 5}  # carol's feed is empty

        def filter_admissible(self, actors: Collection[Actor]) -> Collection[Actor]:
            checked.append(set(actors))
            if len(checked) == 1:
                raise StorageUnavailable
            return live

    async def scenario(threads: ThreadRunner) -> None:
        notifier, services = LocalChangeNotifier(), cast(Any, Streams())
        registry = SubscriptionRegistry(notifier, services, threads, per_user=2)
        registry.open()
        notifier.publish([ALICE])
        registry._on_change(None)
        await sleep(0.01)  # the background tasks go on without subscriptions
        with ExitStack() as stack:
            actors = (carol, alice, laptop, bob)
            [empty, first, second, other] = found = [stack.enter_context(registry.subscribed(each)) for each in actors]

            async def woken() -> list[Subscription]:
                async with asyncio.timeout(PATIENCE):
                    while not any(each._woken.is_set() for each in found):
                        await sleep(0.001)
                woken = [each for each in found if each._woken.is_set()]
                for each in woken:
                    each.clear()
                return woken

            assert await woken() == [second], "its session has ended"
            live.append(laptop)
            assert (second.is_over, checked[-1]) == (True, {alice, laptop, bob, carol})
            second._woken.clear()
            notifier.publish([uuid4(), ALICE])
            assert await woken() == [first, second]
            second._woken.clear()
            first.position, second.position, other.position = 4, 5, 5
            registry._on_change(None)  # some changes may have been missed
            assert await woken() == [first], "only this one has not read the latest change"
            await registry.close()
            assert [each.is_over for each in (empty, first, other)] == [True] * 3
        assert (notifier._listener, dict(registry._subscriptions)) == (None, {})

    with closing(ThreadRunner(1, "streams")) as threads:
        asyncio.run(scenario(threads))


def test_a_closed_subscription_counts_no_longer() -> None:
    async def scenario() -> None:
        services: Any = None
        registry = SubscriptionRegistry(services, services, services, per_user=2)
        with registry.subscribed(ACTOR):
            with registry.subscribed(ACTOR):
                assert (len(registry), registry.count) == (2, 2)
                with pytest.raises(TooManyStreams), registry.subscribed(ACTOR):
                    pass
            assert (len(registry), registry.count) == (1, 1)
        assert (len(registry), registry.count, dict(registry._subscriptions)) == (0, 0, {})
        registry._end_all()
        with registry.subscribed(ACTOR) as late:
            late.clear()
            assert late.is_over
            assert await late.wait(PATIENCE), "it does not wait"

    asyncio.run(scenario())


class TestNotifiers:
    """How the changes of feeds reach this process."""

    def test_a_process_alone_hears_its_own_changes_until_it_is_closed(self) -> None:
        notifier, heard = LocalChangeNotifier(), list[Collection[UUID] | None]()
        notifier.publish([ALICE])  # nothing listens yet
        notifier.open(heard.append)
        for users in ([ALICE], [], [ALICE, BOB]):
            notifier.publish(users)
        notifier.close()
        notifier.publish([BOB])
        assert heard == [[ALICE], [ALICE, BOB]]

    def test_behind_a_pooler_any_feed_may_have_changed_at_any_time_until_it_is_closed(self) -> None:
        heard, again = list[Collection[UUID] | None](), threading.Event()

        def listener(users: Collection[UUID] | None) -> None:
            heard.append(users)
            if len(heard) > 1:
                again.set()

        notifier = PollingChangeNotifier(0.001)
        notifier.open(listener)
        notifier.publish([ALICE])
        assert again.wait(PATIENCE)
        closing = threading.Thread(target=notifier.close, daemon=True)
        closing.start()
        closing.join(20)
        assert not closing.is_alive()
        assert set(heard) == {None}
        assert notifier._thread is not None
        assert not notifier._thread.is_alive()
        PollingChangeNotifier().close()  # was not opened


def test_a_change_after_the_end_of_the_event_loop_is_ignored() -> None:
    notifier, services = LocalChangeNotifier(), cast(Any, None)
    registry = SubscriptionRegistry(notifier, services, services, per_user=1)

    async def scenario() -> None:
        registry.open()

    asyncio.run(scenario())
    registry._on_change({ACTOR.user_id})
    registry.end_all_soon()
