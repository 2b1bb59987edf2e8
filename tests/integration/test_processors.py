"""The processors on which server processes serve requests."""

from __future__ import annotations

import os
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tasktracker.entrypoints import affinity
from tasktracker.entrypoints.affinity import share_processor
from tests.http import Server

CONNECTIONS = 4
ALONE = pytest.mark.alone  # servers of other tests would claim processors, too


def processors(server: Server) -> Counter[frozenset[int]]:
    """Return how many threads of a server may run on each set of processors."""
    threads = Path(f"/proc/{server.process.pid}/task").iterdir()
    return Counter(frozenset(os.sched_getaffinity(int(each.name))) for each in threads)


@ALONE
def test_each_server_serves_requests_on_a_processor_of_its_own_while_there_is_one(tmp_path: Path) -> None:
    available = frozenset(os.sched_getaffinity(0))
    with ExitStack() as stack:
        servers = [
            stack.enter_context(Server(tmp_path, DATABASE_CONNECTIONS=str(CONNECTIONS)))
            for _ in range(len(available) + 1)
        ]
        claimed = [next((each for each in processors(server) if len(each) == 1), None) for server in servers]
        assert len(available) == 1 or None in claimed, "the last server found no processor"
        found = [each for each in claimed if each is not None]
        assert len(found) == len(set(found))
        for server, processor in zip(servers, claimed, strict=True):
            if processor is not None and len(available) > 1:
                assert processors(server)[processor] > CONNECTIONS, "its event loop and the threads of requests"
                assert processors(server)[available] > 0, "the threads that hash passwords"


@ALONE
def test_the_processor_of_a_killed_server_is_free_for_the_next_one(tmp_path: Path) -> None:
    with Server(tmp_path) as first:
        before = {each for each in processors(first) if len(each) == 1}
        first.kill()
        first.start()
        assert {each for each in processors(first) if len(each) == 1} == before


@ALONE
def test_a_server_may_use_all_processors(tmp_path: Path) -> None:
    with Server(tmp_path, ONE_PROCESSOR="false") as server:
        assert set(processors(server)) == {frozenset(os.sched_getaffinity(0))}


class TestClaims:
    """Of processors that this host does not have, so that servers of other tests claim none of them."""

    FIRST, SECOND = 90_001, 90_002

    @pytest.fixture
    def moved(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, set[int]]]]:
        """Records the threads that are moved, with their processors."""
        moved: list[tuple[int, set[int]]] = []
        claimed: list[socket.socket] = []
        monkeypatch.setattr(affinity, "_CLAIMED", claimed)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {self.SECOND, self.FIRST})
        monkeypatch.setattr(os, "sched_setaffinity", lambda *each: moved.append(each))
        yield moved
        for claim in claimed:
            claim.close()

    def test_each_process_gets_one_processor_for_its_running_threads(self, moved: list[tuple[int, set[int]]]) -> None:
        main, not_started = threading.main_thread(), threading.Thread()
        for _ in range(3):  # each as if it were another process
            share_processor([main, not_started])
        assert moved == [(main.native_id, {self.FIRST}), (main.native_id, {self.SECOND})]
        affinity._CLAIMED[0].close()  # as at the end of its process
        share_processor([main])
        assert moved[2:] == [(main.native_id, {self.FIRST})]

    @pytest.mark.parametrize("lack", ["processors", "system"])
    def test_nothing_is_shared_where_that_is_of_no_use(
        self, moved: list[tuple[int, set[int]]], monkeypatch: pytest.MonkeyPatch, lack: str
    ) -> None:
        if lack == "processors":
            monkeypatch.setattr(os, "sched_getaffinity", lambda _: {self.FIRST})
        else:
            monkeypatch.delattr(os, "sched_setaffinity")
        share_processor([threading.main_thread()])
        assert (moved, affinity._CLAIMED) == ([], [])
