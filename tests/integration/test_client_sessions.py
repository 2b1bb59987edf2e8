"""The sessions of the reference client: tokens, logins and logouts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasktracker_client import (
    InvalidArgument,
    LoginRequired,
    Offline,
    Refused,
    Replica,
    WrongUser,
)
from tests.http import PASSWORD, Api, Person, expect, new_name
from tests.integration.phones import URL, Open, Phone, api_token
from tests.line import Line, problem


class TestSessions:
    def test_an_expired_token_is_refreshed(self, api: Api, phone: Phone) -> None:
        phone.create_task(title="one")
        api.clock.advance(timedelta(hours=1))
        assert phone.sync().applied == 1
        assert phone.line.paths["POST /api/accounts/refresh/"] == 1
        phone.sync()
        assert phone.line.paths["POST /api/accounts/refresh/"] == 1
        api.clock.advance(timedelta(hours=1))
        phone.sync()
        assert phone.line.paths["POST /api/accounts/refresh/"] == 2

    def test_a_token_that_another_thread_has_refreshed_is_used(self, phone: Phone) -> None:
        assert phone._api._refreshed("an older one") == phone._local.get("access")
        assert not phone.line.requests

    def test_a_token_that_another_process_refreshes_meanwhile_is_used(self, api: Api, phone: Phone) -> None:
        def refuse(request: httpx.Request) -> httpx.Response | None:
            if request.url.path != "/api/accounts/refresh/":
                return None
            with Phone(phone.path, api) as other:
                other.sync()
            return problem(401)

        phone.create_task(title="one")
        api.clock.advance(timedelta(hours=1))
        phone.line.before = refuse
        phone.sync()
        assert not phone.pending

    def test_a_lost_answer_to_a_refresh_keeps_the_session(self, api: Api, phone: Phone) -> None:
        api.clock.advance(timedelta(hours=1))
        phone.line.lose = ["/api/accounts/refresh/"]
        with pytest.raises(Offline):
            phone.sync()
        api.clock.advance(timedelta(hours=1))
        phone.sync()

    def test_edits_wait_for_the_next_session(self, phone: Phone, ada: Person) -> None:
        phone.create_task(title="one")
        expect(ada.delete("/api/accounts/sessions/"), 204)
        with pytest.raises(LoginRequired):
            phone.sync()
        phone.login(ada.username, ada.password, device="phone")
        assert phone.sync().applied == 1

    def test_a_disabled_account_is_named(self, api: Api, phone: Phone, ada: Person) -> None:
        api.set_active(ada.username, False)
        with pytest.raises(LoginRequired, match="disabled"):
            phone.sync()

    @pytest.mark.parametrize(
        "value", [object(), b"bytes", float("nan"), "\ud800"], ids=["object", "bytes", "nan", "surrogate"]
    )
    def test_a_value_that_cannot_be_sent_is_refused_before_anything_is_sent(
        self, phone: Phone, ada: Person, value: Any
    ) -> None:
        with pytest.raises(InvalidArgument):
            phone.login(ada.username, value)
        assert not phone.line.requests

    def test_edits_survive_a_logout(self, phone: Phone, ada: Person) -> None:
        phone.create_task(title="one")
        phone.logout()
        phone.logout()
        assert not phone.sql("SELECT name FROM settings WHERE name IN ('access', 'refresh')")
        with pytest.raises(LoginRequired):
            phone.sync()
        assert phone.titles() == ["one"]
        phone.login(ada.username, ada.password)
        assert phone.sync().applied == 1

    def test_the_copy_is_of_one_user(self, api: Api, phone: Phone, ada: Person) -> None:
        bob = api.register()
        phone.create_task(title="secret")
        with pytest.raises(WrongUser):
            phone.login(bob.username, bob.password)
        phone.sync()
        assert bob.titles() == []
        assert ada.titles() == ["secret"]

    def test_a_wrong_password_is_refused(self, phone: Phone, ada: Person) -> None:
        with pytest.raises(Refused) as raised:
            phone.login(ada.username, "wrong")
        assert raised.value.status == 401

    def test_an_invalid_token_needs_a_login(self, api: Api, tmp_path: Path) -> None:
        client = httpx.Client(transport=Line(api.client))
        with Replica(tmp_path / "t.db", URL, token="nothing", client=client) as r, pytest.raises(LoginRequired):
            r.sync()

    def test_a_new_user_is_registered_with_a_profile(self, opened: Open, tmp_path: Path) -> None:
        copy, name = opened(tmp_path / "new.db"), new_name()
        copy.register(name, PASSWORD, time_zone="Europe/Berlin")
        copy.create_task("one")
        assert (copy.sync().applied, copy.username) == (1, name)
        assert copy._api.get("/accounts/me/")["time_zone"] == "Europe/Berlin"

    def test_no_account_is_created_for_a_copy_that_has_a_user(self, phone: Phone) -> None:
        for _ in range(2):
            with pytest.raises(WrongUser):
                phone.register(new_name(), PASSWORD)
            assert "POST /api/accounts/register/" not in phone.line.paths
            phone.logout()  # the copy keeps its user

    def test_a_login_names_its_device_and_a_logout_ends_its_session(self, phone: Phone, ada: Person) -> None:
        before = len(ada.listed("/api/accounts/sessions/"))
        phone.login(ada.username, ada.password, device="the phone")
        assert "the phone" in [each["device"] for each in ada.listed("/api/accounts/sessions/")]
        phone.logout()
        assert len(ada.listed("/api/accounts/sessions/")) == before

    def test_a_login_replaces_the_token_that_was_given(self, ada: Person, opened: Open, tmp_path: Path) -> None:
        copy = opened(tmp_path / "t.db", api_token(ada))
        copy.login(ada.username, ada.password)
        access = copy._local.get("access")
        copy.sync()
        assert copy._local.get("access") == access
        assert copy._local.get("refresh")

    def test_a_login_of_another_user_is_named_although_its_session_cannot_be_ended(
        self, api: Api, phone: Phone
    ) -> None:
        bob = api.register()
        phone.line.before = lambda request: problem(503) if request.url.path == "/api/accounts/logout/" else None
        with pytest.raises(WrongUser):
            phone.login(bob.username, bob.password)

    def test_a_revoked_token_needs_a_login(self, ada: Person, opened: Open, tmp_path: Path) -> None:
        copy = opened(tmp_path / "t.db", api_token(ada))
        copy.sync()
        [token] = ada.listed("/api/accounts/tokens/")
        expect(ada.delete(f"/api/accounts/tokens/{token['id']}/"), 204)
        with pytest.raises(LoginRequired, match="no longer valid"):
            copy.sync()

    def test_a_logout_during_a_refresh_stays(self, phone: Phone) -> None:
        def log_out(request: httpx.Request) -> None:
            if request.url.path == "/api/accounts/refresh/":
                phone._local.set(access=None, refresh=None)

        phone.line.before = log_out
        with pytest.raises(LoginRequired, match="logged out"):
            phone._api._refreshed(phone._local.get("access") or "")
        assert phone._local.get("access") is None

    def test_another_refusal_of_a_refresh_is_no_end_of_the_session(self, phone: Phone) -> None:
        phone.line.before = lambda request: problem(403) if request.method == "POST" else None
        with pytest.raises(Refused) as raised:
            phone._api._refreshed(phone._local.get("access") or "")
        assert raised.value.status == 403
