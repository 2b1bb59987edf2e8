"""Doing what a request asks for once, however often it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tasktracker.domain.idempotency.record import Answer, Record, Request
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import KeyReused
from tasktracker.domain.work import Store, UnitOfWork

Result = TypeVar("Result")


class IdempotencyService:
    """Opens the unit of work of a request, and keeps what it came to for when the request is sent again."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def once(
        self,
        actor: Actor,
        request: Request | None,
        do: Callable[[UnitOfWork], Result],
        render: Callable[[Result], Answer],
    ) -> tuple[Answer, bool]:
        """Do what a request asks for, or return what it came to before, and whether that was the case.

        None stands for a request without a key, which is done each time it is sent.
        The answer is committed together with what was done, so there is never one without the other. What is
        refused is not kept. Raises KeyReused, KeyInUse, and whatever `do` raises.
        """
        with self._store.writing(actor) as work:
            if request is None:
                return render(do(work)), False
            return self.once_in(work, actor, request, do, render)

    def once_in(
        self,
        work: UnitOfWork,
        actor: Actor,
        request: Request,
        do: Callable[[UnitOfWork], Result],
        render: Callable[[Result], Answer],
    ) -> tuple[Answer, bool]:
        """Do what a request asks for once, as part of a larger piece of work."""
        record = work.idempotency.claim(actor.user_id, request.key)
        if record is not None:
            if record.fingerprint != request.fingerprint:
                raise KeyReused
            return record.answer, True
        answer = render(do(work))
        work.idempotency.add(
            Record(
                user_id=actor.user_id,
                key=request.key,
                fingerprint=request.fingerprint,
                answer=answer,
                created_at=self._clock.now(),
            )
        )
        return answer, False
