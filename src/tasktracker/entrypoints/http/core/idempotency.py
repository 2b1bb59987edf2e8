"""The write boundary: the unit of work of a request, and requests with an `Idempotency-Key` that are sent again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from litestar import Response
from msgspec import Struct

from tasktracker.domain.idempotency import record
from tasktracker.domain.idempotency.record import MAX_KEY_LENGTH
from tasktracker.domain.idempotency.service import once
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.work import Storage, UnitOfWork
from tasktracker.entrypoints.http.core.request import Request, header
from tasktracker.entrypoints.http.core.responses import JsonResponse

HEADER = "Idempotency-Key"
KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_LENGTH}}}")
Result = TypeVar("Result")


class Answer(Struct, array_like=True, frozen=True):
    """The answer to a write, in the form in which it is also kept for when the request is sent again."""

    status: int
    etag: str | None
    location: str | None
    body: bytes | None


class Writes:
    """Runs the use case of a request that writes, and answers the request."""

    def __init__(self, store: Storage) -> None:
        self._store = store

    def answer(
        self,
        request: Request,
        body: bytes,
        write: Callable[[UnitOfWork[Actor]], Result],
        render: Callable[[Result], Answer],
    ) -> Response[Any]:
        """Run a use case in a unit of work of the actor's, and render its result.

        With an `Idempotency-Key`, the answer is kept in the same transaction, and a request that is sent again gets it
        again. Without one, nothing is rendered before the work has ended and its locks are released.
        """
        key = _key(request, body)
        if key is None:
            with self._store.writing(request.user) as work:
                result = write(work)
            return _response(render(result))
        with self._store.writing(request.user) as work:
            kept, is_replay = once(work, key, lambda: msgspec.msgpack.encode(render(write(work))))
        return _response(msgspec.msgpack.decode(kept, type=Answer), is_replay)


def rendered(view: Struct | None, *, status: int = 200, etag: str | None = None, location: str | None = None) -> Answer:
    """Return the answer with a representation."""
    return Answer(status, etag, location, None if view is None else msgspec.json.encode(view))


def no_content(_: object) -> Answer:
    """Return the answer to a request of which nothing is left to represent."""
    return rendered(None, status=204)


def _key(request: Request, body: bytes) -> record.Request | None:
    """Return the key of a request, if it carries one, and a fingerprint of the request. Raises InvalidInput."""
    key = header(request, HEADER)
    if key is None:
        return None
    if not KEY.fullmatch(key):  # nor does a header that came in several lines
        raise InvalidInput.of(HEADER, f"must be 1 to {MAX_KEY_LENGTH} visible ASCII characters")
    parts = (request.method.encode(), request.scope["path"].rstrip("/").encode(), body)
    return record.Request(key, hashlib.sha256(b"\0".join(parts)).digest())


def _response(answer: Answer, is_replay: bool = False) -> Response[Any]:
    headers = {"ETag": answer.etag, "Location": answer.location, "Idempotency-Replayed": "true" if is_replay else None}
    return JsonResponse(
        answer.body,
        status_code=answer.status,
        headers={name: value for name, value in headers.items() if value is not None},
    )
