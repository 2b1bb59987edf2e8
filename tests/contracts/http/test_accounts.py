"""Accounts over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from threading import Event
from typing import Any
from uuid import UUID

import httpx
import pyotp
import pytest

from tasktracker.domain.kernel.errors import MAX_RETRY_SECONDS
from tests.backends import http_on_memory
from tests.contracts.http.base import NewApi, everything, invalid, problem
from tests.fakes import ManualClock
from tests.http import OTHER_PASSWORD, PASSWORD, Api, Person, expect, make_link, new_name
from tests.waiting import PATIENCE

REGISTER = "/api/accounts/register/"
LOGIN = "/api/accounts/login/"
ME = "/api/accounts/me/"
CHANGE_PASSWORD = "/api/accounts/me/password/"
DELETE = "/api/accounts/me/delete/"
ACTIVITY = "/api/accounts/me/activity/"
LONGEST = PASSWORD + "".join(chr(ord("A") + number * number % 57) for number in range(118))


def activity(user: Person) -> list[dict[str, Any]]:
    """Return the authentication events of a user, the newest first."""
    return user.listed(ACTIVITY)


def current(user: Person) -> str:
    """Return the id of a user's session."""
    (found,) = (each["id"] for each in user.listed("/api/accounts/sessions/") if each["is_current"])
    return str(found)


class TestRegistration:
    """`POST /api/accounts/register/`"""

    def test_registering_logs_the_user_in(self, api: Api) -> None:
        name = new_name()
        response = api.post(REGISTER, {"username": name, "password": PASSWORD})
        body = expect(response, 201)
        assert body.keys() == {"access", "refresh", "token_type", "expires_in", "user"}
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 15 * 60)
        user = body["user"]
        assert UUID(user["id"]).version == 7
        assert user == {
            "id": user["id"],
            "username": name,
            "email": None,
            "email_verified_at": None,
            "pending_email": None,
            "first_name": "",
            "last_name": "",
            "time_zone": "UTC",
            "language": "en",
            "is_admin": False,
            "created_at": f"{api.clock.now():%Y-%m-%dT%H:%M:%SZ}",
        }
        assert expect(api.person(body).get(ME), 200) == user

    @pytest.mark.parametrize(
        ("accepted", "chosen", "language"),
        [("de-CH, en;q=0.5", None, "de"), ("fr", None, "en"), ("de", "en", "en"), ("", "de", "de")],
    )
    def test_the_language_is_the_chosen_or_the_accepted_one(
        self, api: Api, accepted: str, chosen: str | None, language: str
    ) -> None:
        body = {"username": new_name(), "password": PASSWORD} | ({"language": chosen} if chosen else {})
        answer = expect(api.post(REGISTER, body, headers={"Accept-Language": accepted}), 201)
        assert answer["user"]["language"] == language
        other = "en" if language == "de" else "de"
        assert expect(api.person(answer).patch(ME, {"language": other}), 200)["language"] == other

    def test_registering_accepts_a_whole_profile(self, api: Api) -> None:
        name = new_name()
        profile = {
            "username": name,
            "email": f"{name}@example.org",
            "first_name": "Ada",
            "last_name": "Lovelace",
            "time_zone": "Europe/London",
        }
        body = expect(api.post(REGISTER, {**profile, "password": PASSWORD, "password2": PASSWORD}), 201)
        assert profile.items() <= body["user"].items()

    def test_registering_refuses_is_admin(self, api: Api) -> None:
        invalid(api.post(REGISTER, {"username": new_name(), "password": PASSWORD, "is_admin": True}), "is_admin")

    def test_the_repeated_password_must_be_the_same(self, api: Api) -> None:
        name = new_name()
        body = {"username": name, "password": PASSWORD, "password2": PASSWORD + "x"}
        invalid(api.post(REGISTER, body), "password2")
        assert api.register(name).username == name

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("{}", "{}"),
            ("anna{}", "ANNA{}"),
            ("strasse{}", "straße{}"),
            ("café{}", "cafe\u0301{}"),
            ("wide{}", "\uff57\uff49\uff44\uff45{}"),
            ("ﬁn{}", "FIN{}"),
        ],
    )
    def test_a_username_is_taken_in_any_case_and_unicode_form(self, api: Api, first: str, second: str) -> None:
        name = new_name()
        api.register(first.format(name))
        problem(api.post(REGISTER, {"username": second.format(name), "password": PASSWORD}), 409, "username-taken")
        problem(api.post(REGISTER, {"username": first.format(name), "password": PASSWORD}), 409, "username-taken")

    @pytest.mark.parametrize(
        ("first", "second"), [("ως{}", "ΩΣ{}"), ("हिन्दी{}", "\u0939\u093f\u0928\u094d\u0926\u0940{}")]
    )
    def test_a_username_in_another_script_is_taken_in_any_case(self, api: Api, first: str, second: str) -> None:
        number = new_name().removeprefix("name")
        api.register(first.format(number))
        body = {"username": second.format(number), "password": PASSWORD}
        problem(api.post(REGISTER, body), 409, "username-taken")

    def test_a_username_keeps_its_spelling(self, api: Api) -> None:
        name = new_name()
        assert api.register(f"  Zoë{name} ").username == f"Zoë{name}"
        assert api.register(f"\uff21da{name}").username == f"Ada{name}"

    def test_an_email_address_is_taken_in_any_case_and_unicode_form(self, api: Api) -> None:
        name = new_name()
        api.register(email=f"{name}é@example.org")
        for email in (f"{name}é@example.org", f"{name.upper()}É@EXAMPLE.ORG", f"{name}e\u0301@example.org"):
            body = {"username": new_name(), "password": PASSWORD, "email": email}
            problem(api.post(REGISTER, body), 409, "email-taken")

    def test_several_users_can_have_no_email_address(self, api: Api) -> None:
        for nothing in (None, "", "  "):
            assert api.register(email=nothing).answer["user"]["email"] is None

    @pytest.mark.parametrize(
        "username", ["", "  ", "ab", " ab ", "a" * 151, "a b c", "a@example.org", "a/b/c", "<b>", "a\u200bbc", "a,b"]
    )
    def test_a_malformed_username_is_refused(self, api: Api, username: str) -> None:
        invalid(api.post(REGISTER, {"username": username, "password": PASSWORD}), "username")

    @pytest.mark.parametrize("form", ["a.+-_{}", "Ünïcode{}", "日本語{}", "x\u0323\u0302y{}", "{:a<150}"])
    def test_a_username_can_have_letters_with_marks_digits_and_some_signs(self, api: Api, form: str) -> None:
        name = form.format(new_name())
        assert api.login(api.register(name)).username == name

    @pytest.mark.parametrize(
        "form", ["हिन्दी{}", "ภาษาไทย{}", "தமிழ்{}", "Алиса{}", "אבג{}", "أحمد{}", "٣٣٣{}", "한국어{}"]
    )
    def test_a_username_can_be_in_any_script(self, api: Api, form: str) -> None:
        name = form.format(new_name().removeprefix("name"))
        assert api.login(api.register(name)).username == name

    @pytest.mark.parametrize(
        "email", ["no-at-sign", "@example.org", "a@", "a@b", "a@@example.org", "a b@example.org", "a@-x.org", "a" * 255]
    )
    def test_a_malformed_email_address_is_refused(self, api: Api, email: str) -> None:
        invalid(api.post(REGISTER, {"username": new_name(), "password": PASSWORD, "email": email}), "email")

    @pytest.mark.parametrize(
        "zone", ["", "utc+1", "Mars/Olympus", "../etc/passwd", "europe/vienna", "localtime", "Factory"]
    )
    def test_an_unknown_time_zone_is_refused(self, api: Api, zone: str) -> None:
        invalid(api.post(REGISTER, {"username": new_name(), "password": PASSWORD, "time_zone": zone}), "time_zone")


class TestPassword:
    @pytest.mark.parametrize("password", ["", "uH8#kq2", "aaaaaaaaaaaa", LONGEST + "x"])
    def test_a_weak_or_malformed_password_is_refused(self, api: Api, password: str) -> None:
        name = new_name()
        body = invalid(api.post(REGISTER, {"username": name, "password": password}), "password")
        assert password not in body["detail"] or not password
        assert api.register(name).username == name

    def test_a_guessable_password_is_refused_with_the_reason(self, api: Api) -> None:
        (error,) = invalid(api.post(REGISTER, {"username": new_name(), "password": "password1"}), "password")["errors"]
        assert error["message"] == "is too easy to guess: This is a very common password."

    def test_the_own_username_and_email_address_are_weak_passwords(self, api: Api) -> None:
        # Each is accepted for another user.
        invalid(api.post(REGISTER, {"username": "kqzvwx.7134", "password": "kqzvwx.7134"}), "password")
        body = {"username": new_name(), "email": "jxqvkz.83@example.org", "password": "jxqvkz.83@example.org"}
        invalid(api.post(REGISTER, body), "password")
        api.register(password="kqzvwx.7134")
        api.register(password="jxqvkz.83@example.org")

    @pytest.mark.parametrize(
        "password", ["uH8#kq2Lx", LONGEST, "пароль-Ёж-7719", "\N{COLLISION SYMBOL}q8#Zk2!vw", "three more words"]
    )
    def test_a_strong_password_is_accepted(self, api: Api, password: str) -> None:
        api.login(api.register(password=password))

    def test_unicode_forms_of_a_password_are_equal(self, api: Api) -> None:
        composed, decomposed = "é8#kq2Lx9wv", "e\u03018#kq2Lx9wv"
        user = api.register(password=composed)
        expect(api.post(LOGIN, {"username": user.username, "password": decomposed}), 200)

    def test_spaces_of_a_password_are_equal(self, api: Api) -> None:
        user = api.register(password="three\u00a0more\u2003words", password2="three more words")
        for typed in ("three more words", "three\u202fmore\u3000words"):
            expect(api.post(LOGIN, {"username": user.username, "password": typed}), 200)
        body = {"current_password": "three\u2009more words", "new_password": OTHER_PASSWORD}
        expect(user.post(CHANGE_PASSWORD, body), 204)

    def test_the_minimum_length_can_be_configured(self, new_api: NewApi) -> None:
        api = new_api(PASSWORD_MIN_LENGTH="12")
        invalid(api.post(REGISTER, {"username": new_name(), "password": "uH8#kq2Lx9v"}), "password")
        api.register(password="uH8#kq2Lx9vq")

    def test_changing_the_password_ends_the_users_other_sessions(self, api: Api, alice: Person, bob: Person) -> None:
        other = api.login(alice)
        body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
        expect(alice.post(CHANGE_PASSWORD, body), 204)
        expect(alice.get(ME), 200)
        expect(bob.get(ME), 200)
        problem(other.get(ME), 401, "session-ended")
        problem(api.post("/api/accounts/refresh/", {"refresh": other.refresh}), 401, "session-ended")
        expect(api.post("/api/accounts/refresh/", {"refresh": alice.refresh}), 200)
        problem(api.post(LOGIN, {"username": alice.username, "password": PASSWORD}), 401, "invalid-credentials")
        expect(api.post(LOGIN, {"username": alice.username, "password": OTHER_PASSWORD}), 200)

    def test_changing_the_password_requires_the_current_one(self, api: Api, alice: Person) -> None:
        other = api.login(alice)
        body = {"current_password": PASSWORD + "x", "new_password": OTHER_PASSWORD}
        invalid(alice.post(CHANGE_PASSWORD, body), "current_password")
        expect(other.get(ME), 200)
        api.login(alice)

    def test_a_weak_new_password_is_refused(self, alice: Person) -> None:
        for weak in ("short", "password1", "x" * 129, alice.username):
            body = {"current_password": PASSWORD, "new_password": weak}
            invalid(alice.post(CHANGE_PASSWORD, body), "new_password")

    def test_no_response_contains_a_password(self, api: Api) -> None:
        user = api.register()
        for response in (user.get(ME), user.patch(ME, {"first_name": "x", "password": PASSWORD})):
            assert PASSWORD not in response.text
            assert "password" not in response.text
            assert "argon2" not in response.text


class TestProfile:
    """`/api/accounts/me/`"""

    def test_a_patch_changes_only_the_given_fields(self, alice: Person) -> None:
        before = expect(alice.get(ME), 200)
        changes = {"first_name": "Ada", "time_zone": "Europe/Vienna"}
        after = expect(alice.patch(ME, changes), 200)
        assert after == before | changes == expect(alice.get(ME), 200)

    def test_an_empty_patch_changes_nothing(self, alice: Person) -> None:
        before = expect(alice.get(ME), 200)
        assert expect(alice.patch(ME, {}), 200) == before

    def test_the_whole_profile_can_be_sent_back(self, alice: Person) -> None:
        before = expect(alice.get(ME), 200)
        changed = before | {"last_name": "Lovelace", "id": "x", "is_admin": True, "created_at": 7}
        assert expect(alice.patch(ME, changed), 200) == before | {"last_name": "Lovelace"}

    def test_names_are_trimmed(self, alice: Person) -> None:
        assert expect(alice.patch(ME, {"first_name": "  Ada\n"}), 200)["first_name"] == "Ada"

    @pytest.mark.parametrize("field", ["username", "email"])
    def test_changing_the_username_or_email_address_requires_the_password(
        self, api: Api, alice: Person, field: str
    ) -> None:
        before = everything(alice)
        name = new_name()
        new = {"username": name, "email": f"{name}@example.org"}[field]
        problem(alice.patch(ME, {field: new}), 403, "confirmation-required")
        invalid(alice.patch(ME, {field: new, "password": "wrong"}), "password")
        assert everything(alice) == before
        assert expect(alice.patch(ME, {field: new, "password": PASSWORD}), 200)[field] == new
        expect(api.post(LOGIN, {"username": new, "password": PASSWORD}), 200)

    def test_an_unchanged_username_needs_no_password(self, alice: Person) -> None:
        profile = expect(alice.get(ME), 200)
        expect(alice.patch(ME, {"username": profile["username"], "email": profile["email"]}), 200)

    def test_null_clears_the_email_address_and_nothing_else(self, alice: Person) -> None:
        email = f"{new_name()}@example.org"
        expect(alice.patch(ME, {"email": email, "password": PASSWORD}), 200)
        problem(alice.patch(ME, {"email": None}), 403, "confirmation-required")
        assert expect(alice.patch(ME, {"email": None, "password": PASSWORD}), 200)["email"] is None
        invalid(alice.patch(ME, dict.fromkeys(("username", "first_name", "last_name", "time_zone"))),
                "username", "first_name", "last_name", "time_zone")  # fmt: skip

    def test_a_username_or_email_address_of_another_is_taken(self, api: Api, alice: Person) -> None:
        name = new_name()
        other = api.register(name, email=f"{name}@example.org")
        before = everything(alice)
        body = {"username": other.username.upper(), "password": PASSWORD}
        problem(alice.patch(ME, body), 409, "username-taken")
        body = {"email": f"{name.upper()}@example.org", "password": PASSWORD}
        problem(alice.patch(ME, body), 409, "email-taken")
        assert everything(alice) == before

    def test_a_user_can_change_the_case_of_their_username(self, api: Api, alice: Person) -> None:
        upper = alice.username.upper()
        assert expect(alice.patch(ME, {"username": upper, "password": PASSWORD}), 200)["username"] == upper
        expect(api.post(LOGIN, {"username": alice.username, "password": PASSWORD}), 200)

    def test_a_released_username_can_be_used_again(self, api: Api, alice: Person) -> None:
        expect(alice.patch(ME, {"username": new_name(), "password": PASSWORD}), 200)
        assert api.register(alice.username).id != alice.id


class TestDeletion:
    """`POST /api/accounts/me/delete/`"""

    def test_deleting_an_account_ends_its_sessions_and_logins(self, api: Api, alice: Person) -> None:
        other = api.login(alice)
        category = alice.category()
        task = alice.task(category=category["id"])
        expect(alice.post(DELETE, {"password": PASSWORD}), 204)
        for user in (alice, other):
            for path in (ME, "/api/tasks/", f"/api/tasks/{task['id']}/", f"/api/categories/{category['id']}/"):
                problem(user.get(path), 401, "session-ended")
            problem(api.post("/api/accounts/refresh/", {"refresh": user.refresh}), 401, "session-ended")
        problem(api.post(LOGIN, {"username": alice.username, "password": PASSWORD}), 401, "invalid-credentials")

    def test_shared_categories_pass_to_the_chosen_editor(self, api: Api, alice: Person) -> None:
        category = alice.category("Groceries")
        task = alice.task(category=category["id"])
        bob, carol = api.register(), api.register()
        for user in (bob, carol):
            body = {"username": user.username, "role": "editor"}
            expect(alice.post(f"/api/categories/{category['id']}/shares/", body), 201)
        stranger = api.register()
        for transfer_to in (stranger.username, stranger.id, alice.username):
            invalid(alice.post(DELETE, {"password": PASSWORD, "transfer_to": transfer_to}), "transfer_to")
        invalid(alice.post(DELETE, {"password": PASSWORD, "transfer_to": None}), "transfer_to")
        expect(alice.post(DELETE, {"password": PASSWORD, "transfer_to": carol.id}), 204)
        for user in (bob, carol):
            shown = expect(user.get(f"/api/categories/{category['id']}/"), 200)
            assert (shown["owner"], shown["role"]) == (carol.id, "owner" if user is carol else "editor")
            expect(user.patch(f"/api/tasks/{task['id']}/", {"title": f"by {user.username}"}), 200)

    def test_the_username_can_be_used_again_for_an_empty_account(self, api: Api, alice: Person) -> None:
        task = alice.task()
        expect(alice.post(DELETE, {"password": PASSWORD}), 204)
        new_user = api.register(alice.username)
        assert new_user.id != alice.id
        assert new_user.titles() == []
        problem(new_user.get(f"/api/tasks/{task['id']}/"), 404, "task-not-found")

    def test_deleting_an_account_keeps_the_data_of_others(self, alice: Person, bob: Person) -> None:
        bob.task(category=bob.category()["id"])
        before = everything(bob)
        expect(alice.post(DELETE, {"password": PASSWORD}), 204)
        assert everything(bob) == before

    def test_deleting_an_account_requires_the_password(self, alice: Person) -> None:
        alice.task()
        before = everything(alice)
        invalid(alice.post(DELETE, {"password": "wrong"}), "password")
        problem(alice.post(DELETE, {}), 403, "confirmation-required")
        assert everything(alice) == before


class TestActivity:
    """`GET /api/accounts/me/activity/`"""

    @http_on_memory
    def test_each_event_names_its_session_and_the_address(self, api: Api, clock: ManualClock) -> None:
        alice = api.register(email=f"{new_name()}@example.org")
        totp, tokens, wrong, proof = (
            f"{ME}totp/",
            "/api/accounts/tokens/",
            {"password": "wrong"},
            {"password": PASSWORD},
        )
        session = current(alice)
        found = activity(alice)

        def happens(kind: str, response: httpx.Response, of: str | None = session, *more: str) -> None:
            """Require that the events since the last call are a success or failure of this kind, and of others."""
            known, found[:] = len(found), activity(alice)
            new = found[: len(found) - known]
            assert sorted(each["kind"] for each in new) == sorted([kind, *more]), new
            (event,) = (each for each in new if each["kind"] == kind)
            outcome = "success" if response.is_success else "failure"
            assert (event["outcome"], event["session_id"], event["address"]) == (outcome, of, "testclient")
            assert not event["by_admin"]

        assert [(each["kind"], each["session_id"], each["address"]) for each in found] == [
            ("register", session, "testclient")
        ]
        happens("confirm", alice.post(f"{ME}confirm/", wrong))
        happens("rename", alice.patch(ME, {"username": "renamed", **wrong}))
        happens("rename", alice.patch(ME, {"username": new_name(), **proof}))
        change = {"current_password": "wrong", "new_password": OTHER_PASSWORD}
        happens("password_change", alice.post(CHANGE_PASSWORD, change))
        happens("password_change", alice.post(CHANGE_PASSWORD, change | {"current_password": PASSWORD}))
        proof = {"password": OTHER_PASSWORD}
        happens("two_factor_enable", alice.post(totp, wrong))
        secret = expect(alice.post(totp, proof), 200)["secret"]
        happens("two_factor_enable", alice.post(f"{totp}confirm/", {"code": "000000"}))
        enabled = alice.post(f"{totp}confirm/", {"code": pyotp.TOTP(secret).at(clock.now())})
        happens("two_factor_enable", enabled)
        codes = expect(enabled, 200)["recovery_codes"]
        token = {"name": "script", "scopes": ["tasks:read"]}
        happens("api_token_create", alice.post(tokens, {**token, **wrong}))
        made = alice.post(tokens, {**token, **proof, "code": codes[0]})
        happens("api_token_create", made, session, "recovery_code_use")
        happens("api_token_revoke", alice.delete(f"{tokens}{made.json()['id']}/"))
        happens("recovery_codes_renew", alice.post(f"{totp}recovery-codes/", wrong))
        renewed = alice.post(f"{totp}recovery-codes/", {**proof, "code": codes[1]})
        happens("recovery_codes_renew", renewed, session, "recovery_code_use")
        codes = expect(renewed, 200)["recovery_codes"]
        name = expect(alice.get(ME), 200)["username"]
        happens("login", api.post(LOGIN, {"username": name, **wrong}), None)
        others = []
        for number in range(3):
            login = api.post(LOGIN, {"username": name, **proof, "code": codes[number]})
            others.append(api.person(expect(login, 200)))
            happens("login", login, current(others[-1]), "recovery_code_use")
        ids = [current(each) for each in others]
        happens("session_end", alice.delete(f"/api/accounts/sessions/{ids[0]}/"), ids[0])
        happens("logout", others[1].post("/api/accounts/logout/"), ids[1])
        happens("session_end", alice.delete("/api/accounts/sessions/"), ids[2])
        happens("two_factor_disable", alice.post(f"{totp}disable/", wrong))
        happens(
            "two_factor_disable",
            alice.post(f"{totp}disable/", {**proof, "code": codes[3]}),
            session,
            "recovery_code_use",
        )
        happens("confirm", alice.post(f"{ME}confirm/", proof))
        body = {"token": "", "new_password": PASSWORD}
        for path, send in (
            ("/api/accounts/password/reset/", api.post),
            ("/link/reset-password", lambda path, form: api.request("POST", path, data=form)),
        ):
            response = send(path, body | {"token": make_link(api.container.store(), name)})
            assert response.is_success
            alice = api.person(expect(api.post(LOGIN, {"username": name, "password": PASSWORD}), 200))
            happens("password_reset", response, None, "login")


class TestDisabledUser:
    def test_a_disabled_user_is_logged_out_and_cannot_log_in(self, api: Api, alice: Person, bob: Person) -> None:
        wrong = api.post(LOGIN, {"username": alice.username, "password": "wrong"})
        api.set_active(alice.username, False)
        problem(alice.get("/api/tasks/"), 401, "session-ended")
        problem(api.post("/api/accounts/refresh/", {"refresh": alice.refresh}), 403, "account-disabled")
        problem(api.post("/api/accounts/verify/", {"token": alice.access}), 401, "session-ended")
        problem(api.post(LOGIN, {"username": alice.username, "password": PASSWORD}), 403, "account-disabled")
        refused = api.post(LOGIN, {"username": alice.username, "password": "wrong"})
        assert refused.json() == wrong.json(), "the response reveals whether the account is disabled"
        expect(bob.get("/api/tasks/"), 200)

    def test_an_enabled_user_can_log_in_again(self, api: Api, alice: Person) -> None:
        alice.task("task")
        api.set_active(alice.username, False)
        api.set_active(alice.username, True)
        problem(alice.get("/api/tasks/"), 401, "session-ended")
        assert api.login(alice).titles() == ["task"]

    def test_the_username_of_a_disabled_user_stays_taken(self, api: Api, alice: Person) -> None:
        api.set_active(alice.username, False)
        problem(api.post(REGISTER, {"username": alice.username, "password": PASSWORD}), 409, "username-taken")


class TestBusy:
    def test_logins_beyond_the_queue_are_refused_as_busy(
        self, new_api: NewApi, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api = new_api(HASHING_THREADS="1", HASHING_QUEUE="1")
        hasher = BlockedHasher(api.container.passwords().verify)
        monkeypatch.setattr(api.container.passwords(), "verify", hasher.verify)
        body = {"username": alice.username, "password": PASSWORD}
        with ThreadPoolExecutor(6) as threads:
            logins = [threads.submit(api.post, LOGIN, body) for _ in range(6)]
            try:
                refused = [login.result() for login in islice(as_completed(logins, timeout=30), 4)]
            finally:
                hasher.release()
            responses = [login.result() for login in logins]
        for response in refused:
            problem(response, 503, "busy")
            assert 1 <= int(response.headers["retry-after"]) <= MAX_RETRY_SECONDS
        assert sorted(response.status_code for response in responses) == [200, 200, 503, 503, 503, 503]
        expect(api.post(LOGIN, body), 200)


class BlockedHasher:
    """Blocks every verification until `release` is called."""

    def __init__(self, verify: Callable[[str, str | None], bool]) -> None:
        self._verify = verify
        self._released = Event()

    def verify(self, password: str, password_hash: str | None) -> bool:
        assert self._released.wait(PATIENCE)
        return self._verify(password, password_hash)

    def release(self) -> None:
        self._released.set()
