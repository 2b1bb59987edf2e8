"""Requests that may be sent again: `Idempotency-Key`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contracts.http.base import TASKS, NewApi, everything, invalid, path_of, problem
from tests.http import PASSWORD, Api, Person, expect, new_name

CATEGORIES = "/api/categories/"
KEPT = ("etag", "location", "content-type")


@dataclass(frozen=True)
class Sent:
    """A request that succeeds, once."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def by(self, person: Person, key: str) -> httpx.Response:
        """The answer to it, sent with a key."""
        return person.request(
            self.method, self.path, json=self.body, headers={**dict(self.headers), "Idempotency-Key": key}
        )


def create_task(alice: Person, bob: Person) -> Sent:
    return Sent("POST", TASKS, {"title": "new", "due_date": "2000-01-01T00:00:00Z"})


def put_new_task(alice: Person, bob: Person) -> Sent:
    return Sent("PUT", f"{TASKS}{uuid4()}/", {"title": "new"}, (("If-None-Match", "*"),))


def replace_task(alice: Person, bob: Person) -> Sent:
    return Sent("PUT", path_of(alice.task()), {"title": "changed"}, (("If-Match", '"1"'),))


def edit_task(alice: Person, bob: Person) -> Sent:
    return Sent("PATCH", path_of(alice.task()), {"title": "changed", "version": 1})


def delete_task(alice: Person, bob: Person) -> Sent:
    return Sent("DELETE", path_of(alice.task()))


def restore_task(alice: Person, bob: Person) -> Sent:
    task = alice.task()
    expect(alice.delete(path_of(task)), 204)
    return Sent("POST", f"{path_of(task)}restore/")


def undo_change(alice: Person, bob: Person) -> Sent:
    task = alice.task()
    expect(alice.patch(path_of(task), {"title": "changed"}), 200)
    change = alice.listed(f"{path_of(task)}history/")[0]
    return Sent("POST", f"{path_of(task)}undo/", {"change": change["id"]})


def share_task(alice: Person, bob: Person) -> Sent:
    return Sent("POST", f"{path_of(alice.task())}shares/", {"username": bob.username, "role": "viewer"})


def assign_role(alice: Person, bob: Person) -> Sent:
    task = alice.task()
    alice.share(task, bob, "viewer")
    return Sent("PUT", f"{path_of(task)}shares/{bob.id}/", {"role": "editor"})


def unshare_task(alice: Person, bob: Person) -> Sent:
    task = alice.task()
    alice.share(task, bob)
    return Sent("DELETE", f"{path_of(task)}shares/{bob.id}/")


def create_category(alice: Person, bob: Person) -> Sent:
    return Sent("POST", CATEGORIES, {"name": new_name()})


def put_new_category(alice: Person, bob: Person) -> Sent:
    return Sent("PUT", f"{CATEGORIES}{uuid4()}/", {"name": new_name()}, (("If-None-Match", "*"),))


def replace_category(alice: Person, bob: Person) -> Sent:
    return Sent("PUT", f"{CATEGORIES}{alice.category()['id']}/", {"name": new_name()})


def edit_category(alice: Person, bob: Person) -> Sent:
    return Sent("PATCH", f"{CATEGORIES}{alice.category()['id']}/", {"color": "#123456"})


def delete_category(alice: Person, bob: Person) -> Sent:
    return Sent("DELETE", f"{CATEGORIES}{alice.category()['id']}/")


Prepare = Callable[[Person, Person], Sent]
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
each = pytest.mark.parametrize("prepare", ALL, ids=lambda prepare: prepare.__name__)


def replayed(answer: httpx.Response, original: httpx.Response) -> None:
    """Fail unless this is the original answer, given again."""
    assert (answer.status_code, answer.content) == (original.status_code, original.content)
    assert [answer.headers.get(name) for name in KEPT] == [original.headers.get(name) for name in KEPT]
    assert answer.headers["idempotency-replayed"] == "true"
    assert answer.headers["x-request-id"] != original.headers["x-request-id"]


class TestIdempotency:
    """What is sent again is answered again, and not done again."""

    @each
    def test_a_repeated_request_is_executed_once(self, alice: Person, bob: Person, prepare: Prepare) -> None:
        sent = prepare(alice, bob)
        original = sent.by(alice, "key")
        assert original.is_success, original.text
        assert "idempotency-replayed" not in original.headers
        before = everything(alice), everything(bob)
        for _ in range(2):
            replayed(sent.by(alice, "key"), original)
        assert (everything(alice), everything(bob)) == before

    @each
    def test_a_replayed_response_ignores_later_changes(self, alice: Person, bob: Person, prepare: Prepare) -> None:
        sent = prepare(alice, bob)
        original = sent.by(alice, "key")
        for task in alice.listed(TASKS):
            expect(alice.patch(path_of(task), {"title": "changed since"}), 200)
            expect(alice.delete(path_of(task)), 204)
        for task in alice.listed("/api/trash/"):
            expect(alice.delete(f"/api/trash/{task['id']}/"), 204)
        for category in alice.listed(CATEGORIES):
            expect(alice.delete(f"{CATEGORIES}{category['id']}/"), 204)
        replayed(sent.by(alice, "key"), original)
        assert alice.listed(TASKS) == alice.listed("/api/trash/") == alice.listed(CATEGORIES) == []

    @each
    def test_a_key_is_refused_for_another_request(self, alice: Person, bob: Person, prepare: Prepare) -> None:
        sent = prepare(alice, bob)
        other = alice.task("other")
        assert sent.by(alice, other["id"]).is_success
        before = everything(alice)
        for another in (
            Sent("POST", TASKS, {"title": "another"}),
            Sent("PATCH", path_of(other), {"title": "another"}),
            Sent("DELETE", path_of(other)),
            Sent("POST", f"{path_of(other)}restore/"),
            Sent("POST", f"{path_of(other)}shares/", {"username": bob.username, "role": "viewer"}),
            Sent("POST", CATEGORIES, {"name": "another"}),
        ):
            problem(another.by(alice, other["id"]), 422, "idempotency-key-reused")
        assert everything(alice) == before

    def test_method_path_and_body_identify_a_request(self, alice: Person) -> None:
        task, other = alice.task(), alice.task()
        body = b'{"title":"changed"}'
        sane = {"Idempotency-Key": "key", "Content-Type": "application/json"}
        original = alice.request("PATCH", path_of(task), content=body, headers=sane)
        expect(original, 200)
        for method, path, content in (
            ("PUT", path_of(task), body),
            ("PATCH", path_of(other), body),
            ("PATCH", path_of(task), b'{"title": "changed"}'),
            ("PATCH", path_of(task), b'{"title":"changed else"}'),
            ("PATCH", path_of(task), b"{}"),
        ):
            response = alice.request(method, path, content=content, headers=sane)
            problem(response, 422, "idempotency-key-reused")
        for path, headers in (
            (path_of(task).rstrip("/"), sane),
            (path_of(task), sane | {"X-Request-ID": "mine"}),
            (path_of(task), sane | {"Content-Type": "application/merge-patch+json"}),
        ):
            replayed(alice.request("PATCH", path, content=body, headers=headers), original)

    def test_every_user_has_separate_keys(self, api: Api, alice: Person, bob: Person) -> None:
        sent = Sent("POST", TASKS, {"title": "new"})
        original = sent.by(alice, "key")
        others = sent.by(bob, "key")
        assert "idempotency-replayed" not in others.headers
        assert expect(others, 201)["id"] != expect(original, 201)["id"]
        assert (len(alice.listed(TASKS)), len(bob.listed(TASKS))) == (1, 1)
        replayed(sent.by(api.login(alice), "key"), original)

    def test_another_process_replays_the_response(self, new_api: NewApi, alice: Person) -> None:
        sent = Sent("POST", TASKS, {"title": "new"})
        original = sent.by(alice, "key")
        replayed(sent.by(alice.through(new_api().client), "key"), original)

    def test_a_request_without_a_key_is_executed_again(self, alice: Person) -> None:
        for _ in range(2):
            assert "idempotency-replayed" not in alice.post(TASKS, {"title": "new"}).headers
        assert alice.titles() == ["new", "new"]

    def test_different_keys_are_different_requests(self, alice: Person) -> None:
        sent = Sent("POST", TASKS, {"title": "new"})
        ids = {expect(sent.by(alice, key), 201)["id"] for key in ("key", "KEY", "key2", "kez")}
        assert len(ids) == 4

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
        sent = Sent("POST", TASKS, {"title": "new"})
        original = sent.by(alice, "key")
        api.clock.advance(timedelta(days=30))
        api.container.housekeeping().sweep()
        again = api.login(alice)
        replayed(sent.by(again, "key"), original)
        api.clock.advance(timedelta(seconds=1))
        api.container.housekeeping().sweep()
        assert expect(sent.by(again, "key"), 201)["id"] != expect(original, 201)["id"]

    def test_a_removed_member_gets_only_the_old_response(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        alice.share(task, bob)
        sent = Sent("PATCH", path_of(task), {"description": "from bob"})
        original = sent.by(bob, "key")
        expect(original, 200)
        expect(alice.patch(path_of(task), {"title": "secret"}), 200)
        expect(alice.delete(f"{path_of(task)}shares/{bob.id}/"), 204)
        after = expect(alice.get(path_of(task)), 200)
        again = sent.by(bob, "key")
        replayed(again, original)
        assert "secret" not in again.text
        problem(sent.by(bob, "another"), 404, "task-not-found")
        problem(bob.get(path_of(task)), 404, "task-not-found")
        assert expect(alice.get(path_of(task)), 200) == after


class TestIdempotencyKey:
    """Keys, and answers that are not kept."""

    @pytest.mark.parametrize(
        "good", ["k", "!", "~", "k" * 255, '"quoted"', "01890a5d-ac96-774b-bcce-b302099a8057", "a,b;c"]
    )
    def test_a_key_of_visible_ascii_is_accepted(self, alice: Person, good: str) -> None:
        sent = Sent("POST", TASKS, {"title": "new"})
        original = sent.by(alice, good)
        replayed(sent.by(alice, good), original)

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
        for sent, status, put_right, success in (
            (
                Sent("POST", f"{path_of(task)}shares/", {"username": name, "role": "viewer"}),
                400,
                lambda: api.register(name),
                201,
            ),
            (
                Sent("PATCH", path_of(task), {"title": "x"}, (("If-Match", '"3"'),)),
                412,
                lambda: alice.patch(path_of(task), {"title": "y"}),
                200,
            ),
            (
                Sent("POST", CATEGORIES, {"name": taken["name"].upper()}),
                409,
                lambda: alice.delete(f"{CATEGORIES}{taken['id']}/"),
                201,
            ),
            (
                Sent("PATCH", path_of(deleted), {"title": "x"}),
                404,
                lambda: alice.post(f"{path_of(deleted)}restore/"),
                200,
            ),
        ):
            if status == 404:
                expect(alice.delete(path_of(deleted)), 204)
            key = str(uuid4())
            for _ in range(2):
                refused = sent.by(alice, key)
                assert refused.status_code == status, refused.text
                assert "idempotency-replayed" not in refused.headers
            put_right()
            done = sent.by(alice, key)
            assert done.status_code == success, done.text
            assert "idempotency-replayed" not in done.headers
            replayed(sent.by(alice, key), done)

    def test_a_malformed_request_does_not_use_its_key(self, alice: Person) -> None:
        headers = {"Idempotency-Key": "key", "Content-Type": "application/json"}
        invalid(alice.request("POST", TASKS, content=b"{", headers=headers), "body")
        invalid(alice.request("POST", TASKS, content=b'{"title":""}', headers=headers), "title")
        response = alice.request("POST", TASKS, content=json.dumps({"title": "new"}).encode(), headers=headers)
        assert expect(response, 201)["title"] == "new"

    def test_a_key_does_not_replace_a_token(self, api: Api, alice: Person) -> None:
        sent = Sent("POST", TASKS, {"title": "new"})
        expect(sent.by(alice, "key"), 201)
        problem(api.post(TASKS, sent.body, headers={"Idempotency-Key": "key"}), 401, "not-authenticated")
        phone = api.login(alice)
        expect(phone.post("/api/accounts/logout/"), 204)
        problem(sent.by(phone, "key"), 401, "session-ended")

    def test_deleting_an_account_removes_its_keys(self, api: Api, alice: Person) -> None:
        sent = Sent("POST", TASKS, {"title": "new"})
        expect(sent.by(alice, "key"), 201)
        expect(alice.post("/api/accounts/me/delete/", {"password": PASSWORD}), 204)
        again = api.register(alice.username)
        assert "idempotency-replayed" not in sent.by(again, "key").headers
        assert again.titles() == ["new"]
