"""The server process. `tasktracker serve` starts one or several of them."""

from __future__ import annotations

import gc
import signal
from types import FrameType
from typing import Any

import uvicorn

from tasktracker.entrypoints import logging, settings
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http.app import Application, create_app
from tasktracker.entrypoints.http.subscriptions import SubscriptionRegistry

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


def serve(loaded: settings.Settings) -> None:
    """Run the server until it is asked to stop."""
    uvicorn.run(
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
        forwarded_allow_ips=list(loaded.trusted_proxies),
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
