"""Random operations on tasks and categories, compared with a model of plain dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tasktracker.domain.categories.category import CATEGORY, Category, CategoryFields, name_key
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import (
    CategoryNameTaken,
    CategoryNotFound,
    DomainError,
    InvalidInput,
    Stale,
    TaskNotFound,
)
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.time_zones import DEFAULT_TIME_ZONE
from tasktracker.domain.kernel.versions import Expected
from tasktracker.domain.tasks.task import TASK, State, Task, TaskFields
from tasktracker.domain.work import Storage
from tests import strategies
from tests.backends import Backend
from tests.contracts.base import Seed, outcome_of, run_state_machine, session_actor
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.reference import expected_list, key_of, with_cleared
from tests.waiting import until_the_last

Gaps = frozenset[int] | None
gaps: st.SearchStrategy[Gaps] = st.sampled_from(
    (None, None, frozenset({0}), frozenset({0, 1}), frozenset({-1}), frozenset())
)
"""Differences between the expected versions and the current one."""


@dataclass(eq=False)
class ModelUser:
    """A user with their tasks and categories."""

    actor: SessionActor
    tasks: dict[UUID, Task] = field(default_factory=dict)
    categories: dict[UUID, Category] = field(default_factory=dict)


class FilingMachine(RuleBasedStateMachine):
    """Two users with tasks and categories that the other cannot see."""

    def __init__(self, store: Storage, clock: ManualClock) -> None:
        super().__init__()
        clock.set(START)
        self.store = store
        self.clock = clock

    @initialize()
    def begin(self) -> None:
        self.app = App(self.store, self.clock)
        seed = Seed(self.store, self.clock, self.app.ids)
        self.unknown = [seed.id()]
        self.users = [ModelUser(session_actor(seed.session(seed.user()))) for _ in range(2)]
        for user in self.users:
            for name in ("Home", "Work"):
                category = self.app.do(user.actor, self.app.categories.create, {"name": name})
                user.categories[category.id] = category
                for title in ("first", "second"):
                    task = self.app.do(user.actor, self.app.tasks.create, {"title": title, "category": category.id})
                    user.tasks[task.id] = task

    def teardown(self) -> None:
        for user in getattr(self, "users", ()):
            with self.store.writing(SYSTEM) as work:
                work.users.remove(user.actor.user_id)

    @rule(seconds=st.sampled_from((1, 86_400, -30)))
    def wait(self, seconds: int) -> None:
        """Clocks can also go back."""
        self.clock.advance(seconds=seconds)

    # ------------------------------------------------------------ tasks

    @rule(index=st.integers(0, 1), data=st.data())
    def create_task(self, index: int, data: st.DataObject) -> None:
        user = self.users[index]
        fields = data.draw(strategies.task_fields(self.clock.now(), self._category_ids(user), whole=True))
        done = self._try(
            lambda: self.app.do(user.actor, self.app.tasks.create, fields), self._bad_category(user, fields)
        )
        if done:
            task: Task = done[0]
            now = self.clock.now()
            values: dict[str, Any] = {**TASK.defaults, **check(TASK.rules, fields)}
            completed_at = now if values["state"] is State.DONE else None
            assert task == Task(
                id=task.id,
                root=task.id,
                root_category=values["category"],
                owner=user.actor.user_id,
                created_by=user.actor.user_id,
                created_at=now,
                updated_at=now,
                completed_at=completed_at,
                **values,
            )
            user.tasks[task.id] = task

    @rule(index=st.integers(0, 1), whole=st.booleans(), expected=gaps, data=st.data())
    def change_task(self, index: int, whole: bool, expected: Gaps, data: st.DataObject) -> None:
        user = self.users[index]
        task_id = data.draw(st.sampled_from(self._task_ids(user)))
        fields = data.draw(strategies.task_fields(self.clock.now(), self._category_ids(user), whole=whole))
        task = user.tasks.get(task_id)
        versions = _versions(task, expected)
        change = self.app.tasks.replace if whole else self.app.tasks.edit
        bad_category = self._bad_category(user, fields)
        done = self._try(
            lambda: self.app.do(user.actor, change, task_id, fields, versions),
            (bad_category if task else None) or self._refusal(task, versions, TaskNotFound),
            task,
        )
        if done and task:
            user.tasks[task_id] = self._changed_task(task, TASK.defaults | fields if whole else fields)
            assert done[0] == user.tasks[task_id]

    @rule(index=st.integers(0, 1), expected=gaps, data=st.data())
    def delete_task(self, index: int, expected: Gaps, data: st.DataObject) -> None:
        user = self.users[index]
        task_id = data.draw(st.sampled_from(self._task_ids(user)))
        task = user.tasks.get(task_id)
        versions = _versions(task, expected)
        done = self._try(
            lambda: self.app.do(user.actor, self.app.trash.delete, task_id, versions),
            self._refusal(task, versions, TaskNotFound),
            task,
        )
        if done:
            del user.tasks[task_id]

    @rule(index=st.integers(0, 1), data=st.data())
    def get_task(self, index: int, data: st.DataObject) -> None:
        user = self.users[index]
        task_id = data.draw(st.sampled_from(self._task_ids(user)))
        task = user.tasks.get(task_id)
        done = self._try(lambda: self.app.see(user.actor, self.app.tasks.get, task_id), None if task else TaskNotFound)
        assert not done or done[0] == task

    @rule(index=st.integers(0, 1), data=st.data())
    def list_tasks(self, index: int, data: st.DataObject) -> None:
        user = self.users[index]
        tasks = [*user.tasks.values()]
        query = data.draw(strategies.queries(self.clock.now(), self._category_ids(user), tasks))
        # The service asks in the time zone of the user, whatever that of the query is.
        query = replace(query, time_zone=DEFAULT_TIME_ZONE)
        expected = expected_list(query, user.actor.user_id, tasks)
        found: list[Task] = []
        for _ in until_the_last():
            page = self.app.see(user.actor, self.app.tasks.list, query)
            found.extend(page.items)
            assert len(page.items) == query.limit or page.next is None
            if page.next is None:
                break
            assert page.next == key_of(query, page.items[-1])
            query = replace(query, after=page.next)
        assert found == expected

    # ------------------------------------------------------------ categories

    @rule(index=st.integers(0, 1), fields=strategies.category_fields(whole=True))
    def create_category(self, index: int, fields: CategoryFields) -> None:
        user = self.users[index]
        done = self._try(
            lambda: self.app.do(user.actor, self.app.categories.create, fields), self._bad_name(user, fields, None)
        )
        if done:
            category: Category = done[0]
            now = self.clock.now()
            values: dict[str, Any] = {**CATEGORY.defaults, **check(CATEGORY.rules, fields)}
            assert category == Category(
                id=category.id, user_id=user.actor.user_id, created_at=now, updated_at=now, **values
            )
            user.categories[category.id] = category

    @rule(index=st.integers(0, 1), whole=st.booleans(), expected=gaps, data=st.data())
    def change_category(self, index: int, whole: bool, expected: Gaps, data: st.DataObject) -> None:
        user = self.users[index]
        category_id = data.draw(st.sampled_from(self._category_ids(user)))
        fields = data.draw(strategies.category_fields(whole=whole))
        category = user.categories.get(category_id)
        versions = _versions(category, expected)
        change = self.app.categories.replace if whole else self.app.categories.edit
        done = self._try(
            lambda: self.app.do(user.actor, change, category_id, fields, versions),
            self._refusal(category, versions, CategoryNotFound) or self._bad_name(user, fields, category_id),
            category,
        )
        if done and category:
            values = check(CATEGORY.rules, CATEGORY.defaults | fields if whole else fields)
            changed = replace(category, **values)
            if changed != category:
                different = {name for name in CATEGORY.names if getattr(changed, name) != getattr(category, name)}
                earlier = dict.fromkeys(CATEGORY.names, category.version) | {**category.field_versions}
                changed = replace(
                    changed,
                    version=category.version + 1,
                    field_versions=earlier | dict.fromkeys(different, category.version + 1),
                    updated_at=max(self.clock.now(), category.updated_at),
                )
            user.categories[category_id] = changed
            assert done[0] == changed

    @rule(index=st.integers(0, 1), expected=gaps, data=st.data())
    def delete_category(self, index: int, expected: Gaps, data: st.DataObject) -> None:
        user = self.users[index]
        category_id = data.draw(st.sampled_from(self._category_ids(user)))
        category = user.categories.get(category_id)
        versions = _versions(category, expected)
        done = self._try(
            lambda: self.app.do(user.actor, self.app.category_removal.delete, category_id, versions),
            self._refusal(category, versions, CategoryNotFound),
            category,
        )
        if done:
            del user.categories[category_id]
            self.unknown.append(category_id)
            for task in list(user.tasks.values()):
                if task.category == category_id:
                    user.tasks[task.id] = self._changed_task(task, {"category": None})

    @rule(index=st.integers(0, 1), limit=st.sampled_from((1, 2, 100)))
    def list_categories(self, index: int, limit: int) -> None:
        user = self.users[index]
        expected = sorted(user.categories.values(), key=lambda category: (name_key(category.name), category.id))
        found: list[Category] = []
        after = None
        for _ in until_the_last():
            page = self.app.see(user.actor, self.app.categories.list, after, limit)
            found.extend(page.items)
            after = page.next
            if after is None:
                break
        assert found == expected
        for category in expected:
            assert self.app.see(user.actor, self.app.categories.get, category.id) == category

    # ------------------------------------------------------------ the model

    def _task_ids(self, user: ModelUser) -> list[UUID]:
        """Mostly ids of the user's own, and some of others."""
        return [*list(user.tasks) * 3, *self._other(user).tasks, self.unknown[0]]

    def _category_ids(self, user: ModelUser) -> list[UUID]:
        """Mostly ids of the user's own, and some of others."""
        return [*list(user.categories) * 3, *self._other(user).categories, *self.unknown[-2:]]

    def _other(self, user: ModelUser) -> ModelUser:
        return next(other for other in self.users if other is not user)

    def _bad_category(self, user: ModelUser, fields: TaskFields) -> type[DomainError] | None:
        category = fields.get("category")
        return None if category is None or category in user.categories else InvalidInput

    def _bad_name(self, user: ModelUser, fields: CategoryFields, category_id: UUID | None) -> type[DomainError] | None:
        name = fields.get("name")
        taken = name is not None and any(
            name_key(other.name) == name_key(name.strip()) and other.id != category_id
            for other in user.categories.values()
        )
        return CategoryNameTaken if taken else None

    @staticmethod
    def _refusal(
        current: Task | Category | None, expected: Expected, not_found: type[DomainError]
    ) -> type[DomainError] | None:
        if current is None:
            return not_found
        return Stale if expected is not None and current.version not in expected else None

    def _changed_task(self, task: Task, fields: TaskFields) -> Task:
        now = max(self.clock.now(), task.updated_at)
        fields = with_cleared(check(TASK.rules, fields))
        changed = replace(task, root_category=fields.get("category", task.category), **fields)
        if changed == task:
            return task
        if (changed.state is State.DONE) != (task.state is State.DONE):
            changed = replace(changed, completed_at=now if changed.state is State.DONE else None)
        return replace(changed, version=task.version + 1, updated_at=now)

    @staticmethod
    def _try(
        call: Callable[[], object], expected: type[DomainError] | None, current: object = None
    ) -> tuple[Any] | None:
        value, caught = outcome_of(call)
        assert type(caught) is (expected or type(None)), f"expected {expected}, not {caught!r}"
        if isinstance(caught, Stale):
            assert caught.current == current
        if isinstance(caught, InvalidInput):
            assert [error.field for error in caught.errors] == ["category"]
        return None if caught else (value,)


def _versions(current: Task | Category | None, gaps: Gaps) -> Expected:
    version = current.version if current else 1
    return None if gaps is None else frozenset(version + gap for gap in gaps)


class TestFiling:
    def test_tasks_and_categories_match_the_model(self, backend: Backend, store: Storage, clock: ManualClock) -> None:
        run_state_machine(lambda: FilingMachine(store, clock), backend, in_memory=8)
