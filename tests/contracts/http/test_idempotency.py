"""Repeated requests: `Idempotency-Key`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tasktracker.domain.kernel.errors import KeyInUse
from tasktracker.domain.kernel.retention import MARGIN, RETENTION
from tasktracker.entrypoints.http.core import idempotency
from tests.backends import http_on_memory
from tests.contracts.http.base import CATEGORIES, TASKS, NewApi, everything, invalid, path_of, problem
from tests.http import PASSWORD, Api, Person, expect, new_name

REPLAYED_HEADERS = ("etag", "location", "content-type")


@dataclass(frozen=True)
class Request:
    """A request that succeeds once."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def send(self, user: Person, key: str) -> httpx.Response:
        return user.request(
            self.method, self.path, json=self.body, headers={**dict(self.headers), "Idempotency-Key": key}
        )


def create_task(alice: Person, bob: Person) -> Request:
    return Request("POST", TASKS, {"title": "new", "due_date": "2000-01-01T00:00:00Z"})


def put_new_task(alice: Person, bob: Person) -> Request:
    return Request("PUT", f"{TASKS}{uuid4()}/", {"title": "new"}, (("If-None-Match", "*"),))


def replace_task(alice: Person, bob: Person) -> Request:
    return Request("PUT", path_of(alice.task()), {"title": "changed"}, (("If-Match", '"1"'),))


def edit_task(alice: Person, bob: Person) -> Request:
    return Request("PATCH", path_of(alice.task()), {"title": "changed", "version": 1})


def delete_task(alice: Person, bob: Person) -> Request:
    return Request("DELETE", path_of(alice.task()))


def restore_task(alice: Person, bob: Person) -> Request:
    task = alice.task()
    expect(alice.delete(path_of(task)), 204)
    return Request("POST", f"{path_of(task)}restore/")


def undo_change(alice: Person, bob: Person) -> Request:
    task = alice.task()
    expect(alice.patch(path_of(task), {"title": "changed"}), 200)
    change = alice.listed(f"{path_of(task)}history/")[0]
    return Request("POST", f"{path_of(task)}undo/", {"change": change["id"]})


def share_task(alice: Person, bob: Person) -> Request:
    return Request("POST", f"{path_of(alice.task())}shares/", {"username": bob.username, "role": "viewer"})


def assign_role(alice: Person, bob: Person) -> Request:
    task = alice.task()
    alice.share(task, bob, "viewer")
    return Request("PUT", f"{path_of(task)}shares/{bob.id}/", {"role": "editor"})


def unshare_task(alice: Person, bob: Person) -> Request:
    task = alice.task()
    alice.share(task, bob)
    return Request("DELETE", f"{path_of(task)}shares/{bob.id}/")


def create_category(alice: Person, bob: Person) -> Request:
    return Request("POST", CATEGORIES, {"name": new_name()})


def put_new_category(alice: Person, bob: Person) -> Request:
    return Request("PUT", f"{CATEGORIES}{uuid4()}/", {"name": new_name()}, (("If-None-Match", "*"),))


def replace_category(alice: Person, bob: Person) -> Request:
    return Request("PUT", f"{CATEGORIES}{alice.category()['id']}/", {"name": new_name()})


def edit_category(alice: Person, bob: Person) -> Request:
    return Request("PATCH", f"{CATEGORIES}{alice.category()['id']}/", {"color": "#123456"})


def delete_category(alice: Person, bob: Person) -> Request:
    return Request("DELETE", f"{CATEGORIES}{alice.category()['id']}/")


Prepare = Callable[[Person, Person], Request]
ALL: list[Prepare] = [
    create_task,
    put_new_task,
    replace_task,
    edit_task,
    delete_task,
    restore_task,
    undo_change,
    share_task,
    assign_role,
    unshare_task,
    create_category,
    put_new_category,
    replace_category,
    edit_category,
    delete_category,
]
every_operation = pytest.mark.parametrize("prepare", ALL, ids=lambda prepare: prepare.__name__)


def require_replay(response: httpx.Response, original: httpx.Response) -> None:
    """Fail unless this is a replay of the original response."""
    assert (response.status_code, response.content) == (original.status_code, original.content)
    assert [response.headers.get(name) for name in REPLAYED_HEADERS] == [
        original.headers.get(name) for name in REPLAYED_HEADERS
    ]
    assert response.headers["idempotency-replayed"] == "true"
    assert response.headers["x-request-id"] != original.headers["x-request-id"]


class TestIdempotency:
    @every_operation
    def test_a_repeated_request_is_executed_once(self, alice: Person, bob: Person, prepare: Prepare) -> None:
        request = prepare(alice, bob)
        original = request.send(alice, "key")
        assert original.is_success, original.text
        assert "idempotency-replayed" not in original.headers
        before = everything(alice), everything(bob)
        for _ in range(2):
            require_replay(request.send(alice, "key"), original)
        assert (everything(alice), everything(bob)) == before

    @http_on_memory
    @every_operation
    def test_a_slash_at_the_end_of_the_path_makes_no_other_request(
        self, alice: Person, bob: Person, prepare: Prepare
    ) -> None:
        request = prepare(alice, bob)
        original = request.send(alice, "key")
        require_replay(replace(request, path=request.path.rstrip("/")).send(alice, "key"), original)

    @http_on_memory
    @every_operation
    def test_a_replayed_response_ignores_later_changes(self, alice: Person, bob: Person, prepare: Prepare) -> None:
        request = prepare(alice, bob)
        original = request.send(alice, "key")
        for task in alice.listed(TASKS):
            expect(alice.patch(path_of(task), {"title": "changed since"}), 200)
            expect(alice.delete(path_of(task)), 204)
        for task in alice.listed("/api/trash/"):
            expect(alice.delete(f"/api/trash/{task['id']}/"), 204)
        for category in alice.listed(CATEGORIES):
            expect(alice.delete(f"{CATEGORIES}{category['id']}/"), 204)
        require_replay(request.send(alice, "key"), original)
        assert alice.listed(TASKS) == alice.listed("/api/trash/") == alice.listed(CATEGORIES) == []

    @http_on_memory
    @every_operation
    def test_a_key_is_refused_for_another_request(self, alice: Person, bob: Person, prepare: Prepare) -> None:
        request = prepare(alice, bob)
        other = alice.task("other")
        assert request.send(alice, other["id"]).is_success
        before = everything(alice)
        for another in (
            Request("POST", TASKS, {"title": "another"}),
            Request("PATCH", path_of(other), {"title": "another"}),
            Request("DELETE", path_of(other)),
            Request("POST", f"{path_of(other)}restore/"),
            Request("POST", f"{path_of(other)}shares/", {"username": bob.username, "role": "viewer"}),
            Request("POST", CATEGORIES, {"name": "another"}),
        ):
            problem(another.send(alice, other["id"]), 422, "idempotency-key-reused")
        assert everything(alice) == before

    def test_method_path_and_body_identify_a_request(self, alice: Person) -> None:
        task, other = alice.task(), alice.task()
        body = b'{"title":"changed"}'
        headers = {"Idempotency-Key": "key", "Content-Type": "application/json"}
        original = alice.request("PATCH", path_of(task), content=body, headers=headers)
        expect(original, 200)
        for method, path, content in (
            ("PUT", path_of(task), body),
            ("PATCH", path_of(other), body),
            ("PATCH", path_of(task), b'{"title": "changed"}'),
            ("PATCH", path_of(task), b'{"title":"changed else"}'),
            ("PATCH", path_of(task), b"{}"),
        ):
            response = alice.request(method, path, content=content, headers=headers)
            problem(response, 422, "idempotency-key-reused")
        for path, changed_headers in (
            (path_of(task).rstrip("/"), headers),
            (path_of(task), headers | {"X-Request-ID": "mine"}),
            (path_of(task), headers | {"Content-Type": "application/merge-patch+json"}),
        ):
            require_replay(alice.request("PATCH", path, content=body, headers=changed_headers), original)

    def test_every_user_has_separate_keys(self, api: Api, alice: Person, bob: Person) -> None:
        request = Request("POST", TASKS, {"title": "new"})
        original = request.send(alice, "key")
        others = request.send(bob, "key")
        assert "idempotency-replayed" not in others.headers
        assert expect(others, 201)["id"] != expect(original, 201)["id"]
        assert (len(alice.listed(TASKS)), len(bob.listed(TASKS))) == (1, 1)
        require_replay(request.send(api.login(alice), "key"), original)

    def test_another_process_replays_the_response(self, new_api: NewApi, alice: Person) -> None:
        request = Request("POST", TASKS, {"title": "new"})
        original = request.send(alice, "key")
        require_replay(request.send(alice.through(new_api().client), "key"), original)

    def test_a_request_without_a_key_is_executed_again(self, alice: Person) -> None:
        for _ in range(2):
            assert "idempotency-replayed" not in alice.post(TASKS, {"title": "new"}).headers
        assert alice.titles() == ["new", "new"]

    def test_different_keys_are_different_requests(self, alice: Person) -> None:
        request = Request("POST", TASKS, {"title": "new"})
        ids = {expect(request.send(alice, key), 201)["id"] for key in ("key", "KEY", "key2", "kez")}
        assert len(ids) == 4

    def test_a_key_in_use_is_refused_with_retry_after(self, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        def claim(*_: object) -> None:
            raise KeyInUse

        monkeypatch.setattr(idempotency, "once", claim)
        refused = alice.post(TASKS, {"title": "new"}, headers={"Idempotency-Key": "key"})
        problem(refused, 409, "idempotency-key-in-use")
        assert refused.headers["retry-after"] == f"{KeyInUse().retry_after}"

    def test_a_read_ignores_the_key(self, alice: Person) -> None:
        task = alice.task()
        key = {"Idempotency-Key": "key"}
        for title in ("one", "two"):
            expect(alice.patch(path_of(task), {"title": title}), 200)
            response = alice.get(path_of(task), headers=key)
            assert expect(response, 200)["title"] == title
            assert "idempotency-replayed" not in response.headers
        expect(alice.post(TASKS, {"title": "x"}, headers=key), 201)

    def test_a_response_is_kept_for_the_retention_time(self, api: Api, alice: Person) -> None:
        request = Request("POST", TASKS, {"title": "new"})
        original = request.send(alice, "key")
        api.clock.advance(RETENTION)
        api.container.housekeeping().sweep()
        again = api.login(alice)
        require_replay(request.send(again, "key"), original)
        api.clock.advance(MARGIN + timedelta(seconds=1))
        api.container.housekeeping().sweep()
        again = api.login(alice)
        assert expect(request.send(again, "key"), 201)["id"] != expect(original, 201)["id"]

    def test_a_removed_member_gets_only_the_old_response(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        alice.share(task, bob)
        request = Request("PATCH", path_of(task), {"description": "from bob"})
        original = request.send(bob, "key")
        expect(original, 200)
        expect(alice.patch(path_of(task), {"title": "secret"}), 200)
        expect(alice.delete(f"{path_of(task)}shares/{bob.id}/"), 204)
        after = expect(alice.get(path_of(task)), 200)
        again = request.send(bob, "key")
        require_replay(again, original)
        assert "secret" not in again.text
        problem(request.send(bob, "another"), 404, "task-not-found")
        problem(bob.get(path_of(task)), 404, "task-not-found")
        assert expect(alice.get(path_of(task)), 200) == after


class TestIdempotencyKey:
    @pytest.mark.parametrize(
        "good", ["k", "!", "~", "k" * 255, '"quoted"', "01890a5d-ac96-774b-bcce-b302099a8057", "a,b;c"]
    )
    def test_a_key_of_visible_ascii_is_accepted(self, alice: Person, good: str) -> None:
        request = Request("POST", TASKS, {"title": "new"})
        original = request.send(alice, good)
        require_replay(request.send(alice, good), original)

    @pytest.mark.parametrize("odd", [b"", b"k" * 256, b"two words", b"tab\tbed", b"\xc3\xa9", b"\xe9", b"\x7f"])
    def test_any_other_key_is_refused_with_the_name_of_the_header(self, alice: Person, odd: bytes) -> None:
        task, category = alice.task(), alice.category()
        before = everything(alice)
        for method, path, body in (
            ("POST", TASKS, {"title": "new"}),
            ("PUT", path_of(task), {"title": "new"}),
            ("PATCH", path_of(task), {"title": "new"}),
            ("DELETE", path_of(task), None),
            ("POST", f"{path_of(task)}restore/", None),
            ("POST", CATEGORIES, {"name": "new"}),
            ("DELETE", f"{CATEGORIES}{category['id']}/", None),
        ):
            headers = {b"Idempotency-Key": odd, b"Authorization": alice.headers["Authorization"].encode()}
            invalid(alice.client.request(method, path, json=body, headers=headers), "Idempotency-Key")
        assert everything(alice) == before

    def test_two_keys_are_refused(self, alice: Person) -> None:
        headers = [*alice.headers.items(), ("Idempotency-Key", "one"), ("Idempotency-Key", "other")]
        invalid(alice.client.post(TASKS, json={"title": "new"}, headers=headers), "Idempotency-Key")
        assert alice.listed(TASKS) == []

    def test_a_refusal_is_not_replayed(self, api: Api, alice: Person) -> None:
        task = alice.task("task")
        name = new_name()
        taken = alice.category()
        deleted = alice.task("deleted")
        for request, status, fix, success in (
            (
                Request("POST", f"{path_of(task)}shares/", {"username": name, "role": "viewer"}),
                400,
                lambda: api.register(name),
                201,
            ),
            (
                Request("PATCH", path_of(task), {"title": "x"}, (("If-Match", '"3"'),)),
                412,
                lambda: alice.patch(path_of(task), {"title": "y"}),
                200,
            ),
            (
                Request("POST", CATEGORIES, {"name": taken["name"].upper()}),
                409,
                lambda: alice.delete(f"{CATEGORIES}{taken['id']}/"),
                201,
            ),
            (
                Request("PATCH", path_of(deleted), {"title": "x"}),
                404,
                lambda: alice.post(f"{path_of(deleted)}restore/"),
                200,
            ),
        ):
            if status == 404:
                expect(alice.delete(path_of(deleted)), 204)
            key = str(uuid4())
            for _ in range(2):
                refused = request.send(alice, key)
                assert refused.status_code == status, refused.text
                assert "idempotency-replayed" not in refused.headers
            fix()
            done = request.send(alice, key)
            assert done.status_code == success, done.text
            assert "idempotency-replayed" not in done.headers
            require_replay(request.send(alice, key), done)

    def test_a_malformed_request_does_not_use_its_key(self, alice: Person) -> None:
        headers = {"Idempotency-Key": "key", "Content-Type": "application/json"}
        invalid(alice.request("POST", TASKS, content=b"{", headers=headers), "body")
        invalid(alice.request("POST", TASKS, content=b'{"title":""}', headers=headers), "title")
        response = alice.request("POST", TASKS, content=json.dumps({"title": "new"}).encode(), headers=headers)
        assert expect(response, 201)["title"] == "new"

    def test_a_key_does_not_replace_a_token(self, api: Api, alice: Person) -> None:
        request = Request("POST", TASKS, {"title": "new"})
        expect(request.send(alice, "key"), 201)
        problem(api.post(TASKS, request.body, headers={"Idempotency-Key": "key"}), 401, "not-authenticated")
        phone = api.login(alice)
        expect(phone.post("/api/accounts/logout/"), 204)
        problem(request.send(phone, "key"), 401, "session-ended")

    def test_deleting_an_account_removes_its_keys(self, api: Api, alice: Person) -> None:
        request = Request("POST", TASKS, {"title": "new"})
        expect(request.send(alice, "key"), 201)
        expect(alice.post("/api/accounts/me/delete/", {"password": PASSWORD}), 204)
        again = api.register(alice.username)
        assert "idempotency-replayed" not in request.send(again, "key").headers
        assert again.titles() == ["new"]
