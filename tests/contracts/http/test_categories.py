"""Categories over HTTP."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.contracts.http.base import CATEGORIES, everything, invalid, problem
from tests.fakes import ManualClock
from tests.http import Api, Person, expect


def path_of(category: dict[str, Any]) -> str:
    return f"{CATEGORIES}{category['id']}/"


class TestCategory:
    def test_a_category_is_created(self, alice: Person, clock: ManualClock) -> None:
        now = f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"
        response = alice.post(CATEGORIES, {"name": "Work", "description": "What is paid", "color": "#1E90FF"})
        body = expect(response, 201)
        assert UUID(body["id"]).version == 7
        assert body == {
            "id": body["id"],
            "name": "Work",
            "description": "What is paid",
            "color": "#1e90ff",
            "owner": alice.id,
            "role": "owner",
            "members": [],
            "ready": True,
            "created_at": now,
            "updated_at": now,
            "version": 1,
        }
        assert response.headers["etag"] == '"1"'
        assert response.headers["location"] == path_of(body)
        read = alice.get(response.headers["location"])
        assert expect(read, 200) == body
        assert read.headers["etag"] == '"1"'

    def test_a_category_needs_only_a_name(self, alice: Person) -> None:
        body = expect(alice.post(CATEGORIES, {"name": "  Work\t"}), 201)
        assert (body["name"], body["description"], body["color"]) == ("Work", "", None)

    def test_read_only_fields_are_ignored(self, alice: Person) -> None:
        category = alice.category("Work", color="#000000")
        copy = expect(alice.post(CATEGORIES, category | {"name": "Copy", "version": 9}), 201)
        assert copy["id"] != category["id"]
        assert copy["version"] == 1

    def test_a_patch_changes_only_the_given_fields(self, alice: Person, clock: ManualClock) -> None:
        category = alice.category("Work", description="all of it", color="#123456")
        clock.advance(minutes=1)
        response = alice.patch(path_of(category), {"name": "Labour"})
        changed = expect(response, 200)
        moved = {"name": "Labour", "version": 2, "updated_at": f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"}
        assert changed == category | moved | {"updated_at": changed["updated_at"]}
        assert changed["updated_at"] > category["updated_at"]
        assert response.headers["etag"] == '"2"'
        assert expect(alice.get(path_of(category)), 200) == changed

    def test_null_clears_only_the_colour(self, alice: Person) -> None:
        category = alice.category(color="#123456")
        invalid(alice.patch(path_of(category), {"name": None, "description": None}), "name", "description")
        assert expect(alice.patch(path_of(category), {"color": None}), 200)["color"] is None

    @pytest.mark.parametrize("change", [{}, {"color": "#ABCDEF"}, {"name": " Work "}, {"description": "all of it"}])
    def test_a_change_without_effect_keeps_the_version(self, alice: Person, change: dict[str, str]) -> None:
        category = alice.category("Work", description="all of it", color="#abcdef")
        assert expect(alice.patch(path_of(category), change), 200) == category
        assert expect(alice.put(path_of(category), category), 200) == category

    def test_a_put_resets_fields_that_are_not_given(self, alice: Person) -> None:
        category = alice.category("Work", description="all of it", color="#123456")
        response = alice.put(path_of(category), {"name": "Labour"})
        body = expect(response, 200)
        assert (body["name"], body["description"], body["color"], body["version"]) == ("Labour", "", None, 2)
        assert body["created_at"] == category["created_at"]
        assert response.headers["etag"] == '"2"'
        invalid(alice.put(path_of(category), {"color": "#123456"}), "name")

    def test_the_whole_representation_can_be_sent_back(self, alice: Person) -> None:
        category = alice.category("Work", color="#123456")
        changed = expect(alice.put(path_of(category), category | {"name": "Labour"}), 200)
        assert (changed["name"], changed["color"], changed["version"]) == ("Labour", "#123456", 2)
        again = expect(alice.patch(path_of(category), changed | {"description": "all of it"}), 200)
        assert (again["description"], again["version"]) == ("all of it", 3)

    def test_a_category_can_be_deleted(self, alice: Person) -> None:
        category = alice.category()
        response = alice.delete(path_of(category))
        assert (response.status_code, response.content) == (204, b"")
        for method in ("GET", "DELETE"):
            problem(alice.request(method, path_of(category)), 404, "category-not-found")
        problem(alice.patch(path_of(category), {"name": "x"}), 404, "category-not-found")
        assert alice.listed(CATEGORIES) == []

    def test_deleting_a_category_unfiles_its_tasks(self, alice: Person, clock: ManualClock) -> None:
        category, other = alice.category(), alice.category()
        filed = [alice.task(f"filed {number}", category=category["id"]) for number in range(3)]
        in_other, unfiled = alice.task(category=other["id"]), alice.task()
        clock.advance(minutes=1)
        expect(alice.delete(path_of(category)), 204)
        for before in filed:
            response = alice.get(f"/api/tasks/{before['id']}/")
            after = expect(response, 200)
            assert after == before | {"category": None, "version": 2, "updated_at": after["updated_at"]}
            assert after["updated_at"] > before["updated_at"]
            assert response.headers["etag"] == '"2"'
        for before in (in_other, unfiled):
            assert expect(alice.get(f"/api/tasks/{before['id']}/"), 200) == before
        assert sorted(alice.titles("category=none")) == ["filed 0", "filed 1", "filed 2", "something"]

    def test_a_released_name_can_be_used_again(self, alice: Person) -> None:
        first = alice.category("Work")
        second = alice.category("Play")
        expect(alice.patch(path_of(first), {"name": "Labour"}), 200)
        expect(alice.patch(path_of(second), {"name": "Work"}), 200)
        expect(alice.delete(path_of(second)), 204)
        alice.category("work")


class TestCategoryName:
    VARIANTS = (
        ("Work", "work"),
        ("Work", "  WORK "),
        ("Straße", "STRASSE"),
        ("Café", "Cafe\u0301"),
        ("\uff37\uff29\uff24\uff25", "wide"),
        ("ﬁsh", "FISH"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("ᾷ", "\u1fb7".upper()),
        ("①", "1"),
        ("🏠 Home", "🏠 HOME"),
    )

    @pytest.mark.parametrize(("name", "variant"), VARIANTS)
    def test_a_name_is_taken_in_any_case_and_unicode_form(self, alice: Person, name: str, variant: str) -> None:
        first, other = alice.category(name), alice.category("other")
        before = everything(alice)
        problem(alice.post(CATEGORIES, {"name": variant}), 409, "category-name-taken")
        problem(alice.put(path_of(other), {"name": variant}), 409, "category-name-taken")
        problem(alice.patch(path_of(other), {"name": variant}), 409, "category-name-taken")
        assert everything(alice) == before
        assert expect(alice.patch(path_of(first), {"name": variant}), 200)["name"] == variant.strip()

    def test_similar_names_are_different(self, alice: Person) -> None:
        for name in ("Work", "Works", "W ork", "Wörk", "Wоrk"):  # noqa: RUF001 the last one is Cyrillic
            alice.category(name)
        assert len(alice.listed(CATEGORIES)) == 5

    def test_two_users_can_use_the_same_name(self, alice: Person, bob: Person) -> None:
        assert alice.category("Work")["id"] != bob.category("Work")["id"]

    @pytest.mark.parametrize("name", ["x", "x" * 64, "\N{COLLISION SYMBOL}" * 64, " " + "x" * 64 + " ", "日本語"])
    def test_a_name_of_1_to_64_characters_is_accepted(self, alice: Person, name: str) -> None:
        assert alice.category(name)["name"] == name.strip()
        assert alice.listed(CATEGORIES)[0]["name"] == name.strip()

    @pytest.mark.parametrize("name", ["", " ", "\t\n", "\u3000", "x" * 65, "\N{COLLISION SYMBOL}" * 65])
    def test_an_empty_or_longer_name_is_refused(self, alice: Person, name: str) -> None:
        category = alice.category()
        invalid(alice.post(CATEGORIES, {"name": name}), "name")
        invalid(alice.put(path_of(category), {"name": name}), "name")
        invalid(alice.patch(path_of(category), {"name": name}), "name")
        assert alice.listed(CATEGORIES) == [category]

    @pytest.mark.parametrize("color", ["", "red", "#fff", "#12345g", "123456", "#1234567", " #123456", "#12345\uff16"])
    def test_a_colour_without_six_hexadecimal_digits_is_refused(self, alice: Person, color: str) -> None:
        category = alice.category()
        invalid(alice.post(CATEGORIES, {"name": "other", "color": color}), "color")
        invalid(alice.patch(path_of(category), {"color": color}), "color")
        assert alice.listed(CATEGORIES) == [category]

    def test_a_description_has_up_to_1000_characters(self, alice: Person) -> None:
        category = alice.category(description="é" * 1000)
        assert category["description"] == "é" * 1000
        invalid(alice.patch(path_of(category), {"description": "é" * 1001}), "description")
        assert expect(alice.patch(path_of(category), {"description": ""}), 200)["description"] == ""


class TestCategoryList:
    """`GET /api/categories/`"""

    def test_categories_are_listed_by_case_folded_name(self, alice: Person) -> None:
        for name in ("b", "a", "C", "é", "Z", "e\u0301x", "日本語", "\N{COLLISION SYMBOL}", "\uffee", "10", "9"):
            alice.category(name)
        names = [category["name"] for category in alice.listed(CATEGORIES)]
        # By code point of the folded name: "\uffee" folds to "\u25cb".
        assert names == ["10", "9", "a", "b", "C", "Z", "é", "e\u0301x", "\uffee", "日本語", "\N{COLLISION SYMBOL}"]

    def test_every_page_continues_the_previous_one(self, alice: Person) -> None:
        for number in range(7):
            alice.category(f"name {number}")
        whole = expect(alice.get(CATEGORIES), 200)
        assert whole["next_cursor"] is None
        for limit in (1, 2, 3, 6, 7, 200):
            assert alice.listed(CATEGORIES, f"limit={limit}") == whole["results"]
        assert "link" not in alice.get(f"{CATEGORIES}?limit=7").headers

    def test_the_link_header_leads_to_the_next_page(self, api: Api, alice: Person) -> None:
        for number in range(5):
            alice.category(f"name {number}")
        pages = []
        url = f"{CATEGORIES}?limit=2"
        while url:
            response = alice.get(url)
            pages.append([category["name"] for category in expect(response, 200)["results"]])
            url = response.links.get("next", {}).get("url", "")
        assert pages == [["name 0", "name 1"], ["name 2", "name 3"], ["name 4"]]

    def test_changes_between_two_pages_neither_repeat_nor_skip_a_category(self, alice: Person) -> None:
        for name in ("b", "d", "f", "h"):
            alice.category(name)
        first = expect(alice.get(f"{CATEGORIES}?limit=2"), 200)
        alice.category("a")
        alice.category("c")
        alice.category("e")
        deleted = next(category for category in alice.listed(CATEGORIES) if category["name"] == "d")
        expect(alice.delete(path_of(deleted)), 204)
        second = expect(alice.get(f"{CATEGORIES}?limit=200&cursor={first['next_cursor']}"), 200)
        assert [category["name"] for category in first["results"]] == ["b", "d"]
        assert [category["name"] for category in second["results"]] == ["e", "f", "h"]

    def test_a_page_has_100_categories_by_default(self, alice: Person) -> None:
        for number in range(101):
            alice.category(f"name {number:03}")
        body = expect(alice.get(CATEGORIES), 200)
        assert len(body["results"]) == 100
        assert body["next_cursor"]
        assert len(expect(alice.get(f"{CATEGORIES}?limit=200"), 200)["results"]) == 101

    def test_categories_of_others_are_not_listed(self, alice: Person, bob: Person) -> None:
        alice.category()
        assert bob.listed(CATEGORIES) == []


class TestCategoryPrivacy:
    def test_a_category_of_another_user_looks_like_an_unknown_one(self, alice: Person, bob: Person) -> None:
        category = alice.category("Work")
        before = everything(alice)
        requests: list[tuple[str, Any, dict[str, str]]] = [
            ("GET", None, {}),
            ("GET", None, {"If-None-Match": '"1"'}),
            ("PUT", {"name": "new"}, {}),
            ("PUT", {"name": "new"}, {"If-Match": '"9"'}),
            ("PATCH", {"name": "new"}, {}),
            ("PATCH", {"version": 9}, {}),
            ("PATCH", {}, {"If-Match": '"1"'}),
            ("DELETE", None, {}),
            ("DELETE", None, {"If-Match": '"9"'}),
        ]
        for method, body, headers in requests:
            hidden = bob.request(method, path_of(category), json=body, headers=headers)
            missing = bob.request(method, f"{CATEGORIES}{uuid4()}/", json=body, headers=headers)
            problem(hidden, 404, "category-not-found")
            assert hidden.json() == missing.json()
            assert hidden.headers.keys() == missing.headers.keys()
        assert everything(alice) == before

    def test_a_category_of_another_user_cannot_be_used(self, alice: Person, bob: Person) -> None:
        category, task = alice.category(), bob.task()
        for category_id in (category["id"], str(uuid4())):
            responses = [
                bob.post("/api/tasks/", {"title": "x", "category": category_id}),
                bob.put(f"/api/tasks/{task['id']}/", {"title": "x", "category": category_id}),
                bob.patch(f"/api/tasks/{task['id']}/", {"category": category_id}),
            ]
            for response in responses:
                assert invalid(response, "category") == responses[0].json()
        assert bob.listed("/api/tasks/") == [task]
        assert bob.titles(f"category={category['id']}") == []


class TestCategoryVersion:
    def test_a_known_version_is_answered_with_304(self, alice: Person) -> None:
        category = expect(alice.patch(path_of(alice.category()), {"color": "#112233"}), 200)
        for known in ('"2"', 'W/"2"', '"7", "2"', ' "7" ,"2",', "*"):
            response = alice.get(path_of(category), headers={"If-None-Match": known})
            assert (response.status_code, response.content) == (304, b"")
            assert response.headers["etag"] == '"2"'
        for other in ('"1"', '"22"', '"2.o"', '"x"'):
            assert expect(alice.get(path_of(category), headers={"If-None-Match": other}), 200) == category

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    def test_a_change_with_a_stale_if_match_is_refused(self, alice: Person, method: str) -> None:
        category = alice.category("Work")
        current = expect(alice.patch(path_of(category), {"name": "Labour"}), 200)
        body = None if method == "DELETE" else {"name": "changed"}
        for stale in ('"1"', '"3"', 'W/"2"', '"2.5"', '"1", "3"', '"9223372036854775808"', '"' + "2" * 5000 + '"'):
            response = alice.request(method, path_of(category), json=body, headers={"If-Match": stale})
            assert problem(response, 412, "stale-version")["current"] == current
        assert alice.listed(CATEGORIES) == [current]
        good = {"If-Match": '"1", "2"'}
        assert alice.request(method, path_of(category), json=body, headers=good).is_success

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_a_version_in_the_body_is_a_precondition(self, alice: Person, method: str) -> None:
        category = alice.category("Work")
        body = {"name": "changed", "version": 2}
        assert problem(alice.request(method, path_of(category), json=body), 412, "stale-version")["current"] == category
        both = alice.request(method, path_of(category), json=body | {"version": 1}, headers={"If-Match": '"2"'})
        problem(both, 412, "stale-version")
        assert expect(alice.request(method, path_of(category), json=body | {"version": 1}), 200)["version"] == 2

    def test_every_change_increments_the_version(self, alice: Person) -> None:
        category = alice.category()
        responses = [expect(alice.patch(path_of(category), {"name": f"name {n}"}), 200) for n in range(3)]
        assert [after["version"] - before["version"] for before, after in pairwise([category, *responses])] == [1, 1, 1]
