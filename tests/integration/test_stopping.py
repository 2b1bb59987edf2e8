"""A server that stops loses no connection, and waits for no stream."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any, cast

import pytest
import uvicorn

from tasktracker.entrypoints.http.core.connection import BoundedConnection
from tasktracker.entrypoints.http.subscriptions import SubscriptionRegistry
from tasktracker.entrypoints.server import stop_listening, stop_on_signals

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def test_connections_that_wait_to_be_accepted_are_served() -> None:
    async def main() -> None:
        config = uvicorn.Config(app, interface="asgi3", http=BoundedConnection, port=0, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        address = server.servers[0].sockets[0].getsockname()
        # The event loop is busy meanwhile, so the server accepts none of the connections before it stops.
        clients = [socket.create_connection(address) for _ in range(20)]
        for client in clients:
            client.sendall(REQUEST)
        stop_listening(server)
        assert len(server.server_state.tasks) == 1, "uvicorn waits until they are served"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        await asyncio.wait_for(server.shutdown(), 60)
        for client in clients:
            with client:
                answer = client.recv(65536)
            assert answer.startswith(b"HTTP/1.1 204")
            assert b"connection: close" in answer, "a client of a server that stops sends nothing more"

    asyncio.run(main())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_streams_and_then_stops_the_server(number: signal.Signals) -> None:
    seen: list[object] = []

    class Streams:
        def end_all_soon(self) -> None:
            seen.append("end")

    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        signal.signal(number, lambda got, _: seen.append(got))
        stop_on_signals(cast(SubscriptionRegistry, Streams()))
        signal.raise_signal(number)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert seen == ["end", number]
