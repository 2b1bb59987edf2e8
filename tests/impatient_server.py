"""A server with short limits on time and few file descriptors, so that tests need not wait."""

from __future__ import annotations

import os
import resource
import sys

from tasktracker.entrypoints import server, settings
from tasktracker.entrypoints.http.core import connection

COMMAND = [sys.executable, "-m", "tests.impatient_server"]
DESCRIPTORS, RESERVED = "TEST_DESCRIPTORS", "TEST_RESERVED"


if __name__ == "__main__":
    if DESCRIPTORS in os.environ:
        limit = int(os.environ[DESCRIPTORS])
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    connection.RESERVED_DESCRIPTORS = int(os.environ.get(RESERVED, connection.RESERVED_DESCRIPTORS))
    connection.CHECK_SECONDS = 1
    connection.HEAD_SECONDS = connection.BODY_SECONDS = 2
    connection.STALLED_SECONDS = 3
    server.serve(settings.load())
