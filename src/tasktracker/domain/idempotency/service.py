"""Doing what a request asks for once, however often it is sent."""

from __future__ import annotations

from collections.abc import Callable

from tasktracker.domain.idempotency.ports import IdempotentWork
from tasktracker.domain.idempotency.record import Record, Request
from tasktracker.domain.kernel.errors import KeyReused


def once(work: IdempotentWork, request: Request, do: Callable[[], bytes]) -> tuple[bytes, bool]:
    """Do what a request asks for, or return its kept result; and whether that was the case.

    The result is committed together with what was done, so there is never one without the other. What is refused is
    not kept. Raises KeyReused, KeyInUse, and whatever `do` raises.
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
            created_at=work.now,
        )
    )
    return result, False
