"""Recurring tasks: the completion of one creates the next occurrence, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, cast
from uuid import UUID, uuid5

import pytest

from tasktracker.domain.accounts.quota import Quotas
from tasktracker.domain.feed.entries import Op
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.history.change import Change
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import AlreadyChanged, InvalidInput, QuotaExceeded, TaskNotFound
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.recurrence.recurrence import Anchor, Recurrence
from tasktracker.domain.sync.mutation import FieldConflict, Mutation, MutationOp, Outcome, Status
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import State, Task, TaskFields
from tests.contracts.base import Seed
from tests.fakes import START, SYSTEM, App
from tests.unit.base import PASSWORD

MONDAY = date(2026, 3, 2)
MONDAYS = Recurrence(rule="FREQ=WEEKLY;BYDAY=MO", time_zone="Europe/Vienna")
DONE: TaskFields = {"state": State.DONE}
OPEN: TaskFields = {"state": State.OPEN}


def create(app: App, actor: SessionActor, rule: Recurrence | None = MONDAYS, **more: Any) -> Task:
    fields = {"title": "water the plants", "due_on": MONDAY, "recurrence": rule, **more}
    return app.do(actor, app.tasks.create, cast(TaskFields, fields))


def edit(app: App, actor: SessionActor, task: Task, **fields: Any) -> Task:
    return app.do(actor, app.tasks.edit, task.id, cast(TaskFields, fields))


def complete(app: App, actor: SessionActor, task: Task, state: State = State.DONE) -> Task:
    """Complete a task, and return its next occurrence."""
    completed = edit(app, actor, task, state=state)
    assert completed.recurrence is None
    return next_of(app, actor, completed)


def next_of(app: App, actor: SessionActor, task: Task) -> Task:
    assert task.next is not None
    return app.see(actor, app.tasks.get, task.next)


def tasks_of(app: App, actor: SessionActor, **filters: Any) -> Sequence[Task]:
    return app.see(actor, app.tasks.list, TaskQuery(at=START, **filters)).items


def history(app: App, actor: SessionActor, task: Task) -> Sequence[Change]:
    return app.see(actor, app.history.list, task.id).changes.items


def refused_fields(call: Callable[..., object], *arguments: Any, **fields: Any) -> Mapping[str, str]:
    """Return the messages of the fields that a call refuses."""
    with pytest.raises(InvalidInput) as refused:
        call(*arguments, **fields)
    return {each.field: each.message for each in refused.value.errors}


def alice_at(app: App, moment: datetime) -> SessionActor:
    """Set the clock, and log alice in again, because her session may have ended."""
    app.clock.set(moment)
    return app.actor(app.sessions.login("alice", PASSWORD))


def push(app: App, seed: Seed, actor: SessionActor, task: Task, base: int | None, **more: Any) -> Outcome:
    values: dict[str, Any] = {"fingerprint": b"", "type": ItemType.TASK, "op": MutationOp.UPDATE, **more}
    (outcome,) = app.pushing.push(actor, [Mutation(id=seed.id(), target=task.id, base_version=base, **values)])
    return outcome


class TestCompletion:
    @pytest.mark.parametrize("state", [State.DONE, State.CANCELLED])
    def test_a_completed_task_has_a_next_occurrence_with_the_same_fields(
        self, app: App, alice: SessionActor, state: State
    ) -> None:
        category = app.do(alice, app.categories.create, {"name": "home"})
        filed: dict[str, Any] = {"category": category.id, "start_on": date(2026, 2, 28), "description": "all of them"}
        task = create(app, alice, **filed)
        following = complete(app, alice, task, state)
        stored = app.see(alice, app.tasks.get, task.id)
        assert stored == replace(
            task, state=state, recurrence=None, occurrence=stored.occurrence, version=2,
            completed_at=START if state is State.DONE else None,
        )  # fmt: skip
        assert following == replace(
            task, id=uuid5(task.id, "next"), root=following.id, due_on=date(2026, 3, 9), start_on=date(2026, 3, 7),
            occurrence=following.occurrence, version=2,
        )  # fmt: skip
        assert task.series == task.id
        found = tasks_of(app, alice, series=task.id, category=category.id)
        assert {each.id: each for each in found} == {following.id: following, stored.id: stored}
        assert tasks_of(app, alice, series=following.id) == []

    def test_the_start_is_when_the_task_was_due_and_stays(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice)
        assert task.recurrence == replace(MONDAYS, start=MONDAY)
        assert complete(app, alice, task).recurrence == task.recurrence
        again = create(app, alice)
        same = edit(app, alice, again, recurrence=MONDAYS, due_on=date(2026, 3, 4))
        assert same.recurrence == again.recurrence
        other = replace(MONDAYS, time_zone="UTC")
        assert edit(app, alice, again, recurrence=other).recurrence == replace(other, start=date(2026, 3, 4))

    def test_a_rule_with_a_start_begins_there_and_moves_the_series_if_the_task_is_due_then(
        self, app: App, alice: SessionActor
    ) -> None:
        early, late = datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 3, 3, 10, tzinfo=UTC)
        rule = replace(MONDAYS, rule="FREQ=DAILY;INTERVAL=2;COUNT=3")
        second = complete(app, alice, create(app, alice, rule, due_on=None, due_date=early))
        assert second.recurrence == replace(rule, start=early)
        moved = edit(app, alice, second, due_date=late, recurrence=replace(rule, start=late))
        assert moved.recurrence == replace(rule, start=late)
        assert (moved.occurrence and moved.occurrence.slot, moved.series) == (late, second.series)
        undone = edit(app, alice, moved, due_date=second.due_date, recurrence=second.recurrence)
        assert undone.recurrence == second.recurrence  # it does not count anew
        assert edit(app, alice, undone, title="again", recurrence=second.recurrence).occurrence == undone.occurrence
        third = complete(app, alice, undone)
        assert third.due_date == datetime(2026, 3, 6, 8, tzinfo=UTC)
        assert edit(app, alice, third, state=State.DONE).next is None
        again = create(app, alice, replace(rule, start=early), due_on=None, due_date=late)
        assert complete(app, alice, again).due_date == datetime(2026, 3, 4, 8, tzinfo=UTC)

    def test_slots_that_are_past_are_left_out(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice)
        alice = alice_at(app, datetime(2026, 3, 29, 22, 1, tzinfo=UTC))  # Monday in Vienna
        assert complete(app, alice, task).due_on == date(2026, 3, 30)

    def test_the_wall_clock_time_is_kept(self, app: App, alice: SessionActor) -> None:
        at = datetime(2026, 3, 23, 8, tzinfo=UTC)
        task = create(app, alice, due_on=None, due_date=at)
        following = complete(app, alice, task)
        assert (following.due_on, following.due_date) == (None, datetime(2026, 3, 30, 7, tzinfo=UTC))

    def test_moving_a_due_day_moves_this_occurrence_only(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice, start_on=date(2026, 3, 1))
        moved = edit(app, alice, task, due_on=date(2026, 3, 5))
        assert moved.recurrence == task.recurrence
        following = complete(app, alice, moved)
        # `start_on` moves by as many days as the due day: by four, not by seven.
        assert (following.due_on, following.start_on) == (date(2026, 3, 9), date(2026, 3, 5))

    def test_a_due_day_after_the_next_slot_does_not_skip_it(self, app: App, alice: SessionActor) -> None:
        moved = edit(app, alice, create(app, alice), due_on=date(2026, 3, 20))
        assert complete(app, alice, moved).due_on == date(2026, 3, 9)

    def test_another_kind_of_due_keeps_the_days_of_the_rule(self, app: App, alice: SessionActor) -> None:
        rule = replace(MONDAYS, rule="FREQ=WEEKLY;COUNT=3")
        task = create(app, alice, rule)
        at = datetime(2026, 3, 3, 16, tzinfo=UTC)
        as_moment = edit(app, alice, task, due_date=at)
        assert as_moment.recurrence is not None
        assert as_moment.occurrence is not None
        assert as_moment.recurrence.start == as_moment.occurrence.slot == datetime(2026, 3, 2, 16, tzinfo=UTC)
        following = complete(app, alice, as_moment)
        assert following.due_date == datetime(2026, 3, 9, 16, tzinfo=UTC)
        as_day = edit(app, alice, following, due_on=date(2026, 3, 10))
        assert as_day.recurrence == replace(rule, start=MONDAY)
        assert complete(app, alice, as_day).due_on == date(2026, 3, 16)

    @pytest.mark.parametrize("rule", ["FREQ=WEEKLY;COUNT=2", "FREQ=WEEKLY;UNTIL=20260309"])
    def test_the_last_occurrence_keeps_the_rule_and_has_no_next(self, app: App, alice: SessionActor, rule: str) -> None:
        last = complete(app, alice, create(app, alice, replace(MONDAYS, rule=rule)))
        completed = edit(app, alice, last, state=State.DONE)
        assert completed.recurrence == last.recurrence
        assert completed.next is None
        assert edit(app, alice, completed, state=State.OPEN).recurrence == last.recurrence
        assert len(tasks_of(app, alice)) == 2

    def test_from_completion_the_days_are_counted_from_it(self, app: App, alice: SessionActor) -> None:
        rule = Recurrence(rule="FREQ=DAILY;INTERVAL=3", time_zone="UTC", from_=Anchor.COMPLETION)
        task = create(app, alice, rule, due_on=date(2026, 4, 1), start_on=date(2026, 3, 31))
        early = complete(app, alice, task)
        assert (early.due_on, early.start_on) == (date(2026, 3, 4), date(2026, 3, 3))
        alice = alice_at(app, datetime(2026, 3, 10, tzinfo=UTC))
        assert complete(app, alice, early, State.CANCELLED).due_on == date(2026, 3, 13)

    @pytest.mark.parametrize("state", [State.DONE, State.CANCELLED])
    def test_a_completion_that_a_device_made_earlier_counts_from_then(
        self, app: App, alice: SessionActor, seed: Seed, state: State
    ) -> None:
        rule = Recurrence(rule="FREQ=DAILY;INTERVAL=3", time_zone="UTC", from_=Anchor.COMPLETION)
        task = create(app, alice, rule)
        alice = alice_at(app, datetime(2026, 3, 4, tzinfo=UTC))
        push(app, seed, alice, task, 1, data={"state": state}, made_at=datetime(2026, 3, 3, tzinfo=UTC))
        assert next_of(app, alice, app.see(alice, app.tasks.get, task.id)).due_on == date(2026, 3, 6)

    def test_a_task_that_is_created_as_done_has_a_next_occurrence(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice, state=State.DONE)
        assert task.recurrence is None
        assert next_of(app, alice, task).due_on == date(2026, 3, 9)

    def test_a_task_has_one_next_occurrence(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice)
        following = complete(app, alice, task)
        edit(app, alice, following, title="another")
        for state in (State.CANCELLED, State.OPEN, State.DONE, State.DONE):
            edit(app, alice, task, state=state)
        assert {each.id for each in tasks_of(app, alice)} == {following.id, task.id}

    def test_subtasks_are_open_again_and_their_dates_move(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice, due_on=None, due_date=datetime(2026, 3, 23, 8, tzinfo=UTC))
        inner = create(app, alice, None, title="a", parent=task.id, due_on=date(2026, 3, 22), state=State.DONE)
        at = datetime(2026, 3, 22, 6, tzinfo=UTC)
        create(app, alice, None, title="b", parent=inner.id, due_on=None, due_date=at, start_on=date(2026, 3, 20))
        gone = create(app, alice, None, title="gone", parent=task.id)
        create(app, alice, None, title="below", parent=gone.id)
        app.do(alice, app.trash.delete, gone.id)
        following = complete(app, alice, task)
        (first,) = tasks_of(app, alice, parent=following.id)
        (second,) = tasks_of(app, alice, parent=first.id)
        assert tasks_of(app, alice, parent=second.id) == []
        assert (first.title, first.state, first.completed_at, first.due_on) == (
            "a", State.OPEN, None, date(2026, 3, 29)
        )  # fmt: skip
        assert (second.title, second.start_on) == ("b", date(2026, 3, 27))
        # In Vienna, the clocks are set forward on 29 March at 2 o'clock.
        assert second.due_date == datetime(2026, 3, 29, 5, tzinfo=UTC)
        assert {each.root for each in (first, second)} == {following.id}
        assert len(tasks_of(app, alice)) == 6

    def test_a_subtask_that_recurred_before_is_made_again_without_its_series(
        self, app: App, alice: SessionActor
    ) -> None:
        task, former = create(app, alice), create(app, alice)
        complete(app, alice, former)
        edit(app, alice, former, parent=task.id)
        (again,) = tasks_of(app, alice, parent=complete(app, alice, task).id)
        assert (again.occurrence, again.version) == (None, 1)

    def test_days_stay_within_the_calendar(self, app: App, alice: SessionActor) -> None:
        alice = alice_at(app, datetime(9998, 1, 1, tzinfo=UTC))
        task = create(app, alice, Recurrence(rule="FREQ=YEARLY", time_zone="UTC"), due_on=date(9997, 12, 31))
        create(app, alice, None, parent=task.id, due_on=date(9999, 12, 31), start_on=date(1, 1, 1))
        following = complete(app, alice, task)
        assert following.due_on == date(9998, 12, 31)
        (subtask,) = tasks_of(app, alice, parent=following.id)
        assert (subtask.due_on, subtask.start_on) == (date(9999, 12, 31), date(2, 1, 1))


class TestInput:
    def test_a_rule_needs_a_due_day_or_moment(self, app: App, alice: SessionActor) -> None:
        expected = {"recurrence": "requires due_on or due_date"}
        task = create(app, alice, None, due_on=None)
        assert refused_fields(create, app, alice, due_on=None) == expected
        assert refused_fields(edit, app, alice, task, recurrence=MONDAYS) == expected
        assert refused_fields(edit, app, alice, create(app, alice), recurrence=MONDAYS, due_on=None) == expected

    def test_clearing_the_due_day_clears_the_rule(self, app: App, alice: SessionActor) -> None:
        cleared = edit(app, alice, create(app, alice), due_on=None)
        assert cleared.recurrence is None
        assert edit(app, alice, cleared, state=State.DONE).next is None

    def test_only_tasks_without_a_parent_recur(self, app: App, alice: SessionActor) -> None:
        parent, task = create(app, alice, None), create(app, alice)
        subtask = create(app, alice, None, parent=parent.id)
        subtask_error = {"recurrence": "cannot be set for a subtask"}
        assert refused_fields(create, app, alice, parent=parent.id) == subtask_error
        assert refused_fields(edit, app, alice, subtask, recurrence=MONDAYS) == subtask_error
        parent_error = {"parent": "cannot be set for a recurring task"}
        assert refused_fields(edit, app, alice, task, parent=parent.id) == parent_error
        assert edit(app, alice, task, parent=parent.id, recurrence=None).parent == parent.id
        edit(app, alice, subtask, parent=None, recurrence=MONDAYS)

    @pytest.mark.parametrize(
        ("rule", "errors"),
        [
            (replace(MONDAYS, rule="FREQ=HOURLY"), {"recurrence.rule"}),
            (replace(MONDAYS, time_zone="Mars/Base"), {"recurrence.time_zone"}),
            (replace(MONDAYS, rule="x", time_zone="y"), {"recurrence.rule", "recurrence.time_zone"}),
            (replace(MONDAYS, rule="FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), {"recurrence.rule"}),
            (replace(MONDAYS, rule="FREQ=DAILY;UNTIL=20200101"), {"recurrence.rule"}),
            (replace(MONDAYS, rule="FREQ=DAILY;COUNT=2", from_=Anchor.COMPLETION), {"recurrence.rule"}),
        ],
    )
    def test_a_rule_that_cannot_make_a_task_due_is_refused(
        self, app: App, alice: SessionActor, rule: Recurrence, errors: set[str]
    ) -> None:
        task = create(app, alice, None)
        assert refused_fields(create, app, alice, rule=rule).keys() == errors
        assert refused_fields(edit, app, alice, task, recurrence=rule).keys() == errors

    def test_a_rule_is_stored_in_its_canonical_form(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice, replace(MONDAYS, rule="freq=weekly;byday=MO;interval=1"))
        assert task.recurrence == replace(MONDAYS, start=MONDAY)

    def test_the_rule_of_a_completed_task_is_set_at_the_next_one(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice)
        following = complete(app, alice, task)
        expected = {"recurrence": "has moved to the next occurrence"}
        assert refused_fields(edit, app, alice, task, recurrence=MONDAYS) == expected
        app.do(alice, app.trash.delete, following.id)
        recurring = edit(app, alice, task, state=State.OPEN, recurrence=MONDAYS)
        another = complete(app, alice, recurring)
        assert another.id not in (task.id, following.id, uuid5(task.id, "next"))  # the id is taken
        assert another.series == task.id


class TestUndo:
    def test_reopening_takes_back_the_next_occurrence(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice)
        create(app, alice, None, parent=task.id)
        following = complete(app, alice, task)
        reopened = edit(app, alice, task, state=State.OPEN)
        assert reopened == replace(task, version=3)
        assert len(tasks_of(app, alice)) == 2
        with pytest.raises(TaskNotFound):
            app.see(alice, app.tasks.get, following.id)
        deleted = app.see(alice, lambda work: work.feed.page(alice.user_id, 0, 100, [ItemType.TASK]))
        assert [each.entry.id for each in deleted if each.entry.op is Op.DELETE].count(following.id) == 1
        # Its id is used again, with a higher version than that of its deletion.
        again = complete(app, alice, task)
        assert (again.id, again.version) == (following.id, following.version + 2)
        assert len(tasks_of(app, alice)) == 4

    def test_undo_and_its_undo(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice)
        following = complete(app, alice, task)
        completion, first = history(app, alice, task)
        assert "series" not in first.fields
        assert {name: (each.before, each.after) for name, each in completion.fields.items()} == {
            "state": (State.OPEN, State.DONE),
            "recurrence": (task.recurrence, None),
            "completed_at": (None, START),
            "next": (None, following.id),
        }
        (creation,) = history(app, alice, following)
        assert creation.action is Action.CREATE
        assert (creation.fields["series"].after, creation.fields["recurrence"].after) == (task.id, task.recurrence)
        assert app.do(alice, app.history.undo, task.id, completion.id) == replace(task, version=3)
        reopening = history(app, alice, task)[0]
        completed = app.do(alice, app.history.undo, task.id, reopening.id)
        assert next_of(app, alice, completed).id == following.id
        assert len(tasks_of(app, alice)) == 2

    @pytest.mark.parametrize(
        "change", ["title", "subtask", "new subtask", "new one below it", "share", "delete", "purge"]
    )
    def test_the_rule_stays_at_a_next_occurrence_that_was_changed(
        self, app: App, alice: SessionActor, bob: SessionActor, change: str
    ) -> None:
        task = create(app, alice)
        create(app, alice, None, parent=task.id)
        following = complete(app, alice, task)
        (subtask,) = tasks_of(app, alice, parent=following.id)
        if change == "title":
            edit(app, alice, following, title="another")
        elif change == "subtask":
            edit(app, alice, subtask, state=State.DONE)
        elif change == "new subtask":
            create(app, alice, None, parent=following.id)
        elif change == "new one below it":
            create(app, alice, None, parent=subtask.id)
        elif change == "share":
            app.do(alice, app.sharing.share, following.id, "bob", Role.VIEWER)
        else:
            app.do(alice, app.trash.delete, following.id)
        if change == "purge":
            app.do(alice, app.trash.purge, following.id)
        completion, *_ = history(app, alice, task)
        reopened = app.do(alice, app.history.undo, task.id, completion.id)
        assert (reopened.state, reopened.recurrence, reopened.next) == (State.OPEN, None, following.id)
        assert edit(app, alice, task, state=State.DONE).next == following.id

    def test_a_task_that_is_not_due_any_more_does_not_take_it_back(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice)
        following = complete(app, alice, task)
        edit(app, alice, task, due_on=None)
        assert edit(app, alice, task, state=State.OPEN).recurrence is None
        assert next_of(app, alice, app.see(alice, app.tasks.get, task.id)) == following

    def test_a_rule_that_comes_back_is_of_the_kind_of_the_due_moment(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice)
        complete(app, alice, task)
        at = datetime(2026, 3, 2, 8, tzinfo=UTC)
        edit(app, alice, task, due_date=at)
        assert edit(app, alice, task, state=State.OPEN).recurrence == replace(MONDAYS, start=at)
        assert complete(app, alice, task).due_date == datetime(2026, 3, 9, 8, tzinfo=UTC)

    def test_undoing_when_a_task_is_due_does_not_clear_a_later_rule(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice, None, due_on=None)
        edit(app, alice, task, due_on=MONDAY)
        due, _ = history(app, alice, task)
        recurring = edit(app, alice, task, recurrence=MONDAYS)
        with pytest.raises(AlreadyChanged):
            app.do(alice, app.history.undo, task.id, due.id)
        rule, *_ = history(app, alice, task)
        assert app.do(alice, app.history.undo, task.id, rule.id).recurrence is None
        unset, *_ = history(app, alice, task)
        assert app.do(alice, app.history.undo, task.id, unset.id).recurrence == recurring.recurrence
        edit(app, alice, task, recurrence=None)
        cleared, *_ = history(app, alice, task)
        for due_on in (date(2026, 3, 4), MONDAY):
            edit(app, alice, task, due_on=due_on)
        with pytest.raises(AlreadyChanged):
            app.do(alice, app.history.undo, task.id, cleared.id)

    def test_undoing_the_clearing_of_a_due_day_brings_the_rule_back(self, app: App, alice: SessionActor) -> None:
        task = edit(app, alice, create(app, alice), due_on=date(2026, 3, 4))
        edit(app, alice, task, due_on=None)
        cleared, *_ = history(app, alice, task)
        assert app.do(alice, app.history.undo, task.id, cleared.id) == replace(task, version=4)
        assert complete(app, alice, task).due_on == date(2026, 3, 9)


class TestTrash:
    def test_a_deleted_occurrence_ends_the_series_and_restoring_continues_it(
        self, app: App, alice: SessionActor
    ) -> None:
        following = complete(app, alice, create(app, alice))
        app.do(alice, app.trash.delete, following.id)
        assert len(tasks_of(app, alice)) == 1
        restored = app.do(alice, app.trash.restore, following.id)
        assert complete(app, alice, restored).due_on == date(2026, 3, 16)


class TestSharing:
    def test_an_editor_completes_and_the_owner_owns_the_next_one(
        self, app: App, alice: SessionActor, bob: SessionActor
    ) -> None:
        task = create(app, alice)
        app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
        create(app, alice, None, parent=task.id)
        following = complete(app, bob, task)
        assert (following.owner, following.created_by) == (alice.user_id, alice.user_id)
        assert [(each.user_id, each.role) for each in following.members] == [(bob.user_id, Role.EDITOR)]
        (subtask,) = tasks_of(app, bob, parent=following.id)
        assert subtask.members == following.members
        assert history(app, alice, following)[0].actor == bob.user_id
        edit(app, bob, task, state=State.OPEN)
        assert [each.id for each in tasks_of(app, alice, parent="none")] == [task.id]

    def test_the_next_one_is_in_the_same_shared_category(
        self, app: App, alice: SessionActor, bob: SessionActor
    ) -> None:
        category = app.do(alice, app.categories.create, {"name": "home"})
        app.do(alice, app.category_sharing.share, category.id, "bob", Role.EDITOR)
        app.jobs.run_all()
        task = create(app, bob, category=category.id)
        create(app, bob, None, parent=task.id)
        following = complete(app, bob, task)
        assert (following.owner, following.created_by) == (alice.user_id, bob.user_id)
        for actor in (alice, bob):
            shown = tasks_of(app, actor, category=category.id)
            assert {each.title for each in shown} == {"water the plants"}
            assert len(shown) == 4

    def test_a_task_completed_as_it_is_moved_has_its_next_one_there(self, app: App, alice: SessionActor) -> None:
        category = app.do(alice, app.categories.create, {"name": "home"})
        task = create(app, alice)
        create(app, alice, None, parent=task.id)
        moved = edit(app, alice, task, state=State.DONE, category=category.id)
        following = next_of(app, alice, moved)
        assert (following.category, following.root_category) == (category.id, category.id)
        assert [each.root_category for each in tasks_of(app, alice, parent=following.id)] == [category.id]


class TestQuota:
    def test_a_full_quota_does_not_stop_the_next_one(self, app: App, alice: SessionActor) -> None:
        task = create(app, alice)
        create(app, alice, None, parent=task.id)
        with app.store.writing(SYSTEM) as work:
            work.quotas.save(alice.user_id, Quotas(tasks=2, bytes=10))
        following = complete(app, alice, task)
        with pytest.raises(QuotaExceeded):
            edit(app, alice, following, title="a longer title than before", state=State.DONE)
        with pytest.raises(QuotaExceeded):
            create(app, alice)

    def test_what_else_the_same_unit_of_work_adds_counts(self, app: App, alice: SessionActor, seed: Seed) -> None:
        task = create(app, alice)
        with app.store.writing(SYSTEM) as work:
            work.quotas.save(alice.user_id, Quotas(tasks=1))
        values: dict[str, Any] = {"fingerprint": b"", "type": ItemType.TASK}
        done = Mutation(id=seed.id(), target=task.id, op=MutationOp.UPDATE, data=DONE, **values)
        new = Mutation(id=seed.id(), target=seed.id(), op=MutationOp.CREATE, data={"title": "new"}, **values)
        outcomes = app.pushing.push(alice, [done, new], atomic=True)
        assert [type(each.error).__name__ for each in outcomes] == ["NotApplied", "QuotaExceeded"]
        assert len(tasks_of(app, alice)) == 1

    def test_a_full_quota_does_not_stop_the_next_ones_of_several_tasks(
        self, app: App, alice: SessionActor, seed: Seed
    ) -> None:
        tasks = [create(app, alice) for _ in range(3)]
        with app.store.writing(SYSTEM) as work:
            work.quotas.save(alice.user_id, Quotas(tasks=3, bytes=3 * tasks[0].text_bytes))
        values: dict[str, Any] = {"fingerprint": b"", "type": ItemType.TASK, "op": MutationOp.UPDATE, "data": DONE}
        mutations = [Mutation(id=seed.id(), target=each.id, base_version=1, **values) for each in tasks]
        outcomes = app.pushing.push(alice, mutations, atomic=True)
        assert [(each.status, each.error) for each in outcomes] == [(Status.APPLIED, None)] * 3
        assert len(tasks_of(app, alice)) == 6


class TestPush:
    def test_two_devices_complete_and_there_is_one_next(self, app: App, alice: SessionActor, seed: Seed) -> None:
        task = create(app, alice)
        assert push(app, seed, alice, task, 1, data=DONE).status is Status.APPLIED
        assert push(app, seed, alice, task, 1, data=DONE).status is Status.MERGED
        assert len(tasks_of(app, alice)) == 2

    def test_an_edit_from_before_the_completion_is_carried_over(
        self, app: App, alice: SessionActor, seed: Seed
    ) -> None:
        category = app.do(alice, app.categories.create, {"name": "home"})
        task = create(app, alice)
        following = complete(app, alice, task)
        data = {"title": "new", "category": category.id, "due_on": date(2026, 3, 3), "start_on": date(2026, 3, 1)}
        assert push(app, seed, alice, task, 1, data=data).status is Status.MERGED
        carried = app.see(alice, app.tasks.get, following.id)
        assert carried == replace(
            following, title="new", category=category.id, root_category=category.id, version=following.version + 1,
            start_on=date(2026, 3, 7), occurrence=carried.occurrence,
        )  # fmt: skip
        edited = app.see(alice, app.tasks.get, task.id)
        assert (edited.title, edited.category, edited.due_on) == ("new", category.id, date(2026, 3, 3))
        # It still counts as unchanged.
        assert edit(app, alice, task, state=State.OPEN).recurrence == task.recurrence
        assert len(tasks_of(app, alice)) == 1

    def test_an_edit_by_an_editor_of_a_task_with_subtasks_is_carried_over(
        self, app: App, alice: SessionActor, bob: SessionActor, seed: Seed
    ) -> None:
        task = create(app, alice)
        create(app, alice, None, parent=task.id)
        app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
        following = complete(app, alice, task)
        assert push(app, seed, bob, task, 2, data={"title": "new"}).status is Status.MERGED
        assert app.see(alice, app.tasks.get, following.id).title == "new"

    def test_an_edit_of_the_rule_of_a_task_that_was_reopened_stays_there(
        self, app: App, alice: SessionActor, seed: Seed
    ) -> None:
        task = create(app, alice)
        complete(app, alice, task)
        edit(app, alice, task, state=State.OPEN)
        daily = replace(MONDAYS, rule="FREQ=DAILY")
        assert push(app, seed, alice, task, 1, data={"recurrence": daily}).status is Status.MERGED
        assert app.see(alice, app.tasks.get, task.id).recurrence == replace(daily, start=MONDAY)

    def test_an_edit_of_the_rule_is_carried_over(self, app: App, alice: SessionActor, seed: Seed) -> None:
        task = create(app, alice)
        following = complete(app, alice, task)
        daily = replace(MONDAYS, rule="FREQ=DAILY")
        assert push(app, seed, alice, task, 1, data={"recurrence": daily}).status is Status.MERGED
        assert app.see(alice, app.tasks.get, task.id).recurrence is None
        found = app.see(alice, app.tasks.get, following.id)
        assert found.recurrence == replace(daily, start=date(2026, 3, 9))
        assert push(app, seed, alice, task, 1, data={"recurrence": None}).status is Status.MERGED
        assert app.see(alice, app.tasks.get, following.id).recurrence is None

    def test_an_edit_is_not_carried_over_to_one_that_was_changed(
        self, app: App, alice: SessionActor, seed: Seed
    ) -> None:
        task = create(app, alice)
        following = edit(app, alice, complete(app, alice, task), priority=4)
        assert push(app, seed, alice, task, 1, data={"title": "new"}).status is Status.MERGED
        assert app.see(alice, app.tasks.get, following.id) == following
        daily = replace(MONDAYS, rule="FREQ=DAILY")
        refused = push(app, seed, alice, task, 1, data={"recurrence": daily})
        assert (refused.status, refused.version) == (Status.CONFLICT, 3)
        assert refused.conflicts == {"recurrence": FieldConflict(None, daily, None)}

    def test_an_edit_after_the_completion_is_not_carried_over(self, app: App, alice: SessionActor, seed: Seed) -> None:
        task = create(app, alice)
        following = complete(app, alice, task)
        assert push(app, seed, alice, task, 2, data={"title": "new"}).status is Status.APPLIED
        # Nor is one after a completion by the same device, which has not got the new version yet.
        other = create(app, alice)
        mutation = Mutation(
            id=seed.id(), target=other.id, base_version=1, fingerprint=b"", type=ItemType.TASK,
            op=MutationOp.UPDATE, data=DONE,
        )  # fmt: skip
        app.pushing.push(alice, [mutation])
        assert push(app, seed, alice, other, 1, data={"title": "new"}, own=[mutation.id]).status is Status.APPLIED
        for each in (following, next_of(app, alice, app.see(alice, app.tasks.get, other.id))):
            assert app.see(alice, app.tasks.get, each.id).title == "water the plants"

    def test_the_rule_and_when_the_task_is_due_conflict_as_one_field(
        self, app: App, alice: SessionActor, seed: Seed
    ) -> None:
        task = create(app, alice)
        edit(app, alice, task, due_on=date(2026, 3, 4))
        daily = replace(MONDAYS, rule="FREQ=DAILY")
        for data in ({"recurrence": daily}, {"recurrence": None}, {"due_date": START}):
            refused = push(app, seed, alice, task, 1, data=data)
            assert refused.status is Status.CONFLICT
            assert refused.conflicts.keys() == {"due_on", "due_date", "recurrence"}
            yours = MONDAY if "recurrence" in data else None
            assert refused.conflicts["due_on"] == FieldConflict(MONDAY, yours, date(2026, 3, 4))
        assert push(app, seed, alice, task, 1, data={"recurrence": MONDAYS}).status is Status.MERGED


def test_an_imported_next_one_of_another_user_is_left_alone(
    app: App, alice: SessionActor, bob: SessionActor, seed: Seed
) -> None:
    task = create(app, alice)
    following = complete(app, alice, task)
    with app.store.writing(SYSTEM) as work:
        stored = work.tasks.find(task.id)
        assert stored is not None
        forged_id = seed.id()
        work.tasks.add(replace(stored, id=forged_id, root=forged_id, owner=bob.user_id))
    app.do(bob, app.tasks.edit, forged_id, OPEN)
    assert app.see(alice, app.tasks.get, following.id) == following


def test_ids(app: App, alice: SessionActor) -> None:
    task = create(app, alice)
    taken: UUID = uuid5(task.id, "next")
    app.do(alice, app.tasks.create, {"title": "taken"}, taken)
    app.do(alice, app.trash.delete, taken)
    following = complete(app, alice, task)
    assert following.id != taken
    assert following.series == task.id
