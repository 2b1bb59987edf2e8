"""Requests that may be sent again: the `Idempotency-Key` header, and answers that are rendered again."""

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
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.work import UnitOfWork
from tasktracker.entrypoints.http.responses import JsonResponse
from tasktracker.entrypoints.http.wire import Request, header

HEADER = "Idempotency-Key"
KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_LENGTH}}}")
Result = TypeVar("Result")


async def provide_key(request: Request) -> record.Request | None:
    """Read the key of a request, if it carries one, and what makes it the same request again. Raises InvalidInput."""
    key = header(request, HEADER)
    if key is None:
        return None
    if not KEY.fullmatch(key):  # nor is what came in several lines
        raise InvalidInput.of(HEADER, f"must be 1 to {MAX_KEY_LENGTH} visible ASCII characters")
    parts = (request.method.encode(), request.scope["path"].rstrip("/").encode(), await request.body())
    return record.Request(key, hashlib.sha256(b"\0".join(parts)).digest())


def answer(view: Struct | None, *, status: int = 200, etag: str | None = None, location: str | None = None) -> Answer:
    """Return an answer in the form in which it is kept."""
    body = None if view is None else msgspec.json.encode(view)
    return Answer(status, body, etag, location)


def answered(
    idempotency: IdempotencyService,
    actor: Actor,
    key: record.Request | None,
    do: Callable[[UnitOfWork], Result],
    render: Callable[[Result], Answer],
) -> Response[Any]:
    """Do what a request asks for, once, and answer it."""
    outcome, is_replay = idempotency.once(actor, key, do, render)
    headers = {"ETag": outcome.etag, "Location": outcome.location}
    if is_replay:
        headers["Idempotency-Replayed"] = "true"
    return JsonResponse(
        outcome.body,
        status_code=outcome.status,
        headers={name: value for name, value in headers.items() if value is not None},
    )
