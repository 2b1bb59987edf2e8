"""What a server process is made of, and what it passes on to uvicorn."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import gc
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from uvicorn.supervisors import Multiprocess

from tasktracker.entrypoints import logging, metrics, server
from tasktracker.entrypoints.http.core.connection import KEEP_ALIVE_SECONDS, UNIX_CLIENT, BoundedConnection
from tasktracker.entrypoints.settings import load


class Served:
    """Replaces the servers of uvicorn, and records how they are run."""

    def __init__(self, patch: pytest.MonkeyPatch, *, starts: bool = True, error: BaseException | None = None) -> None:
        self.config: Any = None
        self.sockets: Any = None
        self.started = starts
        self.metrics: list[int] = []
        self._error = error
        patch.setattr(uvicorn, "Server", self.of)
        patch.setattr(server, "Supervisor", self.of)
        patch.setattr(server, "listen", lambda *address: address)
        patch.setattr(server, "listen_unix", lambda path: path)
        patch.setattr(metrics, "serve", lambda loaded, _: self.metrics.append(loaded.metrics_port))

    def of(self, config: Any, sockets: Any = None) -> Served:
        self.config, self.sockets = config, sockets
        return self

    def run(self, sockets: Any = None) -> None:
        self.sockets = self.sockets or sockets
        if self._error is not None:
            raise self._error

    def serve(self, **settings: str) -> Served:
        server.serve(load({"DATABASE_URL": "sqlite:///x.db", **settings}, None))
        return self


class TestServing:
    def test_uvicorn_gets_the_limits_and_answers_and_logs_nothing_of_its_own(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        served = Served(monkeypatch).serve(HOST="127.0.0.9", PORT="1234")
        expected = {
            "app": "tasktracker.entrypoints.server:create",
            "factory": True,
            "host": "127.0.0.9",
            "port": 1234,
            "workers": 1,
            "http": BoundedConnection,
            "ws": "none",
            "timeout_keep_alive": KEEP_ALIVE_SECONDS,
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "proxy_headers": False,
            "timeout_graceful_shutdown": 10,
            "timeout_worker_healthcheck": 60,
        }
        assert {name: getattr(served.config, name) for name in expected} == expected
        assert served.sockets is None
        assert served.metrics == [], "a process alone serves them itself"

    @pytest.mark.parametrize(
        ("settings", "sockets"),
        [
            ({"HOST": "::"}, [("::", 8000)]),
            ({"HOST": "0:0::0"}, [("0:0::0", 8000)]),
            ({"HOST": "::1"}, None),
            ({"UNIX_SOCKET": "/run/its.sock"}, [Path("/run/its.sock")]),
            ({"UNIX_SOCKET": "/run/its.sock", "WORKERS": "2"}, [Path("/run/its.sock")]),
        ],
    )
    def test_the_server_itself_opens_sockets_of_both_families_and_of_proxies(
        self, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], sockets: object
    ) -> None:
        assert Served(monkeypatch).serve(**settings).sockets == sockets

    @pytest.mark.parametrize(
        ("settings", "is_read", "trusted"),
        [
            ({}, False, []),
            ({"TRUSTED_PROXIES": "10.0.0.1"}, True, ["10.0.0.1/32", "::ffff:10.0.0.1/128"]),
            ({"TRUSTED_PROXIES": "2001:db8::/32"}, True, ["2001:db8::/32"]),
            ({"UNIX_SOCKET": "/run/its.sock"}, True, []),
        ],
    )
    def test_only_known_proxies_name_their_clients(
        self, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], is_read: bool, trusted: list[str]
    ) -> None:
        config = Served(monkeypatch).serve(**settings).config
        assert (config.proxy_headers, config.forwarded_allow_ips) == (is_read, [*trusted, UNIX_CLIENT])

    @pytest.mark.parametrize(("settings", "ports"), [({}, []), ({"METRICS_PORT": "9464"}, [9464])])
    def test_the_process_above_several_workers_serves_their_metrics(
        self, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], ports: list[int]
    ) -> None:
        monkeypatch.setattr(uvicorn.Config, "bind_socket", lambda _: "bound")
        served = Served(monkeypatch).serve(WORKERS="2", METRICS_TOKEN="a" * 16, DATABASE_URL="sqlite:///y", **settings)
        assert (served.config.workers, served.sockets, served.metrics) == (2, ["bound"], ports)

    def test_a_server_that_did_not_start_has_its_own_status(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(SystemExit) as ended:
            Served(monkeypatch, starts=False).serve()
        assert ended.value.code == server.STARTUP_FAILURE

    def test_an_interrupted_server_ends_without_a_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        served = Served(monkeypatch, error=KeyboardInterrupt())
        try:
            served.serve()
        except KeyboardInterrupt:
            pytest.fail("the tests themselves would be interrupted")


class TestProcess:
    """`create` makes what each worker process consists of."""

    @pytest.fixture
    def made(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        """Records what is made, in its order."""
        made: list[object] = []
        services = SimpleNamespace(metrics_registry="registry", subscriptions="streams", threads=["a thread"])
        app = SimpleNamespace(services=services, litestar=SimpleNamespace(on_shutdown=[]))
        writer = SimpleNamespace(close="close the log")
        parts = SimpleNamespace(fileno=lambda: 1)
        monkeypatch.setattr(sys, "stdout", parts)
        monkeypatch.setattr(server, "LogWriter", lambda _: writer)
        monkeypatch.setattr(server, "return_freed_memory", lambda: made.append("memory"))
        monkeypatch.setattr(logging, "configure", lambda _, stream: made.append(stream is writer))
        monkeypatch.setattr(server, "create_app", lambda _: app)
        monkeypatch.setattr(server, "stop_on_signals", made.append)
        monkeypatch.setattr(server, "share_processor", lambda threads: made.append(threads[1:]))
        monkeypatch.setattr(metrics, "serve", lambda *of: made.append(of[1]))
        monkeypatch.setattr(atexit, "register", made.append)
        monkeypatch.setattr(gc, "freeze", lambda: made.append(app.litestar.on_shutdown))
        monkeypatch.setenv("DATABASE_URL", "sqlite:///x.db")
        return made

    @pytest.mark.parametrize(
        ("settings", "more"),
        [
            ({}, ["streams", ["a thread"]]),
            ({"ONE_PROCESSOR": "off"}, ["streams"]),
            ({"METRICS_PORT": "9464"}, ["registry", "streams", ["a thread"]]),
            ({"METRICS_PORT": "9464", "WORKERS": "2"}, ["streams", ["a thread"]]),
        ],
    )
    def test_it_has_each_part(
        self, made: list[object], monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], more: list[object]
    ) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        server.create()
        assert made == ["memory", "close the log", True, *more, ["close the log"]]


class TestSignals:
    @pytest.fixture(autouse=True)
    def handlers(self) -> Iterator[None]:
        """Restores the handlers of this process."""
        before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
        yield
        for each, handler in before.items():
            signal.signal(each, handler)

    @pytest.mark.parametrize(
        ("started", "number"), [(True, signal.SIGTERM), (True, signal.SIGINT), (False, signal.SIGTERM)]
    )
    def test_a_server_that_has_started_stops_listening_at_once(
        self, monkeypatch: pytest.MonkeyPatch, started: bool, number: signal.Signals
    ) -> None:
        seen: list[object] = []

        class Own(uvicorn.Server):
            def handle_exit(self, sig: int, frame: object) -> None:
                seen.append(sig)

        async def main() -> None:
            own = Own(uvicorn.Config("x:y", log_config=None))
            own.started = started
            for each in (signal.SIGTERM, signal.SIGINT):
                signal.signal(each, own.handle_exit)
            server.stop_on_signals(SimpleNamespace(end_all_soon=lambda: seen.append("end")))  # type: ignore[arg-type]
            signal.raise_signal(number)
            await asyncio.sleep(0)

        monkeypatch.setattr(server, "stop_listening", lambda _: seen.append("listen no more"))
        asyncio.run(main())
        assert seen == ["end", number, *(["listen no more"] if started else [])]


class TestSupervisor:
    def test_the_pipe_of_an_ended_worker_is_closed_and_then_its_absence_is_seen(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[object] = []
        supervisor = server.Supervisor.__new__(server.Supervisor)
        pipe = SimpleNamespace(close=lambda: seen.append("pipe"))
        supervisor.processes = [SimpleNamespace(child_conn=pipe)] * 2  # type: ignore[list-item]
        supervisor.sockets = [SimpleNamespace(close=lambda: seen.append("socket"))]  # type: ignore[list-item]
        for name in ("keep_subprocess_alive", "terminate_all"):
            monkeypatch.setattr(Multiprocess, name, lambda _, name=name: seen.append(name))
        supervisor.keep_subprocess_alive()
        supervisor.terminate_all()
        assert seen == ["pipe", "pipe", "keep_subprocess_alive", "socket", "terminate_all"]


def test_memory_of_large_responses_is_returned_where_the_c_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=lambda *each: given.append(each)))
    server.return_freed_memory()
    assert given == [(-3, 256 * 1024), (-8, 2)]  # M_MMAP_THRESHOLD and M_ARENA_MAX of malloc.h
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    server.return_freed_memory()
