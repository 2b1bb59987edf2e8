"""Tasks that are due on a day: it is the same day for every viewer, and ends at midnight in the viewer's time zone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from tests.contracts.http.base import TASKS, invalid, path_of, problem
from tests.contracts.http.test_sync import mutation, pull, push, results
from tests.fakes import ManualClock
from tests.http import Api, Person, expect

ZONES = ("Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago")
DAY, MOMENT = "2027-03-01", "2027-03-05T12:00:00Z"


@pytest.fixture
def phone(api: Api, alice: Person) -> Person:
    """Return a second session of alice."""
    return api.login(alice)


def due(user: Person, task: dict[str, Any]) -> tuple[str | None, str | None]:
    found = expect(user.get(path_of(task)), 200)
    return found["due_on"], found["due_date"]


class TestOneOfBoth:
    def test_setting_a_day_or_a_moment_clears_the_other(self, alice: Person) -> None:
        task = alice.task(due_date=MOMENT)
        assert (task["due_on"], task["due_date"]) == (None, MOMENT)
        for fields, expected in (
            ({"due_on": DAY}, (DAY, None)),
            ({"due_date": None}, (DAY, None)),
            ({"due_date": MOMENT}, (None, MOMENT)),
            ({"due_on": None}, (None, MOMENT)),
            ({"due_on": DAY, "due_date": None}, (DAY, None)),
            ({"due_on": None, "due_date": MOMENT}, (None, MOMENT)),
            ({"title": "other"}, (None, MOMENT)),
            ({"due_on": None, "due_date": None}, (None, None)),
        ):
            expect(alice.patch(path_of(task), fields), 200)
            assert due(alice, task) == expected, fields

    def test_both_at_once_are_refused(self, alice: Person) -> None:
        task, both = alice.task(), {"due_on": DAY, "due_date": MOMENT}
        invalid(alice.post(TASKS, {"title": "x", **both}), "due_date")
        invalid(alice.patch(path_of(task), both), "due_date")
        invalid(alice.put(path_of(task), {"title": "x", **both}), "due_date")
        bodies = [mutation("create", str(uuid4()), {"title": "x", **both})]
        bodies.append(mutation("update", task["id"], both, base_version=1))
        for result in push(alice, *bodies)["results"]:
            assert [each["field"] for each in result["problem"]["errors"]] == ["data.due_date"]
        assert due(alice, task) == (None, None)

    def test_a_put_resets_both(self, alice: Person) -> None:
        task = alice.task(due_on=DAY)
        expect(alice.put(path_of(task), {"title": "x", "due_date": MOMENT}), 200)
        assert due(alice, task) == (None, MOMENT)
        expect(alice.put(path_of(task), {"title": "x"}), 200)
        assert due(alice, task) == (None, None)

    @pytest.mark.parametrize("bad", ["tomorrow", "2027-02-29", "2027-03-01T00:00:00Z", "20270301", 1, "0000-01-01"])
    def test_only_a_day_is_accepted(self, alice: Person, bad: object) -> None:
        invalid(alice.patch(path_of(alice.task()), {"due_on": bad}), "due_on")

    @pytest.mark.parametrize("day", ["0001-01-01", "1900-02-28", "9999-12-31"])
    def test_every_day_of_the_calendar_is_accepted(self, alice: Person, day: str) -> None:
        for zone in ZONES[:2]:
            expect(alice.patch("/api/accounts/me/", {"time_zone": zone}), 200)
            task = alice.task(due_on=day)
            assert (task["due_on"], task["is_overdue"]) == (day, day < "2000")
            found = alice.listed(TASKS, "sort=due_date&due_after=0001-01-01T00:00:00Z")
            assert task["id"] in [each["id"] for each in found]


class TestHistory:
    def changes(self, user: Person, task: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = user.listed(f"{path_of(task)}history/")
        return found

    def test_undoing_restores_both_as_they_were(self, alice: Person) -> None:
        task = alice.task(due_date=MOMENT)
        expect(alice.patch(path_of(task), {"due_on": DAY}), 200)
        change = self.changes(alice, task)[0]
        assert change["fields"] == {
            "due_on": {"before": None, "after": DAY},
            "due_date": {"before": MOMENT, "after": None},
        }
        expect(alice.post(f"{path_of(task)}undo/", {"change": change["id"]}), 200)
        assert due(alice, task) == (None, MOMENT)

    def test_a_later_change_of_either_prevents_undoing(self, alice: Person) -> None:
        task = alice.task(due_date=MOMENT)
        expect(alice.patch(path_of(task), {"due_date": None}), 200)
        cleared = self.changes(alice, task)[0]
        expect(alice.patch(path_of(task), {"due_on": DAY}), 200)
        problem(alice.post(f"{path_of(task)}undo/", {"change": cleared["id"]}), 409, "already-changed")
        assert due(alice, task) == (DAY, None)
        expect(alice.patch(path_of(task), {"due_on": None}), 200)
        expect(alice.post(f"{path_of(task)}undo/", {"change": cleared["id"]}), 200)
        assert due(alice, task) == (None, MOMENT)


class TestSync:
    def test_a_day_and_a_moment_that_two_devices_set_conflict_as_one_field(self, alice: Person, phone: Person) -> None:
        for base, mine, theirs in (
            ({}, {"due_on": DAY}, {"due_date": MOMENT}),
            ({}, {"due_date": MOMENT}, {"due_on": DAY}),
            ({"due_date": "2027-01-01T00:00:00Z"}, {"due_on": DAY}, {"due_date": MOMENT}),
            ({"due_on": "2027-01-01"}, {"due_date": MOMENT}, {"due_on": DAY}),
            ({"due_on": "2027-01-01"}, {"due_on": None}, {"due_date": MOMENT}),
            ({"due_date": "2027-01-01T00:00:00Z"}, {"due_date": None}, {"due_on": DAY}),
            ({"due_on": "2027-01-01"}, {"due_on": DAY}, {"due_on": None}),
            ({"due_on": "2027-01-01"}, {"due_on": "2027-01-01", "due_date": None}, {"due_on": DAY}),
        ):
            nothing: dict[str, Any] = {"due_on": None, "due_date": None}
            task = alice.task(**base)
            expect(phone.patch(path_of(task), theirs), 200)
            body = mutation("update", task["id"], {**mine, "priority": 4}, base_version=1)
            (result,) = push(alice, body)["results"]
            assert (result["status"], result["version"]) == ("conflict", 2), (base, mine, theirs)
            assert result["conflicts"] == {
                name: {
                    "base": {**nothing, **base}[name],
                    "yours": {**nothing, **mine}[name],
                    "theirs": {**nothing, **theirs}[name],
                }
                for name in nothing
            }
            stored = expect(alice.get(path_of(task)), 200)
            assert {name: stored[name] for name in nothing} == {**nothing, **theirs}
            assert stored["priority"] == 2
            # The user can insist with the values that the conflict names.
            yours = {name: each["yours"] for name, each in result["conflicts"].items()}
            insist = mutation("update", task["id"], yours, base_version=2)
            assert results(alice, insist)[0][0] == "applied"
            assert due(alice, task) == ({**nothing, **mine}["due_on"], {**nothing, **mine}["due_date"])

    def test_what_changes_nothing_or_the_same_does_not_conflict(self, alice: Person, phone: Person) -> None:
        for base, mine, theirs, expected in (
            ({}, {"due_on": DAY}, {"due_on": DAY}, (DAY, None)),
            ({"due_date": MOMENT}, {"due_on": DAY}, {"due_on": DAY, "title": "theirs"}, (DAY, None)),
            ({"due_on": DAY}, {"due_date": None}, {"due_on": "2027-01-01"}, ("2027-01-01", None)),
            ({"due_on": DAY}, {"title": "mine"}, {"due_date": MOMENT}, (None, MOMENT)),
            ({"due_on": DAY}, {"due_date": MOMENT}, {"priority": 4}, (None, MOMENT)),
        ):
            task = alice.task(**base)
            expect(phone.patch(path_of(task), theirs), 200)
            body = mutation("update", task["id"], mine, base_version=1)
            assert results(alice, body)[0][0] == "merged", (base, mine, theirs)
            assert due(alice, task) == expected, (base, mine, theirs)

    def test_own_changes_of_either_do_not_conflict(self, alice: Person) -> None:
        task = alice.task()
        first = mutation("update", task["id"], {"due_on": DAY}, base_version=1)
        second = mutation("update", task["id"], {"due_date": MOMENT}, base_version=1, own=[first["id"]])
        assert results(alice, first, second) == [("applied", 2), ("applied", 3)]
        assert due(alice, task) == (None, MOMENT)

    def test_an_unknown_base_conflicts_in_the_fields_of_the_edit(self, alice: Person) -> None:
        task = alice.task(due_date=MOMENT)
        (result,) = push(alice, mutation("update", task["id"], {"due_on": DAY}, base_version=7))["results"]
        assert result["conflicts"] == {
            "due_on": {"base": None, "yours": DAY, "theirs": None},
            "due_date": {"base": None, "yours": None, "theirs": MOMENT},
        }


class TestDaysAreDays:
    @pytest.mark.parametrize("zone", ZONES)
    def test_a_day_never_shifts_and_is_over_at_midnight_of_the_viewer(
        self, api: Api, clock: ManualClock, zone: str
    ) -> None:
        day = (clock.now() + timedelta(days=40)).date()
        while day.month == 9:  # not beside a change of clocks in America/Santiago, whose midnight is tested below
            day += timedelta(days=30)
        midnight = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
        owner, viewer = api.register(), api.register()
        expect(viewer.patch("/api/accounts/me/", {"time_zone": zone}), 200)
        title = f"task {uuid4()}"
        task = owner.task(title, due_on=day.isoformat())
        owner.share(task, viewer, "editor")
        for at, is_overdue in ((midnight - timedelta(microseconds=1), False), (midnight, True)):
            clock.set(at)
            viewer, owner = api.login(viewer), api.login(owner)
            shown = viewer.get(path_of(task))
            assert (shown.json()["due_on"], shown.json()["is_overdue"]) == (day.isoformat(), is_overdue)
            assert (".o" in shown.headers["etag"]) is is_overdue
            for limit in (1, 100):
                assert viewer.titles(f"overdue=true&limit={limit}") == ([title] if is_overdue else [])
                assert viewer.titles(f"overdue=false&limit={limit}") == ([] if is_overdue else [title])
            (listed,) = viewer.listed(TASKS, "sort=due_date")
            assert (listed["due_on"], listed["is_overdue"]) == (day.isoformat(), is_overdue)
            # The owner is in UTC, where the day ends at another time.
            assert expect(owner.get(path_of(task)), 200)["is_overdue"] is (at.date() > day)
            edited = expect(viewer.patch(path_of(task), {"priority": 3 if is_overdue else 4}), 200)
            assert edited["is_overdue"] is is_overdue
            (change,) = [each for each in pull(viewer)["changes"] if each["type"] == "task"]
            assert (change["data"]["due_on"], change["data"]["due_date"]) == (day.isoformat(), None)

    def test_filters_and_orders_use_the_end_of_the_day(self, api: Api, alice: Person) -> None:
        expect(alice.patch("/api/accounts/me/", {"time_zone": "Pacific/Kiritimati"}), 200)  # +14:00
        for title, fields in {
            "day": {"due_on": "2027-03-01"},
            "before": {"due_date": "2027-03-01T09:59:59.999998Z"},
            "after": {"due_date": "2027-03-01T10:00:00Z"},
            "next": {"due_on": "2027-03-02"},
            "none": {},
        }.items():
            alice.task(title, **fields)
        for limit in (1, 2, 100):
            assert alice.titles(f"sort=due_date&limit={limit}") == ["before", "day", "after", "next", "none"]
            assert alice.titles(f"sort=-due_date&limit={limit}") == ["next", "after", "day", "before", "none"]
            for sort in ("due_date", "-created_at"):
                day = f"due_after=2027-03-01T00:00:00%2B14:00&due_before=2027-03-02T00:00:00%2B14:00&sort={sort}"
                assert set(alice.titles(f"{day}&limit={limit}")) == {"before", "day"}
        expect(alice.patch("/api/accounts/me/", {"time_zone": "UTC"}), 200)
        assert alice.titles("sort=due_date") == ["before", "after", "day", "next", "none"]

    def test_a_day_whose_next_one_has_no_midnight_ends_when_the_clocks_are_set_forward(
        self, api: Api, clock: ManualClock, alice: Person
    ) -> None:
        expect(alice.patch("/api/accounts/me/", {"time_zone": "America/Santiago"}), 200)
        sunday = clock.now().date().replace(year=clock.now().year + 1, month=9, day=2)
        sunday += timedelta(days=6 - sunday.weekday())  # the first one after the first: at its 0:00 it is 1:00
        alice.task(due_on=(sunday - timedelta(days=1)).isoformat())
        end = datetime.combine(sunday, time(4), UTC)
        assert len(alice.listed(TASKS, f"due_before={end:%Y-%m-%dT%H:%M:%SZ}")) == 1
        assert len(alice.listed(TASKS, f"due_after={end - timedelta(microseconds=1):%Y-%m-%dT%H:%M:%S.%fZ}")) == 1
        assert alice.listed(TASKS, f"due_after={end:%Y-%m-%dT%H:%M:%SZ}") == []

    def test_an_exported_day_is_imported_as_the_same_day(self, api: Api, alice: Person, bob: Person) -> None:
        alice.task("day", due_on="2027-03-01")
        alice.task("moment", due_date=MOMENT)
        expect(alice.patch("/api/accounts/me/", {"time_zone": "Pacific/Kiritimati"}), 200)
        expect(bob.patch("/api/accounts/me/", {"time_zone": "Pacific/Pago_Pago"}), 200)
        export = alice.get("/api/accounts/me/export/").content
        lines = [json.loads(line) for line in export.splitlines()]
        dues = {line["title"]: (line["due_on"], line["due_date"]) for line in lines if line["type"] == "task"}
        assert dues == {"day": ("2027-03-01", None), "moment": (None, MOMENT)}
        headers = {"Content-Type": "application/x-ndjson"}
        report = expect(bob.request("POST", "/api/accounts/me/import/", content=export, headers=headers), 200)
        assert report["tasks"]["created"] == 2
        found = {each["title"]: (each["due_on"], each["due_date"]) for each in bob.listed(TASKS)}
        assert found == dues

    def test_a_refusal_shows_the_task_in_the_zone_of_the_caller(
        self, api: Api, clock: ManualClock, alice: Person
    ) -> None:
        expect(alice.patch("/api/accounts/me/", {"time_zone": "Pacific/Pago_Pago"}), 200)
        clock.set(clock.now().replace(hour=1))  # in Pago Pago, it is the day before
        alice = api.login(alice)
        task = alice.task(due_on=(clock.now() - timedelta(days=1)).date().isoformat())
        stale = {"If-Match": '"7"'}
        for response in (
            alice.patch(path_of(task), {"title": "x"}, headers=stale),
            alice.patch(path_of(task), {"title": "x"}, headers={**stale, "Idempotency-Key": str(uuid4())}),
        ):
            assert problem(response, 412, "stale-version")["current"] == task
        assert not task["is_overdue"]
        expect(alice.delete(path_of(task)), 204)
        refused = problem(alice.delete(f"/api/trash/{task['id']}/", headers=stale), 412, "stale-version")
        assert refused["current"]["is_overdue"] is False
