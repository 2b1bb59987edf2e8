"""A network between a client and a server. It accepts all data, and while it is frozen, it delivers none."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Self

POLL_SECONDS = 0.02
BLOCK = 65536


class FrozenNetwork:
    """A TCP proxy. While `is_frozen` is set, it accepts connections and data, and delivers nothing."""

    def __init__(self, port: int) -> None:
        self.is_frozen = False
        self._server = ("127.0.0.1", port)
        self._closing = Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        peers: dict[socket.socket, socket.socket] = {}
        while not self._closing.is_set():
            sources = [] if self.is_frozen else list(peers)
            ready, _, _ = select.select([self._listener, *sources], [], [], POLL_SECONDS)
            for each in ready:
                if each is self._listener:
                    client, _ = self._listener.accept()
                    server = socket.create_connection(self._server)
                    peers |= {client: server, server: client}
                elif each in peers and not self.is_frozen:
                    self._pass(each, peers)
        for each in (self._listener, *peers):
            each.close()

    @staticmethod
    def _pass(source: socket.socket, peers: dict[socket.socket, socket.socket]) -> None:
        target = peers[source]
        block = b""
        with suppress(OSError):
            block = source.recv(BLOCK)
            target.sendall(block)
        if not block:
            del peers[source], peers[target]
            source.close()
            target.close()
