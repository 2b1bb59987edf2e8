"""The administration of the service over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pyotp
import pytest
from structlog.testing import capture_logs

from tasktracker.domain.administration.overview import Overview
from tasktracker.domain.administration.statistics import Counted, DayCounts, Maintenance, Totals
from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKind, DeliveryState, Failing
from tasktracker.domain.jobs.job import JobKind
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.entrypoints.container import Schema
from tasktracker.entrypoints.http.admin_service import view_overview
from tests.backends import http_on_memory
from tests.contracts.base import SECOND
from tests.contracts.http.base import NewApi, invalid, problem, rfc3339
from tests.fakes import START, SYSTEM, ManualClock
from tests.http import OTHER_PASSWORD, PASSWORD, Api, Caller, Person, bearer, expect, new_name

USERS = "/api/admin/users/"
INVITES = "/api/admin/invites/"
SETTINGS = "/api/admin/settings/"
ACTIVITY = "/api/admin/activity/"
OVERVIEW = "/api/admin/overview/"
DELIVERIES = "/api/admin/deliveries/"
METRICS_TOKEN = "a token for prometheus"


def user_path(user: Person, action: str = "") -> str:
    return f"{USERS}{user.id}/{action}"


def prove(person: Person) -> None:
    expect(person.post("/api/accounts/me/confirm/", {"password": person.password}), 204)


@pytest.fixture
def admin(api: Api) -> Person:
    """An administrator with a recent proof."""
    admin = api.register()
    api.promote(admin)
    return admin


def events(admin: Person, query: str = "") -> list[dict[str, Any]]:
    """Return the events on the first page of a search, the newest first, without the record of the search itself."""
    found: list[dict[str, Any]] = expect(admin.get(f"{ACTIVITY}?{query}"), 200)["results"]
    return [event for event in found if event["kind"] != "activity_list"]


READS = (USERS, SETTINGS, INVITES, ACTIVITY, OVERVIEW, DELIVERIES, USERS + "{id}/")
WRITES: list[tuple[str, str, Any]] = [
    ("POST", USERS, {"username": "someone"}),
    ("PATCH", USERS + "{id}/", {"is_active": False}),
    ("DELETE", USERS + "{id}/", None),
    ("POST", USERS + "{id}/password-reset/", None),
    ("POST", USERS + "{id}/disable-two-factor/", None),
    ("POST", USERS + "{id}/end-sessions/", None),
    ("PATCH", SETTINGS, {"registration": "closed"}),
    ("POST", INVITES, {}),
    ("DELETE", INVITES + "{id}/", None),
    ("POST", DELIVERIES + "{id}/retry/", None),
    ("POST", DELIVERIES + "{id}/cancel/", None),
]


class TestAccess:
    @http_on_memory
    @pytest.mark.parametrize("path", READS)
    def test_a_read_requires_an_administrator(self, api: Api, alice: Person, path: str) -> None:
        path = path.format(id=alice.id)
        problem(api.get(path), 401, "not-authenticated")
        problem(alice.get(path), 403, "admin-required")

    @http_on_memory
    @pytest.mark.parametrize(("method", "path", "body"), WRITES)
    def test_a_write_requires_an_administrator_with_a_recent_proof(
        self, api: Api, alice: Person, admin: Person, clock: ManualClock, method: str, path: str, body: Any
    ) -> None:
        path = path.format(id=alice.id)
        prove(alice)
        problem(api.request(method, path, json=body), 401, "not-authenticated")
        problem(alice.request(method, path, json=body), 403, "admin-required")
        clock.advance(timedelta(minutes=11))
        problem(admin.request(method, path, json=body), 403, "confirmation-required")
        expect(alice.get("/api/tasks/"), 200)

    @http_on_memory
    def test_an_api_token_of_an_administrator_opens_nothing(self, api: Api, admin: Person) -> None:
        body = {"name": "script", "scopes": ["tasks:read", "tasks:write"], "password": PASSWORD}
        token = expect(admin.post("/api/accounts/tokens/", body), 201)["token"]
        script = Caller(api.client, bearer(token))
        for path in READS:
            problem(script.get(path.format(id=admin.id)), 403, "session-required")
        for method, path, body in WRITES:
            problem(script.request(method, path.format(id=admin.id), json=body), 403, "session-required")

    @http_on_memory
    def test_bad_input_of_others_is_not_explained(self, alice: Person) -> None:
        problem(alice.post(USERS, {"surprise": 1}), 403, "admin-required")

    def test_a_demoted_administrator_loses_the_role_at_once(self, api: Api, admin: Person, alice: Person) -> None:
        expect(admin.patch(user_path(alice), {"is_admin": True}), 200)
        prove(alice)
        assert expect(alice.get(USERS), 200)["results"]
        expect(alice.patch(user_path(admin), {"is_admin": False}), 200)
        problem(admin.get(USERS), 403, "admin-required")
        problem(admin.post(INVITES, {}), 403, "admin-required")

    @http_on_memory
    def test_the_last_administrator_stays(self, api: Api, admin: Person) -> None:
        for other in admin.listed(USERS, "state=admin"):
            if other["id"] != admin.id and other["is_active"]:
                expect(admin.patch(f"{USERS}{other['id']}/", {"is_admin": False}), 200)
        for change in ({"is_admin": False}, {"is_active": False}):
            problem(admin.patch(user_path(admin), change), 409, "last-admin")
        problem(admin.delete(user_path(admin)), 409, "last-admin")
        problem(admin.post("/api/accounts/me/delete/", {"password": PASSWORD}), 409, "last-admin")
        expect(admin.get(USERS), 200)


class TestUsers:
    def test_a_user_is_shown_with_counts(self, api: Api, admin: Person, alice: Person, clock: ManualClock) -> None:
        alice.category()
        alice.category()
        task = alice.task("żółw")
        expect(alice.delete(f"/api/tasks/{task['id']}/"), 204)
        clock.advance(timedelta(minutes=5))
        shown = expect(admin.get(user_path(alice)), 200)
        created_at = shown.pop("created_at")
        assert shown.pop("shared_categories") == []
        assert shown.pop("service_quotas") == dict.fromkeys(("max_tasks", "max_categories", "max_bytes"))
        assert shown == {
            "id": alice.id,
            "username": alice.username,
            "email": None,
            "pending_email": None,
            "email_verified_at": None,
            "is_active": True,
            "is_admin": False,
            "two_factor": False,
            "last_seen_at": created_at,
            "sessions": 1,
            "tasks": 1,
            "categories": 2,
            "bytes": 7,
            "max_tasks": None,
            "max_categories": None,
            "max_bytes": None,
        }
        assert shown in [{k: v for k, v in each.items() if k != "created_at"} for each in admin.listed(USERS)]
        api.login(alice)
        assert expect(admin.get(user_path(alice)), 200)["last_seen_at"] > created_at

    def test_the_quotas_of_the_service_are_shown_beside_those_of_a_user(
        self, new_api: NewApi, admin: Person, alice: Person
    ) -> None:
        limited = admin.through(new_api(TASKS_PER_USER="9", BYTES_PER_USER="1000").client)
        shown = expect(limited.get(user_path(alice)), 200)
        assert shown["service_quotas"] == {"max_tasks": 9, "max_categories": None, "max_bytes": 1000}
        assert (shown["max_tasks"], shown["max_bytes"]) == (None, None)

    def test_the_last_login_is_shown_after_the_sessions(self, admin: Person, alice: Person) -> None:
        seen = expect(admin.get(user_path(alice)), 200)["last_seen_at"]
        expect(admin.post(user_path(alice, "end-sessions/")), 204)
        shown = expect(admin.get(user_path(alice)), 200)
        assert (shown["sessions"], shown["last_seen_at"]) == (0, seen)

    @pytest.mark.parametrize("sort", ["username", "created_at", "last_seen_at", "tasks"])
    def test_users_are_searched_filtered_and_sorted_page_by_page(self, api: Api, admin: Person, sort: str) -> None:
        mark = new_name().replace("name", "mark")
        group = [api.register(f"{mark}.{letter}", email=f"{letter}%_/@{mark}.org") for letter in "cab"]
        for number, each in enumerate(group):
            for _ in range(number % 2):
                each.task()
        expect(admin.patch(user_path(group[0]), {"is_active": False}), 200)
        ascending = admin.listed(USERS, f"q={mark.upper()}&sort={sort}&limit=1")
        descending = admin.listed(USERS, f"q={mark}&sort=-{sort}&limit=2")
        assert ascending == list(reversed(descending))
        assert [each[sort] for each in ascending] == sorted(each[sort] for each in ascending)
        assert {each["id"] for each in ascending} == {each.id for each in group}
        assert [each["username"] for each in admin.listed(USERS, f"q=a%25_/@{mark}")] == [f"{mark}.a"]
        assert [each["id"] for each in admin.listed(USERS, f"q={mark}&state=disabled")] == [group[0].id]
        assert len(admin.listed(USERS, f"q={mark}&state=active")) == 2
        assert admin.listed(USERS, f"q={mark}&state=admin") == []

    def test_later_pages_of_users_are_of_the_time_of_the_first(
        self, api: Api, admin: Person, clock: ManualClock
    ) -> None:
        mark = new_name()
        for letter in "ab":
            api.register(f"{mark}.{letter}")
        page = expect(admin.get(USERS, params={"q": mark, "limit": 1}), 200)
        clock.advance(timedelta(days=20))
        query = {"q": mark, "limit": 1, "cursor": page["next_cursor"]}
        (other,) = expect(api.login(admin).get(USERS, params=query), 200)["results"]
        assert other["sessions"] == 1, "it had not expired then"

    def test_a_user_is_created_with_a_password_or_with_a_link(self, api: Api, admin: Person) -> None:
        expect(admin.patch(SETTINGS, {"registration": "closed"}), 200)
        try:
            name, other = new_name(), new_name()
            created = expect(admin.post(USERS, {"username": name, "password": OTHER_PASSWORD}), 201)
            assert created["link"] is None
            expect(api.post("/api/accounts/login/", {"username": name, "password": OTHER_PASSWORD}), 200)
            profile = {"username": other, "is_admin": True, "first_name": "Ada", "time_zone": "Asia/Tokyo"}
            response = admin.post(USERS, profile)
            created = expect(response, 201)
            assert created["is_admin"]
            assert response.headers["location"] == f"{USERS}{created['id']}/"
            path, _, token = created["link"].partition("?token=")
            assert path == "/link/set-password"
            expect(api.post("/api/accounts/password/reset/", {"token": token, "new_password": PASSWORD}), 204)
            login = expect(api.post("/api/accounts/login/", {"username": other, "password": PASSWORD}), 200)
            assert profile.items() <= login["user"].items()
        finally:
            expect(admin.patch(SETTINGS, {"registration": "open"}), 200)
        problem(admin.post(USERS, {"username": name.upper()}), 409, "username-taken")
        invalid(admin.post(USERS, {"username": "a b", "password": "short"}), "username", "password")
        invalid(admin.post(USERS, {"username": new_name(), "password": ""}), "password")

    def test_a_forgotten_password_is_replaced_by_a_link(self, api: Api, admin: Person, alice: Person) -> None:
        link = expect(admin.post(user_path(alice, "password-reset/")), 201)["link"]
        path, _, token = link.partition("?token=")
        assert path == "/link/reset-password"
        expect(alice.get("/api/tasks/"), 200)  # nothing has changed yet
        expect(api.post("/api/accounts/password/reset/", {"token": token, "new_password": OTHER_PASSWORD}), 204)
        problem(alice.get("/api/tasks/"), 401, "session-ended")

    def test_disabling_ends_sessions_and_enabling_allows_logins(self, api: Api, admin: Person, alice: Person) -> None:
        assert not expect(admin.patch(user_path(alice), {"is_active": False}), 200)["is_active"]
        problem(alice.get("/api/tasks/"), 401, "session-ended")
        expect(admin.patch(user_path(alice), {"is_active": True}), 200)
        api.login(alice)

    def test_a_user_is_renamed(self, admin: Person, alice: Person, bob: Person) -> None:
        name = new_name()
        changes = {"username": name, "email": f"{name}@example.org"}
        shown = expect(admin.patch(user_path(alice), changes), 200)
        assert (shown["username"], shown["email"]) == (name, changes["email"])
        problem(admin.patch(user_path(bob), {"username": name.upper()}), 409, "username-taken")
        problem(admin.patch(user_path(bob), {"email": changes["email"]}), 409, "email-taken")

    def test_a_quota_of_a_user_is_set_and_reported_when_it_is_used_up(self, admin: Person, alice: Person) -> None:
        assert expect(admin.patch(user_path(alice), {"max_tasks": 1}), 200)["max_tasks"] == 1
        alice.task()
        refused = problem(alice.post("/api/tasks/", {"title": "another"}), 409, "quota-exceeded")
        assert (refused["quota"], refused["limit"]) == ("tasks", 1)
        key = {"Idempotency-Key": str(uuid4())}
        problem(alice.post("/api/tasks/", {"title": "another"}, headers=key), 409, "quota-exceeded")
        create = {"id": str(uuid4()), "type": "task", "op": "create", "target": str(uuid4()), "data": {"title": "t"}}
        (result,) = expect(alice.post("/api/sync/", {"mutations": [create]}), 200)["results"]
        assert (result["status"], result["problem"]["quota"]) == ("rejected", "tasks")
        lines = '{"type":"header","format":"tasktracker","version":1}\n{"type":"task","id":"ID","title":"imported"}\n'
        lines = lines.replace("ID", str(uuid4()))
        headers = {"Content-Type": "application/x-ndjson"}
        imported = alice.request("POST", "/api/accounts/me/import/", content=lines, headers=headers)
        problem(imported, 409, "quota-exceeded")
        assert len(alice.titles()) == 1
        expect(admin.patch(user_path(alice), {"max_tasks": None}), 200)
        alice.task()
        invalid(admin.patch(user_path(alice), {"max_tasks": -1, "max_bytes": "x"}), "max_tasks", "max_bytes")

    def test_two_factor_authentication_is_turned_off(self, admin: Person, alice: Person, clock: ManualClock) -> None:
        problem(admin.post(user_path(alice, "disable-two-factor/")), 409, "two-factor-off")
        secret = expect(alice.post("/api/accounts/me/totp/", {"password": PASSWORD}), 200)["secret"]
        code = pyotp.TOTP(secret).at(clock.now())
        expect(alice.post("/api/accounts/me/totp/confirm/", {"code": code}), 200)
        assert expect(admin.get(user_path(alice)), 200)["two_factor"]
        expect(admin.post(user_path(alice, "disable-two-factor/")), 204)
        assert not expect(alice.get("/api/accounts/me/totp/"), 200)["enabled"]
        newest = events(admin, "limit=2")[0]
        assert (newest["subject"], newest["admin"], newest["address"]) == (alice.id, admin.id, "testclient")

    def test_a_user_is_deleted_and_categories_pass_on(self, admin: Person, alice: Person, bob: Person) -> None:
        category = alice.category("PRIVATE-NAME")
        alice.share(category, bob)
        refused = invalid(admin.delete(f"{user_path(alice)}?transfer_to={admin.username}"), "transfer_to")
        unknown = invalid(admin.delete(f"{user_path(alice)}?transfer_to=stranger"), "transfer_to")
        assert unknown != refused
        shown = expect(admin.get(user_path(alice)), 200)
        assert shown["shared_categories"] == [{"editors": [bob.username], "members": 1}]
        assert "PRIVATE-NAME" not in str((refused, unknown, shown))
        expect(admin.delete(f"{user_path(alice)}?transfer_to={bob.username}"), 204)
        problem(admin.get(user_path(alice)), 404, "user-not-found")
        problem(alice.get("/api/tasks/"), 401, "session-ended")
        (event,) = [each for each in events(admin, f"user={alice.id}") if each["kind"] == "delete"]
        assert (event["admin"], event["subject"], event["user"]) == (admin.id, alice.id, None)

    @http_on_memory
    def test_an_unknown_user_is_not_found(self, admin: Person) -> None:
        for method, path, body in [each for each in WRITES if each[1].startswith(USERS + "{")]:
            problem(admin.request(method, path.format(id=uuid4()), json=body), 404, "user-not-found")


class TestService:
    def test_registration_is_closed_and_opened(self, api: Api, admin: Person) -> None:
        assert expect(admin.get(SETTINGS), 200) == {"registration": "open", "fixed": []}
        expect(admin.patch(SETTINGS, {"registration": "invite"}), 200)
        body = {"username": new_name(), "password": PASSWORD}
        invalid(api.post("/api/accounts/register/", body), "invite")
        assert expect(admin.patch(SETTINGS, {}), 200)["registration"] == "invite"
        assert expect(api.get("/api/"), 200)["capabilities"]["registration"] == "invite"
        given = {
            "note": "for Grace",
            "address": "grace@example.org",
            "uses_left": 3,
            "expires_at": "2099-01-01T00:00:00Z",
        }
        invite = expect(admin.post(INVITES, given), 201)
        assert given.items() <= invite.items()
        listed = next(each for each in admin.listed(INVITES) if each["id"] == invite["id"])
        assert listed == {name: value for name, value in invite.items() if name not in ("token", "link")}
        assert invite["link"] == f"/link/invitation?token={invite['token']}"
        assert listed["created_by"] == admin.id
        expect(api.post("/api/accounts/register/", {**body, "invite": invite["token"]}), 201)
        other = expect(admin.post(INVITES, {}), 201)
        expect(admin.delete(f"{INVITES}{other['id']}/"), 204)
        problem(admin.delete(f"{INVITES}{other['id']}/"), 404, "invite-not-found")
        body = {"username": new_name(), "password": PASSWORD, "invite": other["token"]}
        invalid(api.post("/api/accounts/register/", body), "invite")
        expect(admin.patch(SETTINGS, {"registration": "closed"}), 200)
        problem(admin.post(INVITES, {}), 403, "registration-closed")
        (error,) = invalid(admin.patch(SETTINGS, {"registration": "Open"}), "registration")["errors"]
        assert error["message"] == "must be one of open, invite, closed"
        expect(admin.patch(SETTINGS, {"registration": "open"}), 200)

    @http_on_memory
    def test_a_setting_that_the_environment_fixes_is_not_changed(
        self, admin: Person, new_api: Callable[..., Api]
    ) -> None:
        fixed = admin.through(new_api(REGISTRATION="closed").client)
        assert expect(fixed.get(SETTINGS), 200) == {"registration": "closed", "fixed": ["registration"]}
        problem(fixed.patch(SETTINGS, {"registration": "open"}), 409, "setting-fixed")

    @pytest.mark.parametrize("shared", ["sqlite"], indirect=True)  # which has a schema
    def test_the_overview_counts(self, api: Api, admin: Person, alice: Person) -> None:
        task = alice.task()
        expect(alice.patch(f"/api/tasks/{task['id']}/", {"state": "done"}), 200)
        api.container.housekeeping().sweep()
        with api.app.services.subscriptions.subscribed(SessionActor(uuid4(), uuid4(), 1)):
            before = expect(admin.get(OVERVIEW), 200)
        problem(
            api.post("/api/accounts/login/", {"username": alice.username, "password": "wrong"}),
            401,
            "invalid-credentials",
        )
        alice.task("already", state="done")
        api.register()
        api.container.housekeeping().sweep()
        after = expect(admin.get(OVERVIEW), 200)
        assert after["users"] == before["users"] + 1
        assert after["streams"] == before["streams"] - 1
        assert after["tasks"] == before["tasks"] + 1
        assert len(after["days"]) == 30
        today, then = after["days"][-1], before["days"][-1]
        assert {name: today[name] - then[name] for name in today if name != "day"} == {
            "registrations": 1,
            "logins": 0,
            "failures": 1,
            "tasks_created": 1,
            "tasks_done": 1,
        }
        assert then["tasks_done"] >= 1
        assert after["last_sweep"]
        assert after["last_backup"] is None
        assert (after["schema"], after["mail"]["is_on"]) == (Schema(api.container.settings()).head, False)
        assert {each["kind"] for each in after["jobs"]} >= {"remove-account", "refresh-list"}


def test_the_overview_shows_each_number_under_its_name() -> None:
    totals = Totals(users=4, active=3, admins=2, tasks=1)
    marks = {Maintenance.SWEEP: START, Maintenance.BACKUP: START + SECOND}
    counts = {counted: number for number, counted in enumerate(Counted, 5)}
    found = Overview(totals, {JobKind.PURGE_TASK: (12, 13)}, marks, [DayCounts(START.date(), counts)], None)
    view = msgspec.to_builtins(view_overview(found, "0001", 9, is_mail_on=True))
    assert [view[name] for name in ("users", "active_users", "admins", "tasks", "streams", "schema")] == [
        4,
        3,
        2,
        1,
        9,
        "0001",
    ]
    assert view["jobs"] == [{"kind": "purge-task", "waiting": 12, "running": 13}]
    assert view["mail"] == {"is_on": True, "failing": 0, "failing_since": None, "problem": None}
    failing = replace(found, failing=Failing(14, START, "the relay cannot be used"))
    view = msgspec.to_builtins(view_overview(failing, "0001", 9, is_mail_on=False))
    since = view["mail"].pop("failing_since")
    assert view["mail"] == {"is_on": False, "failing": 14, "problem": "the relay cannot be used"}
    assert datetime.fromisoformat(since) == START
    assert [datetime.fromisoformat(view[name]) for name in ("last_sweep", "last_backup")] == [START, START + SECOND]
    assert view["days"] == [{"day": "2026-03-01", **{each.value: number for each, number in counts.items()}}]


class TestActivity:
    def test_every_call_is_recorded_with_who_what_and_whom(
        self, admin: Person, alice: Person, bob: Person, clock: ManualClock
    ) -> None:
        calls: list[tuple[Callable[[], httpx.Response], str, str | None]] = [
            (partial(admin.get, USERS), "user_list", None),
            (partial(admin.get, user_path(alice)), "user_read", alice.id),
            (partial(admin.patch, user_path(alice), {"email": f"{alice.username}@example.org"}), "rename", alice.id),
            (partial(admin.patch, user_path(alice), {"is_admin": True}), "promote", alice.id),
            (partial(admin.patch, user_path(alice), {"is_admin": False}), "demote", alice.id),
            (partial(admin.patch, user_path(alice), {"max_bytes": 1000}), "quota_change", alice.id),
            (partial(admin.post, user_path(alice, "password-reset/")), "password_link", alice.id),
            (partial(admin.post, user_path(alice, "end-sessions/")), "session_end", alice.id),
            (partial(admin.patch, user_path(alice), {"is_active": False}), "disable", alice.id),
            (partial(admin.patch, user_path(alice), {"is_active": True}), "enable", alice.id),
            (partial(admin.get, SETTINGS), "settings_read", None),
            (partial(admin.get, INVITES), "invite_list", None),
            (partial(admin.get, OVERVIEW), "overview_read", None),
            (partial(admin.patch, SETTINGS, {"registration": "open"}), "settings_change", None),
        ]
        (session,) = (each["id"] for each in admin.listed("/api/accounts/sessions/") if each["is_current"])
        clock.advance(timedelta(seconds=1))
        since = clock.now().isoformat().replace("+00:00", "Z")
        for call, kind, subject in calls:
            assert call().is_success
            newest = events(admin, "limit=2")[0]
            assert (newest["kind"], newest["admin"], newest["subject"]) == (kind, admin.id, subject)
            assert newest["admin_username"] == admin.username
            assert (newest["address"], newest["session_id"]) == ("testclient", session)
        user = expect(admin.post(USERS, {"username": new_name()}), 201)
        newest = events(admin, "limit=2")[0]
        assert (newest["kind"], newest["subject"]) == ("register", user["id"])
        assert newest["detail"] == user["username"]
        invite = expect(admin.post(INVITES, {"note": "for Grace"}), 201)["id"]
        expect(admin.delete(f"{INVITES}{invite}/"), 204)
        found = [each for each in events(admin, "limit=3") if each["subject"] == invite]
        assert [(each["kind"], each["detail"]) for each in found] == [
            ("invite_revoke", "for Grace"),
            ("invite_create", "for Grace"),
        ]
        assert events(admin, "kind=settings_change")[0]["detail"] == "open"
        expect(admin.delete(user_path(alice)), 204)
        of_alice = [each for each in events(admin, f"user={alice.id}") if each["kind"] != "user_read"]
        assert (of_alice[0]["kind"], of_alice[0]["username"]) == ("delete", None)
        assert {each["detail"] for each in of_alice} == {alice.username}
        done = admin.listed(ACTIVITY, f"user={admin.id}&since={since}")
        assert {(each["admin"], each["address"], each["session_id"]) for each in done} == {
            (admin.id, "testclient", session)
        }
        kinds = {"register", "invite_create", "invite_revoke", "delete", "activity_list", *(each[1] for each in calls)}
        assert {each["kind"] for each in done} == kinds
        expect(bob.post("/api/accounts/me/delete/", {"password": PASSWORD}), 204)
        (event,) = (each for each in admin.listed(ACTIVITY, f"kind=delete&since={since}") if each["admin"] is None)
        assert event["address"] == "testclient"

    def test_events_are_filtered(self, api: Api, admin: Person, alice: Person, clock: ManualClock) -> None:
        clock.advance(timedelta(seconds=1))
        since = clock.now().isoformat().replace("+00:00", "Z")
        wrong = {"username": alice.username, "password": "wrong"}
        problem(api.post("/api/accounts/login/", wrong), 401, "invalid-credentials")
        problem(api.post("/api/accounts/login/", {**wrong, "username": "unknown"}), 401, "invalid-credentials")
        clock.advance(timedelta(seconds=1))
        until = clock.now().isoformat().replace("+00:00", "Z")
        api.login(alice)
        of_alice = events(admin, f"user={alice.id}")
        assert [each["kind"] for each in of_alice] == ["login", "login", "register"]
        assert of_alice[0]["username"] == alice.username
        failures = events(admin, f"outcome=failure&since={since}")
        assert [each["user"] for each in failures] == [None, alice.id]
        assert events(admin, f"since={since}&until={until}&kind=login&kind=register") == failures
        assert events(admin, f"user={alice.id}&kind=register&since={since}") == []
        assert events(admin, f"user={alice.id}&kind=register&kind=login") == of_alice
        pages = admin.listed(ACTIVITY, f"user={alice.id}&limit=1")
        assert [each["id"] for each in pages] == [each["id"] for each in of_alice]
        invalid(admin.get(f"{ACTIVITY}?user=x&kind=y&since=today&limit=0"), "user", "kind", "since", "limit")

    def test_a_user_sees_what_an_administrator_did_but_not_from_where(self, admin: Person, alice: Person) -> None:
        expect(admin.patch(user_path(alice), {"max_tasks": 5}), 200)
        shown = expect(alice.get("/api/accounts/me/activity/"), 200)["results"][0]
        assert (shown["kind"], shown["by_admin"]) == ("quota_change", True)
        assert (shown["address"], shown["session_id"]) == (None, None)


class TestDeliveries:
    def test_mails_are_listed_cancelled_and_sent_again(
        self, api: Api, admin: Person, alice: Person, clock: ManualClock
    ) -> None:
        kind, address, now = DeliveryKind.VERIFY_EMAIL, f"{new_name()}@example.org", clock.now()
        due, other, failed = (
            Delivery.of(kind, cause=uuid4(), user_id=user, address=address, now=now, mail_domain="example.org")
            for user in (UUID(alice.id), None, UUID(admin.id))
        )
        failed = replace(failed, attempts=3).ended(DeliveryState.FAILED, now, "no such mailbox")
        with api.container.store().writing(SYSTEM) as work:
            for each in (due, other, failed):
                work.deliveries.add(each)
        listed = {each["id"]: each for each in admin.listed(DELIVERIES) if each["address"] == address}
        assert {each["user"]: each["username"] for each in listed.values()} == {
            alice.id: alice.username,
            admin.id: admin.username,
            None: None,
        }
        shown = listed[str(failed.id)]
        assert (shown["problem"], shown["attempts"], shown["ended_at"]) == ("no such mailbox", 3, rfc3339(now))
        assert str(due.id) not in {each["id"] for each in admin.listed(DELIVERIES, "state=failed&limit=1")}
        clock.advance(timedelta(seconds=1))
        since = rfc3339(clock.now())
        cancelled = expect(admin.post(f"{DELIVERIES}{due.id}/cancel/"), 200)
        assert cancelled == listed[str(due.id)] | {"state": "cancelled", "ended_at": since, "next_attempt_at": None}
        retried = expect(admin.post(f"{DELIVERIES}{failed.id}/retry/"), 200)
        assert retried == shown | {"state": "due", "ended_at": None, "next_attempt_at": since}
        expect(admin.post(f"{DELIVERIES}{other.id}/cancel/"), 200)
        expect(admin.post(f"{DELIVERIES}{failed.id}/cancel/"), 200)
        done = [each for each in events(admin, f"user={admin.id}&since={since}") if each["kind"] != "delivery_list"]
        assert [(each["kind"], each["subject"], each["user"]) for each in reversed(done)] == [
            ("delivery_cancel", str(due.id), alice.id),
            ("delivery_retry", str(failed.id), admin.id),
            ("delivery_cancel", str(other.id), None),
            ("delivery_cancel", str(failed.id), admin.id),
        ]
        expect(admin.get(DELIVERIES), 200)
        done = events(admin, f"user={admin.id}")
        assert {"delivery_list", "delivery_retry", "delivery_cancel"} <= {each["kind"] for each in done}
        assert {each["address"] for each in done if each["admin"] == admin.id} == {"testclient"}


def test_no_answer_log_line_or_metric_shows_a_title_or_a_secret(
    new_api: NewApi, admin: Person, alice: Person, bob: Person
) -> None:
    measured = new_api(METRICS_TOKEN=METRICS_TOKEN)
    admin, alice, bob = (person.through(measured.client) for person in (admin, alice, bob))
    title, description, name = "TITLE-OF-A-TASK", "TEXT-OF-A-TASK", "NAME-OF-A-CATEGORY"
    category = alice.category(name)
    alice.task(title, description=description, category=category["id"])
    alice.share(category, bob)
    for unknown in (f"/{title}", f"/api/tasks/{title}/", f"/api/tasks/?{title}={name}", f"/link/{alice.access}"):
        assert alice.get(unknown).status_code in (400, 404)
    tokens = {alice.access, alice.refresh, admin.access, alice.password}
    made: set[str] = set()
    with capture_logs() as logs:
        answers = [admin.get(path.format(id=alice.id)) for path in READS]
        for method, path, given in WRITES:
            if method != "DELETE" and "two-factor" not in path and path != SETTINGS:
                sent = {"username": new_name()} if path == USERS else given
                answer = admin.request(method, path.format(id=alice.id), json=sent)
                shown = expect(answer, answer.status_code) or {}
                links = {shown[field].rpartition("=")[2] for field in ("link", "token") if shown.get(field)}
                made |= links
                text = answer.text
                for link in links:
                    text = text.replace(link, "the link that was asked for")
                assert not any(secret in text for secret in made), answer.text
                answers.append(answer)
        answers += [admin.get(path.format(id=alice.id)) for path in READS]
        answers.append(admin.delete(f"{user_path(alice)}?transfer_to=unknown"))
        answers.append(admin.delete(user_path(alice)))
    metrics = measured.get("/metrics", headers=bearer(METRICS_TOKEN))
    assert 'route="/api/admin/users"' in metrics.text
    assert not any(text in metrics.text for text in (alice.username, alice.id))
    answers.append(metrics)
    assert len(made) == 3
    everything = "".join(answer.text for answer in answers) + repr(logs)
    for secret in (title, description, name, *tokens):
        assert secret not in everything
    later = "".join(answer.text for answer in answers[-len(READS) - 3 :]) + repr(logs)
    assert not any(secret in later for secret in made)
