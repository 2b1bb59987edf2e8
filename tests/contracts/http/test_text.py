"""Text of any kind in every field: it is stored as sent, or refused with the name of its field."""

from __future__ import annotations

import json
import random
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.http.base import CATEGORIES, TASKS, invalid, path_of
from tests.contracts.http.operations import NOT_TEXT, OPERATIONS, Operation
from tests.contracts.http.test_bad_input import Target
from tests.http import PASSWORD, Api, Person, expect, new_name
from tests.strategies import any_plane, examples

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
EXAMPLES = 100

NO_TEXT = ("assign-role", "assign-category-role", "undo-change", "logout")
TEXT_FIELDS = [
    (operation, name)
    for operation in OPERATIONS
    for name, refused in operation.bad.items()
    # Roles and changes are no free text. Logging out with the token in the header succeeds with any body. So does
    # deleting an account without shared categories.
    if set(NOT_TEXT) <= set(refused) and operation.name not in NO_TEXT and name != "transfer_to"
]
STORED_AS_SENT = {"title", "description", "name", "first_name", "last_name"}


def exported(user: Person) -> str:
    """Return everything that the user has."""
    return expect_text(user.get("/api/accounts/me/export/"))


def expect_text(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return response.text


class TestAnyText:
    def test_a_text_of_any_plane_is_stored_or_refused_as_a_whole(self, api: Api, alice: Person) -> None:
        target = Target(api, alice)
        target.administer()  # before a text becomes the password
        state = {"before": exported(alice)}

        @examples(EXAMPLES)
        @given(field=st.sampled_from(TEXT_FIELDS), text=any_plane(30))
        def send(field: tuple[Operation, str], text: str) -> None:
            operation, name = field
            response = target.send(operation, operation.body(**{name: json.dumps(text)}))
            assert response.status_code < 500, (str(operation), name, ascii(text), response.text)
            after = exported(alice)
            if response.is_success:
                state["before"] = after
                answer = response.json() if response.content else {}
                if name in STORED_AS_SENT and name in answer:
                    assert answer[name] in (text, text.strip())
            else:
                assert after == state["before"], (str(operation), name, ascii(text))

        send()
        expect(alice.get("/api/accounts/me/"), 200)
        titles = [task["title"] for task in alice.listed(TASKS, "sort=title&limit=5")]
        assert sorted(titles) == sorted(alice.titles())
        alice.listed(CATEGORIES, "limit=5")

    def test_a_text_of_any_plane_is_searched_for_pushed_and_imported(self, alice: Person) -> None:
        @examples(EXAMPLES // 10)
        @given(text=any_plane(30))
        def send(text: str) -> None:
            before = exported(alice)
            mutation = {
                "id": str(uuid4()),
                "type": "task",
                "op": "create",
                "target": str(uuid4()),
                "data": {"title": text, "description": text},
            }
            body = json.dumps({"mutations": [mutation]}).encode()
            response = alice.send("POST", "/api/sync/", body)
            assert response.status_code in (200, 400)
            is_applied = response.is_success and response.json()["results"][0]["status"] == "applied"
            assert is_applied or exported(alice) == before
            if text.isprintable():
                assert alice.get(TASKS, params={"q": text}).status_code in (200, 400)
            lines: list[dict[str, Any]] = [
                {"type": "header", "format": "tasktracker", "version": 2},
                {"type": "category", "id": str(uuid4()), "name": text},
                {"type": "task", "id": str(uuid4()), "title": text, "description": text},
                {"type": "end"},
            ]
            content = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
            headers = {"Content-Type": "application/x-ndjson"}
            expect(alice.request("POST", "/api/accounts/me/import/", content=content, headers=headers), 200)
            rows = f"TYPE,CONTENT\nsection,{text}\ntask,{text}\n".encode(errors="surrogatepass")
            headers = {"Content-Type": "text/csv"}
            response = alice.request("POST", "/api/accounts/me/import/", content=rows, headers=headers)
            assert response.status_code in (200, 400)

        send()
        copy = exported(alice).encode()
        headers = {"Content-Type": "application/x-ndjson"}
        report = expect(alice.request("POST", "/api/accounts/me/import/", content=copy, headers=headers), 200)
        assert report["errors"] == []


class TestTitle:
    def test_the_longest_titles_are_stored_sorted_found_and_exported(self, alice: Person) -> None:
        # 1,000 characters of 4 bytes, which no database can compress.
        chance = random.Random(1)
        clusters = [
            chr(chance.randrange(0x20000, 0x2A000)) + "".join(chr(chance.randrange(0xE0100, 0xE01F0)) for _ in range(4))
            for _ in range(200)
        ]
        titles = ["".join([*clusters[:199], each]) for each in clusters[:3]]
        for title in titles:
            task = alice.task(title)
            assert task["title"] == title
            expect(alice.patch(path_of(task), {"title": title[:-5] + "x"}), 200)
            expect(alice.patch(path_of(task), {"title": title}), 200)
        for sort in ("title", "-created_at"):
            assert sorted(t["title"] for t in alice.listed(TASKS, f"sort={sort}&limit=1")) == sorted(titles)
        assert all(title in exported(alice) for title in titles)

    @pytest.mark.parametrize("title", [FAMILY * 200, "e\u0301" * 200, "\u2764\ufe0f", "\u0645\u06cc\u200c\u062e"])
    def test_a_title_may_have_200_characters_as_users_count_them(self, alice: Person, title: str) -> None:
        assert alice.task(title)["title"] == title

    @pytest.mark.parametrize("title", ["x" * 201, FAMILY * 201, "x" * 1001, "\u200b", "\u3164\u2800", "\u2060 \ufe0f"])
    def test_a_longer_or_invisible_title_is_refused(self, alice: Person, title: str) -> None:
        task = alice.task()
        invalid(alice.post(TASKS, {"title": title}), "title")
        invalid(alice.put(path_of(task), {"title": title}), "title")
        invalid(alice.patch(path_of(task), {"title": title}), "title")
        assert alice.titles() == [task["title"]]

    def test_every_error_of_a_new_task_is_named(self, alice: Person) -> None:
        invalid(alice.post(TASKS, {"title": "\u200b", "description": "x" * 10_001}), "title", "description")


class TestName:
    @pytest.mark.parametrize("name", ["\u200b", "\u3164", "\u2800", "\u00ad"])
    def test_an_invisible_name_is_refused(self, api: Api, alice: Person, name: str) -> None:
        category = alice.category()
        invalid(alice.post(CATEGORIES, {"name": name}), "name")
        invalid(alice.patch(f"{CATEGORIES}{category['id']}/", {"name": name}), "name")
        invalid(
            alice.post("/api/accounts/tokens/", {"name": name, "scopes": ["tasks:read"], "password": PASSWORD}), "name"
        )
        login = {"username": alice.username, "password": PASSWORD, "device": name}
        invalid(api.post("/api/accounts/login/", login), "device")

    @pytest.mark.parametrize("form", ["{}\u3164", "\u0430{}", "{}\u0966", "{}\u0301\u0301"])
    def test_a_username_that_looks_like_another_is_refused(self, api: Api, alice: Person, form: str) -> None:
        username = form.format(alice.username.replace("-", "x"))
        body = {"username": username, "password": PASSWORD, "email": "x"}
        invalid(api.post("/api/accounts/register/", body), "username", "email")
        invalid(alice.patch("/api/accounts/me/", {"username": username, "password": PASSWORD}), "username")

    def test_an_invisible_character_in_an_email_address_is_refused(self, api: Api) -> None:
        body = {"username": new_name(), "password": PASSWORD, "email": "bob\u3164@example.org"}
        invalid(api.post("/api/accounts/register/", body), "email")
