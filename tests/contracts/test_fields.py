"""Every storage stores each value that the domain accepts, without changing it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tasktracker.domain.accounts.session_service import LOGIN_RULES
from tasktracker.domain.accounts.user import USER, UserFields
from tasktracker.domain.categories.category import CATEGORY, CategoryFields
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.recurrence.occurrence import Occurrence
from tasktracker.domain.tasks.task import TASK, TaskFields
from tasktracker.domain.work import Storage
from tests import strategies
from tests.contracts.base import Seed
from tests.fakes import SYSTEM
from tests.strategies import examples


class TestField:
    @examples(40)
    @given(
        username=strategies.raw_usernames(),
        email=st.none() | strategies.raw_emails(),
        first_name=strategies.texts(152),
        last_name=strategies.padded(strategies.storable_texts(148)),
        created_at=strategies.moments(),
    )
    def test_an_accepted_user_is_read_as_stored(
        self,
        store: Storage,
        seed: Seed,
        username: str,
        email: str | None,
        first_name: str,
        last_name: str,
        **more: object,
    ) -> None:
        fields: UserFields = {"last_name": last_name}
        raw: tuple[UserFields, ...] = ({"username": username}, {"email": email}, {"first_name": first_name})
        for field in raw:
            try:
                fields |= check(USER.rules, field)
            except InvalidInput:
                continue
        values = {"username": "user"} | check(USER.rules, fields)
        user = seed.new_user(**values, **more)
        with store.writing(SYSTEM) as work:
            work.users.add(user)
        try:
            with store.reading(SYSTEM) as work:
                assert work.users.find(user.id) == user
                assert work.users.find_by_login(user.username) == user
                if user.email is not None:
                    assert work.users.find_by_login(user.email) == user
        finally:
            with store.writing(SYSTEM) as work:
                work.users.remove(user.id)

    @examples(40)
    @given(device=strategies.texts(202), times=st.tuples(*[strategies.moments()] * 4))
    def test_an_accepted_session_is_read_as_stored(
        self, store: Storage, seed: Seed, device: str, times: tuple[object, ...]
    ) -> None:
        try:
            accepted = check(LOGIN_RULES, {"device": device})["device"]
        except InvalidInput:
            return
        moments = dict(zip(("created_at", "rotated_at", "idle_until", "ends_at"), times, strict=True))
        session = seed.session(seed.user(), device=accepted, **moments)
        with store.reading(SYSTEM) as work:
            assert work.sessions.find(session.id) == session

    @examples(40)
    @given(fields=strategies.raw_category_fields())
    def test_an_accepted_category_is_read_as_stored(self, store: Storage, seed: Seed, fields: CategoryFields) -> None:
        try:
            accepted = check(CATEGORY.rules, fields)
        except InvalidInput:
            return
        category = seed.category(seed.user(), **accepted)
        with store.reading(SYSTEM) as work:
            assert work.categories.find(category.user_id, category.id) == category
            page = work.categories.list(category.user_id, replace(category.key, name=""), 10)
            assert list(page.items) == [category]
            assert not work.categories.list(category.user_id, category.key, 10).items

    @examples(40)
    @given(
        fields=strategies.raw_task_fields(),
        times=st.tuples(*[strategies.moments()] * 3),
        occurrence=st.none()
        | st.builds(Occurrence, slot=strategies.slots(), series=st.uuids(), next=st.none() | st.uuids()),
    )
    def test_an_accepted_task_is_read_as_stored(
        self,
        store: Storage,
        seed: Seed,
        fields: TaskFields,
        times: tuple[object, ...],
        occurrence: Occurrence | None,
    ) -> None:
        try:
            accepted = check(TASK.rules, fields)
        except InvalidInput:
            return
        moments = dict(zip(("created_at", "updated_at", "completed_at"), times, strict=True))
        task = seed.task(seed.user(), **accepted, **moments, occurrence=occurrence)
        with store.reading(SYSTEM) as work:
            assert work.tasks.find(task.id) == task
