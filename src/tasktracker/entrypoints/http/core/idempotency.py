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
from tasktracker.domain.idempotency.record import MAX_KEY_LENGTH, Answer
from tasktracker.domain.idempotency.service import IdempotencyService
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.work import Store, UnitOfWork
from tasktracker.entrypoints.http.core.request import Request, header
from tasktracker.entrypoints.http.core.responses import JsonResponse

HEADER = "Idempotency-Key"
KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_LENGTH}}}")
Result = TypeVar("Result")


class Writes:
    """Runs the use case of a request that writes, and answers the request."""

    def __init__(self, store: Store, idempotency: IdempotencyService) -> None:
        self._store = store
        self._idempotency = idempotency

    def answer(
        self,
        request: Request,
        body: bytes,
        write: Callable[[UnitOfWork], Result],
        render: Callable[[Result], Answer],
    ) -> Response[Any]:
        """Run a use case in a unit of work of the actor's, and render its result.

        With an `Idempotency-Key`, the answer is stored in the same transaction, and a request that is sent again is
        answered by it. Without one, nothing is rendered before the work has ended and its locks are released.
        """
        actor, key = request.user, _key(request, body)
        if key is not None:
            return _response(*self._idempotency.once(actor, key, write, render))
        with self._store.writing(actor) as work:
            result = write(work)
        return _response(render(result))


def rendered(view: Struct | None, *, status: int = 200, etag: str | None = None, location: str | None = None) -> Answer:
    """Return an answer in the form in which it is stored."""
    body = None if view is None else msgspec.json.encode(view)
    return Answer(status, body, etag, location)


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
