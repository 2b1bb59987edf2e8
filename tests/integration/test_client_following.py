"""The reference client that follows the server, with the real application in this process."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tasktracker_client import (
    AsyncReplica,
    CursorExpired,
    LoginRequired,
    NotUnderstood,
    Offline,
    Refused,
    SyncReport,
    Unavailable,
)
from tasktracker_client.following import Following
from tasktracker_client.stream import Backoff, Event, events
from tests.http import Person, expect
from tests.integration.phones import Phone
from tests.line import problem
from tests.waiting import PATIENCE, wait_until

Answer = Callable[[httpx.Request], httpx.Response]


class Open(httpx.SyncByteStream):
    """A stream that sends its text, and stays open until it is closed."""

    def __init__(self, text: str = ": hello\n\n") -> None:
        self._text = text
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        yield self._text.encode()
        self.closed.wait(PATIENCE)

    def close(self) -> None:
        self.closed.set()


def stream(text: str) -> httpx.Response:
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasktracker_client.stream.FIRST_DELAY", 0.001)
    monkeypatch.setattr("tasktracker_client.stream.LONGEST_DELAY", 0.01)
    monkeypatch.setattr("tasktracker_client.http.RETRY_SECONDS", 0.001)


class Followed:
    """What happened while a phone followed. `asked` are the requests for a stream."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.reports: list[SyncReport] = []
        self.stop = threading.Event()


@contextmanager
def following(phone: Phone, *answers: Answer) -> Iterator[Followed]:
    """Follow streams with these answers, one per connection; the last one stays open."""
    seen, left, rest = Followed(), list(answers), Open()

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != "/api/events/":
            return None
        seen.asked.append(request)
        return left.pop(0)(request) if left else httpx.Response(200, stream=rest)

    phone.line.before = answer
    errors: list[BaseException] = []

    def follow() -> None:
        try:
            phone.follow(seen.stop, seen.reports.append, poll_seconds=0.001)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield seen
    finally:
        seen.stop.set()
        thread.join(PATIENCE)
        rest.close()
        phone.line.before = lambda _: None
    if errors:
        raise errors[0]


def test_a_change_in_the_stream_is_pulled(phone: Phone, ada: Person) -> None:
    task_id = str(uuid4())
    data = json.dumps({"type": "task", "id": task_id, "op": "upsert", "version": 1})
    opened = Open(f": hello\n\nid: x\nevent: change\ndata: {data}\n\n: beat\n\n")

    def happen(_: httpx.Request) -> httpx.Response:
        expect(ada.put(f"/api/tasks/{task_id}/", {"title": "new"}, headers={"If-None-Match": "*"}), 201)
        return httpx.Response(200, stream=opened)

    with following(phone, happen) as seen:
        wait_until(lambda: phone.titles() == ["new"], "the change is not pulled")
        opened.close()
        wait_until(lambda: len(seen.asked) > 1, "the stream is not opened again")
    first, second = (request.headers["Last-Event-ID"] for request in seen.asked)
    assert first != second == phone._local.cursor
    assert seen.asked[0].headers["Accept"] == "text/event-stream"
    assert seen.asked[0].extensions["timeout"]["read"] == 60, "longer than the time between two heartbeats"


def test_a_change_that_the_copy_has_is_not_pulled(phone: Phone) -> None:
    task = phone.create_task(title="mine")
    event = {"type": "task", "id": task, "op": "upsert", "version": 1}
    opened = Open(f"data: {json.dumps(event)}\n\ndata: {{}}\n\n")
    with following(phone, lambda _: httpx.Response(200, stream=opened)) as seen:
        wait_until(lambda: len(seen.reports) > 1, "the unknown event at the end is not followed by a sync")
        opened.close()
    assert phone.line.paths["GET /api/sync/"] <= 3


DELETION = json.dumps({"type": "task", "id": str(UUID(int=1)), "op": "delete", "version": 2})
"""Of an item that may be in the page that is being received."""


@pytest.mark.parametrize(
    "text", ["event: resync\ndata:\n\n", "data: {}\n\n", "data: what?\n\n", "event: x\n\n", f"data: {DELETION}\n\n"]
)
def test_an_event_whose_change_may_be_missing_leads_to_a_pull(phone: Phone, text: str) -> None:
    opened = Open(text)
    with following(phone, lambda _: httpx.Response(200, stream=opened)) as seen:
        wait_until(lambda: len(seen.reports) > 1, "the event is not followed by a sync")
        opened.close()


@pytest.mark.parametrize(
    ("event", "is_included"),
    [
        ({"op": "upsert", "version": 1}, True),
        ({"op": "upsert", "version": 0}, True),
        ({"op": "upsert", "version": 2}, False),
        ({"op": "delete", "version": 1}, False),
        ({"op": "upsert", "version": 1, "id": str(UUID(int=1))}, False),
        ({"op": "upsert"}, False),
        ({"version": 1}, False),
        ({"op": "upsert", "version": "x"}, False),
    ],
)
def test_an_event_is_included_if_the_copy_has_its_version(
    phone: Phone, event: dict[str, object], is_included: bool
) -> None:
    task = phone.create_task("mine")
    phone.sync()
    tested = Following(phone._local, phone._api, phone._syncer, lambda _: None, 1)
    text = json.dumps({"type": "task", "id": task, **event})
    assert tested._includes(Event("change", text, None)) is is_included
    phone.sql("UPDATE items SET stale = 1")
    assert not tested._includes(Event("change", text, None)), "the copy is started over"


@pytest.mark.parametrize("text", ["", "what?", "null", "[]", "{}", "1"])
def test_an_event_that_cannot_be_read_is_not_included(phone: Phone, text: str) -> None:
    tested = Following(phone._local, phone._api, phone._syncer, lambda _: None, 1)
    assert not tested._includes(Event("change", text, None))


class Alone:
    """A follower without a server: `outcomes` are those of its syncs, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *outcomes: Exception | None) -> None:
        self.waits: list[tuple[float, float]] = []
        self.reports: list[object] = []
        self._outcomes = list(outcomes)
        self._stop = threading.Event()
        waits = self.waits

        class Recording(Backoff):
            def next(self, least: float = 0.0) -> float:
                waits.append((self._delay, least))
                super().next(least)
                return 0.0

        monkeypatch.setattr("tasktracker_client.following.Backoff", Recording)
        local: Any = SimpleNamespace(has_unsent=False, on_edit=None, cursor=None)
        api: Any = SimpleNamespace(stream=self._stream)
        syncer: Any = SimpleNamespace(sync=self._sync)
        self.following = Following(local, api, syncer, self.reports.append, 1)

    def run(self) -> None:
        """Follow until all outcomes have happened, or for a limited time if some never do."""
        limit = threading.Timer(20, self._stop.set)
        limit.start()
        self.following.run(self._stop)
        limit.cancel()

    @contextmanager
    def _stream(self, *_: object) -> Iterator[object]:
        self._stop.wait(PATIENCE)
        yield SimpleNamespace(iter_lines=lambda: iter([]), extensions={})

    def _sync(self) -> SyncReport:
        outcome = self._outcomes.pop(0) if self._outcomes else None
        if not self._outcomes:
            self._stop.set()
        if outcome is not None:
            raise outcome
        if self._outcomes:
            self.following._due.set()  # as an event or an edit during this sync
        return SyncReport()


def test_what_happens_during_a_sync_leads_to_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Alone(monkeypatch, None, None, None)
    alone.run()
    assert len(alone.reports) >= 2


def test_a_sync_is_repeated_with_growing_delays_and_after_a_success_with_the_first_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy = Unavailable("busy", 7.0)
    alone = Alone(monkeypatch, Offline(), busy, NotUnderstood("?"), CursorExpired(410, {}), None, Offline(), None)
    alone.run()
    assert alone.waits[:5] == [(0.001, 0), (0.002, 7), (0.004, 0), (0.008, 0), (0.001, 0)]


def test_nothing_is_done_after_the_end() -> None:
    done: list[Any] = []
    local: Any = SimpleNamespace(cursor=None)
    opened = SimpleNamespace(iter_lines=lambda: iter([done[0]]))
    api: Any = SimpleNamespace(stream=lambda *_: nullcontext(opened))
    syncer: Any = SimpleNamespace(sync=lambda: done.append("a sync"))
    ended = Following(local, api, syncer, done.append, 1)
    # It ends while each thread waits, and then during a sync.
    meanwhile: Any = SimpleNamespace(wait=ended._ended.set, clear=lambda: None, set=lambda: None)
    ended._due = ended._is_first_done = meanwhile
    for run in (ended._sync, ended._read):
        ended._ended.clear()
        run()
    ended._listen(Backoff())
    ended._guarded(lambda: done[0])
    assert ended._error is None, "its connection was shut down"
    ended._ended.clear()
    meanwhile.wait, syncer.sync = (lambda: None), ended._ended.set
    ended._sync()
    assert done == []


def test_a_busy_stream_is_opened_again_when_the_server_says_so(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    class Recording(Backoff):
        def next(self, least: float = 0.0) -> float:
            asked.append(least)
            return 0.001

    monkeypatch.setattr("tasktracker_client.following.Backoff", Recording)
    busy = problem(503)
    busy.headers["Retry-After"] = "7"
    with following(phone, lambda _: busy) as seen:
        wait_until(lambda: len(seen.asked) > 1, "the stream is not opened again")
    assert asked[0] == 7


def test_a_heartbeat_asks_for_no_sync(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def opened(*_: object) -> Iterator[object]:
        yield SimpleNamespace(iter_lines=lambda: iter([": beat", ": beat"]))

    monkeypatch.setattr(phone._api, "stream", opened)
    tested = Following(phone._local, phone._api, phone._syncer, lambda _: None, 1)
    tested._listen(Backoff())
    assert not tested._due.is_set()


def test_after_following_an_edit_wakes_nothing(phone: Phone) -> None:
    before = phone._local.on_edit
    with following(phone) as seen:
        wait_until(lambda: seen.asked, "the stream is not opened")
        assert phone._local.on_edit != before
    assert phone._local.on_edit == before


def test_a_local_edit_is_sent_at_once_while_the_stream_is_silent(phone: Phone, ada: Person) -> None:
    with following(phone) as seen:
        wait_until(lambda: seen.asked, "the stream is not opened")
        phone.create_task(title="mine")
        wait_until(lambda: ada.titles() == ["mine"], "the edit is not sent")
    assert len(seen.asked) == 1


def test_an_edit_by_another_process_on_the_file_is_sent(phone: Phone, ada: Person) -> None:
    with following(phone) as seen:
        wait_until(lambda: seen.asked, "the stream is not opened")
        phone._local.on_edit = lambda: None  # as an edit by another process
        phone.create_task(title="mine")
        wait_until(lambda: ada.titles() == ["mine"], "the edit is not sent")


@pytest.mark.parametrize("hangs_in", ["/api/events/", "/api/sync/"])
def test_a_follower_stops_within_a_second_while_the_server_is_silent(phone: Phone, hangs_in: str) -> None:
    release, is_hanging, stop = threading.Event(), threading.Event(), threading.Event()

    def hang(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != hangs_in:
            return None
        is_hanging.set()
        release.wait(PATIENCE)
        return problem(503)

    phone.line.before = hang
    thread = threading.Thread(target=phone.follow, args=(stop,))
    thread.start()
    try:
        assert is_hanging.wait(PATIENCE)
        started = time.monotonic()
        stop.set()
        thread.join(PATIENCE)
        assert time.monotonic() - started < 1
    finally:
        release.set()
        phone.line.before = lambda _: None


@pytest.mark.parametrize("has_socket", [True, False])
def test_a_stream_that_is_read_ends_with_the_follower(phone: Phone, has_socket: bool) -> None:
    class Read(Open):
        def __init__(self) -> None:
            super().__init__()
            self.is_read = threading.Event()

        def __iter__(self) -> Iterator[bytes]:
            self.is_read.set()
            return super().__iter__()

    opened = Read()
    socket = SimpleNamespace(shutdown=lambda _: opened.close()) if has_socket else None
    closing = SimpleNamespace(get_extra_info=lambda _: socket)
    with following(phone, lambda _: httpx.Response(200, stream=opened, extensions={"network_stream": closing})):
        assert opened.is_read.wait(PATIENCE)
    assert opened.closed.is_set() is has_socket
    opened.close()


def test_a_refusal_whose_body_was_not_read_yet_is_understood(phone: Phone) -> None:
    refused = problem(403)
    body = Open(refused.text)
    body.closed.set()
    unread = httpx.Response(403, headers=refused.headers, stream=body)
    phone.line.before = lambda request: unread if request.url.path == "/api/events/" else None
    with pytest.raises(Refused) as raised, phone._api.stream("/events/", None):
        pass
    assert (raised.value.status, str(raised.value)) == (403, "No.")


def test_a_follower_that_never_reached_the_server_leaves_no_thread(phone: Phone) -> None:
    phone.line.is_up = False
    before = set(threading.enumerate())
    with following(phone):
        pass
    wait_until(lambda: set(threading.enumerate()) <= before, "a thread of the follower is left")


@pytest.mark.parametrize("status", [404, 409])  # an older server; too many streams
def test_without_a_stream_the_client_polls(phone: Phone, ada: Person, status: int) -> None:
    def absent(_: httpx.Request) -> httpx.Response:
        ada.task("new")
        return problem(status)

    with following(phone, absent, absent, absent):
        wait_until(lambda: len(phone.titles()) == 3, "the client does not poll")


def test_what_the_caller_chooses_reaches_the_follower(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def recorded(*arguments: object) -> object:
        made.append(arguments[3:])
        return SimpleNamespace(run=made.append)

    monkeypatch.setattr("tasktracker_client.client.Following", recorded)
    stop = threading.Event()
    phone.follow(stop, made.append, poll_seconds=7)
    assert made == [(made.append, 7), stop]
    asyncio.run(AsyncReplica(phone).follow(made.append, poll_seconds=8))
    assert made[2] == (made.append, 8)


def test_a_follower_reconnects_after_errors(phone: Phone, ada: Person) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no network", request=request)

    ada.task("new")
    answers: list[Answer] = [
        broken,
        lambda _: problem(503),
        lambda _: problem(410),
        lambda _: httpx.Response(200, html="<h1>Welcome to our hotel</h1>"),
        lambda _: httpx.Response(404, html="<h1>Welcome to our hotel</h1>"),
        lambda _: httpx.Response(502, html="<h1>Bad gateway</h1>"),
        lambda _: stream(": beat\n"),
    ]
    with following(phone, *answers) as seen:
        wait_until(lambda: len(seen.asked) > len(answers), "the client does not reconnect")
    assert phone.titles() == ["new"]


def test_the_delay_starts_again_after_a_connection(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Recording(Backoff):
        def next(self, least: float = 0.0) -> float:
            waits.append(self._delay)
            return super().next(least)

    monkeypatch.setattr("tasktracker_client.following.Backoff", Recording)
    busy, well = (lambda _: problem(502)), (lambda _: stream(": beat\n"))
    with following(phone, busy, busy, well, busy, busy):
        wait_until(lambda: len(waits) >= 5, "the client does not reconnect")
    assert waits[:5] == [0.001, 0.002, 0.001, 0.002, 0.004]


def test_an_expired_token_is_refreshed(phone: Phone) -> None:
    with following(phone, lambda _: problem(401)) as seen:
        wait_until(lambda: len(seen.asked) > 1, "the stream is not opened again")
    assert phone.line.paths["POST /api/accounts/refresh/"] == 1


@pytest.mark.parametrize(("status", "error"), [(401, LoginRequired), (403, Refused)])
def test_a_permanent_error_is_raised(phone: Phone, status: int, error: type[Exception]) -> None:
    phone.line.before = lambda request: problem(status) if request.url.path == "/api/events/" else None
    with pytest.raises(error):
        phone.follow(threading.Event())
    phone.line.before = lambda _: None


def test_an_error_of_the_callback_is_raised(phone: Phone) -> None:
    def fail(_: SyncReport) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        phone.follow(threading.Event(), fail)


def test_the_events_of_a_stream_are_parsed() -> None:
    text = ": beat\n\nevent: change\nid:  7\ndata: one\ndata:two\nretry: 5\n\n\nid: 8\n\nevent: resync\n\ndata: x"
    assert list(events(text.split("\n"))) == [None, Event("change", "one\ntwo", " 7"), Event("resync", "", "8")]


def test_the_delay_increases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    backoff = Backoff()
    waits = [backoff.next() for _ in range(9)]
    assert 0.5 <= waits[0] <= 1
    assert 2 <= waits[2] <= 4
    assert 30 <= waits[8] <= 60
    backoff.reset()
    assert backoff.next(least=5) == 5
    assert len({Backoff().next() for _ in range(20)}) > 10, "else all devices would come back at the same time"
