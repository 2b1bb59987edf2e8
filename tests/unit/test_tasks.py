"""Tasks, task queries and pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.kernel.versions import with_version_after
from tasktracker.domain.recurrence.occurrence import Occurrence
from tasktracker.domain.recurrence.recurrence import Recurrence
from tasktracker.domain.tasks.query import NONE, TaskKey, TaskQuery, TaskSort, folded, title_key
from tasktracker.domain.tasks.task import TASK, Priority, State, Task, TaskFields
from tests import strategies
from tests.fakes import CHARACTERS, START, App

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
    def test_a_task_keeps_its_category_in_another_tree_of_its_owner_alone(self) -> None:
        filed = task(category=HOME)
        other = replace(filed.tree, root=UUID(int=9))
        assert filed.with_tree(other, START).category == HOME
        assert filed.with_tree(replace(other, owner=UUID(int=8)), START).category is None

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
            owner=UUID(int=2),
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
        trashed = task().trash(UUID(int=1), START - timedelta(hours=1))
        assert trashed.updated_at == trashed.trashed_at == START

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
        assert task(due_date=due_date, state=state).is_overdue(START, "UTC") is overdue

    @pytest.mark.parametrize(
        ("zone", "end"),
        [("UTC", 24), ("Pacific/Kiritimati", 10), ("Pacific/Pago_Pago", 35), ("Asia/Kathmandu", 18.25)],
    )
    def test_a_task_is_overdue_when_its_day_is_over_for_the_viewer(self, zone: str, end: float) -> None:
        day = START.replace(hour=0, minute=0, second=0, microsecond=0)
        due = task(due_on=day.date())
        assert not due.is_overdue(day + timedelta(hours=end) - MOMENT, zone)
        assert due.is_overdue(day + timedelta(hours=end), zone)
        assert not task(due_on=day.date(), state=State.DONE).is_overdue(day + timedelta(days=9), zone)

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
            ("title", "x" * 1001),
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

    @pytest.mark.parametrize(
        "title",
        [
            "x" * 200,
            "\U0001f469\u200d\U0001f4bb" * 200,
            "e\u0301" * 200,
            "\u2764\ufe0f",
            "\u0645\u06cc\u200c\u062e",
            "x\u200b",
        ],
    )
    def test_a_title_has_200_characters_as_users_count_them(self, title: str) -> None:
        assert TASK.complete({"title": title}, CHARACTERS)["title"] == title

    @pytest.mark.parametrize(
        "title",
        [
            "x" * 201,
            "\U0001f469\u200d\U0001f4bb" * 201,
            "a\u0301\u0302\u0303\u0304\u0308" * 200,
            "\u200b",
            "\u3164",
            "\u2800 ",
        ],
    )
    def test_a_new_title_that_is_too_long_or_looks_empty_is_refused(self, title: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            TASK.complete({"title": title}, CHARACTERS)
        assert [error.field for error in caught.value.errors] == ["title"]

    def test_all_errors_of_a_new_task_are_named_together(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            TASK.complete({"title": "\u200b", "description": "\0"}, CHARACTERS)
        assert [error.field for error in caught.value.errors] == ["title", "description"]


class TestStoredTitle:
    """A title from before the rules for new titles."""

    OLD = "\u200b"

    @pytest.fixture
    def old(self, app: App, alice: SessionActor) -> Task:
        created = app.do(alice, app.tasks.create, {"title": "visible"})
        with app.store.writing(alice) as work:
            found = work.tasks.find(created.id)
            assert found is not None
            old = replace(found, title=self.OLD, version=2)
            work.tasks.save(old)
            work.changes.record(Action.EDIT, found, old)
        return old

    def test_it_can_be_sent_back_unchanged(self, app: App, alice: SessionActor, old: Task) -> None:
        edited = app.do(alice, app.tasks.replace, old.id, {"title": self.OLD, "priority": Priority.HIGH})
        assert (edited.title, edited.priority) == (self.OLD, Priority.HIGH)

    def test_it_cannot_be_set_again(self, app: App, alice: SessionActor, old: Task) -> None:
        app.do(alice, app.tasks.edit, old.id, {"title": "visible"})
        with pytest.raises(InvalidInput) as caught:
            app.do(alice, app.tasks.edit, old.id, {"title": self.OLD})
        assert [error.field for error in caught.value.errors] == ["title"]
        assert app.see(alice, app.tasks.get, old.id).title == "visible"

    def test_undoing_a_change_brings_it_back(self, app: App, alice: SessionActor, old: Task) -> None:
        app.do(alice, app.tasks.edit, old.id, {"title": "visible"})
        change = app.see(alice, app.history.list, old.id).changes.items[0]
        assert app.do(alice, app.history.undo, old.id, change.id).title == self.OLD


def test_the_sort_key_of_a_title_fits_into_an_index() -> None:
    # PostgreSQL: 2704 bytes, less two ids. For titles of up to 200 code points it is the whole folded title.
    for each in ("\U0001d160", "\u0390", "\U0001f600", "\ufb03", "\u1fb7"):
        assert len(title_key(each * 1000).encode()) <= 2600
        assert title_key(each * 200) == folded(each * 200)


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

    def test_a_time_zone_that_is_gone_is_utc(self) -> None:
        late = START.replace(hour=23)
        assert TaskQuery(at=late, time_zone="localtime").today == late.date()
        assert TaskQuery(at=late, time_zone="Pacific/Kiritimati").today == late.date() + timedelta(days=1)

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


@pytest.mark.parametrize(("deleted", "version"), [(None, 5), (4, 5), (5, 6), (9, 10)])
def test_a_new_item_continues_after_the_version_at_which_its_id_was_deleted(deleted: int | None, version: int) -> None:
    new = replace(task(), version=5)
    assert with_version_after(new, deleted) == replace(new, version=version)


def test_a_new_rule_of_an_occurrence_begins_when_it_is_due() -> None:
    due, series = date(2026, 3, 20), UUID(int=9)
    occurrence = Occurrence(slot=date(2026, 3, 2), series=series, next=UUID(int=8))
    found = replace(task(due_on=due), occurrence=occurrence).with_rule(Recurrence(rule="FREQ=DAILY", time_zone="UTC"))
    assert found.recurrence is not None
    assert (found.recurrence.start, found.occurrence) == (due, Occurrence(slot=due, series=series))
