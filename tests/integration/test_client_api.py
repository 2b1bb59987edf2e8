"""The reference client as its callers use it: types, models, calls that need the server, and asyncio."""

from __future__ import annotations

import asyncio
import copy
import inspect
import itertools
import json
import pickle
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mypy import api as mypy

import tasktracker_client
from tasktracker_client import (
    AsyncReplica,
    Category,
    FieldChange,
    Found,
    HistoryEntry,
    InvalidEdit,
    Invitation,
    ItemType,
    LocalStoreError,
    Member,
    Notification,
    NotUnderstood,
    Refused,
    Reminder,
    Replica,
    SyncError,
    Task,
    Unavailable,
    UnknownItem,
)
from tasktracker_client.items import DEFAULTS
from tests.http import Api, Person, expect
from tests.integration.phones import URL, Phone, in_sync
from tests.line import Line, problem
from tests.strategies import THOROUGHNESS

REPOSITORY = Path(__file__).parents[2]
USE = """
from datetime import datetime
from tasktracker_client import AsyncReplica, Replica

def use(replica: Replica) -> None:
    replica.create_task("Call", priority=4, due_date=datetime.now(), category=None)
    replica.create_task(priority=4)  # wrong
    replica.create_task("Call", tittle="x")  # wrong
    replica.edit_task("id", titel="x")  # wrong
    replica.edit_task("id", priority="high")  # wrong
    replica.edit_task("id", priority=5)  # wrong
    replica.edit_task("id", state="finished")  # wrong
    replica.edit_task("id", due_date="tomorrow")  # wrong
    replica.edit_category("id", colour="#112233")  # wrong
    replica.create_category()  # wrong
    replica.task("id").titel  # wrong
    replica.task("id").name  # wrong
    replica.find_tasks(stat="open")  # wrong
    replica.find_tasks(state="finished")  # wrong
    replica.find_tasks(state=["open", "done"], q="milk")
    replica.share("id", "bob", "owner")  # wrong
    replica.login("ada", "secret", devise="phone")  # wrong
    for issue in replica.issues():
        replica.resend(issue, {"title": "x"})
        replica.resend(issue, {"titel": "x"})  # wrong
    due: datetime | None = replica.task("id").due_date

async def use_async(replica: AsyncReplica) -> None:
    await replica.create_task("Call", priority=4)
    await replica.create_task("Call", priority="high")  # wrong
    await replica.create_task("Call", tittle="x")  # wrong
    await replica.create_task()  # wrong
    title: str = (await replica.task("id")).title
    (await replica.task("id")).titel  # wrong
    replica.create_task("Call")  # wrong
    replica.sync()  # wrong
    replica.pending()  # wrong
"""


class TestTypes:
    def test_a_type_checker_finds_each_mistake_of_a_caller(self, tmp_path: Path) -> None:
        (tmp_path / "use.py").write_text(USE)
        options = ("--strict", "--python-version=3.11", f"--cache-dir={tmp_path / 'cache'}", "--no-incremental")
        output, _, _ = mypy.run([*options, str(tmp_path / "use.py")])
        found = {int(line) for line in re.findall(r"use\.py:(\d+): error", output)}
        wrong = {number for number, line in enumerate(USE.split("\n"), 1) if line.endswith("# wrong")}
        assert found == wrong, output

    def test_a_field_that_does_not_exist_is_refused_before_it_is_stored(self, phone: Phone) -> None:
        fields: Any = {"titel": "x"}
        with pytest.raises(InvalidEdit, match="titel"):
            phone.create_task("Call", **fields)
        assert not phone.pending

    @pytest.mark.parametrize(
        "fields",
        [
            {"start_on": datetime.now(UTC)},
            {"due_on": datetime.now(UTC)},
            {"due_date": date(2030, 1, 1)},
            {"due_date": datetime(1900, 1, 1, tzinfo=timezone(timedelta(minutes=19, seconds=32)))},
            {"due_date": datetime(1900, 1, 1, tzinfo=timezone(timedelta(microseconds=1)))},
        ],
    )
    def test_a_date_or_time_that_the_server_refuses_is_refused_before_it_is_stored(
        self, phone: Phone, fields: Any
    ) -> None:
        task = phone.create_task("Call", due_date=datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=-14))))
        for attempt in (lambda: phone.create_task("Call", **fields), lambda: phone.edit_task(task, **fields)):
            with pytest.raises(InvalidEdit):
                attempt()
        assert len(phone.pending) == 1
        assert phone.sync().is_clean

    def test_the_version_is_that_of_the_package(self) -> None:
        project = (REPOSITORY / "src/tasktracker_client/pyproject.toml").read_text()
        assert f'\nversion = "{tasktracker_client.__version__}"\n' in project


class TestModels:
    def test_a_task_has_its_fields_as_python_values(self, phone: Phone, ada: Person) -> None:
        home = ada.category("Home")["id"]
        due = datetime(2020, 1, 2, 3, tzinfo=UTC)
        id_ = phone.create_task("Call", category=home, due_date=due, start_on=date(2020, 1, 1), priority=3)
        new = phone.task(id_)
        assert (new.created_at, new.updated_at, new.created_by, new.owners) == (None, None, None, ())
        phone.sync()
        task = phone.task(id_)
        assert (task.id, task.title, task.description, task.version) == (id_, "Call", "", 1)
        assert (task.priority, task.state, task.category, task.parent) == (3, "open", home, None)
        assert (task.due_date, task.start_on, task.completed_at, task.deleted_at) == (due, date(2020, 1, 1), None, None)
        assert (task.created_by, task.owners) == (ada.id, (ada.id,))
        assert task.created_at == task.updated_at is not None
        assert task.is_overdue
        phone.complete(id_)
        assert not phone.task(id_).is_overdue

    def test_each_property_is_that_of_its_field(self) -> None:
        days = {name: date(2030, 1, number) for number, name in enumerate(("start_on", "due_on"), 1)}
        names = ("due_date", "created_at", "updated_at", "completed_at", "deleted_at")
        times = {name: datetime(2030, 2, number, tzinfo=UTC) for number, name in enumerate(names, 1)}
        ids = ("category", "parent", "owner", "created_by", "series", "slot", "next")
        texts = {name: name for name in ("title", "description", "state", *ids)}
        moments = {name: each.isoformat() for name, each in (days | times).items()}
        task = Task("id", 1, {**texts, **moments, "priority": 3, "owners": ["x", "y"]})
        expected = {**texts, **days, **times, "priority": 3, "owners": ("x", "y")}
        assert {name: getattr(task, name) for name in expected} == expected
        made = Task("id", None, DEFAULTS[ItemType.TASK])
        assert {getattr(made, name) for name in (*ids, "recurrence")} == {None}
        texts = {name: name for name in ("name", "description", "color", "owner", "role")}
        category = Category("id", 1, {**texts, "created_at": moments["created_at"], "ready": False})
        expected = {**texts, "created_at": times["created_at"], "is_ready": False}
        assert {name: getattr(category, name) for name in expected} == expected

    @pytest.mark.parametrize("text", ["", "soon", None, 5, "2030-01-32"])
    def test_a_time_that_cannot_be_read_is_none_and_one_without_a_zone_is_utc(self, text: object) -> None:
        wrong = Task("id", 1, {"due_on": text, "due_date": text})
        assert (wrong.due_on, wrong.due_date, wrong.start_on, wrong.deleted_at) == (None, None, None, None)
        assert Task("id", 1, {"due_date": "2030-01-01T10:00:00"}).due_date == datetime(2030, 1, 1, 10, tzinfo=UTC)

    @pytest.mark.parametrize("zone", ["Etc/GMT-14", "Etc/GMT+12"])  # one of them has another date than UTC
    def test_a_due_day_is_one_in_the_zone_of_the_device(self, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
        try:
            with monkeypatch.context() as patch:
                patch.setenv("TZ", zone)
                time.tzset()
                today = datetime.now().astimezone().date()
                found = [
                    Task("id", 1, {"state": "open", "due_on": (today + timedelta(days=gap)).isoformat()}).is_overdue
                    for gap in (-1, 0)
                ]
        finally:
            time.tzset()
        assert found == [True, False]

    def test_a_caller_may_choose_an_id_in_any_form(self, phone: Phone) -> None:
        id_, home = uuid4(), uuid4()
        assert phone.create_task("one", id=str(id_).upper()) == str(id_)
        assert phone.create_category("Home", id=home) == str(home)
        task, category = str(id_).upper(), str(home).upper()
        phone.edit_task(task, category=category)
        assert phone.task(task).category == str(home)
        phone.delete(task)
        phone.restore(task)
        phone.complete(task)
        assert phone.sync().is_clean
        in_sync(phone)
        phone.edit_category(category, name="House")
        assert phone.category(category).name == "House"
        phone.delete_category(category)
        phone.delete(task)
        assert phone.sync().is_clean
        assert (*phone.tasks(), *phone.categories()) == ()
        in_sync(phone)

    def test_an_id_that_is_no_uuid_or_is_taken_is_refused(self, phone: Phone) -> None:
        id_ = phone.create_task("one")
        for wrong in ("x", id_):
            with pytest.raises(InvalidEdit):
                phone.create_task("two", id=wrong)
        with pytest.raises(UnknownItem):
            phone.edit_task("x", title="two")

    def test_each_call_refuses_an_id_that_is_no_uuid_without_a_request(self, phone: Phone) -> None:
        """In the path of a request, such a text would lead to something else."""
        others = {"username": "bob", "role": "viewer", "change": str(uuid4())}
        tested = []
        for name, method in inspect.getmembers(Replica, inspect.isfunction):
            parameters = inspect.signature(method).parameters.values()
            ids = [each.name for each in parameters if each.annotation == "Id"]
            required = [each.name for each in parameters if each.name in {*ids, *others}]
            for wrong in ids:
                arguments = {**dict.fromkeys(ids, str(uuid4())), **others, wrong: "../categories"}
                with pytest.raises(UnknownItem):
                    method(phone, **{each: arguments[each] for each in required})
                tested.append((name, wrong))
        assert {("task", "id"), ("unshare", "user_id"), ("unshare_category", "user_id")} <= set(tested)
        assert phone.line.requests == []


class TestOnline:
    def test_tasks_are_found_by_filters_page_by_page(self, phone: Phone, ada: Person) -> None:
        home = ada.category("Home")["id"]
        for number in range(3):
            ada.task(f"milk {number}", category=home, due_date="2030-01-01T00:00:00Z")
        ada.task("other")
        first = phone.find_tasks(category=UUID(home), q="milk", state=["open", "done"], sort="title", limit=2)
        second = phone.find_tasks(
            category=UUID(home), q="milk", state=["open", "done"], sort="title", limit=2, cursor=first.next_cursor
        )
        assert [task.title for task in [*first.results, *second.results]] == ["milk 0", "milk 1", "milk 2"]
        assert second.next_cursor is None
        assert "is_overdue" not in second.results[0].data
        assert not phone.find_tasks(due_before=datetime(2029, 1, 1, tzinfo=UTC)).results
        ada.task("late", due_date="2020-01-01T00:00:00Z")
        for overdue, title in ((True, "late"), (False, "other")):
            assert [task.title for task in phone.find_tasks(category="none", overdue=overdue).results] == [title]

    @pytest.mark.parametrize("none", [[], ()])
    def test_no_state_finds_no_task(self, phone: Phone, ada: Person, none: Any) -> None:
        ada.task()
        assert (phone.find_tasks(state=none).results, phone.find_tasks(state=none).next_cursor) == ([], None)

    def test_a_task_is_shared_and_unshared(self, api: Api, phone: Phone, ada: Person) -> None:
        bob, task = api.register(), ada.task()["id"]
        member = phone.share(task, bob.username, "viewer")
        assert member == Member(bob.id, bob.username, "viewer")
        assert phone.share(task, bob.username, "editor").role == "editor"
        assert [each.username for each in phone.members(task)] == [ada.username, bob.username]
        phone.unshare(task, bob.id)
        assert len(phone.members(task)) == 1

    def test_a_user_is_reminded_of_a_task(self, phone: Phone, ada: Person) -> None:
        task = ada.task(due_date="2099-03-01T12:00:00Z")["id"]
        relative = phone.remind(task, before="PT60M")
        fixed = phone.remind(task, at=datetime(2099, 1, 1, tzinfo=timezone(timedelta(hours=1))))
        assert (relative.before, relative.fires_at) == ("PT1H", datetime(2099, 3, 1, 11, tzinfo=UTC))
        assert (fixed.at, fixed.fires_at) == (datetime(2098, 12, 31, 23, tzinfo=UTC),) * 2
        assert phone.reminders(task) == [relative, fixed]
        phone.remove_reminder(relative)
        assert phone.reminders(task) == [fixed]
        phone.sync()
        assert [each.id for each in phone.tasks()] == [task]

    def test_notifications_are_read(self, api: Api, phone: Phone, ada: Person) -> None:
        bob = api.register()
        task = bob.task()
        bob.share(task, ada)
        login, found = sorted(phone.notifications(unread=True).results, key=lambda each: each.kind)
        assert (found.kind, found.task, found.read) == ("task_shared", task["id"], False)
        assert (found.data["by"], login.data["event"]) == (bob.username, "new-device")
        assert phone.mark_read(found.id).read
        assert phone.notifications(unread=True).results == [login]
        assert [each.id for each in phone.notifications(unread=False).results] == [found.id]
        assert len(phone.notifications(limit=1).results) == 1
        assert not phone.mark_read(found.id, read=False).read

    def test_an_address_without_an_account_is_invited(self, tmp_path: Path) -> None:
        folder, origin = f"folder:{tmp_path / 'mail'}", URL.removesuffix("/api")
        with Api("memory://", MAIL_URL=folder, MAIL_FROM="tasks@example.org", PUBLIC_URL=origin) as api:
            ada, address = api.register(), "grace@example.org"
            phone = Phone(tmp_path / "phone.db", api)
            phone.login(ada.username, ada.password)
            task, home = ada.task()["id"], ada.category()["id"]
            invited = phone.share(task, address, "viewer")
            assert isinstance(invited, Invitation)
            assert (invited.email, invited.role) == (address, "viewer")
            assert phone.invitations(task) == [invited]
            assert len(phone.members(task)) == 1
            phone.unshare(task, invited.id)
            assert phone.invitations(task) == []
            other = phone.share_category(home, address, "editor")
            assert isinstance(other, Invitation)
            assert phone.category_invitations(home) == [other]
            phone.unshare_category(home, other.id)
            assert phone.category_invitations(home) == []
            phone.close()

    def test_the_trash_is_read_and_purged(self, phone: Phone, ada: Person) -> None:
        task = ada.task("gone")["id"]
        expect(ada.delete(f"/api/tasks/{task}/"), 204)
        [found] = phone.trash().results
        assert (found.id, found.deleted_at is None) == (task, False)
        phone.purge(task)
        assert not phone.trash().results

    def test_the_trash_and_a_history_are_read_page_by_page(self, phone: Phone, ada: Person) -> None:
        tasks = [ada.task(f"{number}")["id"] for number in range(3)]
        for number in range(2):
            expect(ada.patch(f"/api/tasks/{tasks[0]}/", {"title": f"edited {number}"}), 200)
        first = phone.history(tasks[0], limit=2)
        second = phone.history(tasks[0], limit=2, cursor=first.next_cursor)
        assert [each.version for each in [*first.results, *second.results]] == [3, 2, 1]
        assert (len(first.results), second.next_cursor) == (2, None)
        for each in tasks:
            expect(ada.delete(f"/api/tasks/{each}/"), 204)
        trashed = phone.trash(limit=2)
        rest = phone.trash(limit=2, cursor=trashed.next_cursor)
        assert [len(each.results) for each in (trashed, rest)] == [2, 1]
        assert {each.id for each in [*trashed.results, *rest.results]} == set(tasks)

    def test_a_change_of_the_history_is_undone(self, phone: Phone, ada: Person) -> None:
        task = ada.task("one")["id"]
        expect(ada.patch(f"/api/tasks/{task}/", {"title": "two"}), 200)
        entry = phone.history(task, limit=1).results[0]
        assert (entry.action, entry.version, entry.actor) == ("edit", 2, ada.username)
        assert (entry.fields["title"].before, entry.fields["title"].after) == ("one", "two")
        assert phone.undo(task, entry.id).title == "one"
        phone.sync()
        assert phone.titles() == ["one"]

    def test_a_change_of_a_deleted_account_has_no_actor(self, api: Api, phone: Phone, ada: Person) -> None:
        task, bob = ada.task("one"), api.register()
        ada.share(task, bob)
        expect(bob.patch(f"/api/tasks/{task['id']}/", {"title": "two"}), 200)
        expect(bob.post("/api/accounts/me/delete/", {"password": bob.password}), 204)
        assert ("edit", None) in {(each.action, each.actor) for each in phone.history(task["id"]).results}

    def test_a_refusal_has_its_problem(self, phone: Phone) -> None:
        with pytest.raises(Refused) as raised:
            phone.history(uuid4())
        assert (raised.value.status, raised.value.problem["type"]) == (404, "/problems/task-not-found")
        with pytest.raises(UnknownItem):
            phone.purge("../accounts")


A, B = "019a0693-460b-77ba-b22d-dc40a09c36dd", "019a0693-460b-77ba-b22d-dc40a09c36de"
MOMENT = datetime(2030, 1, 1, 12, tzinfo=UTC)
PAGED, FIRST = {"limit": "7", "cursor": "c"}, {"limit": "100"}
REQUESTS: list[tuple[str, tuple[str, ...], dict[str, Any], str, dict[str, Any]]] = [
    ("find_tasks", (), {}, "GET /tasks/", {"sort": "-created_at", **FIRST}),
    (
        "find_tasks",
        (),
        {"sort": "title", "limit": 7, "cursor": "c", "parent": UUID(A), "due_after": MOMENT},
        "GET /tasks/",
        {"sort": "title", **PAGED, "parent": A, "due_after": MOMENT.isoformat()},
    ),
    ("trash", (), {}, "GET /trash/", FIRST),
    ("trash", (), {"category": A, "limit": 7, "cursor": "c"}, "GET /trash/", {"category": A, **PAGED}),
    ("history", (A,), {}, f"GET /tasks/{A}/history/", FIRST),
    ("history", (A,), {"limit": 7, "cursor": "c"}, f"GET /tasks/{A}/history/", PAGED),
    ("notifications", (), {}, "GET /notifications/", FIRST),
    ("notifications", (), {"unread": True}, "GET /notifications/", {"unread": "true", **FIRST}),
    (
        "notifications",
        (),
        {"unread": False, "limit": 7, "cursor": "c"},
        "GET /notifications/",
        {"unread": "false", **PAGED},
    ),
    ("remind", (A,), {"at": MOMENT}, f"POST /tasks/{A}/reminders/", {"at": MOMENT.isoformat(), "before": None}),
    ("remind", (A,), {"before": "PT1H"}, f"POST /tasks/{A}/reminders/", {"at": None, "before": "PT1H"}),
    ("mark_read", (A,), {}, f"PATCH /notifications/{A}/", {"read": True}),
    ("mark_read", (A,), {"read": False}, f"PATCH /notifications/{A}/", {"read": False}),
    ("undo", (A, B), {}, f"POST /tasks/{A}/undo/", {"change": B}),
    ("purge", (A,), {}, f"DELETE /trash/{A}/", {}),
    ("reminders", (A,), {}, f"GET /tasks/{A}/reminders/", {}),
]
"""Calls, with their arguments; the request of each, with its query or body."""
for kind, before, after in (("tasks", "", ""), ("categories", "category_", "_category")):
    sent = {"username": "bob", "role": "editor"}
    REQUESTS += [
        (f"{before}members", (A,), {}, f"GET /{kind}/{A}/shares/", {}),
        (f"{before}invitations", (A,), {}, f"GET /{kind}/{A}/shares/", {}),
        (f"share{after}", (A, "bob", "editor"), {}, f"POST /{kind}/{A}/shares/", sent),
        (f"unshare{after}", (A, B), {}, f"DELETE /{kind}/{A}/shares/{B}/", {}),
    ]


@pytest.mark.parametrize(("name", "given", "options", "request_line", "sent"), REQUESTS)
def test_a_call_sends_all_its_arguments(
    tmp_path: Path, name: str, given: tuple[str, ...], options: dict[str, Any], request_line: str, sent: dict[str, Any]
) -> None:
    requests = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"server": "s", "user": {"id": "u", "username": "ada"}})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    with Replica(tmp_path / "copy.db", "http://x", token="t", client=client) as replica, suppress(NotUnderstood):
        getattr(replica, name)(*given, **options)
    last = requests[-1]
    assert f"{last.method} {last.url.path}" == request_line
    assert (json.loads(last.content) if last.content else dict(last.url.params)) == sent


SHARED = [{"user_id": A, "username": "ada", "role": "owner"}, {"user_id": B, "username": "bob", "role": "viewer"}]
INVITED = [{"id": A, "email": "one@example.org", "role": "viewer"}, {"id": B, "email": "two@example.org", "role": "x"}]
TIMES = [datetime(2030, 1, day, tzinfo=UTC) for day in (1, 2)]
ANSWERED: list[tuple[str, tuple[str, ...], Any, Any]] = [
    ("members", (A,), {"results": SHARED}, [Member(A, "ada", "owner"), Member(B, "bob", "viewer")]),
    (
        "invitations",
        (A,),
        {"results": SHARED, "pending": INVITED},
        [Invitation(A, "one@example.org", "viewer"), Invitation(B, "two@example.org", "x")],
    ),
    (
        "remind",
        (A,),
        {"id": B, "task": A, "at": TIMES[0].isoformat(), "before": "PT1H", "fires_at": TIMES[1].isoformat()},
        Reminder(B, A, TIMES[0], "PT1H", TIMES[1]),
    ),
    ("remind", (A,), {"id": B, "task": A, "at": None, "before": None, "fires_at": None}, Reminder(B, A, *[None] * 3)),
    (
        "mark_read",
        (A,),
        (notice := {"id": B, "kind": "k", "task": A, "read": True, "created_at": TIMES[0].isoformat(), "by": "bob"}),
        Notification(B, "k", A, True, TIMES[0], notice),
    ),
    (
        "history",
        (A,),
        {
            "results": [
                {
                    "id": B,
                    "at": TIMES[0].isoformat(),
                    "made_at": TIMES[1].isoformat(),
                    "action": "edit",
                    "version": 2,
                    "actor": {"id": A, "username": "ada"},
                    "fields": {"title": {"before": "one", "after": "two"}},
                }
            ],
            "next_cursor": "next",
        },
        Found([HistoryEntry(B, TIMES[0], "edit", 2, "ada", {"title": FieldChange("one", "two")})], "next"),
    ),
    (
        "undo",
        (A, B),
        {"id": A, "version": 3, "title": "one", "is_overdue": True},
        Task(A, 3, {"id": A, "version": 3, "title": "one"}),
    ),
]
"""Calls, with the answer of the server, and the value of each."""


@pytest.mark.parametrize(("name", "given", "body", "value"), ANSWERED)
def test_an_answer_is_read_field_by_field(
    tmp_path: Path, name: str, given: tuple[str, ...], body: dict[str, Any], value: object
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        described = {"server": "s", "user": {"id": "u", "username": "ada"}}
        return httpx.Response(200, json=described if request.url.path == "/" else body)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    with Replica(tmp_path / "copy.db", "http://x", token="t", client=client) as replica:
        assert getattr(replica, name)(*given) == value


class TestErrors:
    @pytest.mark.parametrize(
        "error",
        [
            kind(503, {"detail": "Busy.", "type": "/problems/busy"})
            if issubclass(kind, Refused)
            else kind("Busy.", 2.5)
            if kind is Unavailable
            else kind("Busy.")
            for kind in vars(tasktracker_client).values()
            if isinstance(kind, type) and issubclass(kind, SyncError)
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_it_passes_between_processes_whole(self, error: SyncError) -> None:
        for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
            assert (type(other), str(other), vars(other)) == (type(error), "Busy.", vars(error))


NAMES = [
    "results", "changes", "next_cursor", "has_more", "id", "type", "op", "version", "data", "status", "conflicts",
    "problem", "existing", "dropped", "count", "buckets", "items", "server", "user", "username", "access", "refresh",
    "limits", "retention_days", "fields", "actor", "at", "errors", "title", "due_date", "owners",
]  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.sampled_from(["task", "upsert", "applied", "x", str(uuid4())])
ANSWERS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=25,
)
CALLS: list[Callable[[Replica], object]] = [
    Replica.sync,
    Replica.verify,
    Replica.repair,
    Replica.trash,
    Replica.find_tasks,
    lambda replica: replica.login("ada", "secret"),
    lambda replica: replica.history(uuid4()),
    lambda replica: replica.members(uuid4()),
    lambda replica: replica.undo(uuid4(), "x"),
    lambda replica: replica.reminders(uuid4()),
    lambda replica: replica.remind(uuid4(), before="PT1H"),
    Replica.notifications,
    lambda replica: replica.mark_read(uuid4()),
    lambda replica: [(task.due_date, task.owners, task.is_overdue, task.title) for task in replica.tasks()],
]


@given(
    answers=st.lists(ANSWERS, min_size=1, max_size=3), status=st.sampled_from([None, "applied", "rejected", "conflict"])
)
@settings(max_examples=60 * THOROUGHNESS, deadline=None)
def test_no_answer_of_a_server_raises_another_error(
    tmp_path_factory: pytest.TempPathFactory, answers: list[Any], status: str | None
) -> None:
    """Also not an answer that has the right shape on the outside."""
    left = itertools.cycle(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        body = next(left)
        if request.url.path == "/api/":
            body = {"server": "s", "user": {"id": "u", "username": "ada"}}
        elif status and request.method == "POST":
            [mutation] = json.loads(request.content).get("mutations") or [{"id": "x"}]
            more = {name: next(left) for name in ("conflicts", "problem", "existing", "dropped")}
            body = {"results": [{"id": mutation["id"], "status": status, "version": 1, **more}]}
        elif status:
            change = {"type": "task", "id": "x", "op": "upsert", "version": 1, "data": body}
            body = {"changes": [change], "results": [change], "next_cursor": "x", "has_more": False, "items": [change]}
        return httpx.Response(200, json=body)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    with Replica(tmp_path_factory.mktemp("x") / "x.db", "http://x/api", token="t", client=client) as replica:
        replica.create_task("one")
        for call in CALLS:
            with suppress(SyncError):
                call(replica)


def test_an_address_may_end_in_a_slash(tmp_path: Path, api: Api, ada: Person) -> None:
    line = Line(api.client)
    client = httpx.Client(transport=line)
    with Replica(tmp_path / "copy.db", f"{URL}/", client=client) as replica:
        replica.login(ada.username, ada.password)
    assert "POST /api/accounts/login/" in line.paths


class TestAsyncio:
    def test_it_has_every_method_of_the_replica(self) -> None:
        methods = {name for name, _ in inspect.getmembers(Replica) if not name.startswith("_")}
        assert methods == {name for name, _ in inspect.getmembers(AsyncReplica) if not name.startswith("_")}

    def test_its_methods_have_the_signatures_of_the_replica(self) -> None:
        for name in ("create_task", "sync", "find_tasks"):
            method = getattr(AsyncReplica, name)
            assert inspect.signature(method) == inspect.signature(getattr(Replica, name))
            assert inspect.iscoroutinefunction(method)
            assert method.__doc__ == getattr(Replica, name).__doc__
        both = (inspect.signature(each.follow).parameters["poll_seconds"].default for each in (Replica, AsyncReplica))
        assert set(both) == {30}

    def test_each_method_calls_that_of_its_name(self) -> None:
        called = {
            name: method.__wrapped__ for name, method in vars(AsyncReplica).items() if hasattr(method, "__wrapped__")
        }
        assert called == {name: getattr(Replica, name) for name in called}
        assert len(called) > 30

    def test_leaving_its_block_closes_the_copy(self, phone: Phone) -> None:
        async def use() -> None:
            async with AsyncReplica(phone) as replica:
                assert replica.replica is phone

        asyncio.run(use())
        with pytest.raises(LocalStoreError):
            phone.tasks()

    def test_its_methods_are_awaited(self, phone: Phone, ada: Person) -> None:
        async def use() -> str:
            replica = AsyncReplica(phone)
            task = await replica.create_task("Call", priority=4)
            assert len(await replica.pending()) == 1
            assert (await replica.sync()).applied == 1
            assert await replica.username() == ada.username
            found = await replica.task(task)
            return f"{found.title} {found.priority}"

        assert asyncio.run(use()) == "Call 4"
        assert ada.titles() == ["Call"]

    def test_its_methods_use_the_copy_in_threads_only(self) -> None:
        threads: list[int] = []
        silent = {"follow"}  # its thread is tested below

        class Copy:
            def __getattr__(self, name: str) -> Any:
                threads.append(threading.get_ident())
                raise UnknownItem(name)

        async def use() -> None:
            copy: Any = Copy()
            for name, method in inspect.getmembers(AsyncReplica, inspect.iscoroutinefunction):
                if name.startswith("_") or name == "follow":
                    continue
                before = len(threads)
                needed = [each for each in inspect.signature(method).parameters.values() if each.default is each.empty]
                count = sum(each.kind is each.POSITIONAL_OR_KEYWORD for each in needed) - 1
                with suppress(Exception):
                    await method(AsyncReplica(copy), *[{}] * count)
                if len(threads) == before:
                    silent.add(name)

        asyncio.run(use())
        assert threading.get_ident() not in threads
        assert silent == {"follow"}

    def test_following_ends_when_its_task_is_cancelled(self, phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
        phone.line.before = lambda request: problem(404) if request.url.path == "/api/events/" else None

        async def use() -> None:
            synced = asyncio.Event()
            loop = asyncio.get_running_loop()
            replica = AsyncReplica(phone)
            task = asyncio.create_task(replica.follow(lambda _: loop.call_soon_threadsafe(synced.set)))
            await synced.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(use())  # waits for its threads
