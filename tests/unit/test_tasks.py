"""Tasks, task queries and pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.member import Role
from tasktracker.domain.tasks.query import NONE, TaskKey, TaskQuery, TaskSort
from tasktracker.domain.tasks.task import TASK, Priority, State, Task, TaskFields
from tests import strategies
from tests.fakes import START

LATER = START + timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
HOME = UUID(int=7)
OWNER = UUID(int=2)


def task(**fields: Any) -> Task:
    return Task.create(
        id=UUID(int=1),
        created_by=UUID(int=2),
        now=START,
        fields={"title": "Task", **fields},  # type: ignore[typeddict-item]
    )


class TestTask:
    def test_a_new_task_is_open_with_normal_priority(self) -> None:
        assert task() == Task(
            id=UUID(int=1),
            title="Task",
            description="",
            priority=Priority.NORMAL,
            state=State.OPEN,
            due_date=None,
            category=None,
            root=UUID(int=1),
            created_by=UUID(int=2),
            created_at=START,
            updated_at=START,
            completed_at=None,
            version=1,
        )

    def test_a_task_can_be_created_as_done(self) -> None:
        assert task(state=State.DONE).completed_at == START
        assert task(state=State.CANCELLED).completed_at is None

    def test_a_change_sets_the_next_version_and_its_time(self) -> None:
        edited = task().edit({"title": "Edited", "priority": Priority.LOW}, LATER)
        assert (edited.title, edited.priority, edited.version, edited.updated_at) == (
            "Edited",
            Priority.LOW,
            2,
            LATER,
        )
        assert edited.created_at == START

    def test_an_edit_without_effect_returns_the_same_task(self) -> None:
        original = task(state=State.DONE, due_date=START)
        assert original.edit({}, LATER) is original
        assert original.edit({"title": "Task", "state": State.DONE, "due_date": START}, LATER) is original

    def test_a_clock_that_went_back_does_not_lower_updated_at(self) -> None:
        edited = task().edit({"title": "Edited", "state": State.DONE}, START - timedelta(hours=1))
        assert edited.updated_at == edited.completed_at == START

    @pytest.mark.parametrize("before", State)
    @pytest.mark.parametrize("after", State)
    def test_completed_at_is_set_only_while_the_state_is_done(self, before: State, after: State) -> None:
        original = task(state=before)
        edited = original.edit({"state": after, "title": "Edited"}, LATER)
        if after is not State.DONE:
            assert edited.completed_at is None
        else:
            assert edited.completed_at == (START if before is State.DONE else LATER)

    @given(st.lists(strategies.task_fields(START), max_size=8))
    def test_any_edits_increment_the_version_and_never_lower_updated_at(self, edits: list[TaskFields]) -> None:
        current = task()
        for number, fields in enumerate(edits):
            edited = current.edit(check(TASK.rules, fields), START + timedelta(hours=number))
            assert edited is current or edited.version == current.version + 1
            assert edited.updated_at >= current.updated_at
            assert (edited.completed_at is not None) is (edited.state is State.DONE)
            current = edited

    @pytest.mark.parametrize(
        ("due_date", "state", "overdue"),
        [
            (None, State.OPEN, False),
            (START - MOMENT, State.OPEN, True),
            (START - MOMENT, State.IN_PROGRESS, True),
            (START - MOMENT, State.DONE, False),
            (START - MOMENT, State.CANCELLED, False),
            (START, State.OPEN, False),
            (START + MOMENT, State.OPEN, False),
        ],
    )
    def test_an_unfinished_task_is_overdue_after_its_due_date(
        self, due_date: datetime | None, state: State, overdue: bool
    ) -> None:
        assert task(due_date=due_date, state=state).is_overdue(START) is overdue

    def test_the_creator_owns_a_task(self) -> None:
        assert task().owners == (UUID(int=2),)


class TestRules:
    def test_values_are_canonicalised(self) -> None:
        fields: TaskFields = {
            "title": "  " + "x" * 200 + "  ",
            "description": "  " + "x" * 9_998,
            "due_date": strategies.ODD_TIMES[10],
        }
        checked = check(TASK.rules, fields)
        assert checked["title"] == "x" * 200
        assert checked["description"] == "  " + "x" * 9_998
        assert checked["due_date"] == strategies.ODD_TIMES[10]
        assert checked["due_date"] is not None
        assert checked["due_date"].tzinfo is UTC

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("title", ""),
            ("title", "  \n"),
            ("title", "x" * 201),
            ("title", "\0"),
            ("title", "\ud800"),
            ("description", "x" * 10_001),
            ("description", "\0"),
            ("description", "\udfff"),
            ("due_date", datetime(2026, 1, 1)),  # noqa: DTZ001 - naive on purpose
            ("due_date", strategies.ODD_TIMES[0]),
        ],
    )
    def test_a_bad_value_is_refused(self, field: str, value: object) -> None:
        with pytest.raises(InvalidInput) as caught:
            check(TASK.rules, {field: value})
        assert [error.field for error in caught.value.errors] == [field]


class TestQuery:
    @pytest.mark.parametrize(
        ("query", "matches"),
        [
            (TaskQuery(at=START), True),
            (TaskQuery(at=START, states=frozenset({State.OPEN})), True),
            (TaskQuery(at=START, states=frozenset({State.OPEN, State.DONE})), True),
            (TaskQuery(at=START, states=frozenset({State.DONE})), False),
            (TaskQuery(at=START, priority=Priority.HIGH), True),
            (TaskQuery(at=START, priority=Priority.LOW), False),
            (TaskQuery(at=START, category=HOME), True),
            (TaskQuery(at=START, category=UUID(int=8)), False),
            (TaskQuery(at=START, category=NONE), False),
            (TaskQuery(at=START, overdue=True), False),
            (TaskQuery(at=START, overdue=False), True),
            (TaskQuery(at=LATER + MOMENT, overdue=True), True),
            (TaskQuery(at=LATER + MOMENT, overdue=False), False),
            (TaskQuery(at=START, states=frozenset({State.OPEN}), priority=Priority.LOW), False),
        ],
    )
    def test_a_task_matches_only_if_every_filter_matches(self, query: TaskQuery, matches: bool) -> None:
        assert query.matches(task(priority=Priority.HIGH, category=HOME, due_date=LATER), OWNER, Role.OWNER) is matches

    def test_the_category_none_matches_tasks_without_a_category(self) -> None:
        assert TaskQuery(at=START, category=NONE).matches(task(), OWNER, Role.OWNER)
        assert not TaskQuery(at=START, category=HOME).matches(task(), OWNER, Role.OWNER)

    def test_keys_are_ordered_by_time_then_id(self) -> None:
        keys = [
            TaskKey(START, UUID(int=2)),
            TaskKey(START + MOMENT, UUID(int=1)),
            TaskKey(START, UUID(int=1)),
        ]
        assert [key for key in keys if TaskSort.OLDEST.is_after(key, keys[0])] == [keys[1]]
        assert [key for key in keys if TaskSort.NEWEST.is_after(key, keys[0])] == [keys[2]]


class TestPage:
    def test_one_extra_row_means_another_page(self) -> None:
        assert Page.cut([1, 2, 3], 2, str) == Page([1, 2], "2")

    @pytest.mark.parametrize("rows", [[], [1], [1, 2]])
    def test_no_extra_row_means_the_last_page(self, rows: list[int]) -> None:
        assert Page.cut(rows, 2, str) == Page(rows, None)
    def test_a_time_zone_that_is_gone_is_utc(self) -> None:
        late = START.replace(hour=23)
        assert TaskQuery(at=late, time_zone="localtime").today == late.date()
        assert TaskQuery(at=late, time_zone="Pacific/Kiritimati").today == late.date() + timedelta(days=1)

