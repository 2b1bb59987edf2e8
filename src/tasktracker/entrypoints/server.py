"""The server process: what `tasktracker serve` starts, once or in several workers."""

from __future__ import annotations

import gc

import uvicorn

from tasktracker.entrypoints import logging, settings
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http.app import Application, create_app

DEADLINE = 10  # seconds that requests under way have to finish when the server is told to stop


def create() -> Application:
    """Build the application from the environment, in each worker."""
    loaded = settings.load()
    logging.configure(loaded)
    container = Container(settings=loaded)
    # Made once here rather than by whichever requests come first, and at once on several threads.
    container.store()
    container.signer()
    app = create_app(container)
    # What is there now stays. Looking through all of it for garbage, as the collector does now and then, would keep
    # every request that is under way waiting for a twentieth of a second.
    gc.collect()
    gc.freeze()
    return app


def serve(loaded: settings.Settings) -> None:
    """Serve until told to stop."""
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
