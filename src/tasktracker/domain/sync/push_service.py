"""Applying mutations, which devices made offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.idempotency.service import once
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.deadline import paused
from tasktracker.domain.kernel.errors import (
    CategoryNameTaken,
    DomainError,
    InsufficientScope,
    InvalidInput,
    KeyInUse,
    NotApplied,
    NotAuthenticated,
    StorageUnavailable,
    Unavailable,
)
from tasktracker.domain.kernel.retention import RETENTION
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.sync import applied
from tasktracker.domain.sync.category_mutations import CategoryMutations
from tasktracker.domain.sync.mutation import InConflict, Mutation, Mutations, Outcome, Status
from tasktracker.domain.sync.personal_mutations import NotificationMutations, ReminderMutations
from tasktracker.domain.sync.ports import PushWork
from tasktracker.domain.sync.task_mutations import TaskMutations

MUTATION_SECONDS = 1.0
"""One mutation may take this long before its time counts against the deadline. Otherwise, a hundred mutations on a busy
server would exceed the deadline without waiting."""


class PushService:
    """The process that applies mutations in order, each once."""

    def __init__(
        self,
        *,
        store: Store[Actor, PushWork],
        tasks: TaskMutations,
        categories: CategoryMutations,
        reminders: ReminderMutations,
        notifications: NotificationMutations,
        retention: timedelta = RETENTION,
    ) -> None:
        self._store = store
        self._retention = retention
        self.mutations: Mapping[ItemType, Mutations] = {
            ItemType.TASK: tasks,
            ItemType.CATEGORY: categories,
            ItemType.REMINDER: reminders,
            ItemType.NOTIFICATION: notifications,
        }

    def push(self, actor: Actor, mutations: Sequence[Mutation], *, atomic: bool = False) -> Sequence[Outcome]:
        """Apply mutations, and return the outcome of each.

        A mutation in conflict or rejected changes nothing, and the others are still applied. If `atomic` is set, all
        are applied or none. Raises Unavailable, NotAuthenticated and InsufficientScope; the caller may then send all
        mutations again.
        """
        if atomic or not mutations:
            return self._push_atomically(actor, mutations)
        return [self._push(actor, mutation) for mutation in mutations]

    def _push(self, actor: Actor, mutation: Mutation, *, is_first_attempt: bool = True) -> Outcome:
        try:
            with paused(MUTATION_SECONDS), self._store.writing(actor) as work:
                return self._apply(work, mutation)
        except InConflict as conflict:
            return conflict.outcome
        except CategoryNameTaken as taken:
            if taken.existing is None and is_first_attempt:
                # A concurrent unit of work took the name. It has ended, so the next attempt finds the category with
                # this name.
                return self._push(actor, mutation, is_first_attempt=False)
            return _rejection(taken)
        except DomainError as error:
            return _rejection(error)

    def _push_atomically(self, actor: Actor, mutations: Sequence[Mutation]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        try:
            with self._store.writing(actor) as work:
                for mutation in mutations:
                    with paused(MUTATION_SECONDS):
                        outcomes.append(self._apply(work, mutation))
                return outcomes
        except InConflict as conflict:
            failure = conflict.outcome
        except DomainError as error:
            failure = _rejection(error)
        # If the error was raised by the commit, it is reported for the last mutation.
        position = min(len(outcomes), len(mutations) - 1)
        other = Outcome(status=Status.REJECTED, error=NotApplied())
        return [failure if number == position else other for number in range(len(mutations))]

    def _apply(self, work: PushWork, mutation: Mutation) -> Outcome:
        outcome: Outcome | None = None

        def do() -> bytes:
            nonlocal outcome
            outcome = self._do(work, mutation)
            return applied.stored(mutation, outcome)

        result, _ = once(work, applied.request_of(mutation), do, self._retention)
        return outcome or applied.repeated(result)

    def _do(self, work: PushWork, mutation: Mutation) -> Outcome:
        apply = self.mutations[mutation.type].of(mutation.op)
        if apply is None:
            raise InvalidInput.of("op", f"is not supported for a {mutation.type}")
        if mutation.error is not None:
            raise mutation.error
        work.made_at = mutation.made_at
        try:
            return apply(work, mutation)
        except InvalidInput as invalid:
            raise invalid.within("data") from None


def _rejection(error: DomainError) -> Outcome:
    """Return the outcome of a refused mutation. Raises errors that concern all mutations."""
    if isinstance(error, NotAuthenticated | InsufficientScope | Unavailable):
        raise error
    if isinstance(error, KeyInUse):
        # The same mutation was sent before and is still in progress: its outcome is not yet known.
        raise StorageUnavailable from error
    return Outcome(status=Status.REJECTED, error=error)
