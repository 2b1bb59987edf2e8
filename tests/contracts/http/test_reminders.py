"""Reminders, notifications and their preferences over HTTP, and the sync of devices that name their types."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tasktracker.adapters.mail.folder import MailFolder
from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.domain.kernel.languages import Language
from tasktracker.entrypoints.texts import TEXTS
from tests.backends import http_on_memory
from tests.contracts.base import SECOND
from tests.contracts.http.base import invalid, problem
from tests.fakes import SYSTEM
from tests.http import Api, Person, expect
from tests.mail import parts
from tests.waiting import wait_until

PREFERENCES = "/api/accounts/me/notifications/"
DEFAULTS = {
    "reminder_hour": 9,
    "reminder_mails": True,
    "summary_hour": None,
    "next_summary_at": None,
    "mail": "not_configured",
}
ONE_CLICK = {"Content-Type": "application/x-www-form-urlencoded"}


def remind_now(api: Api, person: Person, task: dict[str, Any]) -> None:
    """Add a reminder, and move the clock to its moment."""
    at = api.clock.now() + SECOND
    expect(person.post(f"/api/tasks/{task['id']}/reminders/", {"at": at.isoformat()}), 201)
    api.clock.advance(SECOND)


def pull(person: Person, types: str = "", cursor: str | None = None) -> dict[str, Any]:
    params = ({"types": types} if types else {}) | ({"cursor": cursor} if cursor else {})
    changes: dict[str, Any] = expect(person.get("/api/sync/", params=params), 200)
    return changes


def push(person: Person, **mutation: Any) -> dict[str, Any]:
    body = {"mutations": [{"id": str(uuid4()), **mutation}]}
    (result,) = expect(person.post("/api/sync/", body), 200)["results"]
    found: dict[str, Any] = result
    return found


# ------------------------------------------------------------------ operations


def test_a_reminder_is_created_listed_and_removed(api: Api) -> None:
    alice = api.register()
    task = alice.task(due_date="2099-03-01T12:00:00Z")
    path = f"/api/tasks/{task['id']}/reminders/"
    response = alice.post(path, {"before": "PT90M"})
    made = expect(response, 201)
    assert response.headers["Location"] == f"{path}{made['id']}/"
    assert made == {
        "id": made["id"],
        "task": task["id"],
        "at": None,
        "before": "PT1H30M",
        "fires_at": "2099-03-01T10:30:00Z",
        "created_at": made["created_at"],
        "version": 1,
    }
    later = expect(alice.post(path, {"before": "PT2H"}), 201)
    assert alice.listed(path) == [made, later], "the oldest first"
    expect(alice.delete(f"{path}{later['id']}/"), 204)
    invalid(alice.delete(f"{path}x/"), "reminder_id")
    problem(alice.delete(f"/api/tasks/{alice.task()['id']}/reminders/{made['id']}/"), 404, "reminder-not-found")
    expect(alice.delete(f"{path}{made['id']}/"), 204)
    assert alice.listed(path) == []
    problem(alice.delete(f"{path}{made['id']}/"), 404, "reminder-not-found")


def test_a_repeated_request_adds_one_reminder(api: Api) -> None:
    alice = api.register()
    path = f"/api/tasks/{alice.task()['id']}/reminders/"
    first, again = (alice.post(path, {"at": "2099-01-01T00:00:00Z"}, headers={"Idempotency-Key": "a"}) for _ in "12")
    assert expect(first, 201) == expect(again, 201)
    assert len(alice.listed(path)) == 1


def test_the_task_of_another_user_has_no_reminders(api: Api) -> None:
    alice, bob = api.register(), api.register()
    path = f"/api/tasks/{alice.task()['id']}/reminders/"
    problem(bob.get(path), 404, "task-not-found")
    problem(bob.post(path, {"at": "2099-01-01T00:00:00Z"}), 404, "task-not-found")


def test_a_due_reminder_becomes_a_notification(api: Api) -> None:
    alice = api.register()
    task = alice.task()
    remind_now(api, alice, task)
    (found,) = wait_until(lambda: alice.listed("/api/notifications/"), "no reminder fires")
    assert (found["kind"], found["task"], found["read"]) == ("reminder", task["id"], False)
    edited = expect(alice.patch(f"/api/notifications/{found['id']}/", {"read": True}), 200)
    assert edited == {**found, "read": True, "version": 2}
    assert alice.listed("/api/notifications/", "unread=true") == []
    assert alice.listed("/api/notifications/", "unread=false") == [edited]
    expect(alice.patch(f"/api/notifications/{found['id']}/", {"read": False}), 200)
    assert expect(alice.post("/api/notifications/read/"), 200) == {"read": 1}
    assert expect(alice.post("/api/notifications/read/"), 200) == {"read": 0}
    problem(api.register().patch(f"/api/notifications/{found['id']}/", {"read": True}), 404, "notification-not-found")


def test_preferences_say_that_no_mail_is_sent(api: Api) -> None:
    alice = api.register()
    assert expect(alice.get(PREFERENCES), 200) == DEFAULTS
    edited = expect(alice.patch(PREFERENCES, {"reminder_hour": 0, "summary_hour": 0}), 200)
    assert edited["next_summary_at"] is not None
    assert edited == {**DEFAULTS, "reminder_hour": 0, "summary_hour": 0, "next_summary_at": edited["next_summary_at"]}
    assert expect(alice.patch(PREFERENCES, {**edited, "summary_hour": None}), 200) == {**DEFAULTS, "reminder_hour": 0}


def test_an_api_token_reads_no_preferences(api: Api) -> None:
    alice = api.register()
    body = {"name": "script", "scopes": ["tasks:read", "tasks:write"], "password": alice.password}
    token = expect(alice.post("/api/accounts/tokens/", body), 201)["token"]
    problem(api.get(PREFERENCES, headers={"Authorization": f"Bearer {token}"}), 403, "session-required")


# ------------------------------------------------------------------------ sync


def test_devices_get_reminders_and_notifications_only_if_they_name_them(api: Api) -> None:
    alice, bob = api.register(), api.register()
    task = bob.task(due_on="2099-03-01")
    bob.share(task, alice)
    made = expect(alice.post(f"/api/tasks/{task['id']}/reminders/", {"before": "P1D"}), 201)
    assert {each["type"] for each in pull(alice)["changes"]} == {"task"}
    named = pull(alice, "reminder,notification")
    reminder, notification = sorted(named["changes"], key=lambda each: each["type"], reverse=True)
    assert reminder == {
        "type": "reminder", "id": made["id"], "op": "upsert", "version": 1, "data": made, "reason": None
    }  # fmt: skip
    assert notification["data"]["kind"] == "task_shared"
    assert (notification["data"]["task"], notification["data"]["by"]) == (task["id"], bob.username)
    expect(bob.patch(f"/api/tasks/{task['id']}/", {"due_on": "2099-03-02"}), 200)
    (moved,) = pull(alice, "reminder,notification", named["next_cursor"])["changes"]
    assert (moved["version"], moved["data"]["fires_at"]) == (2, "2099-03-01T09:00:00Z")
    assert pull(bob, "reminder,notification")["changes"] == []
    digest = expect(alice.get("/api/sync/digest/"), 200)
    named_digest = expect(alice.get("/api/sync/digest/", params={"types": "reminder,notification"}), 200)
    assert (digest["count"], named_digest["count"]) == (1, 2)


def test_a_device_creates_and_deletes_reminders(api: Api) -> None:
    alice = api.register()
    task, target = alice.task(), str(uuid4())
    data = {"task": task["id"], "at": "2099-01-01T00:00:00Z"}
    created = push(alice, type="reminder", op="create", target=target, data=data)
    assert (created["status"], created["version"]) == ("applied", 1)
    assert [each["id"] for each in alice.listed(f"/api/tasks/{task['id']}/reminders/")] == [target]
    for _ in range(2):
        deleted = push(alice, type="reminder", op="delete", target=target)
        assert (deleted["status"], deleted["version"]) == ("applied", 2)
    again = push(alice, type="reminder", op="create", target=target, data=data)
    assert (again["status"], again["version"]) == ("applied", 3)


def test_a_device_reads_notifications(api: Api) -> None:
    alice, bob = api.register(), api.register()
    bob.share(bob.task(), alice)
    (found,) = alice.listed("/api/notifications/")
    read = push(alice, type="notification", op="update", target=found["id"], base_version=1, data={"read": True})
    assert (read["status"], read["version"]) == ("applied", 2)
    assert push(bob, type="notification", op="update", target=found["id"], data={"read": True})["status"] == "rejected"
    assert alice.listed("/api/notifications/")[0]["read"] is True


@http_on_memory
@pytest.mark.parametrize(
    ("mutation", "field"),
    [
        ({"type": "reminder", "op": "update", "data": {"at": "2099-01-01T00:00:00Z"}}, "op"),
        ({"type": "reminder", "op": "restore"}, "op"),
        ({"type": "notification", "op": "create", "data": {"read": True}}, "op"),
        ({"type": "notification", "op": "delete"}, "op"),
        ({"type": "reminder", "op": "create", "data": {"before": "PT1H"}}, "data.task"),
        ({"type": "reminder", "op": "create", "data": {"task": None, "before": "PT1H"}}, "data.task"),
        ({"type": "reminder", "op": "create", "data": {"task": str(uuid4()), "before": "soon"}}, "data.before"),
        ({"type": "notification", "op": "update", "data": {"read": "yes"}}, "data.read"),
        ({"type": "notification", "op": "update", "data": {"kind": "reminder", "seen": True}}, "data.seen"),
    ],
)
def test_a_mutation_that_cannot_be_applied_is_rejected_with_its_field(
    shared: Api, mutation: dict[str, Any], field: str
) -> None:
    result = push(shared.register(), target=str(uuid4()), **mutation)
    assert result["status"] == "rejected"
    assert [each["field"] for each in result["problem"]["errors"]] == [field]


# ----------------------------------------------------------------------- mails


@pytest.fixture
def mailing(tmp_path: Path) -> Iterator[Api]:
    """A server in memory that writes mails into a folder."""
    with Api(
        "memory://",
        MAIL_URL=f"folder:{tmp_path / 'mail'}",
        MAIL_FROM="tasks@example.org",
        PUBLIC_URL="http://testserver.local",
    ) as api:
        yield api


def test_an_address_of_a_time_without_mail_gets_none_before_it_is_verified(mailing: Api) -> None:
    grace = mailing.register()
    with mailing.container.store().writing(SYSTEM) as work:
        user = work.users.find(UUID(grace.id))
        assert user is not None
        work.users.save(replace(user, email="grace@example.org", version=user.version + 1))
    assert expect(grace.get(PREFERENCES), 200)["mail"] == "no_verified_address"


@pytest.mark.parametrize("media", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_a_mail_of_a_reminder_is_ended_by_one_click(mailing: Api, tmp_path: Path, media: str) -> None:
    folder = MailFolder(tmp_path / "mail")
    grace = mailing.register(email="grace@example.org")
    assert expect(grace.get(PREFERENCES), 200)["mail"] == "no_verified_address"
    (name,) = wait_until(folder.names, "no address is verified")
    verification = folder.find(name)
    assert verification is not None
    link = re.search(r"http://testserver\.local(/link/\S+)", parts(verification)["plain"])
    assert link is not None
    token = link[1].partition("token=")[2]
    expect(mailing.post("/api/accounts/email/verify/", {"token": token}), 204)
    assert expect(grace.get(PREFERENCES), 200)["mail"] == "ready"
    task = grace.task("Pay the rent", due_date="2099-01-01T00:00:00Z")
    remind_now(mailing, grace, task)
    names = wait_until(lambda: names if len(names := folder.names()) > 1 else None, "no reminder is mailed")
    mail = folder.find(names[0])
    assert mail is not None
    assert mail["Subject"] == "Reminder: Pay the rent"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"http://testserver.local/task/{task['id']}" in parts(mail)["plain"]
    target = str(mail["List-Unsubscribe"]).strip().strip("<>").removeprefix("http://testserver.local")
    page = mailing.get(target)
    assert page.status_code == 200
    assert "<form" in page.text
    assert expect(grace.get(PREFERENCES), 200)["reminder_mails"] is True, "a GET changes nothing"
    done = mailing.request("POST", target, content=b"List-Unsubscribe=One-Click", headers={"Content-Type": media})
    assert done.status_code == 200
    assert expect(grace.get(PREFERENCES), 200)["reminder_mails"] is False


@http_on_memory
@pytest.mark.parametrize("kind", [DeliveryKind.REMINDER, DeliveryKind.DAILY_SUMMARY])
def test_a_page_to_unsubscribe_is_that_of_its_mails(api: Api, kind: DeliveryKind) -> None:
    grace = api.register()
    wanted = expect(grace.patch(PREFERENCES, {"summary_hour": 7}), 200)
    token = api.container.reminder_letters()._token(UUID(grace.id), kind)
    asked, done = (
        html.unescape(api.request(method, f"/link/unsubscribe?token={token}", headers={"Accept-Language": "de"}).text)
        for method in ("GET", "POST")
    )
    texts = TEXTS[Language.DE]
    for page, key in ((asked, f"unsubscribe.{kind}"), (done, f"unsubscribe.{kind}.done")):
        assert f"<h1>{texts[f'{key}.title']}</h1>\n<p>{texts[f'{key}.lead']}</p>" in page
    assert f'name="token" value="{token}">\n<button>{texts["unsubscribe.button"]}<' in asked
    assert ("<a " in asked, 'href="/"' in done, "<form" in done) == (False, True, False)
    off = (
        {"reminder_mails": False} if kind is DeliveryKind.REMINDER else {"summary_hour": None, "next_summary_at": None}
    )
    assert expect(grace.get(PREFERENCES), 200) == {**wanted, **off}


def test_a_wrong_link_ends_nothing(mailing: Api) -> None:
    for method in ("GET", "POST"):
        response = mailing.request(method, "/link/unsubscribe?token=reminder.1.2")
        assert response.status_code == 410
        assert response.headers["content-type"].startswith("text/html")


def test_a_bad_filter_is_refused(api: Api) -> None:
    invalid(api.register().get("/api/notifications/", params={"unread": "maybe"}), "unread")
