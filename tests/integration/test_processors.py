"""The processors on which server processes serve requests."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.http import Server

CONNECTIONS = 4
pytestmark = pytest.mark.alone  # servers of other tests would claim processors, too


def processors(server: Server) -> Counter[frozenset[int]]:
    """Return how many threads of a server may run on each set of processors."""
    threads = Path(f"/proc/{server.process.pid}/task").iterdir()
    return Counter(frozenset(os.sched_getaffinity(int(each.name))) for each in threads)


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


def test_the_processor_of_a_killed_server_is_free_for_the_next_one(tmp_path: Path) -> None:
    with Server(tmp_path) as first:
        before = {each for each in processors(first) if len(each) == 1}
        first.kill()
        first.start()
        assert {each for each in processors(first) if len(each) == 1} == before


def test_a_server_may_use_all_processors(tmp_path: Path) -> None:
    with Server(tmp_path, ONE_PROCESSOR="false") as server:
        assert set(processors(server)) == {frozenset(os.sched_getaffinity(0))}
