"""Tasks over HTTP."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.contracts.http.base import (
    DEFAULTS,
    TASKS,
    NewApi,
    everything,
    first_page,
    invalid,
    path_of,
    problem,
    rfc3339,
)
from tests.fakes import ManualClock
from tests.http import PASSWORD, Api, Caller, Person, bearer, expect, new_name
from tests.waiting import until_the_last


class TestTask:
    def test_a_task_needs_only_a_title(self, alice: Person, clock: ManualClock) -> None:
        response = alice.post(TASKS, {"title": "  Water the plants\n"})
        body = expect(response, 201)
        assert UUID(body["id"]).version == 7
        assert body == DEFAULTS | {
            "id": body["id"],
            "title": "Water the plants",
            "owners": [alice.id],
            "owner": alice.id,
            "created_by": alice.id,
            "created_at": rfc3339(clock.now()),
            "updated_at": rfc3339(clock.now()),
        }
        assert response.headers["etag"] == '"1"'
        assert response.headers["location"] == path_of(body)
        read = alice.get(response.headers["location"])
        assert expect(read, 200) == body
        assert read.headers["etag"] == '"1"'
        assert alice.listed(TASKS) == [body]

    def test_a_task_is_created_with_every_field(self, alice: Person, clock: ManualClock) -> None:
        category = alice.category()
        fields = {
            "title": "Water the plants",
            "description": "  All of them,\n  also in the cellar. ",
            "priority": 4,
            "state": "in_progress",
            "start_on": "2024-02-29",
            "due_date": rfc3339(clock.now() + timedelta(days=1)),
            "category": category["id"],
        }
        body = expect(alice.post(TASKS, fields), 201)
        assert fields.items() <= body.items()
        assert expect(alice.get(path_of(body)), 200) == body

    @pytest.mark.parametrize(("priority", "state"), [(1, "open"), (2, "in_progress"), (3, "done"), (4, "cancelled")])
    def test_every_priority_and_state_is_accepted(self, alice: Person, priority: int, state: str) -> None:
        task = alice.task(priority=priority, state=state)
        assert (task["priority"], task["state"]) == (priority, state)
        assert alice.listed(TASKS) == [task]

    @pytest.mark.parametrize(
        ("given", "stored"),
        [
            ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
            ("2026-03-01T12:00:00+00:00", "2026-03-01T12:00:00Z"),
            ("2026-03-01T01:30:00+05:30", "2026-02-28T20:00:00Z"),
            ("2026-03-01T12:00:00-09:30", "2026-03-01T21:30:00Z"),
            ("2026-03-01t12:00:00z", "2026-03-01T12:00:00Z"),
            ("2026-03-01T12:00:00.5Z", "2026-03-01T12:00:00.500000Z"),
            ("2026-03-01T12:00:00.123456Z", "2026-03-01T12:00:00.123456Z"),
            ("2024-02-29T23:59:59.999999Z", "2024-02-29T23:59:59.999999Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("1883-11-18T12:03:58-04:56", "1883-11-18T16:59:58Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ],
    )
    def test_a_time_with_any_offset_is_stored_in_utc(self, alice: Person, given: str, stored: str) -> None:
        task = alice.task(due_date=given)
        assert task["due_date"] == stored
        assert expect(alice.get(path_of(task)), 200)["due_date"] == stored
        assert expect(alice.patch(path_of(task), {"due_date": stored}), 200) == task

    @pytest.mark.parametrize(
        "title",
        [
            "x",
            "x" * 200,
            "\N{COLLISION SYMBOL}" * 200,
            " " * 50 + "x" * 200 + "\t" * 50,
            "e\u0301" * 100,
            "日本語" * 66,
            "'; DROP TABLE tasks; --",
            "%_\\",
            "<script>alert(1)</script>",
            "\u202eevil\u202c",
            "a\tb\nc\x1f\x7f",
            "null",
            "\ufffe\uffff",
        ],
    )
    def test_a_title_can_be_any_text_of_up_to_200_characters(self, alice: Person, title: str) -> None:
        task = alice.task(title)
        assert task["title"] == title.strip()
        assert alice.listed(TASKS) == [task]

    def test_a_description_has_up_to_10000_characters(self, alice: Person) -> None:
        longest = "\N{COLLISION SYMBOL}" * 10_000
        task = alice.task(description=longest)
        assert alice.listed(TASKS)[0]["description"] == longest
        invalid(alice.patch(path_of(task), {"description": longest + "x"}), "description")

    def test_read_only_fields_are_ignored(self, alice: Person, bob: Person) -> None:
        past = "2000-01-01T00:00:00Z"
        task = alice.task(
            id=str(uuid4()),
            owner=bob.id,
            owners=[bob.id],
            created_by=bob.id,
            created_at=past,
            updated_at=past,
            completed_at=past,
            is_overdue=True,
            version=7,
        )
        assert task == DEFAULTS | {name: task[name] for name in ("id", "title", "created_at", "updated_at")} | {
            "owners": [alice.id],
            "owner": alice.id,
            "created_by": alice.id,
        }
        assert task["created_at"] > past
        read_only = "id owner owners created_by created_at updated_at completed_at is_overdue"
        odd = dict.fromkeys(read_only.split(), 7)
        assert expect(alice.patch(path_of(task), odd), 200) == task
        assert bob.titles() == []

    def test_a_patch_changes_only_the_given_fields(self, alice: Person, clock: ManualClock) -> None:
        category = alice.category()
        task = alice.task(description="all", priority=3, due_date="2999-01-01T00:00:00Z", category=category["id"])
        clock.advance(minutes=1)
        response = alice.patch(path_of(task), {"title": "else"})
        changed = expect(response, 200)
        assert changed == task | {"title": "else", "version": 2, "updated_at": rfc3339(clock.now())}
        assert response.headers["etag"] == '"2"'
        assert expect(alice.get(path_of(task)), 200) == changed

    def test_null_clears_only_optional_fields(self, alice: Person) -> None:
        task = alice.task(due_date="2999-01-01T00:00:00Z", category=alice.category()["id"])
        names = ("title", "description", "priority", "state")
        invalid(alice.patch(path_of(task), dict.fromkeys(names)), *names)
        cleared = expect(alice.patch(path_of(task), {"due_date": None, "category": None}), 200)
        assert (cleared["due_date"], cleared["category"], cleared["version"]) == (None, None, 2)

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"title": " something "},
            {"priority": 2, "state": "open"},
            {"due_date": "2999-01-01T01:00:00+01:00"},
            {"category": None},
        ],
    )
    def test_a_change_without_effect_keeps_the_version(
        self, alice: Person, clock: ManualClock, change: dict[str, Any]
    ) -> None:
        task = alice.task(due_date="2999-01-01T00:00:00Z")
        clock.advance(minutes=1)
        assert expect(alice.patch(path_of(task), change), 200) == task
        assert expect(alice.put(path_of(task), task), 200) == task

    def test_a_put_resets_fields_that_are_not_given(self, alice: Person, clock: ManualClock) -> None:
        task = alice.task(
            description="all",
            priority=4,
            state="done",
            due_date="2999-01-01T00:00:00Z",
            category=alice.category()["id"],
        )
        clock.advance(minutes=1)
        response = alice.put(path_of(task), {"title": "else"})
        assert expect(response, 200) == task | DEFAULTS | {
            "title": "else",
            "version": 2,
            "updated_at": rfc3339(clock.now()),
        }
        assert response.headers["etag"] == '"2"'
        invalid(alice.put(path_of(task), {"priority": 1}), "title")

    def test_the_whole_representation_can_be_sent_back(self, alice: Person) -> None:
        task = alice.task(description="all", priority=3, due_date="2999-01-01T00:00:00Z")
        replaced = expect(alice.put(path_of(task), task | {"title": "else"}), 200)
        assert replaced == task | {"title": "else", "version": 2, "updated_at": replaced["updated_at"]}
        patched = expect(alice.patch(path_of(task), replaced | {"priority": 1}), 200)
        assert patched == replaced | {"priority": 1, "version": 3, "updated_at": patched["updated_at"]}

    def test_completed_at_is_the_time_of_completion(self, alice: Person, clock: ManualClock) -> None:
        assert alice.task(state="done")["completed_at"] == rfc3339(clock.now())
        assert alice.task(state="cancelled")["completed_at"] is None
        task = alice.task()
        clock.advance(minutes=1)
        done = expect(alice.patch(path_of(task), {"state": "done"}), 200)
        assert done["completed_at"] == done["updated_at"] == rfc3339(clock.now())
        clock.advance(minutes=1)
        assert expect(alice.patch(path_of(task), {"title": "x"}), 200)["completed_at"] == done["completed_at"]
        for state in ("open", "done", "cancelled", "done", "in_progress"):
            clock.advance(minutes=1)
            changed = expect(alice.patch(path_of(task), {"state": state}), 200)
            assert changed["completed_at"] == (rfc3339(clock.now()) if state == "done" else None)

    def test_a_task_can_be_deleted(self, alice: Person) -> None:
        task = alice.task()
        response = alice.delete(path_of(task))
        assert (response.status_code, response.content) == (204, b"")
        for method in ("GET", "DELETE"):
            problem(alice.request(method, path_of(task)), 404, "task-not-found")
        for method in ("PUT", "PATCH"):
            problem(alice.request(method, path_of(task), json={"title": "x"}), 404, "task-not-found")
        assert alice.listed(TASKS) == []

    def test_an_id_in_upper_case_finds_its_task(self, alice: Person) -> None:
        task = alice.task()
        assert expect(alice.get(f"{TASKS}{task['id'].upper()}/"), 200) == task

    def test_a_task_is_filed_by_category_id(self, alice: Person) -> None:
        category = alice.category()
        task = alice.task()
        filed = expect(alice.patch(path_of(task), {"category": category["id"].upper()}), 200)
        assert filed["category"] == category["id"]
        assert category == alice.listed("/api/categories/")[0], "a category does not change"
        expect(alice.delete(f"/api/categories/{category['id']}/"), 204)
        invalid(alice.patch(path_of(task), {"category": category["id"]}), "category")
        invalid(alice.post(TASKS, {"title": "x", "category": task["id"]}), "category")


class TestOverdue:
    def test_a_task_is_overdue_after_its_due_date(self, alice: Person, clock: ManualClock) -> None:
        task = alice.task(due_date=rfc3339(clock.now() + timedelta(minutes=1)))
        clock.advance(minutes=1)
        assert expect(alice.get(path_of(task)), 200) == task
        clock.advance(microseconds=1)
        assert expect(alice.get(path_of(task)), 200) == task | {"is_overdue": True}
        assert alice.listed(TASKS) == [task | {"is_overdue": True}]

    def test_a_due_date_in_the_past_is_accepted(self, alice: Person) -> None:
        response = alice.post(TASKS, {"title": "late", "due_date": "2000-01-01T00:00:00Z"})
        assert expect(response, 201)["is_overdue"] is True
        assert response.headers["etag"] == '"1.o"'

    def test_a_done_or_cancelled_task_is_not_overdue(self, alice: Person) -> None:
        task = alice.task(due_date="2000-01-01T00:00:00Z")
        for state, is_overdue in (("done", False), ("in_progress", True), ("cancelled", False), ("open", True)):
            response = alice.patch(path_of(task), {"state": state})
            body = expect(response, 200)
            assert body["is_overdue"] is is_overdue
            assert response.headers["etag"] == f'"{body["version"]}{".o" if is_overdue else ""}"'

    def test_becoming_overdue_changes_the_etag_but_not_the_version(self, alice: Person, clock: ManualClock) -> None:
        task = alice.task(due_date=rfc3339(clock.now() + timedelta(minutes=1)))
        expect(alice.get(path_of(task), headers={"If-None-Match": '"1"'}), 304)
        clock.advance(minutes=2)
        response = alice.get(path_of(task), headers={"If-None-Match": '"1"'})
        assert expect(response, 200) == task | {"is_overdue": True}
        assert response.headers["etag"] == '"1.o"'
        expect(alice.get(path_of(task), headers={"If-None-Match": '"1.o"'}), 304)
        assert expect(alice.patch(path_of(task), {"title": "a"}, headers={"If-Match": '"1"'}), 200)["version"] == 2
        assert expect(alice.patch(path_of(task), {"title": "b"}, headers={"If-Match": '"2.o"'}), 200)["version"] == 3

    def test_tasks_can_be_filtered_by_overdue(self, alice: Person, clock: ManualClock) -> None:
        past, future = rfc3339(clock.now() - timedelta(days=1)), rfc3339(clock.now() + timedelta(days=1))
        alice.task("late", due_date=past)
        alice.task("late but done", due_date=past, state="done")
        alice.task("late but cancelled", due_date=past, state="cancelled")
        alice.task("in time", due_date=future)
        alice.task("any time")
        for spelled in ("true", "1"):
            assert alice.titles(f"overdue={spelled}") == ["late"]
        others = {"late but done", "late but cancelled", "in time", "any time"}
        for spelled in ("false", "0"):
            assert set(alice.titles(f"overdue={spelled}")) == others

    def test_all_pages_of_a_list_use_the_same_time(self, alice: Person, clock: ManualClock) -> None:
        soon = rfc3339(clock.now() + timedelta(minutes=1))
        past = rfc3339(clock.now() - timedelta(minutes=1))
        for title, due in (("soon", soon), ("late 1", past), ("late 2", past), ("late 3", past)):
            clock.advance(seconds=1)
            alice.task(title, due_date=due)
        late = expect(alice.get(f"{TASKS}?overdue=true&limit=2"), 200)
        in_time = expect(alice.get(f"{TASKS}?limit=3"), 200)
        clock.advance(minutes=5)
        rest = expect(alice.get(f"{TASKS}?overdue=true&limit=2&cursor={late['next_cursor']}"), 200)
        assert [task["title"] for task in late["results"] + rest["results"]] == ["late 3", "late 2", "late 1"]
        last = expect(alice.get(f"{TASKS}?limit=3&cursor={in_time['next_cursor']}"), 200)
        assert [(task["title"], task["is_overdue"]) for task in last["results"]] == [("soon", False)]
        assert alice.titles("overdue=true") == ["late 3", "late 2", "late 1", "soon"]


class TestStart:
    """`start_on`"""

    @pytest.mark.parametrize(
        ("zone", "today"), [("UTC", 2), ("Pacific/Kiritimati", 3), ("Pacific/Pago_Pago", 1), ("Asia/Kathmandu", 2)]
    )
    def test_the_started_filter_uses_the_callers_time_zone(
        self, api: Api, clock: ManualClock, zone: str, today: int
    ) -> None:
        noon = (clock.now() + timedelta(days=2)).replace(hour=10, minute=30)
        clock.advance(seconds=(noon - clock.now()).total_seconds())
        alice, bob = api.register(), api.register()
        alice.task("any day")
        for day in (1, 2, 3, 4):
            start_on = (noon + timedelta(days=day - 2)).date().isoformat()
            alice.share(alice.task(f"{day}", start_on=start_on), bob, "viewer")
        expect(alice.patch("/api/accounts/me/", {"time_zone": zone}), 200)
        started = {"any day", *(f"{day}" for day in range(1, today + 1))}
        for limit in (1, 200):
            assert set(alice.titles(f"started=true&limit={limit}")) == started
            assert set(alice.titles(f"started=false&limit={limit}")) == {"1", "2", "3", "4"} - started
        assert set(bob.titles("started=true")) == {"1", "2"}, "in the time zone of bob"

    def test_a_new_day_starts_tasks_but_not_between_two_pages(
        self, api: Api, alice: Person, clock: ManualClock
    ) -> None:
        tomorrow = (clock.now() + timedelta(days=1)).date().isoformat()
        for number in range(3):
            alice.task(f"{number}", start_on=tomorrow)
        page = expect(alice.get(f"{TASKS}?started=false&limit=2"), 200)
        clock.advance(days=1)
        alice = api.login(alice)
        rest = expect(alice.get(f"{TASKS}?started=false&limit=2&cursor={page['next_cursor']}"), 200)
        assert (len(page["results"]), len(rest["results"])) == (2, 1)
        assert alice.titles("started=false") == []
        assert len(alice.titles("started=true")) == 3

    def test_start_on_can_be_set_kept_and_cleared(self, alice: Person) -> None:
        task = alice.task(start_on="2027-03-01")
        assert expect(alice.patch(path_of(task), {"title": "other"}), 200)["start_on"] == "2027-03-01"
        assert expect(alice.patch(path_of(task), {"start_on": None}), 200)["start_on"] is None
        assert expect(alice.patch(path_of(task), {"start_on": "0001-01-01"}), 200)["start_on"] == "0001-01-01"
        assert expect(alice.put(path_of(task), {"title": "replaced"}), 200)["start_on"] is None


class TestTaskList:
    """`GET /api/tasks/`"""

    def test_the_newest_tasks_are_first(self, alice: Person, clock: ManualClock) -> None:
        for number in range(4):
            clock.advance(microseconds=1)
            alice.task(f"{number}")
        first = alice.listed(TASKS)[0]
        clock.advance(minutes=1)
        expect(alice.patch(path_of(alice.listed(TASKS)[3]), {"description": "changed"}), 200)
        assert alice.titles() == ["3", "2", "1", "0"]
        assert alice.listed(TASKS)[0] == first

    def test_tasks_of_one_time_are_ordered_by_descending_id(self, alice: Person) -> None:
        tasks = [alice.task(f"{number}") for number in range(5)]
        assert len({task["created_at"] for task in tasks}) == 1
        assert alice.listed(TASKS, "limit=2") == sorted(tasks, key=lambda task: str(task["id"]), reverse=True)

    def test_each_filter_narrows_the_list(self, alice: Person, clock: ManualClock) -> None:
        home, work = alice.category("home")["id"], alice.category("work")["id"]
        for title, fields in {
            "a": {"state": "open", "priority": 1, "category": home},
            "b": {"state": "in_progress", "priority": 2, "category": home},
            "c": {"state": "done", "priority": 3, "category": work, "start_on": "2000-01-01"},
            "d": {"state": "cancelled", "priority": 4, "category": None, "start_on": "2999-01-01"},
            "e": {"state": "open", "priority": 4, "category": work, "due_date": "2000-01-01T00:00:00Z"},
        }.items():
            clock.advance(seconds=1)
            alice.task(title, **fields)
        for query, titles in {
            "": "edcba",
            "state=open": "ea",
            "state=open&state=done": "eca",
            "state=open&state=open": "ea",
            "state=open&state=in_progress&state=done&state=cancelled": "edcba",
            "priority=4": "ed",
            "priority=3": "c",
            f"category={home}": "ba",
            f"category={home.upper()}": "ba",
            f"category={work}": "ec",
            "category=none": "d",
            f"category={uuid4()}": "",
            "overdue=true": "e",
            "overdue=false": "dcba",
            "started=false": "d",
            "started=true": "ecba",
            "started=true&state=open&overdue=false": "a",
            "state=open&priority=4": "e",
            f"state=open&state=in_progress&category={home}&priority=2&overdue=false": "b",
            f"state=done&category={home}": "",
        }.items():
            assert "".join(alice.titles(query)) == titles, query
            assert "".join(alice.titles(f"{query}&limit=1".lstrip("&"))) == titles, query

    def test_a_repeated_parameter_is_refused(self, alice: Person) -> None:
        for name, value in {
            "limit": "2",
            "cursor": first_page(alice)["next_cursor"],
            "priority": "2",
            "category": "none",
            "parent": "none",
            "overdue": "false",
            "due_after": "2026-03-01T00:00:00Z",
            "due_before": "2026-03-01T00:00:00Z",
            "q": "two",
            "role": "owner",
            "sort": "title",
        }.items():
            expect(alice.get(f"{TASKS}?{name}={value}"), 200)
            for other in (value, "1"):
                body = invalid(alice.get(f"{TASKS}?{name}={value}&{name}={other}"), name)
                assert body["errors"][0]["message"] == "may be sent only once"

    def test_every_page_continues_the_previous_one(self, alice: Person, clock: ManualClock) -> None:
        for number in range(7):
            clock.advance(microseconds=number % 2)
            alice.task(f"{number}")
        whole = expect(alice.get(TASKS), 200)
        assert whole["next_cursor"] is None
        assert len(whole["results"]) == 7
        for limit in (1, 2, 3, 6, 7, 200):
            assert alice.listed(TASKS, f"limit={limit}") == whole["results"]
        full = alice.get(f"{TASKS}?limit=7")
        assert expect(full, 200)["next_cursor"] is None
        assert "link" not in full.headers

    def test_pages_can_differ_in_size(self, alice: Person, clock: ManualClock) -> None:
        for number in range(7):
            clock.advance(seconds=1)
            alice.task(f"{number}")
        listed: list[str] = []
        cursor = ""
        for limit in (1, 3, 2, 200):
            page = expect(alice.get(f"{TASKS}?limit={limit}{cursor}"), 200)
            listed += [task["title"] for task in page["results"]]
            cursor = f"&cursor={page['next_cursor']}"
        assert listed == ["6", "5", "4", "3", "2", "1", "0"]

    def test_the_link_header_leads_to_the_next_page(self, alice: Person, clock: ManualClock) -> None:
        home = alice.category("home")["id"]
        for number in range(5):
            clock.advance(seconds=1)
            alice.task(f"{number}", state="open" if number % 2 else "done", category=home)
            alice.task("cancelled", state="cancelled", category=home)
        pages = []
        url = f"{TASKS}?state=open&limit=2&category={home}&state=done"
        while url:
            response = alice.get(url)
            body = expect(response, 200)
            pages.append("".join(task["title"] for task in body["results"]))
            link = response.links.get("next")
            assert (link is None) == (body["next_cursor"] is None)
            if link:
                assert httpx.URL(link["url"]).params["cursor"] == body["next_cursor"]
            url = link["url"] if link else ""
        assert pages == ["43", "21", "0"]

    def test_changes_between_two_pages_neither_repeat_nor_skip_a_task(self, alice: Person, clock: ManualClock) -> None:
        tasks = []
        for number in range(6):
            clock.advance(seconds=1)
            tasks.append(alice.task(f"{number}"))
        listed = []
        query = "limit=2"
        for _ in until_the_last():
            page = expect(alice.get(f"{TASKS}?{query}"), 200)
            listed += [task["title"] for task in page["results"]]
            clock.advance(seconds=1)
            alice.task("new")
            if listed[-1] == "4":
                expect(alice.delete(path_of(tasks[4])), 204)  # the task that the cursor continues after
                expect(alice.delete(path_of(tasks[3])), 204)
                expect(alice.patch(path_of(tasks[2]), {"title": "2 changed"}), 200)
            if page["next_cursor"] is None:
                break
            query = f"limit=2&cursor={page['next_cursor']}"
        assert listed == ["5", "4", "2 changed", "1", "0"]

    def test_a_page_has_100_tasks_by_default_and_at_most_200(self, alice: Person) -> None:
        for number in range(101):
            alice.task(f"{number}")
        body = expect(alice.get(TASKS), 200)
        assert len(body["results"]) == 100
        assert body["next_cursor"]
        assert len(expect(alice.get(f"{TASKS}?limit=200"), 200)["results"]) == 101
        assert len(expect(alice.get(f"{TASKS}?limit=1"), 200)["results"]) == 1
        invalid(alice.get(f"{TASKS}?limit=201"), "limit")

    def test_an_empty_list_has_no_results_and_no_next_page(self, alice: Person) -> None:
        response = alice.get(TASKS)
        assert expect(response, 200) == {"results": [], "next_cursor": None}
        assert "link" not in response.headers


class TestCursor:
    def test_a_changed_cursor_is_refused(self, alice: Person) -> None:
        cursor = first_page(alice)["next_cursor"]
        expect(alice.get(TASKS, params={"limit": 1, "cursor": cursor}), 200)
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        changed = [
            cursor[:at] + letters[(letters.index(letter) + step) % 64] + cursor[at + 1 :]
            for at, letter in enumerate(cursor)
            for step in (1, 32)
        ]
        changed += [cursor[:-1], cursor[1:], cursor + "A", cursor + "=", cursor + "!", "\n" + cursor, cursor * 2]
        for tampered in changed:
            invalid(alice.get(TASKS, params={"limit": 1, "cursor": tampered}), "cursor")

    @pytest.mark.parametrize("odd", ["", "x", "AAAA", "%00", "é", "\N{COLLISION SYMBOL}", "=", "..", "A" * 4000])
    def test_a_malformed_cursor_is_refused(self, alice: Person, odd: str) -> None:
        invalid(alice.get(TASKS, params={"cursor": odd}), "cursor")
        invalid(alice.get("/api/categories/", params={"cursor": odd}), "cursor")

    def test_a_cursor_contains_no_task_data(self, alice: Person) -> None:
        page = first_page(alice)
        last = page["results"][-1]
        raw = base64.urlsafe_b64decode(page["next_cursor"] + "===")
        assert last["title"].encode() not in raw

    def test_a_cursor_of_another_user_is_refused(self, alice: Person, bob: Person) -> None:
        cursor = first_page(alice)["next_cursor"]
        bob.task()
        invalid(bob.get(TASKS, params={"cursor": cursor}), "cursor")

    def test_a_cursor_of_another_list_is_refused(self, alice: Person) -> None:
        alice.category("a")
        alice.category("b")
        categories = expect(alice.get("/api/categories/?limit=1"), 200)["next_cursor"]
        invalid(alice.get(TASKS, params={"cursor": categories}), "cursor")
        tasks = first_page(alice)["next_cursor"]
        for path in ("/api/categories/", "/api/trash/"):
            invalid(alice.get(path, params={"cursor": tasks}), "cursor")

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("", "state=open"),
            ("state=open", ""),
            ("state=open", "state=done"),
            ("state=open&state=done", "state=open"),
            ("priority=2", "priority=3"),
            ("category=none", ""),
            ("overdue=false", "overdue=true"),
            ("sort=title", ""),
            ("", "sort=title"),
            ("sort=priority", "sort=-priority"),
            ("sort=due_date", "sort=-due_date"),
            ("sort=created_at", "sort=-updated_at"),
            ("q=two", "q=first"),
            ("role=owner", "role=editor"),
            ("parent=none", ""),
            ("sort=title&q=of", "sort=title"),
        ],
    )
    def test_a_cursor_of_another_order_or_filter_is_refused(self, alice: Person, one: str, other: str) -> None:
        cursor = first_page(alice, one)["next_cursor"]
        invalid(alice.get(f"{TASKS}?{other}&cursor={cursor}".replace("?&", "?")), "cursor")
        assert len(expect(alice.get(f"{TASKS}?{one}&cursor={cursor}".replace("?&", "?")), 200)["results"]) == 1

    def test_a_cursor_ignores_parameter_order_and_trailing_slash(self, alice: Person) -> None:
        cursor = first_page(alice, "state=open&priority=2")["next_cursor"]
        for url in (
            f"{TASKS}?cursor={cursor}&limit=1&priority=2&state=open",
            f"/api/tasks?priority=2&limit=1&cursor={cursor}&state=open",
        ):
            assert len(expect(alice.get(url), 200)["results"]) == 1

    def test_a_cursor_stays_valid_after_a_login_and_a_key_rotation(
        self, new_api: NewApi, api: Api, alice: Person
    ) -> None:
        cursor = first_page(alice)["next_cursor"]
        rotated = new_api(SECRET_KEYS="the next secret of this very service")
        for other in (api.login(alice), rotated.login(alice)):
            assert len(expect(other.get(f"{TASKS}?cursor={cursor}"), 200)["results"]) == 1


class TestTaskPrivacy:
    def test_a_task_of_another_user_looks_like_an_unknown_one(self, alice: Person, bob: Person) -> None:
        task = alice.task("secret")
        before = everything(alice)
        requests: list[tuple[str, Any, dict[str, str]]] = [
            ("GET", None, {}),
            ("HEAD", None, {}),
            ("GET", None, {"If-None-Match": '"1"'}),
            ("GET", None, {"If-None-Match": "*"}),
            ("PUT", {"title": "new"}, {}),
            ("PUT", {"title": "new"}, {"If-Match": '"9"'}),
            ("PATCH", {"title": "new"}, {}),
            ("PATCH", {"version": 9}, {}),
            ("PATCH", {}, {"If-Match": '"1"'}),
            ("DELETE", None, {}),
            ("DELETE", None, {"If-Match": '"9"'}),
            ("DELETE", None, {"If-Match": "*"}),
        ]
        for method, body, headers in requests:
            hidden = bob.request(method, path_of(task), json=body, headers=headers)
            missing = bob.request(method, f"{TASKS}{uuid4()}/", json=body, headers=headers)
            assert hidden.status_code == missing.status_code == 404
            assert hidden.text == missing.text
            assert hidden.headers.keys() == missing.headers.keys()
        assert everything(alice) == before

    def test_tasks_of_others_are_not_listed(self, alice: Person, bob: Person) -> None:
        category = alice.category()
        alice.task(category=category["id"])
        own = bob.task("own")
        for query in ("", "state=open", "priority=2", "overdue=false"):
            assert bob.listed(TASKS, query) == [own]
        assert bob.listed(TASKS, f"category={category['id']}") == []


class TestTaskVersion:
    def test_a_known_version_is_answered_with_304(self, alice: Person) -> None:
        task = alice.task()
        for known in ('"1"', 'W/"1"', '"7", "1"', ' "7" ,"1",', ',"1"', "*", '"7",W/"1"'):
            response = alice.get(path_of(task), headers={"If-None-Match": known})
            assert (response.status_code, response.content) == (304, b"")
            assert response.headers["etag"] == '"1"'
        for other in ('"2"', '"11"', '"1.o"', '"x"', '""', '"1" , "2"'.replace("1", "3")):
            assert expect(alice.get(path_of(task), headers={"If-None-Match": other}), 200) == task

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    def test_a_change_with_a_stale_if_match_is_refused(self, alice: Person, method: str) -> None:
        task = alice.task(due_date="2000-01-01T00:00:00Z")
        current = expect(alice.patch(path_of(task), {"title": "else"}), 200)
        body = None if method == "DELETE" else {"title": "changed"}
        huge = ('"9223372036854775808"', f'"{"2" * 5000}"', f'"2{"0" * 18}"')
        for stale in ('"1"', '"3"', 'W/"2"', '"x"', '""', '"02"', '"2.5"', '"2.oo"', '"1", W/"2"', *huge):
            response = alice.request(method, path_of(task), json=body, headers={"If-Match": stale})
            assert problem(response, 412, "stale-version")["current"] == current
        assert alice.listed(TASKS) == [current]
        assert current["is_overdue"] is True
        good = {"If-Match": ' "1" ,, "2.o",'}
        assert alice.request(method, path_of(task), json=body, headers=good).is_success

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    def test_if_match_star_accepts_any_version(self, alice: Person, method: str) -> None:
        task = alice.task()
        body = None if method == "DELETE" else {"title": "changed"}
        assert alice.request(method, path_of(task), json=body, headers={"If-Match": "*"}).is_success
        missing = f"{TASKS}{uuid4()}/"
        problem(alice.request(method, missing, json=body, headers={"If-Match": "*"}), 404, "task-not-found")

    @pytest.mark.parametrize(
        "malformed",
        ["", " ", "1", "'1'", '"1', '1"', '"a b"', '* , "1"', "*, *", '"1" "2"', '"1";"2"', 'w/"1"', 'W/ "1"', ","],
    )
    def test_a_malformed_precondition_is_refused_with_the_name_of_its_header(
        self, alice: Person, malformed: str
    ) -> None:
        task = alice.task()
        invalid(alice.get(path_of(task), headers={"If-None-Match": malformed}), "If-None-Match")
        for method in ("PUT", "PATCH", "DELETE"):
            body = None if method == "DELETE" else {"title": "changed"}
            invalid(alice.request(method, path_of(task), json=body, headers={"If-Match": malformed}), "If-Match")
        assert alice.listed(TASKS) == [task]

    @pytest.mark.timeout(20)
    @pytest.mark.parametrize("between", [" ,", ", ", " , ", ",", "\t,\t", ',"1" '])
    def test_a_long_malformed_precondition_is_refused_quickly(self, alice: Person, between: str) -> None:
        task = alice.task()
        malformed = '"1"' + between * 2000 + "!"
        invalid(alice.get(path_of(task), headers={"If-None-Match": malformed}), "If-None-Match")

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_a_version_in_the_body_is_a_precondition(self, alice: Person, method: str) -> None:
        task = alice.task()
        body = {"title": "changed"}
        for version in (2, 7, 2**31, 2**53, 2**63, 10**400):
            stale = alice.request(method, path_of(task), json=body | {"version": version})
            assert problem(stale, 412, "stale-version")["current"] == task
        both = alice.request(method, path_of(task), json=body | {"version": 1}, headers={"If-Match": '"2"'})
        assert problem(both, 412, "stale-version")["current"] == task
        good = alice.request(method, path_of(task), json=body | {"version": 1}, headers={"If-Match": '"1"'})
        assert expect(good, 200)["version"] == 2

    def test_the_second_of_two_edits_of_one_version_is_refused_as_stale(self, api: Api, alice: Person) -> None:
        task = alice.task()
        phone = api.login(alice)
        expect(alice.patch(path_of(task), {"title": "from the desk", "version": 1}), 200)
        refused = problem(phone.patch(path_of(task), {"title": "from the phone", "version": 1}), 412, "stale-version")
        merged = {"title": "from the phone", "version": refused["current"]["version"]}
        assert expect(phone.patch(path_of(task), merged), 200)["version"] == 3

    def test_every_change_increments_the_version(self, alice: Person) -> None:
        task = alice.task()
        responses = [expect(alice.patch(path_of(task), {"title": f"{number}"}), 200) for number in range(3)]
        assert [after["version"] - before["version"] for before, after in pairwise([task, *responses])] == [1, 1, 1]


class TestFirstVersionClient:
    """A client of the first version of the service, which reads only the fields that it needs."""

    def test_a_first_version_client_still_works(self, api: Api, clock: ManualClock) -> None:
        username = new_name()
        email = f"{username}@example.org"
        sign_up = {"username": username, "password": PASSWORD, "password2": PASSWORD, "email": email}
        assert api.post("/api/accounts/register/", sign_up).status_code == 201

        login = api.post("/api/accounts/login/", {"username": username, "password": PASSWORD})
        assert login.status_code == 200
        access, refresh, user = (login.json()[name] for name in ("access", "refresh", "user"))
        assert user["username"] == username
        me = Caller(api.client, bearer(access))

        due = datetime(2999, 1, 31, 18, 30, tzinfo=UTC)
        created = me.post(
            "/api/tasks/",
            {
                "title": "Buy milk",
                "description": "Two litres",
                "priority": 3,
                "state": "open",
                "due_date": due.isoformat(),
            },
        )
        assert created.status_code == 201
        task = created.json()
        assert datetime.fromisoformat(task["due_date"]) == due

        tokens = api.post("/api/accounts/refresh/", {"refresh": refresh}).json()
        me = Caller(api.client, bearer(tokens["access"]))

        listed = me.get("/api/tasks/")
        assert listed.status_code == 200
        assert [each["id"] for each in listed.json()["results"]] == [task["id"]]

        task["state"] = "done"
        done = me.patch(f"/api/tasks/{task['id']}/", task)
        assert done.status_code == 200
        assert done.json()["state"] == "done"
        assert me.get(f"/api/tasks/{task['id']}/").json()["state"] == "done"

        assert me.delete(f"/api/tasks/{task['id']}/").status_code == 204
        assert me.get("/api/tasks/").json()["results"] == []

        assert me.post("/api/accounts/logout/").status_code == 204
        assert me.get("/api/tasks/").status_code == 401
        assert api.post("/api/accounts/refresh/", {"refresh": tokens["refresh"]}).status_code == 401
