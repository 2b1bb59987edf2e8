"""Long transfers: a client that disconnects or a request that is cancelled leaves nothing behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar.exceptions import InternalServerException
from structlog.testing import capture_logs

from tasktracker.domain.kernel.errors import Busy, InvalidInput
from tasktracker.entrypoints.http import transfers as module
from tasktracker.entrypoints.http.core.middleware import IS_HEAD
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tasktracker.entrypoints.http.transfers import BodyTooLarge, Transfers
from tests.waiting import PATIENCE

USER = UUID(int=1)


class Blocks:
    """A source of blocks that records whether it was closed, and its threads."""

    def __init__(self, number: int = 1000, fails_at: int | None = None) -> None:
        self.count = 0
        self.begun, self.closed = threading.Event(), threading.Event()
        self.threads: set[str] = set()
        self.source: Iterator[bytes] = iter(())
        self._number = number
        self._fails_at = fails_at

    def __iter__(self) -> Iterator[bytes]:
        self.begun.set()
        try:
            for number in range(self._number):
                if number == self._fails_at:
                    raise RuntimeError("lost the database")
                self.threads.add(threading.current_thread().name)
                self.count += 1
                yield b"x"
        finally:
            self.threads.add(threading.current_thread().name)
            self.closed.set()


class SlowBlocks(Blocks):
    """A source whose first block comes when the test decides."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        self.begun.set()
        assert self.may_go_on.wait(PATIENCE)
        yield from super().__iter__()


class Client:
    """A client that disconnects, or stops reading, after some messages."""

    def __init__(self, disconnects_after: int | None = None, stalls_after: int | None = None) -> None:
        self.received: list[dict[str, Any]] = []
        self._disconnected = asyncio.Event()
        self._disconnects_after = disconnects_after
        self._stalls_after = stalls_after

    async def receive(self) -> Any:
        await self._disconnected.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.received.append(message)
        if len(self.received) == self._disconnects_after:
            self._disconnected.set()
            await asyncio.sleep(0)
        if len(self.received) == self._stalls_after:
            await asyncio.sleep(60)


async def download(transfers: Transfers, blocks: Blocks, client: Client, scope: Any = MappingProxyType({})) -> None:
    blocks.source = iter(blocks)  # only an explicit close ends it
    response = await transfers.download(USER, blocks.source, "text/plain", "name")
    send = response.to_asgi_response(app=None, request=None)  # type: ignore[arg-type]
    await send(scope, client.receive, client.send)


async def released(transfers: Transfers, blocks: Blocks) -> None:
    """Wait until the source is closed and the slot is free."""
    assert await asyncio.to_thread(blocks.closed.wait, 10)
    for _ in range(1000):
        try:
            transfers.acquire(USER)
        except Busy:
            await asyncio.sleep(0.01)
        else:
            transfers.release(USER)
            return
    pytest.fail("the slot was not released")


def run(scenario: Any, threads: int = 1) -> None:
    async def run_scenario() -> None:
        with closing(ThreadRunner(threads, "transfers")) as runner:
            await scenario(Transfers(runner, limit=1, import_bytes=100))

    asyncio.run(run_scenario())


def test_a_download_is_complete_and_runs_on_other_threads() -> None:
    async def scenario(transfers: Transfers) -> None:
        blocks, client = Blocks(20), Client()
        await download(transfers, blocks, client)
        assert [message.get("body") for message in client.received] == [None, *[b"x"] * 20, b""]
        assert [message.get("more_body") for message in client.received[1:]] == [*[True] * 20, False]
        assert all(name.startswith("transfers") for name in blocks.threads)
        await released(transfers, blocks)

    run(scenario)


@pytest.mark.parametrize("state", [{}, {IS_HEAD: True}])
def test_the_slot_is_free_when_a_client_has_the_whole_response(state: dict[str, bool]) -> None:
    async def scenario(transfers: Transfers) -> None:
        class Repeating(Client):
            async def send(self, message: Any) -> None:
                await super().send(message)
                if message["type"].endswith("start" if state else "body") and not message.get("more_body"):
                    transfers.acquire(USER)

        client = Repeating()
        await download(transfers, Blocks(3), client, {"state": state})
        await transfers.threads.run(int)
        with pytest.raises(Busy):
            transfers.acquire(USER)  # the next transfer keeps its slot
        assert [message.get("body") for message in client.received] == [None, *([] if state else [b"x"] * 3), b""]

    run(scenario)


def test_a_download_stops_when_the_client_disconnects() -> None:
    async def scenario(transfers: Transfers) -> None:
        blocks, client = Blocks(), Client(disconnects_after=3)
        await download(transfers, blocks, client)
        await released(transfers, blocks)
        assert blocks.count < 10
        assert client.received[-1]["more_body"]
        assert all(name.startswith("transfers") for name in blocks.threads), "closed on the thread of the event loop"

    run(scenario)


@pytest.mark.parametrize("fails_at", [0, 5])
def test_a_failed_download_is_not_marked_as_complete(fails_at: int) -> None:
    async def scenario(transfers: Transfers) -> None:
        blocks, client = Blocks(fails_at=fails_at), Client()
        with pytest.raises(RuntimeError):
            await download(transfers, blocks, client)
        assert len(client.received) == (fails_at + 1 if fails_at else 0)
        assert all(message.get("more_body", True) for message in client.received)
        await released(transfers, blocks)

    run(scenario)


def test_a_failed_download_releases_its_slot_immediately() -> None:
    async def scenario(transfers: Transfers) -> None:
        for _ in range(20):
            with pytest.raises(RuntimeError):
                await download(transfers, Blocks(fails_at=0), Client())
            with transfers.slot(USER):
                pass

    run(scenario)


def test_a_cancelled_download_ends_after_the_current_block() -> None:
    async def scenario(transfers: Transfers) -> None:
        blocks = Blocks()
        task = asyncio.create_task(download(transfers, blocks, Client(stalls_after=2)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await released(transfers, blocks)

    run(scenario)


def test_a_download_that_is_cancelled_before_its_first_block_releases_its_slot() -> None:
    async def scenario(transfers: Transfers) -> None:
        blocks = SlowBlocks()
        task = asyncio.create_task(download(transfers, blocks, Client()))
        assert await asyncio.to_thread(blocks.begun.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(Busy):
            transfers.acquire(USER)  # it still runs
        blocks.may_go_on.set()
        await released(transfers, blocks)

    run(scenario, threads=2)


def test_a_download_releases_its_slot_after_the_end_of_the_threads() -> None:
    async def scenario(transfers: Transfers) -> None:
        blocks = Blocks()
        task = asyncio.create_task(download(transfers, blocks, Client(stalls_after=2)))
        assert await asyncio.to_thread(blocks.begun.wait, PATIENCE)
        await asyncio.to_thread(transfers.threads.close)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await released(transfers, blocks)

    run(scenario)


def test_transfers_are_limited_per_user_and_in_total() -> None:
    async def scenario(transfers: Transfers) -> None:
        two = Transfers(transfers.threads, limit=2, import_bytes=100)
        with two.slot(UUID(int=2)):
            with two.slot(USER), pytest.raises(Busy), two.slot(uuid4()):
                pass
            with two.slot(USER), pytest.raises(Busy), two.slot(uuid4()):
                pass
        with transfers.slot(USER):
            for user in (USER, uuid4()):
                with pytest.raises(Busy), transfers.slot(user):
                    pass
        with transfers.slot(USER):
            pass

    run(scenario)


class Upload:
    """A request with this body."""

    def __init__(self, *chunks: bytes, length: str | None = None, is_complete: bool = True) -> None:
        self.headers = {"content-length": length} if length else {}
        self._chunks = chunks
        self._is_complete = is_complete

    async def stream(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        if not self._is_complete:
            raise InternalServerException("client disconnected prematurely")  # as Litestar does
        yield b""


async def received(transfers: Transfers, upload: Any) -> bytes:
    async with transfers.upload(upload) as file:
        file.seek(0)
        return file.read()


def test_a_body_is_received_into_a_file() -> None:
    async def scenario(transfers: Transfers) -> None:
        assert await received(transfers, Upload(b"a" * 50, b"b" * 50, length="100")) == b"a" * 50 + b"b" * 50

    run(scenario)


def test_a_large_body_does_not_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_MEMORY", 10)

    async def scenario(transfers: Transfers) -> None:
        assert await received(transfers, Upload(*[b"abcdefg"] * 14)) == b"abcdefg" * 14

    run(scenario)


@pytest.mark.parametrize("upload", [Upload(b"x", length="101"), Upload(*[b"x" * 60] * 2), Upload(b"", length="9" * 30)])
def test_a_body_that_is_too_large_is_refused(upload: Upload) -> None:
    async def scenario(transfers: Transfers) -> None:
        with pytest.raises(BodyTooLarge, match="larger than 100 bytes"):
            await received(transfers, upload)

    run(scenario)


def test_an_upload_that_the_client_breaks_off_is_refused_as_invalid() -> None:
    async def scenario(transfers: Transfers) -> None:
        with pytest.raises(InvalidInput):
            await received(transfers, Upload(b"x", is_complete=False))

    run(scenario)


def test_work_after_a_response_that_fails_is_logged_and_releases_what_it_holds() -> None:
    def fail() -> None:
        raise SystemError("a fault")

    async def scenario(transfers: Transfers) -> None:
        held = AsyncExitStack()
        transfers.acquire(USER)
        held.callback(transfers.release, USER)
        transfers.continue_with(fail, held)
        await transfers.stop()
        transfers.acquire(USER)  # it is free again

    with capture_logs() as logs:
        run(scenario)
    assert [(each["event"], each["log_level"]) for each in logs] == [("work after a response failed", "error")]
