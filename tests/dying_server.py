"""A server that dies between a commit and its answer, where a request asks for it."""

from __future__ import annotations

import os
import signal

import uvicorn
from litestar.enums import ScopeType
from litestar.types import Message, Receive, Scope, Send

from tasktracker.entrypoints import server

DIE = "X-Test-Die"


class Dying:
    """Wraps the application. By the time that it begins to answer, all it has done is committed."""

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
