"""Executing an idempotent request once, even if it is sent several times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tasktracker.domain.idempotency.ports import IdempotentWork
from tasktracker.domain.idempotency.record import Record, Request
from tasktracker.domain.kernel.errors import KeyReused
from tasktracker.domain.kernel.retention import RETENTION


def once(
    work: IdempotentWork, request: Request, do: Callable[[], bytes], retention: timedelta = RETENTION
) -> tuple[bytes, bool]:
    """Execute a request, or return its stored result. The second value says whether the result was stored before.

    The result commits together with the changes of the request, and is stored for the retention. Nothing is stored for
    a refused request. Raises KeyReused, KeyInUse, and the errors of `do`.
    """
    record = work.idempotency.claim(work.actor.user_id, request.key)
    if record is not None:
        if record.fingerprint != request.fingerprint:
            raise KeyReused
        return record.result, True
    result = do()
    work.idempotency.add(
        Record(
            user_id=work.actor.user_id,
            key=request.key,
            fingerprint=request.fingerprint,
            result=result,
            expires_at=work.now + retention,
        )
    )
    return result, False
