"""A server that dies between a commit and its answer when a request asks for it."""

from __future__ import annotations

import os
import signal
import sys

import uvicorn
from litestar.enums import ScopeType
from litestar.types import Message, Receive, Scope, Send

from tasktracker.entrypoints import server

DIE = "X-Test-Die"
COMMAND = [sys.executable, "-m", "tests.dying_server"]


class Dying:
    """Wraps the application, which begins to answer after the commit."""

    def __init__(self) -> None:
        self._app = server.create()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == ScopeType.HTTP and any(name == DIE.lower().encode() for name, _ in scope["headers"])

        async def sending(message: Message) -> None:
            if asked and message["type"] == "http.response.start":
                os.kill(os.getpid(), signal.SIGKILL)
            await send(message)

        await self._app(scope, receive, sending)


if __name__ == "__main__":
    uvicorn.run(Dying(), port=int(os.environ["PORT"]), log_config=None)
