"""Streams alone: on memory, with a client that reads when the test decides."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import pytest
from anyio.from_thread import BlockingPortal
from structlog.testing import capture_logs

from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import StorageUnavailable
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.sync.service import SyncService
from tasktracker.entrypoints.http import events, subscriptions
from tasktracker.entrypoints.http.core import threads
from tests.http import Api, Caller, Person, expect
from tests.waiting import PATIENCE, wait_until

Message = dict[str, Any]


class Stream:
    """A stream that is sent no more than its client takes."""

    def __init__(self, api: Api, caller: Caller, query: str = "") -> None:
        self._query = query.encode()
        self._app: Any = api.app
        portal: Any = api.process.client
        self._portal: BlockingPortal = portal.blocking_portal
        sent = {"Host": "testserver.local", **caller.headers}
        self._headers = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self._reads = asyncio.Semaphore(0)
        self._disconnected = asyncio.Event()
        self._is_sending = False
        self._served: Future[None] | None = None

    def __enter__(self) -> Self:
        self._served = self._portal.start_task_soon(self._serve)
        assert self._portal.call(self._next)["status"] == 200
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._served is not None
        self._portal.call(self.disconnect)
        self._served.result(PATIENCE)

    def read(self) -> bytes:
        """Read the next message, which is empty at the end of the stream."""
        return bytes(self._portal.call(self._next)["body"])

    def read_events(self) -> list[tuple[str, str, int]]:
        """Read the next message, and return the op, id and version of each event in it."""
        lines = self.read().decode().splitlines()
        found = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        return [(each["op"], each["id"], each["version"]) for each in found]

    def wait_for_page(self) -> None:
        """Wait until the stream has read a page of changes, which the client has not read."""
        wait_until(self.is_waiting, "the stream sends nothing")

    def is_waiting(self) -> bool:
        """Whether it has a message that the client has not read."""
        return self._reads.locked() and self._is_sending

    def has_ended(self) -> bool:
        """Wait until it has ended."""
        assert self._served is not None
        self._served.result(PATIENCE)
        return True

    async def disconnect(self) -> None:
        """Disconnect, and read all remaining messages."""
        self._disconnected.set()
        for _ in range(100):
            self._reads.release()

    async def _serve(self) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/api/events/",
            "raw_path": b"/api/events/",
            "root_path": "",
            "query_string": self._query,
            "headers": self._headers,
            "client": ("127.0.0.1", 1),
            "server": ("testserver.local", 80),
            "state": {},
        }
        await self._app(scope, self._receive, self._send)

    async def _next(self) -> Message:
        self._reads.release()
        return await asyncio.wait_for(self._sent.get(), 60)

    async def _receive(self) -> Message:
        await self._disconnected.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._is_sending = True
        await self._reads.acquire()
        self._is_sending = False
        self._sent.put_nowait(message)


def ids(message: bytes) -> list[str]:
    """Return the ids of the events in a message."""
    return [line.removeprefix("id: ") for line in message.decode().splitlines() if line.startswith("id: ")]


@pytest.fixture
def api() -> Iterator[Api]:
    with Api("memory://", STREAMS_PER_USER="1") as api:
        yield api


@pytest.fixture
def ada(api: Api) -> Person:
    return api.register()


def edit(person: Person, task: dict[str, Any], times: int) -> None:
    for number in range(times):
        expect(person.patch(f"/api/tasks/{task['id']}/", {"description": f"{number}"}), 200)


def test_a_slow_client_gets_only_the_latest_version_of_each_item(api: Api, ada: Person) -> None:
    with Stream(api, ada) as stream:
        stream.read()
        often, gone = ada.task(), ada.task()
        stream.wait_for_page()
        edit(ada, often, 50)
        expect(ada.delete(f"/api/tasks/{gone['id']}/"), 204)
        once = ada.task()
        first, rest = stream.read_events(), stream.read_events()
        assert ("upsert", often["id"], 1) in first
        assert rest == [("upsert", often["id"], 51), ("delete", gone["id"], 2), ("upsert", once["id"], 1)]


def test_the_first_event_has_data_and_the_wait_before_a_reconnection(api: Api, ada: Person) -> None:
    with Stream(api, ada) as stream:
        retry, id_, kind, data, *rest = stream.read().decode().split("\n")
        assert (retry, kind, data, rest) == ("retry: 1000", "event: ready", "data: {}", ["", ""])
    cursor = id_.removeprefix("id: ")
    assert expect(ada.get("/api/sync/", params={"cursor": cursor}), 200)["changes"] == []
    ada.headers["Last-Event-ID"] = cursor
    wait_until(lambda: ada.head("/api/events/").status_code == 200, "the closed stream still counts")
    with Stream(api, ada, "cursor=an-older-one") as stream:
        assert stream.read() == b"retry: 1000\n: hello\n\n"


def test_a_stream_has_only_the_types_that_were_asked_for(api: Api, ada: Person) -> None:
    with Stream(api, ada, "types=category") as stream:
        stream.read()
        ada.task()
        category = ada.category()
        assert stream.read_events() == [("upsert", category["id"], 1)]


def test_changes_beyond_one_page_follow_immediately(api: Api, ada: Person) -> None:
    with Stream(api, ada) as stream:
        stream.read()
        tasks = [ada.task()]
        stream.wait_for_page()
        tasks += [ada.task() for _ in range(events.PAGE + 5)]
        received: list[str] = []
        while len(received) < len(tasks):
            page = stream.read_events()
            assert page, "a heartbeat came first"
            received += [id_ for _, id_, _ in page]
        assert received == [task["id"] for task in tasks]


def test_each_event_of_a_page_has_the_cursor_after_it(api: Api, ada: Person) -> None:
    with Stream(api, ada) as stream:
        stream.read()
        ada.task()
        stream.wait_for_page()
        api.clock.advance(minutes=10)
        second, third = ada.task(), ada.task()
        before, page = ids(stream.read()), ids(stream.read())
    rest = [expect(ada.get("/api/sync/", params={"cursor": each}), 200)["changes"] for each in [*before, *page]]
    assert [[change["id"] for change in changes] for changes in rest] == [
        [second["id"], third["id"]],
        [third["id"]],
        [],
    ]
    cursors = [api.app.services.cursors.unseal(each, SyncCursor, f"{ada.id} sync category,task") for each in page]
    assert cursors[1].since - cursors[0].since == timedelta(minutes=10), "the last one completes the page"


def test_a_stream_goes_on_after_a_time_without_a_database(
    api: Api, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RETRY_SECONDS", 0.01)
    failed, pull = threading.Event(), SyncService.pull

    def fail_once(self: SyncService, *args: Any) -> Any:
        if not failed.is_set():
            failed.set()
            raise StorageUnavailable
        return pull(self, *args)

    monkeypatch.setattr(SyncService, "pull", fail_once)
    with Stream(api, ada) as stream:
        stream.read()
        assert failed.wait(PATIENCE)
        task = ada.task()
        assert stream.read_events() == [("upsert", task["id"], 1)]


def test_an_idle_stream_sends_heartbeats(api: Api, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    assert events.HEARTBEAT_SECONDS == 20, "as it is documented"
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)
    with Stream(api, ada) as stream:
        stream.read()
        began = time.monotonic()
        assert [stream.read() for _ in range(3)] == [b":\n\n"] * 3
        assert time.monotonic() - began > 0.5
        task = ada.task()
        received: list[tuple[str, str, int]] = []
        while not received:
            received = stream.read_events()  # between heartbeats
        assert received == [("upsert", task["id"], 1)]
        assert stream.read() == b":\n\n", "it waits again"


@contextmanager
def running(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the clock go on by itself."""
    now, began = api.clock.now(), time.monotonic()
    with monkeypatch.context() as patch:
        patch.setattr(api.clock, "now", lambda: now + timedelta(seconds=time.monotonic() - began))
        yield


def test_a_stream_ends_when_its_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 10 * PATIENCE)
    with Api("memory://", ACCESS_TOKEN_SECONDS="2") as api, running(api, monkeypatch):
        ada = api.register()
        began = time.monotonic()
        with Stream(api, ada) as stream:
            stream.read()
            while stream.read():
                pass
            assert stream.has_ended()
            assert time.monotonic() - began > 1.5


@pytest.mark.parametrize("way", ["session", "server"])
def test_a_stream_ends_with_the_server_and_at_the_next_change_after_its_session(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(subscriptions, "CHECK_SECONDS", 10 * PATIENCE)
    pulls, pull = list[None](), SyncService.pull

    def count(self: SyncService, *args: Any) -> Any:
        pulls.append(None)
        return pull(self, *args)

    monkeypatch.setattr(SyncService, "pull", count)
    with Api("memory://") as api:
        ada = api.register()
        other = api.login(ada)
        with Stream(api, ada) as stream:
            stream.read()
            if way == "session":
                expect(ada.post("/api/accounts/logout/", {"refresh": ada.refresh}), 204)
                other.task()
            else:
                api.app.services.subscriptions.end_all_soon()
            try:
                wait_until(lambda: len(pulls) > 10 or stream.is_waiting(), "the stream sends nothing")
                assert len(pulls) <= 10, "it goes on"
                assert stream.read() == b""
            finally:
                api.clock.advance(hours=1)  # a stream that goes on ends with its token


def test_a_waiting_request_is_answered_when_the_server_stops(api: Api, ada: Person) -> None:
    subscriptions, began = api.app.services.subscriptions, time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(ada.get, "/api/sync/", params={"wait": 60})
        wait_until(lambda: len(subscriptions), "it does not wait")
        subscriptions.end_all_soon()
        assert expect(page.result(), 200)["changes"] == []
    assert time.monotonic() - began < 40, "the answer waited for the whole time"


def test_a_request_with_a_ticket_is_that_of_its_user(api: Api, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    sharers, latest = set[object](), SyncService.latest

    def seen(self: SyncService, actor: Actor) -> SyncCursor:
        sharers.add(threads._SHARER.get())
        return latest(self, actor)

    monkeypatch.setattr(SyncService, "latest", seen)
    ticket = expect(ada.post("/api/events/tickets/"), 201)["ticket"]
    with capture_logs() as logs:
        api.head("/api/events/", params={"ticket": ticket})
    assert sharers == {(UUID(ada.id).int, False)}
    assert [each["user"] for each in logs] == [ada.id]


@pytest.mark.parametrize("has_ticket", [False, True])
def test_no_change_is_sent_after_the_token_has_expired(api: Api, ada: Person, has_ticket: bool) -> None:
    ticket = expect(ada.post("/api/events/tickets/"), 201)["ticket"]
    caller = (Caller(api.client), f"ticket={ticket}") if has_ticket else (ada, "")
    with Stream(api, *caller) as stream:
        stream.read()
        api.clock.advance(seconds=ada.answer["expires_in"] - 1)
        task = ada.task()
        assert stream.read_events() == [("upsert", task["id"], 1)]
        api.clock.advance(seconds=1)
        api.login(ada).task()
        while block := stream.read():
            assert block == b":\n\n"
        assert stream.has_ended()
