"""Two hosts of one database with different clocks and retentions: neither silently misses deletions of the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from tasktracker.adapters.sql.feed import SqlFeed
from tasktracker.adapters.system import SystemClock
from tasktracker.domain.accounts.links import LinkKind, OneTimeLink
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.housekeeping import HousekeepingService
from tasktracker.domain.idempotency.record import Request
from tasktracker.domain.idempotency.service import once
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import CursorExpired
from tasktracker.domain.kernel.retention import MARGIN
from tasktracker.domain.sync.mutation import Mutation, MutationOp, Outcome, Status
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.settings import load
from tests.backends import Backend, on_postgresql, on_sql
from tests.contracts.base import SECOND, SHORT_WAIT, BackgroundCall, Seed, find, new_record, session_actor
from tests.contracts.test_idempotency import store_response
from tests.contracts.test_share_invitations import new_invitation
from tests.contracts.test_tickets import new_ticket
from tests.device import Device
from tests.fakes import START, SYSTEM, App, ManualClock

DAY = timedelta(days=1)
FOREVER = datetime.max.replace(tzinfo=UTC)


class AheadClock:
    """The clock of a host that is ahead of another clock."""

    def __init__(self, clock: Clock, by: timedelta) -> None:
        self._clock = clock
        self._by = by

    def now(self) -> datetime:
        return self._clock.now() + self._by


@pytest.fixture
def app(store: Storage, clock: ManualClock) -> App:
    """The host that clients use. Its retention is 30 days."""
    return App(store, clock)


@pytest.fixture
def actor(seed: Seed) -> SessionActor:
    user = seed.user()
    return session_actor(seed.session(user, idle_until=FOREVER, ends_at=FOREVER))


@pytest.fixture
def other(store: Storage, clock: ManualClock) -> HousekeepingService:
    """The sweep of another host: its clock is a day ahead, and its retention is one day."""
    return HousekeepingService(store=store, clock=AheadClock(clock, DAY), retention=DAY)


def push(app: App, actor: SessionActor, mutation: Mutation) -> Outcome:
    (outcome,) = app.pushing.push(actor, [mutation])
    return outcome


class TestDeletions:
    def test_a_device_that_missed_a_deletion_swept_by_another_host_starts_again(
        self, app: App, actor: SessionActor, other: HousekeepingService, clock: ManualClock
    ) -> None:
        tasks = [app.do(actor, app.tasks.create, {"title": f"{number}"}) for number in range(5)]
        device, up_to_date = Device(app.sync, actor), Device(app.sync, actor)
        device.catch_up()
        for task in tasks[:2]:
            app.do(actor, app.trash.delete, task.id)
        up_to_date.catch_up()
        clock.advance(3 * DAY)
        other.sweep()
        with pytest.raises(CursorExpired):
            device.pull()
        up_to_date.catch_up()
        up_to_date.require_in_sync()
        device.cursor, device.items = None, {}
        device.catch_up()
        device.require_in_sync()

    def test_a_cursor_stays_valid_while_no_deletion_after_it_was_swept(
        self, app: App, actor: SessionActor, other: HousekeepingService, clock: ManualClock
    ) -> None:
        device = Device(app.sync, actor)
        tasks = [app.do(actor, app.tasks.create, {"title": f"{number}"}) for number in range(2)]
        app.do(actor, app.trash.delete, tasks[0].id)
        device.catch_up()
        clock.advance(days=400)
        other.sweep()
        app.do(actor, app.tasks.edit, tasks[1].id, {"title": "edited"})
        assert [found.entry.id for found in device.pull().items] == [tasks[1].id]
        device.require_in_sync()

    def test_a_device_that_is_up_to_date_stays_so_when_deletions_of_other_types_are_swept(
        self, app: App, actor: SessionActor, other: HousekeepingService, clock: ManualClock
    ) -> None:
        app.do(actor, app.categories.create, {"name": "Home"})
        device = Device(app.sync, actor, {ItemType.CATEGORY})
        device.catch_up()
        app.do(actor, app.trash.delete, app.do(actor, app.tasks.create, {"title": "task"}).id)
        device.catch_up()
        clock.advance(3 * DAY)
        assert other.sweep()
        device.catch_up()
        device.require_in_sync()

    def test_a_full_state_interrupted_by_a_sweep_starts_again(
        self, app: App, actor: SessionActor, other: HousekeepingService, clock: ManualClock
    ) -> None:
        tasks = [app.do(actor, app.tasks.create, {"title": f"{number}"}) for number in range(5)]
        app.do(actor, app.trash.delete, tasks[4].id)
        device = Device(app.sync, actor)
        assert device.pull(2).has_more
        clock.advance(3 * DAY)
        other.sweep()
        # The device never had the task that was deleted before it started.
        assert device.pull(1).has_more
        app.do(actor, app.trash.delete, tasks[0].id)
        clock.advance(3 * DAY)
        other.sweep()
        with pytest.raises(CursorExpired):
            device.pull()

    @on_sql
    def test_a_sweep_during_a_pull_is_noticed(
        self, app: App, actor: SessionActor, backend: Backend, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = app.do(actor, app.tasks.create, {"title": "task"})
        device = Device(app.sync, actor)
        device.catch_up()
        app.do(actor, app.trash.delete, task.id)
        clock.advance(3 * DAY)
        another = backend.another_store()
        read_page = SqlFeed.page

        def swept_page(feed: SqlFeed, *arguments: object) -> object:
            HousekeepingService(store=another, clock=clock, retention=DAY).sweep()
            return read_page(feed, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(SqlFeed, "page", swept_page)
        try:
            with pytest.raises(CursorExpired):
                device.pull()
        finally:
            another.close()

    @on_postgresql
    def test_a_sweep_and_a_restore_of_the_same_item_do_not_block_each_other(
        self, app: App, actor: SessionActor, store: Storage, backend: Backend, clock: ManualClock
    ) -> None:
        task = app.do(actor, app.tasks.create, {"title": "task"})
        app.do(actor, app.trash.delete, task.id)

        def sweep() -> int:
            with store.writing(SYSTEM) as work:
                return work.feed.purge_before(clock.now() + DAY, 100)

        with psycopg.connect(backend.url) as other:
            # The statements at the end of a restore, with a pause between them.
            other.execute("UPDATE feeds SET head = head + 1")
            purge = BackgroundCall(sweep)
            assert not purge.wait(SHORT_WAIT)
            other.execute("UPDATE feed_items SET op = 'upsert', sequence = 3")
        assert purge.result() == 0
        with store.reading(actor) as work:
            assert work.feed.state(actor.user_id).swept == 0


class TestResults:
    def test_a_key_is_kept_as_long_as_the_host_that_stored_it_promised(
        self, app: App, actor: SessionActor, other: HousekeepingService, clock: ManualClock
    ) -> None:
        request = Request("key", b"fingerprint")

        def create() -> tuple[bytes, bool]:
            return app.do(
                actor,
                lambda work: once(work, request, lambda: app.tasks.create(work, {"title": "task"}).id.bytes),
            )

        created, _ = create()
        for _ in range(30):
            clock.advance(DAY)
            other.sweep()
        assert create() == (created, True)
        clock.advance(microseconds=1)
        other.sweep()
        assert create()[1] is False

    def test_a_mutation_sent_again_within_the_promised_time_is_a_duplicate(
        self, app: App, actor: SessionActor, other: HousekeepingService, clock: ManualClock, store: Storage
    ) -> None:
        create = Mutation(
            id=uuid4(),
            fingerprint=b"create",
            type=ItemType.TASK,
            op=MutationOp.CREATE,
            target=uuid4(),
            data={"title": "task"},
        )
        assert push(app, actor, create).status is Status.APPLIED
        app.do(actor, app.trash.delete, create.target)
        clock.advance(30 * DAY)
        other.sweep()
        # The other host also purged the trash: without the result, the task would be created again.
        assert push(app, actor, create) == Outcome(status=Status.DUPLICATE, version=1)
        with store.reading(actor) as work:
            assert work.tasks.find(create.target) is None

    def test_a_base_whose_history_another_host_swept_is_unknown(
        self, app: App, actor: SessionActor, seed: Seed, other: HousekeepingService, clock: ManualClock
    ) -> None:
        task = app.do(actor, app.tasks.create, {"title": "base"})
        phone = session_actor(seed.session(seed.new_user(id=actor.user_id), idle_until=FOREVER, ends_at=FOREVER))
        app.do(phone, app.tasks.edit, task.id, {"title": "theirs"})
        clock.advance(DAY)
        other.sweep()
        edit = Mutation(
            id=uuid4(),
            fingerprint=b"edit",
            type=ItemType.TASK,
            op=MutationOp.UPDATE,
            target=task.id,
            base_version=1,
            data={"title": "yours"},
        )
        outcome = push(app, actor, edit)
        assert outcome.status is Status.CONFLICT
        assert outcome.conflicts["title"].base is None


class TestClocks:
    def test_what_expires_is_stored_for_longer_by_the_margin(
        self, app: App, store: Storage, seed: Seed, clock: ManualClock
    ) -> None:
        user = seed.user()
        actor = seed.actor(user)
        invitation = new_invitation(seed, seed.task(user), expires_at=START)
        link = OneTimeLink(
            digest=bytes(32),
            kind=LinkKind.SET_PASSWORD,
            user_id=user.id,
            state=b"",
            created_at=START,
            expires_at=START,
        )
        with store.writing(SYSTEM) as work:
            work.users.find(user.id)
            work.links.add(link)
            work.tickets.add(replace(new_ticket(actor, "ticket"), expires_at=START))
            work.share_invitations.add(invitation)
        store_response(store, new_record(user, expires_at=START))
        clock.advance(MARGIN)
        assert app.housekeeping.sweep() == 0
        clock.advance(SECOND)
        assert app.housekeeping.sweep() == 4

    @on_postgresql
    def test_a_host_whose_clock_is_ahead_sweeps_by_the_clock_of_the_database(self, backend: Backend) -> None:
        backend.reset()
        settings = load({"DATABASE_URL": backend.url, "SECRET_KEYS": "any key that is long enough here"}, None)
        container = Container(settings=settings)
        try:
            seed = Seed(container.store(), container.clock(), container.ids())
            user = seed.user()
            task, event = seed.task(user, trashed_at=SystemClock().now()), seed.event(user)
            container.clock.override(AheadClock(SystemClock(), timedelta(days=400)))
            assert container.housekeeping().sweep() == 0
            assert find(container.store(), task) == task
            with container.store().reading(SYSTEM) as work:
                assert work.activity.list(user.id, None, 10).items == [event]
        finally:
            container.store().close()
