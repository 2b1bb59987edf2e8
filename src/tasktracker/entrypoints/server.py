"""The server process: what `tasktracker serve` starts, once or in several workers."""

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

DEADLINE = 10  # seconds that requests under way have to finish when the server is asked to stop


def create() -> Application:
    """Build the application from the environment, in each worker."""
    loaded = settings.load()
    logging.configure(loaded)
    container = Container(settings=loaded)
    app = create_app(container)
    release_on_signals(app.services.subscriptions)
    # What is there now stays. Looking through all of it for garbage, as the collector does now and then, would keep
    # every request that is under way waiting for a twentieth of a second.
    gc.collect()
    gc.freeze()
    return app


def release_on_signals(subscriptions: SubscriptionRegistry) -> None:
    """End open streams as soon as the process is asked to stop: the server waits for them before it does.

    uvicorn has installed its own handlers by the time that it builds the application; they are called afterwards.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        previous = signal.getsignal(number)

        def release(signum: int, frame: FrameType | None, previous: Any = previous) -> None:
            subscriptions.release()
            if callable(previous):
                previous(signum, frame)

        signal.signal(number, release)


def serve(loaded: settings.Settings) -> None:
    """Serve until asked to stop."""
    uvicorn.run(
        f"{__name__}:create",
        factory=True,
        host=loaded.host,
        port=loaded.port,
        workers=loaded.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        # Forwarded addresses are believed only from proxies that are named.
        proxy_headers=bool(loaded.trusted_proxies),
        forwarded_allow_ips=list(loaded.trusted_proxies),
        timeout_graceful_shutdown=DEADLINE,
    )
