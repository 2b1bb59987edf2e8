"""The contract of a UserRepository."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest

from tasktracker.domain.accounts.links import LinkKind, OneTimeLink, digest_of
from tasktracker.domain.accounts.user import USER, User
from tasktracker.domain.activity.event import EventQuery
from tasktracker.domain.categories.category import CategoryMember
from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKind
from tasktracker.domain.feed.entries import FeedEntry
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.errors import Conflict, EmailTaken, Stale, UsernameTaken
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.notifications.notification import Notification, NotificationKind
from tasktracker.domain.portability.import_job import ImportedLine, ImportJob, LineOutcome
from tasktracker.domain.reminders.reminder import Reminder
from tasktracker.domain.sharing.invitation import ShareInvitation
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.work import Storage
from tests.backends import Backend, on_sql
from tests.contracts.base import Seed, everything, new_change, new_record, race
from tests.fakes import START, SYSTEM, ManualClock
from tests.strategies import USERNAMES, spellings


def find(store: Storage, user: User) -> User | None:
    with store.reading(SYSTEM) as work:
        return work.users.find(user.id)


def login(store: Storage, name: str) -> User | None:
    with store.reading(SYSTEM) as work:
        return work.users.find_by_login(name)


def add(store: Storage, user: User) -> bool:
    with store.writing(SYSTEM) as work:
        work.users.add(user)
    return True


def save(store: Storage, user: User) -> bool:
    with store.writing(SYSTEM) as work:
        work.users.save(user)
    return True


class TestUser:
    def test_a_user_is_read_as_stored(self, store: Storage, seed: Seed) -> None:
        user = seed.user(
            "alice",
            email="Alice@Example.org",
            first_name="Alice",
            last_name="Liddell",
            time_zone="Europe/Vienna",
            is_admin=True,
            is_active=False,
            password_hash="$argon2id$v=19$" + "x" * 200,
            created_at=START + timedelta(microseconds=1),
            version=7,
        )
        assert find(store, user) == user
        assert login(store, "alice") == user
        assert login(store, "alice@example.org") == user

    def test_an_unknown_user_is_not_found(self, store: Storage, seed: Seed) -> None:
        seed.user("alice", email="alice@example.org")
        assert find(store, seed.new_user()) is None
        for name in ("alic", "alice2", "", "%", "alice@", "@", "alice@example.com", "lice@example.org"):
            assert login(store, name) is None, name

    @pytest.mark.parametrize("name", USERNAMES)
    def test_every_spelling_of_a_login_finds_its_user(self, store: Storage, seed: Seed, name: str) -> None:
        user = seed.user(name, email=f"{name}@Example.org")
        seed.user("another", email="another@example.org")
        for spelling in spellings(name):
            assert login(store, spelling) == user, spelling
            assert login(store, f"{spelling}@EXAMPLE.ORG") == user, spelling

    def test_a_login_with_an_at_sign_is_looked_up_as_an_email_address(self, store: Storage, seed: Seed) -> None:
        # The rules refuse such names, but the repository must not look in the wrong column.
        seed.user("odd@name", email="plain")
        assert login(store, "odd@name") is None
        assert login(store, "plain") is None

    @pytest.mark.parametrize("name", USERNAMES)
    def test_every_spelling_of_a_used_username_is_taken(self, store: Storage, seed: Seed, name: str) -> None:
        user = seed.user(USER.rules["username"](name))
        for spelling in spellings(name):
            with pytest.raises(UsernameTaken):
                add(store, seed.new_user(USER.rules["username"](spelling)))
        assert everything(store, user) == [(user, [], [], [])]

    @pytest.mark.parametrize("name", USERNAMES)
    def test_every_spelling_of_a_used_email_address_is_taken(self, store: Storage, seed: Seed, name: str) -> None:
        seed.user(email=USER.rules["email"](f"{name}@example.org"))
        for spelling in spellings(f"{name}@example.org"):
            with pytest.raises(EmailTaken):
                add(store, seed.new_user(email=USER.rules["email"](spelling)))

    def test_several_users_can_have_no_email_address(self, store: Storage, seed: Seed) -> None:
        users = [seed.user(email=None) for _ in range(3)]
        assert [find(store, user) for user in users] == users

    def test_a_taken_username_and_a_taken_email_address_are_a_conflict(self, store: Storage, seed: Seed) -> None:
        seed.user("alice", email="alice@example.org")
        with pytest.raises(Conflict) as caught:
            add(store, seed.new_user("ALICE", email="ALICE@example.org"))
        assert isinstance(caught.value, UsernameTaken | EmailTaken)

    def test_saving_changes_only_that_user(self, store: Storage, seed: Seed) -> None:
        user, other = seed.user("alice", email="alice@example.org"), seed.user("bob", email="bob@example.org")
        changed = replace(
            user,
            username="carol",
            email=None,
            first_name="Carol",
            last_name="C",
            time_zone="Asia/Tokyo",
            is_admin=True,
            is_active=False,
            password_hash="other",
            version=2,
        )
        save(store, changed)
        assert find(store, user) == changed
        assert find(store, other) == other
        assert login(store, "carol") == changed
        assert login(store, "alice") is None
        assert login(store, "alice@example.org") is None

    def test_a_released_name_can_be_used_again(self, store: Storage, seed: Seed) -> None:
        user = seed.user("alice", email="alice@example.org")
        save(store, replace(user, username="carol", email="carol@example.org", version=2))
        newcomer = seed.user("Alice", email="Alice@example.org")
        assert login(store, "alice") == newcomer
        assert login(store, "alice@example.org") == newcomer

    def test_a_user_can_respell_their_names(self, store: Storage, seed: Seed) -> None:
        user = seed.user("alice", email="alice@example.org")
        respelled = replace(user, username="ALICE", email="Alice@Example.ORG", version=2)
        save(store, respelled)
        assert login(store, "alice") == respelled

    def test_a_user_cannot_take_the_name_of_another(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user("alice", email="alice@example.org"), seed.user("bob", email="bob@example.org")
        with pytest.raises(UsernameTaken):
            save(store, replace(bob, username="ALICE", version=2))
        with pytest.raises(EmailTaken):
            save(store, replace(bob, email="ALICE@example.org", version=2))
        assert [find(store, alice), find(store, bob)] == [alice, bob]

    @pytest.mark.parametrize("version", [1, 2, 3, 5])
    def test_only_the_next_version_can_be_saved(self, store: Storage, seed: Seed, version: int) -> None:
        user = seed.user("alice", version=3)
        with pytest.raises(Stale):
            save(store, replace(user, first_name="Lost", version=version))
        assert find(store, user) == user

    def test_an_unknown_user_cannot_be_saved(self, store: Storage, seed: Seed) -> None:
        with pytest.raises(Stale):
            save(store, replace(seed.new_user(), version=2))

    def test_removing_a_user_removes_only_their_data(self, store: Storage, seed: Seed, clock: ManualClock) -> None:
        alice, bob = seed.user("alice", email="alice@example.org"), seed.user("bob", email="bob@example.org")
        for user in (alice, bob):
            seed.session(user)
            category = seed.category(user, "Home")
            seed.task(user, category=category.id)
            seed.task(user)
        before = everything(store, bob)
        with store.writing(SYSTEM) as work:
            work.users.remove(alice.id)
        assert everything(store, alice) == [(None, [], [], [])]
        assert everything(store, bob) == before
        assert login(store, "alice") is None
        newcomer = seed.user("alice", email="alice@example.org")
        assert everything(store, newcomer) == [(newcomer, [], [], [])]

    def test_another_administrator_is_an_active_one(self, store: Storage, seed: Seed) -> None:
        admin = seed.user(is_admin=True)
        seed.user(is_admin=True, is_active=False)
        hidden = seed.user(is_admin=True)
        user = seed.user()
        with store.writing(SYSTEM) as work:
            work.users.hide(hidden.id, START)
            assert [work.users.has_other_admin(each.id) for each in (admin, user)] == [False, True]

    def test_an_account_that_is_removed_shows_nothing_of_its_user(
        self, store: Storage, seed: Seed, backend: Backend
    ) -> None:
        emails = {"email": "alice@example.org", "pending_email": "new@example.org"}
        user = seed.user("alice", **emails, first_name="Ann", last_name="Liddell")
        with store.writing(SYSTEM) as work:
            work.users.hide(user.id, START)
        rows = str(backend._query("SELECT * FROM users"))
        assert [word for word in ("alice", "example.org", "Ann", "Liddell", "hash") if word in rows] == []
        with store.reading(SYSTEM) as work:
            assert work.users.find(user.id) is work.users.find_unlocked(user.id) is None
            for name in ("alice", "alice@example.org", f" {user.id}"):
                assert work.users.find_by_login(name) is None
            assert work.users.names([user.id]) == {}
        with store.writing(SYSTEM) as work:
            work.users.remove(user.id)
        assert find(store, user) is None
        assert find(store, seed.user("alice", id=user.id)) is not None

    def test_only_rows_of_a_user_are_cleared_and_removed(self, store: Storage, seed: Seed, backend: Backend) -> None:
        alice, bob = users = seed.user(), seed.user()
        own = {user: seed.task(user) for user in users}
        joined = seed.category(bob, members=(CategoryMember(alice.id, Role.EDITOR, START, True),))
        homes = {user: seed.category(user) for user in users}
        made = {user: seed.task(other, created_by=user.id) for user, other in ((alice, bob), (bob, alice))}
        subjects = [seed.id(), seed.id()]
        with store.writing(SYSTEM) as work:
            for user, subject in zip(users, subjects, strict=True):
                for task in (own[user], made[user]):
                    work.history.add(new_change(seed, task, user))
                work.activity.add(seed.new_event(user))
                work.activity.add(seed.new_event(user, admin_id=user.id, subject=subject))
                work.feed.add([FeedEntry(user.id, ItemType.TASK, own[user].id, 1)])
                work.idempotency.claim(user.id, "key")
                work.idempotency.add(new_record(user))
                cause = {"kind": DeliveryKind.NEW_DEVICE, "cause": subject, "user_id": user.id, "address": None}
                work.deliveries.add(Delivery.of(now=START, mail_domain="x.org", **cause))  # type: ignore[arg-type]
                work.api_tokens.add(seed.new_api_token(user))
                work.links.add(OneTimeLink.create(user, LinkKind.SET_PASSWORD, START, token=user.username)[0])
                of_user: dict[str, Any] = {"user_id": user.id, "created_at": START}
                work.reminders.add(Reminder(id=seed.id(), task=own[user].id, at=START, **of_user))
                kind = NotificationKind.SECURITY
                work.notifications.add(Notification(id=seed.id(), kind=kind, event="login", **of_user))
                ends: dict[str, Any] = {"created_at": START, "expires_at": START}
                home: dict[str, Any] = {"category_id": homes[user].id, "invited_by": user.id, "role": Role.VIEWER}
                work.share_invitations.add(ShareInvitation(id=seed.id(), address="eve@x.org", **home, **ends))
                work.reminders.add(Reminder(id=seed.id(), task=own[alice].id, at=START, **of_user))
                job: dict[str, Any] = {"id": subject, "dry_run": False, "size": 1, "updated_at": START}
                work.import_jobs.add(ImportJob(**job, **of_user))
                line = ImportedLine(position=1, number=1, type=None, outcome=LineOutcome.IGNORED)
                work.import_jobs.add_lines(subject, [line, replace(line, position=2)])

        def of_bob() -> tuple[object, ...]:
            with store.reading(SYSTEM) as work:
                return (
                    list(work.tasks.list(bob.id, TaskQuery(at=START)).items),
                    list(work.history.list(own[bob].id, None, 9).items),
                    list(work.history.list(made[alice].id, None, 9).items),
                    list(work.activity.list(bob.id, None, 9).items),
                    list(work.feed.entries(bob.id, [ItemType.TASK])),
                    list(work.idempotency.find(bob.id, ["key"])),
                    list(work.deliveries.list(bob.id, None, None, 9).items),
                    list(work.api_tokens.list(bob.id)),
                    list(work.reminders.list(bob.id, own[bob].id)),
                    list(work.notifications.list(bob.id, None, None, 9).items),
                    list(work.share_invitations.list_of(homes[bob].id)),
                    list(work.import_jobs.lines(subjects[1], None, None, 9).items),
                    work.links.find(digest_of(bob.username)),
                    work.users.find(bob.id),
                )

        tasks, of_own, (by_alice,), *rest = cast(tuple[Any, ...], of_bob())
        without_alice = [replace(task, created_by=bob.id if task.id == own[bob].id else None) for task in tasks]
        expected = (without_alice, of_own, [replace(by_alice, actor=None)], *rest)
        assert all(expected)
        with store.writing(SYSTEM) as work:
            # Two changes, entries of lists and reminders, a task created for another, two events, two lines; one of the
            # others.
            assert work.users.clear(alice.id, 100) == (0 if backend.name == "memory" else 17)
            assert work.users.clear(alice.id, 100) == 0
        assert backend.name == "memory" or of_bob() == expected
        with store.writing(SYSTEM) as work:
            assert work.users.names([alice.id, seed.id(), bob.id]) == {each.id: each.username for each in users}
            work.users.remove(alice.id)
            assert work.users.names([alice.id, bob.id]) == {bob.id: bob.username}
        assert of_bob() == expected
        with store.reading(SYSTEM) as work:
            events = [list(work.activity.search(EventQuery(user_id=each)).items) for each in (*subjects, alice.id)]
            assert [[(each.user_id, each.admin_id) for each in found] for found in events] == [
                [(None, alice.id)],
                [(bob.id, bob.id)],
                [(None, alice.id)],
            ]
            assert len(work.activity.search(EventQuery()).items) == 3
            assert (work.import_jobs.find(subjects[0]), work.history.find(own[alice].id, seed.id())) == (None, None)
            rows = (
                work.links.find(digest_of(alice.username)),
                *work.reminders.of_task(own[alice].id),
                *work.api_tokens.list(alice.id),
                *work.deliveries.list(alice.id, None, None, 9).items,
                *work.notifications.list(alice.id, None, None, 9).items,
                *work.import_jobs.lines(subjects[0], None, None, 9).items,
            )
            assert rows == (None,)
            assert work.categories.find(bob.id, joined.id) == replace(joined, members=())

    @on_sql
    def test_clearing_removes_a_limited_number_of_rows(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        for _ in range(3):
            seed.event(user), seed.api_token(user)
        with store.writing(SYSTEM) as work:
            counts = [work.users.clear(user.id, 4) for _ in range(3)]
        assert counts == [4, 2, 0]

    def test_one_of_several_concurrent_additions_gets_the_username(self, store: Storage, seed: Seed) -> None:
        users = [seed.new_user(spelling) for spelling in spellings("alice.smith")]
        outcomes = race(*(partial(add, store, user) for user in users))
        assert outcomes.count(True) == 1
        assert sum(isinstance(outcome, UsernameTaken) for outcome in outcomes) == len(users) - 1
        assert login(store, "alice.smith") == users[outcomes.index(True)]

    def test_one_of_several_concurrent_additions_gets_the_email_address(self, store: Storage, seed: Seed) -> None:
        users = [seed.new_user(email=spelling) for spelling in spellings("alice@example.org")]
        outcomes = race(*(partial(add, store, user) for user in users))
        assert outcomes.count(True) == 1
        assert sum(isinstance(outcome, EmailTaken) for outcome in outcomes) == len(users) - 1

    def test_one_of_several_concurrent_renames_gets_the_username(self, store: Storage, seed: Seed) -> None:
        users = [seed.user() for _ in range(6)]
        outcomes = race(*(partial(save, store, replace(user, username="alice", version=2)) for user in users))
        assert outcomes.count(True) == 1
        assert sum(isinstance(outcome, UsernameTaken) for outcome in outcomes) == len(users) - 1
