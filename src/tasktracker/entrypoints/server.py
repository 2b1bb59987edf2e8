"""The server process. `tasktracker serve` starts one or several of them."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Network, ip_network
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from tasktracker.entrypoints import logging, settings
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http.app import Application, create_app
from tasktracker.entrypoints.http.subscriptions import SubscriptionRegistry

STARTUP_FAILURE = 3
"""The exit status if the application does not start, as uvicorn itself uses it."""

SHUTDOWN_SECONDS = 10
"""How long running requests may take to finish after the server was asked to stop."""


def create() -> Application:
    """Build the application from the environment. Each worker process calls this."""
    loaded = settings.load()
    logging.configure(loaded)
    container = Container(settings=loaded)
    app = create_app(container)
    end_streams_on_signals(app.services.subscriptions)
    # Objects created so far live as long as the process. A full garbage collection would scan them all, and stop
    # every running request for a twentieth of a second.
    gc.collect()
    gc.freeze()
    return app


def end_streams_on_signals(subscriptions: SubscriptionRegistry) -> None:
    """End open streams when the process is asked to stop, because uvicorn waits for them before it stops.

    uvicorn installs its own signal handlers before it builds the application; the new handlers call them.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        previous = signal.getsignal(number)

        def on_signal(signum: int, frame: FrameType | None, previous: Any = previous) -> None:
            subscriptions.end_all_soon()
            if callable(previous):
                previous(signum, frame)

        signal.signal(number, on_signal)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. On `::` it also accepts IPv4, whatever the system's default is. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, dualstack_ipv6=_is_any_ipv6(host))


def serve(loaded: settings.Settings) -> None:
    """Run the server until it is asked to stop."""
    config = uvicorn.Config(
        f"{__name__}:create",
        factory=True,
        host=loaded.host,
        port=loaded.port,
        workers=loaded.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        # Accept X-Forwarded-For only from the configured proxies.
        proxy_headers=bool(loaded.trusted_proxies),
        forwarded_allow_ips=unmapped_and_mapped(loaded.trusted_proxies),
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    # On `::`, uvicorn would accept IPv4 with several workers only.
    sockets = [listen(loaded.host, loaded.port)] if _is_any_ipv6(loaded.host) else []
    if config.workers > 1:
        Multiprocess(config, sockets=sockets or [config.bind_socket()]).run()
        return
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets or None)
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def unmapped_and_mapped(networks: Sequence[str]) -> list[str]:
    """Return networks and, for each of IPv4, its form on a socket that accepts both (RFC 4291 §2.5.5.2)."""
    known = [ip_network(each) for each in networks]
    mapped = [f"::ffff:{each.network_address}/{96 + each.prefixlen}" for each in known if isinstance(each, IPv4Network)]
    return [*map(str, known), *mapped]


def _is_any_ipv6(host: str) -> bool:
    return ":" in host and not host.strip("0:")
