"""The owner of a copy: servers, users and tokens; copied files, and several files or processes with one token."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasktracker_client import (
    EditsPending,
    InvalidArgument,
    LoginRequired,
    NotUnderstood,
    Offline,
    Replica,
    Unavailable,
    WrongServer,
    WrongUser,
)
from tests.contracts.base import race
from tests.http import Api, Person
from tests.integration.phones import URL, Open, Phone, api_token, in_sync
from tests.line import Line

USES_SECRETS: list[Callable[[Replica], object]] = [
    Replica.sync,
    Replica.logout,
    lambda replica: replica.login("ada", "secret"),
    lambda replica: replica.register("ada", "secret"),
]


class TestBinding:
    def test_a_token_of_another_user_sends_no_edit(self, api: Api, phone: Phone, ada: Person, opened: Open) -> None:
        bob, line = api.register(), Line(api.client)
        phone.create_task("secret")
        other = opened(phone.path, api_token(bob), line)
        with pytest.raises(WrongUser):
            other.sync()
        assert line.paths == {"GET /api/": 2}
        assert bob.titles() == []
        assert phone.sync().applied == 1  # the tokens of the file are kept
        assert ada.titles() == ["secret"]

    @pytest.mark.parametrize("call", USES_SECRETS)
    def test_another_server_receives_no_token_and_no_password(
        self, phone: Phone, opened: Open, api: Api, call: Callable[[Replica], object]
    ) -> None:
        line = Line(api.client)
        seen: list[httpx.Request] = []

        def describe(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return httpx.Response(200, json={"name": "Task Tracker", "server": "another"})

        line.before = describe
        other = opened(phone.path, line=line)
        with pytest.raises((WrongServer, WrongUser)):
            call(other)
        assert all("Authorization" not in each.headers and not each.content for each in seen)
        assert phone.sync().is_clean

    @pytest.mark.parametrize("status", [200, 401])
    def test_a_server_that_does_not_describe_itself_receives_no_token(
        self, phone: Phone, opened: Open, api: Api, status: int
    ) -> None:
        line = Line(api.client)
        line.before = lambda _: httpx.Response(status, json={"ok": True})
        with pytest.raises(NotUnderstood):
            opened(phone.path, line=line).sync()

    def test_a_copy_that_another_process_has_bound_meanwhile_is_not_bound_again(self, phone: Phone) -> None:
        with pytest.raises(WrongServer):
            phone._local.bind("another", phone._local.get("user") or "", access="x")
        assert phone._local.get("access") != "x"

    def test_a_server_is_checked_again_after_it_was_out_of_reach(self, phone: Phone) -> None:
        phone.line.is_up = False
        with pytest.raises(Offline):
            phone.sync()
        phone.line.is_up = True
        phone.sync()
        assert phone.line.paths["GET /api/"] == 1

    def test_a_login_of_another_user_opens_no_session(self, api: Api, phone: Phone) -> None:
        bob = api.register()
        with pytest.raises(WrongUser):
            phone.login(bob.username, bob.password)
        assert len(bob.listed("/api/accounts/sessions/")) == 1
        assert phone.sync().is_clean

    def test_a_copy_of_a_user_registers_no_other(self, phone: Phone) -> None:
        with pytest.raises(WrongUser):
            phone.register("another user", "uH8#kq2Lx9")
        assert not phone.line.requests

    def test_a_copy_with_a_token_names_its_user(self, ada: Person, opened: Open, tmp_path: Path) -> None:
        replica = opened(tmp_path / "t.db", api_token(ada))
        replica.sync()
        assert replica.username == ada.username
        assert opened(tmp_path / "t.db").sync().is_clean  # the file stores the token

    def test_a_token_replaces_the_tokens_of_a_session(self, phone: Phone, ada: Person, opened: Open) -> None:
        token = api_token(ada)
        opened(phone.path, token).sync()
        assert phone.sql("SELECT name, value FROM settings WHERE name IN ('access', 'refresh')") == [("access", token)]

    def test_a_copy_without_a_user_sends_nothing(self, opened: Open, api: Api, tmp_path: Path) -> None:
        line = Line(api.client)
        with pytest.raises(LoginRequired):
            opened(tmp_path / "t.db", line=line).sync()
        assert not line.requests

    def test_a_reset_copy_takes_another_user(self, api: Api, phone: Phone, ada: Person) -> None:
        ada.task("hers")
        phone.sync()
        phone.create_task("secret")
        with pytest.raises(EditsPending):
            phone.reset()
        assert phone.titles() == ["hers", "secret"]
        phone.reset(discard_edits=True)
        assert (phone.titles(), phone.username) == ([], None)
        with pytest.raises(LoginRequired):
            phone.sync()
        bob = api.register()
        phone.line.requests.clear()
        phone.login(bob.username, bob.password)
        in_sync(phone)
        assert (phone.titles(), bob.titles()) == ([], [])
        assert phone.line.paths["GET /api/"] == 1, "there may be another server at the address"

    def test_a_reset_copy_keeps_nothing(self, phone: Phone) -> None:
        phone.sql(
            "INSERT INTO issues VALUES (1, 'm', 'task', 'update', 't', 'rejected', '{}', '{}', 'null', NULL, '{}')"
        )
        with pytest.raises(EditsPending):
            phone.reset()
        phone.sql("INSERT INTO aliases VALUES ('category', 'a', 'b')")
        phone.sql("INSERT INTO deletions (type, id, version) VALUES ('task', 't', 1)")
        phone.reset(discard_edits=True)
        for (table,) in phone.sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
            assert phone.sql(f"SELECT * FROM {table}") == []

    @pytest.mark.parametrize("forget", [Replica.logout, partial(Replica.reset, discard_edits=True)])
    def test_a_token_that_was_not_used_yet_is_forgotten_too(
        self, api: Api, ada: Person, opened: Open, tmp_path: Path, forget: Callable[[Replica], None]
    ) -> None:
        copy = opened(tmp_path / "t.db", api_token(ada))
        forget(copy)
        with pytest.raises(LoginRequired):
            copy.sync()

    def test_a_late_refresh_does_not_replace_newer_tokens(self, phone: Phone) -> None:
        """As when another process has refreshed since."""

        def overtake(request: httpx.Request) -> None:
            if request.url.path == "/api/accounts/refresh/":
                phone._local.set(access="newer", refresh="newer")

        phone.line.before = overtake
        assert phone._api._refreshed(phone._local.get("access") or "") == "newer"
        assert phone._local.get("refresh") == "newer"


class TestArguments:
    @pytest.mark.parametrize(
        "url",
        [
            *("", "127.0.0.1:8393/api", "localhost:8393/api", "/api", "ftp://x", "http://", "http://[::1"),
            *("http://x:99999/api", "http://x:65536/api", "http://x/a\nb", "http://x/api?a=b", "http://x/api#a"),
        ],
    )
    def test_a_wrong_url_is_refused_before_a_file_is_created(self, tmp_path: Path, url: str) -> None:
        with pytest.raises(InvalidArgument, match="URL"):
            Replica(tmp_path / "x.db", url)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("url", ["http://x:65535/api", "https://x:1", "http://[::1]:8000/api"])
    def test_any_port_can_be_used(self, tmp_path: Path, url: str) -> None:
        with httpx.Client() as client:
            Replica(tmp_path / "x.db", url, client=client).close()

    @pytest.mark.parametrize("path", ["a\0b", "\ud800", None, 3])
    def test_a_path_that_cannot_be_used_is_refused(self, path: Any) -> None:
        with pytest.raises(InvalidArgument, match="path"):
            Replica(path, URL)

    @pytest.mark.parametrize("token", ["", "tt_secret\n", "tt_sécret", "tt_ secret", "tt_secret\x00"])
    def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(self, tmp_path: Path, token: str) -> None:
        with pytest.raises(InvalidArgument) as raised:
            Replica(tmp_path / "x.db", URL, token=token)
        assert "tt_" not in str(raised.value)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("token", ["", "tt_secret\n", "tt_sécret", None])
    def test_a_token_of_a_server_that_cannot_be_sent_is_not_stored(self, phone: Phone, token: str | None) -> None:
        tokens = {"access": token, "refresh": "x", "user": {"id": "x", "username": "x"}}
        phone.line.before = lambda request: httpx.Response(200, json=tokens) if request.method == "POST" else None
        with pytest.raises(NotUnderstood) as raised:
            phone.login("ada", "secret")
        assert "tt_" not in str(raised.value)

    def test_an_error_that_may_pass_has_a_delay_before_the_next_attempt(self, phone: Phone) -> None:
        phone.line.before = lambda _: httpx.Response(502)
        with pytest.raises(Unavailable) as unavailable:
            phone.sync()
        phone.line.is_up = False
        with pytest.raises(Offline) as offline:
            phone.sync()
        assert unavailable.value.retry_after == offline.value.retry_after == 5


class TestConnections:
    def test_a_client_that_was_given_stays_open_and_its_own_one_is_closed(self, tmp_path: Path) -> None:
        with httpx.Client() as given:
            with Replica(tmp_path / "x.db", URL, client=given):
                pass
            assert not given.is_closed
        with Replica(tmp_path / "y.db", URL) as replica:
            own = replica._api._client
            assert (own.timeout.connect, own.timeout.read, own.timeout.write) == (10, 30, 30)
        assert own.is_closed


class TestSeveral:
    """Edits of several files or processes are in conflict with one another, also with the same token."""

    def test_edits_of_a_file_and_of_its_copy_do_not_overwrite_each_other(
        self, phone: Phone, opened: Open, tmp_path: Path
    ) -> None:
        task = phone.create_task("before")
        phone.sync()
        phone.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        copied = opened(shutil.copy(phone.path, tmp_path / "copied.db"))
        phone.edit_task(task, title="one")
        assert phone.sync().is_clean
        copied.edit_task(task, title="two")
        assert [issue.data for issue in copied.sync().conflicts] == [{"title": "two"}]
        assert [each.title for each in copied.tasks()] == ["one"]

    def test_an_edit_names_the_earlier_edits_that_it_is_based_on(self, phone: Phone, laptop: Phone) -> None:
        """The title was merged, so its version does not show that no edit of others lies between."""
        task = phone.create_task("one")
        in_sync(phone, laptop)
        laptop.edit_task(task, priority=4)
        laptop.sync()
        phone.edit_task(task, title="two")
        phone.line.before = lambda request: httpx.Response(502) if request.method == "GET" else None
        with pytest.raises(Unavailable):
            phone.sync()  # merged, but not pulled
        phone.edit_task(task, title="three")
        [edit] = phone.pending
        assert (edit.base_version, len(edit.own)) == (1, 1)
        assert edit.body["own"] == list(edit.own)
        phone.line.before = lambda _: None
        assert phone.sync().is_clean
        in_sync(phone, laptop)
        assert laptop.titles() == ["three"]

    def test_an_edit_that_was_waiting_names_the_one_before_it(self, phone: Phone, laptop: Phone) -> None:
        task = phone.create_task("one")
        in_sync(phone, laptop)
        laptop.edit_task(task, priority=4)
        laptop.sync()
        phone.edit_task(task, title="two")
        phone.line.lose = ["/api/sync/"]
        with pytest.raises(Offline):
            phone.sync()
        sent = phone.pending[0].id
        phone.edit_task(task, title="three")
        bodies: list[dict[str, Any]] = []

        def note(request: httpx.Request) -> None:
            if request.method == "POST":
                bodies.extend(json.loads(request.content)["mutations"])

        phone.line.before = note
        report = phone.sync()
        assert (report.duplicates, report.merged, report.is_clean) == (1, 1, True)
        assert ["own" in body for body in bodies] == [False, True]
        assert bodies[1]["own"] == [sent]
        in_sync(phone, laptop)
        assert laptop.titles() == ["three"]

    def test_at_most_a_hundred_earlier_edits_are_named(self, phone: Phone) -> None:
        task = phone.create_task("one")
        phone.sync()
        phone.edit_task(task, title="two")
        names = ",".join(f'"{number}"' for number in range(150))
        phone.sql(f"UPDATE outbox SET own = '[{names}]'")
        assert phone.pending[0].body["own"] == [str(number) for number in range(50, 150)]

    def test_copied_files_do_not_share_the_id_of_an_edit_that_both_continue(
        self, phone: Phone, opened: Open, api: Api, ada: Person
    ) -> None:
        task = phone.create_task("one")
        phone.sync()
        phone.edit_task(task, title="two")
        copied = phone.path.with_name("copied.db")
        with closing(sqlite3.connect(copied)) as target, closing(sqlite3.connect(phone.path)) as source:
            source.backup(target)
        copy = opened(copied)
        phone.edit_task(task, title="three")
        copy.edit_task(task, title="four")
        assert phone.pending[0].id != copy.pending[0].id

    def test_copied_files_apply_an_edit_of_both_once(self, phone: Phone, opened: Open, ada: Person) -> None:
        phone.create_task("one")
        copied = phone.path.with_name("copied.db")
        with closing(sqlite3.connect(copied)) as target, closing(sqlite3.connect(phone.path)) as source:
            source.backup(target)
        copy = opened(copied)
        assert phone.sync().applied == 1
        assert copy.sync().duplicates == 1
        assert ada.titles() == ["one"]

    def test_two_openings_of_one_file_edit_and_sync_at_the_same_time(
        self, phone: Phone, opened: Open, ada: Person
    ) -> None:
        """As two processes do: they share nothing but the file."""
        task = phone.create_task("shared")
        openings = [opened(phone.path), opened(phone.path)]

        def work(replica: Replica, name: str) -> None:
            for number in range(8):
                replica.create_task(f"{name} {number}")
                replica.edit_task(task, **({"priority": 4} if name == "a" else {"description": str(number)}))
                replica.sync()

        race(*(partial(work, replica, name) for replica, name in zip(openings, "ab", strict=True)))
        in_sync(phone)
        assert not phone.issues()
        assert sorted(ada.titles()) == sorted(["shared", *(f"{name} {number}" for name in "ab" for number in range(8))])
        assert (phone.task(task).priority, phone.task(task).description) == (4, "7")
