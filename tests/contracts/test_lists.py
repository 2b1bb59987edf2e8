"""The contract of the lists of a TaskRepository: every query returns what a slow reference returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import product
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.tasks.query import TaskKey, TaskQuery, TaskSort, words_of
from tasktracker.domain.tasks.task import Priority, State, Task
from tasktracker.domain.work import Storage
from tests import strategies
from tests.contracts.base import SECOND, Seed, listed, pages, purge
from tests.fakes import START, SYSTEM
from tests.reference import expected_list, key_of
from tests.strategies import examples
from tests.waiting import until_the_last

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
EXTREMES = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))

TITLES = (
    "a",
    "A",
    "b",
    "aa",
    "Stra\u00dfe",
    "STRASSE",
    "\u00c9t\u00e9",
    "e\u0301te\u0301",
    "100%",
    "100 percent",
    "a_c",
    "abc",
    "back\\slash",
    "\\%",
    "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
    "\uffff",
    "\U00010000",
    "\U0001f469\u200d\U0001f4bb",
)
MOMENTS = tuple(START + gap for gap in (-DAY, -SECOND, timedelta(), timedelta(microseconds=1), DAY))


def midnight_after(day: date, zone: str) -> datetime:
    """Return the end of a day in a time zone."""
    return datetime.combine(day + DAY, time(), ZoneInfo(zone)).astimezone(UTC)


@dataclass
class World:
    """Two users, each with two categories, and their tasks."""

    store: Storage
    seed: Seed
    users: Sequence[User]
    categories: Sequence[Sequence[Category]]
    tasks: dict[UUID, Task] = field(default_factory=dict)
    taken: set[UUID] = field(default_factory=set)

    @classmethod
    @contextmanager
    def new(cls, store: Storage, seed: Seed) -> Iterator[World]:
        users = [seed.user(), seed.user()]
        world = cls(store, seed, users, [[seed.category(user) for _ in range(2)] for user in users])
        try:
            yield world
        finally:
            # Removed, because the next example may use the same ids.
            purge(store, *reversed(world.tasks.values()))
            with store.writing(SYSTEM) as work:
                for user in users:
                    work.users.remove(user.id)

    def add(self, kinds: Sequence[dict[str, Any]]) -> None:
        """Store tasks with these fields; with `is_subtask`, the parent is the owner's latest undeleted task."""
        added = []
        for kind in kinds:
            if kind["id"] not in self.taken:
                task = self._task(**kind)
                self.tasks[task.id] = task
                self.taken.add(task.id)
                added.append(task)
        self.seed.tasks(*added)

    def purge(self, position: int) -> None:
        """Remove a task unless it has subtasks."""
        task = [*self.tasks.values()][position % len(self.tasks)]
        if not any(other.parent == task.id for other in self.tasks.values()):
            purge(self.store, self.tasks.pop(task.id))

    def _task(
        self,
        *,
        owner: int,
        shared: Role | None,
        filed: int | None,
        is_subtask: bool,
        id: UUID,
        due: date | datetime | None,
        **fields: Any,
    ) -> Task:
        user, other = self.users[owner], self.users[1 - owner]
        candidates = [task for task in self.tasks.values() if task.owner == user.id and not task.trashed_at]
        parent = candidates[-1] if is_subtask and candidates else None
        members = (Member(other.id, shared),) if shared else ()
        return self.seed.new_task(
            user,
            id=id,
            category=None if filed is None else self.categories[owner][filed].id,
            parent=parent.id if parent else None,
            root=parent.root if parent else id,
            members=parent.members if parent else members,
            due_on=None if isinstance(due, datetime) else due,
            due_date=due if isinstance(due, datetime) else None,
            **fields,
        )


kinds: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "id": st.uuids(version=4),
        "owner": st.sampled_from((0, 0, 1)),
        "shared": st.sampled_from((None, Role.EDITOR, Role.VIEWER)),
        "filed": st.sampled_from((None, 0, 1)),
        "is_subtask": st.booleans(),
        "title": st.sampled_from(TITLES),
        "description": st.sampled_from(("", *TITLES)),
        "state": strategies.states,
        "priority": strategies.priorities,
        "start_on": st.none() | strategies.days_around(START),
        "due": st.none() | strategies.days_around(START) | st.sampled_from(MOMENTS),
        "created_at": st.sampled_from(MOMENTS),
        "updated_at": st.sampled_from(MOMENTS),
        "trashed_at": st.sampled_from((None, None, None, None, START)),
    }
)


class TestList:
    def test_every_query_returns_what_the_reference_returns(self, store: Storage, seed: Seed) -> None:
        @examples(10)
        @given(data=st.data())
        def check(data: st.DataObject) -> None:
            with World.new(store, seed) as world:
                world.add(data.draw(st.lists(kinds, max_size=14, unique_by=lambda kind: kind["id"])))
                tasks = [*world.tasks.values()]
                categories = [category.id for each in world.categories for category in each]
                for _ in range(6):
                    query = data.draw(strategies.queries(START, categories, tasks, (*strategies.SEARCHES, *TITLES)))
                    for user in world.users:
                        assert listed(store, user, query) == expected_list(query, user.id, tasks), query

        check()

    def test_tasks_that_stay_are_listed_once_while_others_change(self, store: Storage, seed: Seed) -> None:
        @examples(10)
        @given(data=st.data(), sort=st.sampled_from(TaskSort), limit=st.integers(1, 3))
        def check(data: st.DataObject, sort: TaskSort, limit: int) -> None:
            with World.new(store, seed) as world:
                user = data.draw(st.sampled_from(world.users))
                world.add(data.draw(st.lists(kinds, min_size=4, max_size=12, unique_by=lambda kind: kind["id"])))
                categories = [category.id for each in world.categories for category in each]
                query = data.draw(strategies.queries(START, categories, [*world.tasks.values()]))
                query = replace(query, sort=sort, limit=limit, after=None)
                staying = {task.id for task in expected_list(query, user.id, world.tasks.values())}
                seen: list[UUID] = []
                for _ in until_the_last():
                    with store.reading(SYSTEM) as work:
                        page = work.tasks.list(user.id, query)
                    expected = expected_list(query, user.id, world.tasks.values())
                    assert list(page.items) == expected[:limit]
                    assert page.next == (key_of(query, page.items[-1]) if len(expected) > limit else None)
                    seen += [task.id for task in page.items]
                    if page.next is None:
                        break
                    query = replace(query, after=page.next)
                    world.add(data.draw(st.lists(kinds, max_size=2)))
                    for position in data.draw(st.lists(st.integers(0, 50), max_size=2)):
                        world.purge(position)
                assert len(seen) == len(set(seen))
                assert staying & set(world.tasks) <= set(seen)

        check()

    @pytest.mark.parametrize("sort", TaskSort)
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 16, 17])
    def test_ties_are_ordered_by_id_and_missing_values_are_last(
        self, store: Storage, seed: Seed, sort: TaskSort, limit: int
    ) -> None:
        user = seed.user()
        times = (START, START + SECOND)
        tasks = [
            seed.new_task(user, title, due_date=due, priority=priority, created_at=created, updated_at=updated)
            for title, due, priority, (created, updated) in product(
                ("b", "B"), (None, START), (Priority.LOW, Priority.URGENT), (times, times[::-1])
            )
        ]
        seed.tasks(*tasks)
        found = pages(store, user, TaskQuery(at=START, sort=sort, limit=limit))
        assert [task for page in found for task in page] == expected_list(
            TaskQuery(at=START, sort=sort), user.id, tasks
        )
        assert [len(page) for page in found[:-1]] == [limit] * (-(-len(tasks) // limit) - 1)
        if sort in (TaskSort.DUE_FIRST, TaskSort.DUE_LAST):
            flat = [task.due_date for page in found for task in page]
            assert flat == [START] * 8 + [None] * 8

    @pytest.mark.parametrize("zone", strategies.ZONES)
    @pytest.mark.parametrize("sort", [TaskSort.DUE_FIRST, TaskSort.DUE_LAST])
    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
    def test_days_are_merged_with_moments_by_their_end_in_the_viewers_zone(
        self, store: Storage, seed: Seed, zone: str, sort: TaskSort, limit: int
    ) -> None:
        user = seed.user()
        days = [START.date() + timedelta(days=number) for number in (-1, 0, 0, 1, 1, 2)]
        ends = [midnight_after(day, zone) for day in days]
        tasks = [
            *(seed.new_task(user, due_on=day) for day in (*days, date.min, date.max)),
            *(seed.new_task(user, due_date=end + gap) for end in ends for gap in (-MICROSECOND, 0 * SECOND, SECOND)),
            *(seed.new_task(user, due_date=moment) for moment in EXTREMES),
            seed.new_task(user),
        ]
        seed.tasks(*tasks)
        query = TaskQuery(at=START, sort=sort, limit=limit, time_zone=zone)
        found = [task for page in pages(store, user, query) for task in page]
        assert found == expected_list(query, user.id, tasks)
        for end in ends:
            before = listed(store, user, replace(query, limit=100, due_before=end))
            after = listed(store, user, replace(query, limit=100, due_after=end))
            overdue = listed(store, user, replace(query, limit=100, at=end, overdue=True))
            dues = [task.due_on for task in before if task.due_on is not None]
            assert sorted(dues) == [date.min, *(day for day in days if midnight_after(day, zone) <= end)]
            assert len(before) + len(after) == len(tasks) - 1
            assert [task for task in overdue if task.due_on] == [task for task in before if task.due_on]

    @pytest.mark.parametrize("sort", [TaskSort.DUE_FIRST, TaskSort.DUE_LAST])
    def test_a_page_can_end_at_the_last_task_with_a_due_date(self, store: Storage, seed: Seed, sort: TaskSort) -> None:
        user = seed.user()
        seed.tasks(*(seed.new_task(user, due_date=due) for due in (START, START + SECOND, None, None)))
        found = pages(store, user, TaskQuery(at=START, sort=sort, limit=2))
        assert [[task.due_date is None for task in page] for page in found] == [[False, False], [True, True]]
        end = TaskKey(None, UUID(int=2**128 - 1 if sort is TaskSort.DUE_FIRST else 0))
        assert listed(store, user, TaskQuery(at=START, sort=sort, after=end)) == []

    # ------------------------------------------------------------ searching

    @pytest.mark.parametrize(
        ("text", "search", "found"),
        [
            ("Buy milk and bread", "bread MILK", True),
            ("Buy milk and bread", "milk butter", False),
            ("Stra\u00dfe", "STRASSE", True),
            ("STRASSE", "stra\u00dfe", True),
            ("caf\u00e9", "CAFE\u0301", True),
            ("cafe\u0301", "caf\u00c9", True),
            ("cafe", "caf\u00e9", False),
            ("\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3", True),
            ("\u0130stanbul", "i\u0307STANBUL", True),
            ("100%", "100%", True),
            ("100 percent", "100%", False),
            ("1000%", "1%0", False),
            ("a_c", "A_C", True),
            ("abc", "a_c", False),
            ("a\\c", "a\\c", True),
            ("a\\\\c", "\\\\", True),
            ("a\\c", "\\\\", False),
            ("a%", "\\%", False),
            ("a\\%", "\\%", True),
            ("a_", "\\_", False),
            ("*?[a]", "[A]", True),
            ("abc", "[abc]", False),
            ("abc", "a*", False),
            ("'; DROP TABLE tasks; --", "'; drop", True),
            ("\U0001f469\u200d\U0001f4bb at work", "\U0001f469", True),
            ("\u05e9\u05dc\u05d5\u05dd", "\u05dc\u05d5", True),
        ],
    )
    @pytest.mark.parametrize("where", ["title", "description"])
    def test_every_word_of_a_search_is_matched_literally(
        self, store: Storage, seed: Seed, text: str, search: str, found: bool, where: str
    ) -> None:
        user = seed.user()
        task = seed.task(user, **{"title": "x", where: text})
        query = TaskQuery(at=START, words=words_of(search))
        assert listed(store, user, query) == ([task] if found else [])

    def test_a_search_matches_title_and_description_but_not_across_both(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user, "one two", description="three")
        search = partial(TaskQuery, at=START)
        assert listed(store, user, search(words=words_of("three one"))) == [task]
        assert listed(store, user, search(words=("twothree",))) == []
        edited = task.edit({"title": "four"}, START)
        with store.writing(SYSTEM) as work:
            work.tasks.find(task.id)
            work.tasks.save(edited)
        assert listed(store, user, search(words=("one",))) == []
        assert listed(store, user, search(words=("four", "three"))) == [edited]

    # ------------------------------------------------------------ sharing

    def test_every_member_lists_a_shared_task_but_only_the_owner_sees_its_category(
        self, store: Storage, seed: Seed
    ) -> None:
        alice, bob, carol, dave = (seed.user() for _ in range(4))
        home = seed.category(alice)
        members = (Member(bob.id, Role.EDITOR), Member(carol.id, Role.VIEWER))
        task = seed.task(alice, category=home.id, members=members)
        own = seed.task(bob, category=seed.category(bob).id, created_at=START - SECOND)

        def found(user: User, **filters: Any) -> list[Task]:
            return listed(store, user, TaskQuery(at=START, **filters))

        assert [found(user) for user in (alice, bob, carol, dave)] == [[task], [task, own], [task], []]
        assert [found(user, category=home.id) for user in (alice, bob, carol)] == [[task], [], []]
        assert [found(user, category="none") for user in (alice, bob, carol)] == [[], [task], [task]]
        assert [found(alice, role=role) for role in Role] == [[task], [], []]
        assert [found(bob, role=role) for role in Role] == [[own], [task], []]
        assert [found(carol, role=role) for role in Role] == [[], [], [task]]

    def test_a_list_follows_changes_of_members(self, store: Storage, seed: Seed) -> None:
        alice, bob, carol = (seed.user() for _ in range(3))
        task = seed.task(alice, members=(Member(bob.id, Role.VIEWER),))

        def found(role: Role | None = None) -> list[list[Task]]:
            return [listed(store, user, TaskQuery(at=START, role=role)) for user in (alice, bob, carol)]

        for members in (
            (Member(bob.id, Role.EDITOR),),
            tuple(sorted([Member(bob.id, Role.VIEWER), Member(carol.id, Role.EDITOR)])),
            (Member(carol.id, Role.EDITOR),),
            (),
        ):
            task = task.with_members(members, START + SECOND)
            with store.writing(SYSTEM) as work:
                work.tasks.save_shared(task)
            roles = {member.user_id: member.role for member in members} | {alice.id: Role.OWNER}
            assert found() == [[task] if user.id in roles else [] for user in (alice, bob, carol)]
            for role in Role:
                assert found(role) == [[task] if roles.get(user.id) is role else [] for user in (alice, bob, carol)]

    def test_a_change_is_visible_in_every_members_list(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        members = (Member(bob.id, Role.EDITOR),)
        tasks = [seed.task(alice, f"task {number}", members=members) for number in range(3)]
        changed = tasks[0].edit(
            {"title": "A", "state": State.DONE, "priority": Priority.URGENT, "due_date": START}, START + SECOND
        )
        with store.writing(SYSTEM) as work:
            work.tasks.find(changed.id)
            work.tasks.save(changed)
        tasks[0] = changed
        for user, sort in product((alice, bob), TaskSort):
            for filters in ({}, {"states": frozenset({State.DONE})}, {"priority": Priority.URGENT}):
                query = TaskQuery(at=START, sort=sort, **filters)
                assert listed(store, user, query) == expected_list(query, user.id, tasks)

    def test_filing_a_task_is_visible_in_the_list_of_its_owner_alone(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        home = seed.category(alice)
        task = seed.task(alice, members=(Member(bob.id, Role.EDITOR),))
        filed = replace(task.edit({"category": home.id}, START), root_category=home.id)
        with store.writing(SYSTEM) as work:
            work.tasks.find(task.id)
            work.tasks.save(filed)
        for user, category in ((alice, home.id), (bob, "none")):
            for other in (home.id, "none"):
                expected = [filed] if other == category else []
                assert listed(store, user, TaskQuery(at=START, category=other)) == expected

    def test_clearing_a_category_is_visible_in_every_members_list(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        home = seed.category(alice)
        members = (Member(bob.id, Role.VIEWER),)
        filed, other = (seed.task(alice, category=category, members=members) for category in (home.id, None))
        with store.writing(SYSTEM) as work:
            (unfiled,) = work.tasks.unfile(alice.id, home.id, START + SECOND, 100)
        assert unfiled == replace(filed.edit({"category": None}, START + SECOND), root_category=None)
        for user in (alice, bob):
            query = TaskQuery(at=START, sort=TaskSort.UPDATED, category="none")
            assert listed(store, user, query) == [unfiled, other]
