"""Edits of one item that were not sent yet are sent as one by the reference client."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from tasktracker_client import InvalidEdit, Op, Recurrence, Refused
from tests.http import Person, expect
from tests.integration.phones import Phone, in_sync, sent_by
from tests.line import problem


class TestCoalescing:
    def test_two_hundred_edits_of_one_task_are_sent_as_one(self, phone: Phone) -> None:
        task = phone.create_task("0")
        phone.sync()
        for number in range(200):
            phone.edit_task(task, title=str(number), priority=4)
        bodies = sent_by(phone)
        assert phone.sync().applied == 1
        assert [body["data"] for body in bodies] == [{"title": "199", "priority": 4}]

    def test_of_a_due_day_and_a_due_date_the_last_one_is_sent(self, phone: Phone, ada: Person) -> None:
        task = phone.create_task("one", due_date=datetime(2027, 3, 5, tzinfo=UTC))
        phone.edit_task(task, due_on=date(2027, 3, 1))
        assert (phone.task(task).due_on, phone.task(task).due_date) == (date(2027, 3, 1), None)
        assert phone.sync().is_clean
        stored = expect(ada.get(f"/api/tasks/{task}/"), 200)
        assert (stored["due_on"], stored["due_date"]) == ("2027-03-01", None)
        phone.edit_task(task, due_on=date(2027, 3, 2))
        phone.edit_task(task, due_date=datetime(2027, 3, 5, tzinfo=UTC))
        assert (phone.task(task).due_on, phone.task(task).due_date) == (None, datetime(2027, 3, 5, tzinfo=UTC))
        assert phone.sync().is_clean
        stored = expect(ada.get(f"/api/tasks/{task}/"), 200)
        assert (stored["due_on"], stored["due_date"]) == (None, "2027-03-05T00:00:00Z")
        for wrong in (
            {"due_on": date(2027, 3, 1), "due_date": datetime(2027, 3, 1, tzinfo=UTC)},
            {"due_on": datetime(2027, 3, 1, tzinfo=UTC)},
        ):
            with pytest.raises(InvalidEdit):
                phone.edit_task(task, **cast("Any", wrong))

    def test_a_completion_offline_gets_the_next_occurrence_with_the_sync(self, phone: Phone) -> None:
        rule: Recurrence = {"rule": "FREQ=DAILY", "time_zone": "UTC"}
        task = phone.create_task("one", due_on=date(2027, 3, 1), recurrence=rule)
        phone.complete(task)
        assert phone.task(task).recurrence == rule
        assert phone.task(task).next is None
        assert phone.sync().is_clean
        done = phone.task(task)
        assert (done.series, done.recurrence) == (task, None)
        assert done.next is not None
        following = phone.task(done.next)
        assert (following.due_on, following.state, following.series) == (date(2027, 3, 2), "open", task)
        assert following.recurrence == {**rule, "from": "due", "start": "2027-03-01"}

    def test_clearing_when_a_task_is_due_clears_its_recurrence(self, phone: Phone) -> None:
        rule: Recurrence = {"rule": "FREQ=DAILY", "time_zone": "UTC"}
        task = phone.create_task("one", due_on=date(2027, 3, 1))
        phone.edit_task(task, recurrence=rule)
        phone.edit_task(task, due_date=None)
        assert phone.task(task).recurrence == rule
        phone.edit_task(task, due_on=None)
        assert phone.task(task).recurrence is None
        assert phone.sync().is_clean
        assert phone.task(task).recurrence is None
        with pytest.raises(InvalidEdit):
            phone.edit_task(task, recurrence={"rule": object()})  # type: ignore[arg-type]

    def test_a_task_that_is_due_on_a_day_is_overdue_after_it(self, phone: Phone) -> None:
        today = datetime.now().astimezone().date()
        days = {phone.create_task("one", due_on=today + timedelta(days=gap)): gap for gap in (-1, 0, 1)}
        assert {days[id_]: phone.task(id_).is_overdue for id_ in days} == {-1: True, 0: False, 1: False}

    def test_edits_of_a_task_that_was_not_sent_belong_to_its_creation(self, phone: Phone) -> None:
        task = phone.create_task("one")
        phone.edit_task(task, title="two")
        phone.complete(task)
        [edit] = phone.pending
        assert (edit.op, edit.data) == (Op.CREATE, {"title": "two", "state": "done"})

    def test_an_edit_waits_for_the_creation_to_which_it_refers(self, phone: Phone, ada: Person) -> None:
        task = phone.create_task("one")
        phone.edit_task(task, title="two")
        home = phone.create_category("Home")
        phone.edit_task(task, category=home)
        assert [edit.op for edit in phone.pending] == [Op.CREATE, Op.CREATE, Op.UPDATE]
        assert phone.sync().is_clean
        assert ada.listed("/api/tasks/")[0]["category"] == home

    def test_a_creation_that_another_device_has_sent_has_its_version(self, phone: Phone, ada: Person) -> None:
        task = phone.create_task("mine")
        expect(ada.put(f"/api/tasks/{task}/", {"title": "theirs"}, headers={"If-None-Match": "*"}), 201)
        phone.verify()  # pulls
        shown = phone.task(task)
        assert (shown.title, shown.version, shown.is_pending) == ("mine", 1, True)

    def test_an_edit_on_a_newer_version_is_sent_on_its_own(self, phone: Phone, laptop: Phone) -> None:
        task = phone.create_task("one")
        in_sync(phone, laptop)
        laptop.edit_task(task, priority=4)
        laptop.sync()
        phone.edit_task(task, title="two")
        phone.line.before = lambda request: problem(403) if request.method == "POST" else None
        with pytest.raises(Refused):
            phone.sync()
        phone.line.before = lambda _: None
        phone.verify()  # pulls
        phone.edit_task(task, priority=3)
        assert [edit.base_version for edit in phone.pending] == [1, 2]
        assert phone.sync().is_clean
        in_sync(phone, laptop)
        assert laptop.task(task).priority == 3

    def test_an_edit_that_was_not_sent_is_not_joined_with_one_on_a_newer_version(
        self, phone: Phone, laptop: Phone
    ) -> None:
        task = phone.create_task("one")
        in_sync(phone, laptop)
        laptop.edit_task(task, title="theirs")
        laptop.sync()
        phone.edit_task(task, priority=4)
        phone.verify()  # pulls
        phone.edit_task(task, title="mine")
        assert [(edit.base_version, edit.data) for edit in phone.pending] == [
            (1, {"priority": 4}),
            (2, {"title": "mine"}),
        ]
        assert phone.sync().is_clean, "the user has seen the other title"
        in_sync(phone, laptop)
        assert laptop.titles() == ["mine"]

    def test_an_edit_has_the_time_of_its_last_change(self, phone: Phone) -> None:
        task = phone.create_task("one")
        [first] = phone.pending
        between = datetime.now(UTC)
        phone.edit_task(task, title="two")
        [last] = phone.pending
        bodies = sent_by(phone)
        assert phone.sync().applied == 1
        assert [body["made_at"] for body in bodies] == [last.made_at]
        times = [datetime.fromisoformat(each.made_at or "") for each in (first, last)]
        assert times[0] <= between <= times[1] <= datetime.now(UTC)
