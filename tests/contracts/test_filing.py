"""Tasks and categories, whatever is done in whatever order, against a model of plain dictionaries."""

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
from tasktracker.domain.kernel.versions import Expected
from tasktracker.domain.tasks.task import TASK, State, Task, TaskFields
from tasktracker.domain.work import Storage
from tests import strategies
from tests.backends import Backend
from tests.contracts.base import Seed, acting, run
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.reference import answer, place_of

Gaps = frozenset[int] | None
gaps: st.SearchStrategy[Gaps] = st.sampled_from(
    (None, None, frozenset({0}), frozenset({0, 1}), frozenset({-1}), frozenset())
)
"""How far from the current version the expected ones are."""


@dataclass(eq=False)
class Person:
    """Somebody who acts, and what is theirs."""

    actor: SessionActor
    tasks: dict[UUID, Task] = field(default_factory=dict)
    categories: dict[UUID, Category] = field(default_factory=dict)


class FilingMachine(RuleBasedStateMachine):
    """Two people who keep tasks and categories, never to see each other's."""

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
        self.people = [Person(acting(seed.session(seed.user()))) for _ in range(2)]
        for person in self.people:
            for name in ("Home", "Work"):
                category = self.app.do(person.actor, self.app.categories.create, {"name": name})
                person.categories[category.id] = category
                for title in ("first", "second"):
                    task = self.app.do(person.actor, self.app.tasks.create, {"title": title, "category": category.id})
                    person.tasks[task.id] = task

    def teardown(self) -> None:
        for person in getattr(self, "people", ()):
            with self.store.writing(SYSTEM) as work:
                work.users.remove(person.actor.user_id)

    @rule(seconds=st.sampled_from((1, 86_400, -30)))
    def wait(self, seconds: int) -> None:
        """Clocks may go back, too."""
        self.clock.advance(seconds=seconds)

    # ------------------------------------------------------------ tasks

    @rule(who=st.integers(0, 1), data=st.data())
    def create_task(self, who: int, data: st.DataObject) -> None:
        person = self.people[who]
        fields = data.draw(strategies.task_fields(self.clock.now(), self._some_categories(person), whole=True))
        done = self._try(
            lambda: self.app.do(person.actor, self.app.tasks.create, fields), self._bad_category(person, fields)
        )
        if done:
            task: Task = done[0]
            now = self.clock.now()
            values: dict[str, Any] = {**TASK.defaults, **check(TASK.rules, fields)}
            completed_at = now if values["state"] is State.DONE else None
            assert task == Task(
                id=task.id,
                root=task.id,
                created_by=person.actor.user_id,
                created_at=now,
                updated_at=now,
                completed_at=completed_at,
                **values,
            )
            person.tasks[task.id] = task

    @rule(who=st.integers(0, 1), whole=st.booleans(), expected=gaps, data=st.data())
    def change_task(self, who: int, whole: bool, expected: Gaps, data: st.DataObject) -> None:
        person = self.people[who]
        task_id = data.draw(st.sampled_from(self._some_tasks(person)))
        fields = data.draw(strategies.task_fields(self.clock.now(), self._some_categories(person), whole=whole))
        task = person.tasks.get(task_id)
        versions = _versions(task, expected)
        change = self.app.tasks.replace if whole else self.app.tasks.edit
        bad_category = self._bad_category(person, fields)
        done = self._try(
            lambda: self.app.do(person.actor, change, task_id, fields, versions),
            (bad_category if task else None) or self._refusal(task, versions, TaskNotFound),
            task,
        )
        if done and task:
            person.tasks[task_id] = self._changed_task(task, TASK.defaults | fields if whole else fields)
            assert done[0] == person.tasks[task_id]

    @rule(who=st.integers(0, 1), expected=gaps, data=st.data())
    def delete_task(self, who: int, expected: Gaps, data: st.DataObject) -> None:
        person = self.people[who]
        task_id = data.draw(st.sampled_from(self._some_tasks(person)))
        task = person.tasks.get(task_id)
        versions = _versions(task, expected)
        done = self._try(
            lambda: self.app.do(person.actor, self.app.trash.delete, task_id, versions),
            self._refusal(task, versions, TaskNotFound),
            task,
        )
        if done:
            del person.tasks[task_id]

    @rule(who=st.integers(0, 1), data=st.data())
    def get_task(self, who: int, data: st.DataObject) -> None:
        person = self.people[who]
        task_id = data.draw(st.sampled_from(self._some_tasks(person)))
        task = person.tasks.get(task_id)
        done = self._try(
            lambda: self.app.see(person.actor, self.app.tasks.get, task_id), None if task else TaskNotFound
        )
        assert not done or done[0] == task

    @rule(who=st.integers(0, 1), data=st.data())
    def list_tasks(self, who: int, data: st.DataObject) -> None:
        person = self.people[who]
        tasks = [*person.tasks.values()]
        query = data.draw(strategies.queries(self.clock.now(), self._some_categories(person), tasks))
        expected = answer(query, person.actor.user_id, tasks)
        found: list[Task] = []
        while True:
            page = self.app.see(person.actor, self.app.tasks.list, query)
            found.extend(page.items)
            assert len(page.items) == query.limit or page.next is None
            if page.next is None:
                break
            assert page.next == place_of(query.sort, page.items[-1])
            query = replace(query, after=page.next)
        assert found == expected

    # ------------------------------------------------------------ categories

    @rule(who=st.integers(0, 1), fields=strategies.category_fields(whole=True))
    def create_category(self, who: int, fields: CategoryFields) -> None:
        person = self.people[who]
        done = self._try(
            lambda: self.app.do(person.actor, self.app.categories.create, fields), self._bad_name(person, fields, None)
        )
        if done:
            category: Category = done[0]
            now = self.clock.now()
            values: dict[str, Any] = {**CATEGORY.defaults, **check(CATEGORY.rules, fields)}
            assert category == Category(
                id=category.id, user_id=person.actor.user_id, created_at=now, updated_at=now, **values
            )
            person.categories[category.id] = category

    @rule(who=st.integers(0, 1), whole=st.booleans(), expected=gaps, data=st.data())
    def change_category(self, who: int, whole: bool, expected: Gaps, data: st.DataObject) -> None:
        person = self.people[who]
        category_id = data.draw(st.sampled_from(self._some_categories(person)))
        fields = data.draw(strategies.category_fields(whole=whole))
        category = person.categories.get(category_id)
        versions = _versions(category, expected)
        change = self.app.categories.replace if whole else self.app.categories.edit
        done = self._try(
            lambda: self.app.do(person.actor, change, category_id, fields, versions),
            self._refusal(category, versions, CategoryNotFound) or self._bad_name(person, fields, category_id),
            category,
        )
        if done and category:
            values = check(CATEGORY.rules, CATEGORY.defaults | fields if whole else fields)
            changed = replace(category, **values)
            if changed != category:
                changed = replace(
                    changed,
                    version=category.version + 1,
                    updated_at=max(self.clock.now(), category.updated_at),
                )
            person.categories[category_id] = changed
            assert done[0] == changed

    @rule(who=st.integers(0, 1), expected=gaps, data=st.data())
    def delete_category(self, who: int, expected: Gaps, data: st.DataObject) -> None:
        person = self.people[who]
        category_id = data.draw(st.sampled_from(self._some_categories(person)))
        category = person.categories.get(category_id)
        versions = _versions(category, expected)
        done = self._try(
            lambda: self.app.do(person.actor, self.app.category_removal.delete, category_id, versions),
            self._refusal(category, versions, CategoryNotFound),
            category,
        )
        if done:
            del person.categories[category_id]
            self.unknown.append(category_id)
            for task in list(person.tasks.values()):
                if task.category == category_id:
                    person.tasks[task.id] = self._changed_task(task, {"category": None})

    @rule(who=st.integers(0, 1), limit=st.sampled_from((1, 2, 100)))
    def list_categories(self, who: int, limit: int) -> None:
        person = self.people[who]
        expected = sorted(person.categories.values(), key=lambda category: (name_key(category.name), category.id))
        found: list[Category] = []
        after = None
        while True:
            page = self.app.see(person.actor, self.app.categories.list, after, limit)
            found.extend(page.items)
            after = page.next
            if after is None:
                break
        assert found == expected
        for category in expected:
            assert self.app.see(person.actor, self.app.categories.get, category.id) == category

    # ------------------------------------------------------------ the model

    def _some_tasks(self, person: Person) -> list[UUID]:
        """The person's own, mostly, and some that are not."""
        return [*list(person.tasks) * 3, *self._stranger(person).tasks, self.unknown[0]]

    def _some_categories(self, person: Person) -> list[UUID]:
        """The person's own, mostly, and some that are not."""
        return [*list(person.categories) * 3, *self._stranger(person).categories, *self.unknown[-2:]]

    def _stranger(self, person: Person) -> Person:
        return next(other for other in self.people if other is not person)

    def _bad_category(self, person: Person, fields: TaskFields) -> type[DomainError] | None:
        category = fields.get("category")
        return None if category is None or category in person.categories else InvalidInput

    def _bad_name(self, person: Person, fields: CategoryFields, category_id: UUID | None) -> type[DomainError] | None:
        name = fields.get("name")
        taken = name is not None and any(
            name_key(other.name) == name_key(name.strip()) and other.id != category_id
            for other in person.categories.values()
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
        changed = replace(task, **check(TASK.rules, fields))
        if changed == task:
            return task
        if (changed.state is State.DONE) != (task.state is State.DONE):
            changed = replace(changed, completed_at=now if changed.state is State.DONE else None)
        return replace(changed, version=task.version + 1, updated_at=now)

    @staticmethod
    def _try(
        call: Callable[[], object], expected: type[DomainError] | None, current: object = None
    ) -> tuple[Any] | None:
        caught: DomainError | None = None
        value = None
        try:
            value = call()
        except DomainError as error:
            caught = error
        assert type(caught) is (expected or type(None)), f"expected {expected}, not {caught!r}"
        if isinstance(caught, Stale):
            assert caught.current == current
        if isinstance(caught, InvalidInput):
            assert [error.field for error in caught.errors] == ["category"]
        return None if caught else (value,)


def _versions(current: Task | Category | None, gaps: Gaps) -> Expected:
    version = current.version if current else 1
    return None if gaps is None else frozenset(version + gap for gap in gaps)


class TestFilingHistory:
    """However tasks and categories come and go, everybody finds what they should, and only that."""

    def test_tasks_and_categories_match_the_model(self, backend: Backend, store: Storage, clock: ManualClock) -> None:
        run(lambda: FilingMachine(store, clock), backend, in_memory=30)
