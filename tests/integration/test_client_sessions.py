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
from tests.http import Api, Person, expect
from tests.integration.phones import URL, Phone
from tests.line import Line, problem


class TestSessions:
    def test_an_expired_token_is_refreshed(self, api: Api, phone: Phone) -> None:
        phone.create_task(title="one")
        api.clock.advance(timedelta(hours=1))
        assert phone.sync().applied == 1
        assert phone.line.paths["POST /api/accounts/refresh/"] == 1
        phone.sync()
        assert phone.line.paths["POST /api/accounts/refresh/"] == 1

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
