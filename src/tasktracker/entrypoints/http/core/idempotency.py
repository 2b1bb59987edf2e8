"""Units of work of write requests, and retries with an `Idempotency-Key`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
from litestar import Response
from msgspec import Struct

from tasktracker.domain.idempotency import record
from tasktracker.domain.idempotency.record import MAX_KEY_LENGTH
from tasktracker.domain.idempotency.service import once
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.retention import RETENTION
from tasktracker.domain.work import Storage, UnitOfWork
from tasktracker.entrypoints.http.core.request import Request, header
from tasktracker.entrypoints.http.core.responses import JsonResponse

HEADER = "Idempotency-Key"
KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_LENGTH}}}")
Result = TypeVar("Result")


class Answer(Struct, array_like=True, frozen=True):
    """The response to a write request, in the form that is also stored for retries."""

    status: int
    etag: str | None
    location: str | None
    body: bytes | None


class Writes:
    """Runs the use case of a write request, and returns the response."""

    def __init__(self, store: Storage, retention: timedelta = RETENTION) -> None:
        self._store = store
        self._retention = retention

    def answer(
        self,
        request: Request,
        body: bytes,
        write: Callable[[UnitOfWork[Actor]], Result],
        render: Callable[[Result], Answer],
    ) -> Response[Any]:
        """Run a use case in a unit of work of the actor, and render its result.

        With an `Idempotency-Key`, the response is stored in the same transaction, and a retry gets the stored response.
        Without a key, the result is rendered after the transaction, when its locks are released.
        """
        key = _key(request, body)
        if key is None:
            with self._store.writing(request.user) as work:
                result = write(work)
            return _response(render(result))
        with self._store.writing(request.user) as work:
            do = lambda: msgspec.msgpack.encode(render(write(work)))  # noqa: E731
            kept, is_replay = once(work, key, do, self._retention)
        return _response(msgspec.msgpack.decode(kept, type=Answer), is_replay)


def rendered(view: Struct | None, *, status: int = 200, etag: str | None = None, location: str | None = None) -> Answer:
    """Return the response with a representation."""
    return Answer(status, etag, location, None if view is None else msgspec.json.encode(view))


def no_content(_: object) -> Answer:
    """Return a response without a body."""
    return rendered(None, status=204)


def _key(request: Request, body: bytes) -> record.Request | None:
    """Return the key and the fingerprint of a request; None without a key. Raises InvalidInput."""
    key = header(request, HEADER)
    if key is None:
        return None
    if not KEY.fullmatch(key):  # several header lines are joined by ", ": no key has a space
        raise InvalidInput.of(HEADER, f"must be 1 to {MAX_KEY_LENGTH} visible ASCII characters")
    parts = (request.method.encode(), request.scope["path"].encode(), body)
    return record.Request(key, hashlib.sha256(b"\0".join(parts)).digest())


def _response(answer: Answer, is_replay: bool = False) -> Response[Any]:
    headers = {"ETag": answer.etag, "Location": answer.location, "Idempotency-Replayed": "true" if is_replay else None}
    return JsonResponse(
        answer.body,
        status_code=answer.status,
        headers={name: value for name, value in headers.items() if value is not None},
    )
