"""The server process. `tasktracker serve` starts one or several of them."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import errno
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from types import FrameType
from typing import Any, TextIO, cast

import uvicorn
from uvicorn.supervisors import Multiprocess

from tasktracker.entrypoints import logging, metrics, settings
from tasktracker.entrypoints.affinity import share_processor
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http.app import Application, create_app
from tasktracker.entrypoints.http.core.connection import KEEP_ALIVE_SECONDS, UNIX_CLIENT, BoundedConnection
from tasktracker.entrypoints.http.subscriptions import SubscriptionRegistry
from tasktracker.entrypoints.log_writer import LogWriter

STARTUP_FAILURE = 3
"""The exit status if the application does not start. uvicorn itself uses the same status."""

SHUTDOWN_SECONDS = 10
"""How long running requests may take to finish after the server was asked to stop."""

WORKER_SECONDS = 60
"""How long a worker may be silent before it is replaced. A worker is silent while it starts, which takes long on a busy
host."""


# Options of mallopt(3).
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
MMAP_BYTES = 256 * 1024
ARENAS = 2


def create() -> Application:
    """Build the application from the environment. Each worker process calls this."""
    return_freed_memory()
    loaded = settings.load()
    writer = LogWriter(sys.stdout.fileno())
    atexit.register(writer.close)
    logging.configure(loaded, cast(TextIO, writer))
    container = Container(settings=loaded)
    app = create_app(container)
    if loaded.metrics_port and loaded.workers == 1 and app.services.metrics_registry is not None:
        metrics.serve(loaded, app.services.metrics_registry)
    app.litestar.on_shutdown.append(writer.close)
    stop_on_signals(app.services.subscriptions)
    if loaded.one_processor:
        # Other threads, such as those that hash passwords, started earlier and may use all processors.
        share_processor([threading.main_thread(), *app.services.threads])
    # Objects created so far live as long as the process. A full garbage collection would scan all of them, and stop
    # every running request for a twentieth of a second.
    gc.collect()
    gc.freeze()
    return app


def return_freed_memory() -> None:
    """Let the C library return the memory of large responses to the system as soon as it is freed.

    By default, glibc keeps several megabytes for each thread. Only glibc has these options.
    """
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(M_MMAP_THRESHOLD, MMAP_BYTES)
        mallopt(M_ARENA_MAX, ARENAS)


def stop_on_signals(subscriptions: SubscriptionRegistry) -> None:
    """When the process is asked to stop, stop listening and end open streams, because uvicorn waits for them.

    uvicorn installs its own signal handlers before it builds the application; the new handlers call them.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        previous = signal.getsignal(number)

        def on_signal(signum: int, frame: FrameType | None, previous: Any = previous) -> None:
            server = getattr(previous, "__self__", None)
            if isinstance(server, uvicorn.Server) and server.started:
                asyncio.get_running_loop().call_soon_threadsafe(stop_listening, server)
            subscriptions.end_all_soon()
            if callable(previous):
                previous(signum, frame)

        signal.signal(number, on_signal)


def stop_listening(server: uvicorn.Server) -> None:
    """Close the listening sockets, and serve the waiting connections, which the system would reset.

    uvicorn itself closes the sockets up to 0.1 seconds later, and resets connections made since the last accept.
    """
    waiting = []
    for each in server.servers:
        for listener in each.sockets:
            with socket.socket(fileno=os.dup(listener.fileno())) as copy, suppress(OSError):
                copy.setblocking(False)
                while True:
                    waiting.append(copy.accept()[0])
        each.close()

    async def serve_waiting() -> None:
        for accepted in waiting:
            _, connection = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: BoundedConnection(server.config, server.server_state, server.lifespan.state), accepted
            )
            connection.shutdown()

    task = asyncio.get_running_loop().create_task(serve_waiting())
    server.server_state.tasks.add(task)  # uvicorn waits for it
    task.add_done_callback(server.server_state.tasks.discard)


class Supervisor(Multiprocess):
    """uvicorn's supervisor of worker processes, which refuses connections while the workers stop."""

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended, and workers that are silent for `WORKER_SECONDS`."""
        for each in self.processes:
            each.child_conn.close()  # otherwise the pipe of a worker that has ended would stay open and silent
        super().keep_subprocess_alive()

    def terminate_all(self) -> None:
        """Close the sockets, then stop the workers. An open socket would accept connections that get no answer."""
        for each in self.sockets:
            each.close()
        super().terminate_all()


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. On `::`, it also accepts IPv4, for any default of the system. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, dualstack_ipv6=_is_any_ipv6(host))


def listen_unix(path: Path) -> socket.socket:
    """Return a Unix socket to which its group may connect. Replace the socket of an ended server. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as probe, suppress(FileNotFoundError, ConnectionRefusedError):
        probe.connect(str(path))
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    if path.is_socket():
        path.unlink()
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o117)
    try:
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


def serve(loaded: settings.Settings) -> None:
    """Run the server until it is asked to stop."""
    config = uvicorn.Config(
        f"{__name__}:create",
        factory=True,
        host=loaded.host,
        port=loaded.port,
        workers=loaded.workers,
        http=BoundedConnection,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        log_config=None,
        access_log=False,
        server_header=False,
        # Accept X-Forwarded-For only from the configured proxies.
        proxy_headers=bool(loaded.trusted_proxies or loaded.unix_socket),
        # Only a proxy connects to a Unix socket.
        forwarded_allow_ips=[*unmapped_and_mapped(loaded.trusted_proxies), UNIX_CLIENT],
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_worker_healthcheck=WORKER_SECONDS,
    )
    # On `::`, uvicorn would accept IPv4 only with several workers.
    sockets = [listen(loaded.host, loaded.port)] if _is_any_ipv6(loaded.host) else []
    if loaded.unix_socket:
        sockets = [listen_unix(Path(loaded.unix_socket))]
    if loaded.workers > 1:
        with metrics.shared_folder(loaded):
            if loaded.metrics_port:
                container = Container(settings=loaded)
                metrics.serve(loaded, metrics.registry(None, container.store(), container.clock()))
            Supervisor(config, sockets=sockets or [config.bind_socket()]).run()
        return
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets or None)
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def unmapped_and_mapped(networks: Sequence[str]) -> list[str]:
    """Return networks and, for each IPv4 network, its form on a socket for IPv4 and IPv6 (RFC 4291 §2.5.5.2)."""
    known = [ip_network(each) for each in networks]
    mapped = [f"::ffff:{each.network_address}/{96 + each.prefixlen}" for each in known if isinstance(each, IPv4Network)]
    return [*map(str, known), *mapped]


def _is_any_ipv6(host: str) -> bool:
    return ":" in host and not host.strip("0:")
