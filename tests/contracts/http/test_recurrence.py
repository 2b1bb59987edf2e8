"""Recurring tasks over HTTP."""

from __future__ import annotations

import json
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import pytest

from tests.contracts.http.base import TASKS, invalid, path_of, problem
from tests.contracts.http.operations import NOT_TEXT, TIME_ZONE, UNSTORABLE
from tests.contracts.http.test_sync import mutation, pull, push
from tests.http import Api, Person, expect

WEEKLY = {"rule": "FREQ=WEEKLY;BYDAY=MO", "time_zone": "Europe/Vienna", "from": "due"}
BEFORE_ALL = '"0001-01-01T00:00:00+09:00"'
STORED = {**WEEKLY, "start": "2027-03-01"}


@pytest.fixture
def phone(api: Api, alice: Person) -> Person:
    """Return a second session of alice."""
    return api.login(alice)


def recurring(user: Person, **fields: Any) -> dict[str, Any]:
    return user.task(**{"due_on": "2027-03-01", "recurrence": WEEKLY, **fields})


def found(user: Person, id_: str) -> dict[str, Any]:
    task: dict[str, Any] = expect(user.get(f"{TASKS}{id_}/"), 200)
    return task


def pushed(user: Person, *mutations: dict[str, Any]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = push(user, *mutations)["results"]
    return results


class TestFields:
    def test_a_rule_is_shown_with_its_start(self, alice: Person) -> None:
        task = recurring(alice)
        series = (task["series"], task["slot"], task["next"])
        assert (task["recurrence"], *series) == (STORED, task["id"], "2027-03-01", None)
        assert alice.listed(TASKS) == [task]
        moment = recurring(alice, due_on=None, due_date="2027-03-01T09:30:00+01:00")
        assert moment["recurrence"] == {**WEEKLY, "start": "2027-03-01T08:30:00Z"}
        assert moment["slot"] == moment["due_date"]
        assert alice.task()["recurrence"] is None

    def test_the_whole_task_can_be_sent_back(self, alice: Person) -> None:
        task = expect(alice.patch(path_of(recurring(alice)), {"due_on": "2027-03-03"}), 200)
        assert expect(alice.put(path_of(task), task), 200) == task
        assert expect(alice.patch(path_of(task), {"recurrence": task["recurrence"]}), 200) == task

    def test_the_series_moves_with_the_start(self, alice: Person) -> None:
        task = expect(alice.patch(path_of(recurring(alice)), {"due_on": "2027-03-03"}), 200)
        assert (task["recurrence"], task["slot"]) == (STORED, "2027-03-01")
        same = {**WEEKLY, "start": None}
        assert expect(alice.patch(path_of(task), {"recurrence": same}), 200) == task
        moved = {**WEEKLY, "start": "2027-03-03"}
        task = expect(alice.patch(path_of(task), {"recurrence": moved}), 200)
        assert (task["recurrence"], task["slot"]) == (moved, "2027-03-03")

    def test_put_without_a_rule_clears_it(self, alice: Person) -> None:
        task = recurring(alice)
        body = {"title": "x", "due_on": task["due_on"]}
        assert expect(alice.put(path_of(task), body), 200)["recurrence"] is None

    def test_due_is_the_default_of_from(self, alice: Person) -> None:
        rule = {"rule": "FREQ=DAILY", "time_zone": "UTC"}
        assert recurring(alice, recurrence=rule)["recurrence"]["from"] == "due"
        rule["from"] = "completion"
        assert recurring(alice, recurrence=rule)["recurrence"]["from"] == "completion"

    @pytest.mark.parametrize("raw", ["1", "true", '"FREQ=DAILY"', "[]"])
    def test_a_recurrence_is_an_object(self, alice: Person, raw: str) -> None:
        body = f'{{"title":"x","due_on":"2027-03-01","recurrence":{raw}}}'
        invalid(alice.post(TASKS, content=body.encode(), headers={"Content-Type": "application/json"}), "recurrence")

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("rule", [*NOT_TEXT, *UNSTORABLE, '""', '"x"', '"FREQ=HOURLY"', json.dumps("FREQ=DAILY;" * 50), "null"]),
            ("time_zone", [*TIME_ZONE, "null"]),
            ("from", [*NOT_TEXT, *UNSTORABLE, '"Due"', '""', "null"]),
            ("start", ["1", "[]", '""', '"2027-02-30"', '"2027-W05-1"', '"2027-03-01T09:30:00"', BEFORE_ALL]),
        ],
    )
    def test_a_bad_part_is_named(self, alice: Person, name: str, values: list[str]) -> None:
        task = recurring(alice)
        good = {key: json.dumps(value) for key, value in WEEKLY.items()}
        for value in values:
            written = ",".join(f'"{key}":{each}' for key, each in {**good, name: value}.items())
            body = f'{{"recurrence":{{{written}}}}}'.encode()
            response = alice.patch(path_of(task), content=body, headers={"Content-Type": "application/json"})
            invalid(response, f"recurrence.{name}")
        assert found(alice, task["id"]) == task

    def test_all_bad_parts_are_named_at_once(self, alice: Person) -> None:
        rule = {"rule": "x", "time_zone": "Mars/X", "unknown": 1}
        invalid(
            alice.post(TASKS, {"title": "", "due_on": "2027-03-01", "recurrence": rule}),
            "title",
            "recurrence.unknown",
        )
        del rule["unknown"]
        named = ("title", "recurrence.rule", "recurrence.time_zone")
        invalid(alice.post(TASKS, {"title": "", "due_on": "2027-03-01", "recurrence": rule}), *named)
        invalid(alice.post(TASKS, {"title": "x", "recurrence": {}}), "recurrence.rule", "recurrence.time_zone")
        (result,) = pushed(alice, mutation("create", str(uuid4()), {"title": "x", "recurrence": rule}))
        assert [each["field"] for each in result["problem"]["errors"]] == [
            "data.recurrence.rule", "data.recurrence.time_zone"
        ]  # fmt: skip

    def test_the_task_must_be_due_and_have_no_parent(self, alice: Person) -> None:
        parent = alice.task()
        invalid(alice.post(TASKS, {"title": "x", "recurrence": WEEKLY}), "recurrence")
        body = {"title": "x", "due_on": "2027-03-01", "recurrence": WEEKLY, "parent": parent["id"]}
        invalid(alice.post(TASKS, body), "recurrence")
        invalid(alice.patch(path_of(recurring(alice)), {"parent": parent["id"]}), "parent")


class TestCompletion:
    def test_the_next_occurrence_is_in_the_response(self, alice: Person) -> None:
        task = recurring(alice, start_on="2027-02-28", priority=4)
        done = expect(alice.patch(path_of(task), {"state": "done"}), 200)
        assert (done["recurrence"], done["series"]) == (None, task["id"])
        assert done["next"] == str(uuid5(UUID(task["id"]), "next"))
        following = found(alice, done["next"])
        assert (following["due_on"], following["start_on"], following["state"]) == ("2027-03-08", "2027-03-07", "open")
        assert (following["recurrence"], following["series"], following["priority"]) == (STORED, task["id"], 4)

    def test_a_list_shows_one_series(self, alice: Person) -> None:
        task = recurring(alice)
        alice.task()
        done = expect(alice.patch(path_of(task), {"state": "done"}), 200)
        found = alice.listed(TASKS, f"series={task['id']}&sort=due_date")
        assert [each["id"] for each in found] == [task["id"], done["next"]]
        assert alice.listed(TASKS, f"series={task['id']}&state=open") == found[1:]
        assert alice.listed(TASKS, f"series={uuid5(NAMESPACE_OID, 'x')}") == []
        invalid(alice.get(f"{TASKS}?series=none"), "series")

    def test_the_entity_tag_of_the_completed_task_changes(self, alice: Person) -> None:
        task = recurring(alice)
        tag = alice.get(path_of(task)).headers["ETag"]
        expect(alice.patch(path_of(task), {"state": "done"}, headers={"If-Match": tag}), 200)
        assert alice.patch(path_of(task), {"state": "open"}, headers={"If-Match": tag}).status_code == 412

    def test_a_request_that_is_sent_again_completes_once(self, alice: Person) -> None:
        task = recurring(alice)
        headers = {"Idempotency-Key": "once"}
        done, again = [expect(alice.patch(path_of(task), {"state": "done"}, headers=headers), 200) for _ in range(2)]
        assert done == again
        assert done["next"]
        assert len(alice.listed(TASKS)) == 2

    def test_a_task_put_as_done_has_a_next_occurrence(self, alice: Person) -> None:
        task = recurring(alice)
        whole = expect(alice.put(path_of(task), {**task, "state": "cancelled"}), 200)
        assert found(alice, whole["next"])["due_on"] == "2027-03-08"

    def test_the_history_names_the_next_occurrence(self, alice: Person) -> None:
        task = recurring(alice)
        done = expect(alice.patch(path_of(task), {"state": "done"}), 200)
        completion, creation = alice.listed(f"{path_of(task)}history/")
        assert completion["fields"]["next"] == {"before": None, "after": done["next"]}
        assert completion["fields"]["recurrence"] == {"before": STORED, "after": None}
        assert creation["fields"]["recurrence"] == {"before": None, "after": STORED}
        (created,) = alice.listed(f"{TASKS}{done['next']}/history/")
        assert created["action"] == "create"
        assert created["fields"]["series"] == {"before": None, "after": task["id"]}
        undone = expect(alice.post(f"{path_of(task)}undo/", {"change": completion["id"]}), 200)
        assert (undone["state"], undone["recurrence"], undone["next"]) == ("open", STORED, None)
        problem(alice.get(f"{TASKS}{done['next']}/"), 404, "task-not-found")


class TestSync:
    def test_a_device_gets_the_next_occurrence_with_its_push(self, alice: Person, phone: Person) -> None:
        task = recurring(alice)
        cursor = pull(phone)["next_cursor"]
        body = {"mutations": [mutation("update", task["id"], {"state": "done"}, base_version=1)], "cursor": cursor}
        answer = expect(alice.post("/api/sync/", body), 200)
        data = [change["data"] for change in answer["changes"]]
        assert {each["state"] for each in data} == {"done", "open"}
        assert all(each["series"] == task["id"] for each in data)

    def test_two_devices_complete_and_a_third_edits(self, alice: Person, phone: Person) -> None:
        task = recurring(alice)
        done = [mutation("update", task["id"], {"state": "done"}, base_version=1) for _ in range(2)]
        edit = mutation("update", task["id"], {"description": "more"}, base_version=1)
        results = [*pushed(alice, done[0]), *pushed(phone, done[1]), *pushed(phone, edit)]
        assert [each["status"] for each in results] == ["applied", "merged", "merged"]
        assert {each["description"] for each in alice.listed(TASKS)} == {"more"}
        assert len(alice.listed(TASKS)) == 2

    def test_conflicts_show_the_rules(self, alice: Person, phone: Person) -> None:
        task = recurring(alice)
        daily = {**WEEKLY, "rule": "FREQ=DAILY"}
        expect(alice.patch(path_of(task), {"recurrence": daily}), 200)
        yours = {**WEEKLY, "rule": "FREQ=MONTHLY"}
        (result,) = pushed(phone, mutation("update", task["id"], {"recurrence": yours}, base_version=1))
        assert result["conflicts"]["recurrence"] == {
            "base": STORED,
            "yours": {**yours, "start": None},
            "theirs": {**STORED, "rule": "FREQ=DAILY"},
        }
        assert result["conflicts"].keys() == {"due_on", "due_date", "recurrence"}
        insisting = {name: each["yours"] for name, each in result["conflicts"].items()}
        (result,) = pushed(phone, mutation("update", task["id"], insisting, base_version=2))
        assert result["status"] == "applied"
        assert found(alice, task["id"])["recurrence"]["rule"] == "FREQ=MONTHLY"
