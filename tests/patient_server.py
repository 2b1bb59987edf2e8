"""A server that waits for slow clients when it stops, except for the rest of a request."""

from __future__ import annotations

import sys

from tasktracker.entrypoints import cli, server
from tasktracker.entrypoints.http.core import connection
from tests.waiting import PATIENCE

COMMAND = [sys.executable, "-m", "tests.patient_server", "serve"]


if __name__ == "__main__":
    connection.HEAD_SECONDS = connection.UNUSED_SECONDS = connection.LAST_RESPONSE_SECONDS = PATIENCE
    connection.LAST_REQUEST_SECONDS = 1
    server.SHUTDOWN_SECONDS = PATIENCE
    cli.main()
