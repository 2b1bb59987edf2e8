"""Taking in what devices did while nobody could be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast
from uuid import UUID

from tasktracker.domain.categories.category import CATEGORY_RULES, Category, CategoryFields
from tasktracker.domain.categories.service import CategoryService
from tasktracker.domain.feed.entries import ItemType
from tasktracker.domain.history.change import TRACKED, Change, ChangeKey
from tasktracker.domain.idempotency.record import Answer, Request
from tasktracker.domain.idempotency.service import IdempotencyService
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import (
    CategoryNotFound,
    DomainError,
    InsufficientScope,
    InvalidInput,
    KeyInUse,
    NotApplied,
    NotAuthenticated,
    Stale,
    StorageUnavailable,
    Unavailable,
)
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.paging import LARGEST_PAGE
from tasktracker.domain.sync.merge import conflicts_of, is_by
from tasktracker.domain.sync.mutation import FieldConflict, Mutation, MutationOp, Outcome, Status
from tasktracker.domain.tasks.policy import require_visible
from tasktracker.domain.tasks.service import FILING, TaskService
from tasktracker.domain.tasks.task import TASK_RULES, Task, TaskFields
from tasktracker.domain.tasks.trash_service import TrashService
from tasktracker.domain.work import Store, UnitOfWork

Handler = Callable[[UnitOfWork, Actor, Mutation], Outcome]


class _Refused(Exception):
    """Undoes the work of a mutation that is in conflict."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


class PushService:
    """Applies mutations, in their order, each once."""

    def __init__(
        self,
        *,
        store: Store,
        idempotency: IdempotencyService,
        tasks: TaskService,
        trash: TrashService,
        categories: CategoryService,
    ) -> None:
        self._store = store
        self._idempotency = idempotency
        self._tasks = tasks
        self._trash = trash
        self._categories = categories
        self._handlers: Mapping[tuple[ItemType, MutationOp], Handler] = {
            (ItemType.TASK, MutationOp.CREATE): self._create_task,
            (ItemType.TASK, MutationOp.UPDATE): self._update_task,
            (ItemType.TASK, MutationOp.DELETE): self._delete_task,
            (ItemType.TASK, MutationOp.RESTORE): self._restore_task,
            (ItemType.CATEGORY, MutationOp.CREATE): self._create_category,
            (ItemType.CATEGORY, MutationOp.UPDATE): self._update_category,
            (ItemType.CATEGORY, MutationOp.DELETE): self._delete_category,
        }

    def push(self, actor: Actor, mutations: Sequence[Mutation], *, atomic: bool = False) -> Sequence[Outcome]:
        """Apply mutations, and return what came of each.

        Those that are in conflict or rejected change nothing, and keep the others from nothing unless `atomic`: then
        all are applied or none. Raises Unavailable, NotAuthenticated and InsufficientScope; everything may then be
        sent again.
        """
        if atomic or not mutations:
            return self._push_at_once(actor, mutations)
        return [self._push(actor, mutation) for mutation in mutations]

    def _push(self, actor: Actor, mutation: Mutation) -> Outcome:
        try:
            with self._store.writing(actor) as work:
                return self._apply(work, actor, mutation)
        except _Refused as refused:
            return refused.outcome
        except DomainError as error:
            return _rejection(error)

    def _push_at_once(self, actor: Actor, mutations: Sequence[Mutation]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        try:
            with self._store.writing(actor) as work:
                for mutation in mutations:
                    outcomes.append(self._apply(work, actor, mutation))  # noqa: PERF401  # those before a refusal count
                return outcomes
        except _Refused as refused:
            failure = refused.outcome
        except DomainError as error:
            failure = _rejection(error)
        # It may have come to light only at the end what cannot be: then it is the last one's.
        position = min(len(outcomes), len(mutations) - 1)
        other = Outcome(status=Status.REJECTED, error=NotApplied())
        return [failure if number == position else other for number in range(len(mutations))]

    def _apply(self, work: UnitOfWork, actor: Actor, mutation: Mutation) -> Outcome:
        request = Request(f"sync {mutation.id}", mutation.fingerprint)  # no header can say this: it holds a space
        done: list[Outcome] = []

        def do(work: UnitOfWork) -> Outcome:
            if mutation.error is not None:
                raise mutation.error
            handler = self._handlers.get((mutation.type, mutation.op))
            if handler is None:
                raise InvalidInput.of("op", f"cannot be done to a {mutation.type}")
            try:
                done.append(handler(work, actor, mutation))
            except InvalidInput as invalid:
                raise invalid.within("data") from None
            return done[0]

        answer, is_replay = self._idempotency.once_in(work, actor, request, do, _kept)
        return Outcome(status=Status.DUPLICATE, version=_version(answer)) if is_replay else done[0]

    # ------------------------------------------------------------ tasks

    def _create_task(self, work: UnitOfWork, actor: Actor, mutation: Mutation) -> Outcome:
        task = self._tasks.create_in(work, actor, cast(TaskFields, mutation.data), mutation.target)
        return Outcome(status=Status.APPLIED, version=task.version)

    def _update_task(self, work: UnitOfWork, actor: Actor, mutation: Mutation) -> Outcome:
        fields = check(TASK_RULES, cast(TaskFields, mutation.data))
        while True:
            found = work.tasks.find_unlocked(mutation.target)
            if found is not None and found.trashed_at and found.created_by == actor.user_id:
                raise _in_conflict(found.version, {name: FieldConflict(None, fields[name], None) for name in fields})  # type: ignore[literal-required]
            task = require_visible(found, actor.user_id)
            since, is_current = self._since(work, task, mutation.base_version)
            if not is_current:
                wanted = {name: value for name, value in fields.items() if self._may_file(task, actor, name)}
                conflicts = conflicts_of(wanted, _tracked(task), since, actor)
                if conflicts:
                    raise _in_conflict(task.version, conflicts)
            # `edit_in` locks whatever the fields concern; the version makes sure that it edits what was looked at.
            with suppress(Stale):
                edited = self._tasks.edit_in(work, actor, task.id, fields, frozenset({task.version}))
                return Outcome(status=Status.APPLIED if is_current else Status.MERGED, version=edited.version)
            # Somebody else was faster. From now on the task is locked, and stays as it is.

    def _delete_task(self, work: UnitOfWork, actor: Actor, mutation: Mutation) -> Outcome:
        while True:
            found = work.tasks.find_unlocked(mutation.target)
            if found is not None and found.trashed_at and found.created_by == actor.user_id:
                return Outcome(status=Status.APPLIED, version=found.version)
            task = require_visible(found, actor.user_id)
            since, is_current = self._since(work, task, mutation.base_version)
            if not is_current and (conflicts := _changed_by_others(task, since, actor)):
                raise _in_conflict(task.version, conflicts)
            with suppress(Stale):
                self._trash.delete_in(work, actor, task.id, frozenset({task.version}))
                return Outcome(status=Status.APPLIED, version=task.version + 1)

    def _restore_task(self, work: UnitOfWork, actor: Actor, mutation: Mutation) -> Outcome:
        task = self._trash.restore_in(work, actor, mutation.target)
        return Outcome(status=Status.APPLIED, version=task.version)

    @staticmethod
    def _may_file(task: Task, actor: Actor, name: str) -> bool:
        """Whether a field is one that the actor changes: others' filing is their own, and ignored."""
        return name not in FILING or task.created_by == actor.user_id

    @staticmethod
    def _since(work: UnitOfWork, task: Task, base: int | None) -> tuple[Sequence[Change] | None, bool]:
        """Return the changes since a version, None where they are not known, and whether there were none."""
        if base is None or base == task.version:
            return (), True
        if base > task.version:
            return None, False
        changes, reaches_back = _changes_after(work, task, base)
        # Versions that merely followed from a change of another task are in no history, and have changed none of its
        # fields. Histories are swept from their beginning: one that reaches back as far as the base lacks nothing else.
        versions = [change.version for change in changes]
        is_complete = reaches_back or versions == list(range(base + 1, task.version + 1))
        return (changes if is_complete else None), False

    # ------------------------------------------------------------ categories

    def _create_category(self, work: UnitOfWork, actor: Actor, mutation: Mutation) -> Outcome:
        category = self._categories.create_in(work, actor, cast(CategoryFields, mutation.data), mutation.target)
        return Outcome(status=Status.APPLIED, version=category.version)

    def _update_category(self, work: UnitOfWork, actor: Actor, mutation: Mutation) -> Outcome:
        fields = check(CATEGORY_RULES, cast(CategoryFields, mutation.data))
        category = self._category(work, actor, mutation.target)
        is_current = mutation.base_version in (None, category.version)
        if not is_current:
            # What a category was before is not kept.
            current = {name: getattr(category, name) for name in fields}
            conflicts = conflicts_of(cast(dict[str, Any], fields), current, None, actor)
            if conflicts:
                raise _in_conflict(category.version, conflicts)
        edited = self._categories.edit_in(work, actor, category.id, fields)
        return Outcome(status=Status.APPLIED if is_current else Status.MERGED, version=edited.version)

    def _delete_category(self, work: UnitOfWork, actor: Actor, mutation: Mutation) -> Outcome:
        category = self._category(work, actor, mutation.target)
        if mutation.base_version not in (None, category.version):
            names = CATEGORY_RULES.keys()
            theirs = {name: FieldConflict(None, None, getattr(category, name)) for name in names}
            raise _in_conflict(category.version, theirs)
        self._categories.delete_in(work, actor, category.id)
        return Outcome(status=Status.APPLIED, version=category.version + 1)

    @staticmethod
    def _category(work: UnitOfWork, actor: Actor, category_id: UUID) -> Category:
        category = work.categories.find(actor.user_id, category_id)
        if category is None:
            raise CategoryNotFound
        return category


def _changes_after(work: UnitOfWork, task: Task, base: int) -> tuple[Sequence[Change], bool]:
    """Return the changes after a version, the first one first, and whether there is any that is not after it."""
    changes: list[Change] = []
    after: ChangeKey | None = None
    while True:
        page = work.history.list(task.id, after, min(task.version - base + 1, LARGEST_PAGE))
        later = [change for change in page.items if change.version > base]
        changes += later
        reaches_back, after = len(later) < len(page.items), page.next
        if reaches_back or after is None:
            return changes[::-1], reaches_back


def _tracked(task: Task) -> Mapping[str, Any]:
    return {name: getattr(task, name) for name in TRACKED}


def _changed_by_others(task: Task, since: Sequence[Change] | None, actor: Actor) -> Mapping[str, FieldConflict]:
    """Return what others have changed since, in conflict with a wish to delete it all."""
    if since is None:
        return {name: FieldConflict(None, None, value) for name, value in _tracked(task).items()}
    conflicts: dict[str, FieldConflict] = {}
    for change in since:
        if not is_by(change, actor):
            for name in change.fields.keys() & set(TRACKED):
                conflicts.setdefault(name, FieldConflict(change.fields[name].before, None, getattr(task, name)))
    return conflicts


def _in_conflict(version: int, conflicts: Mapping[str, FieldConflict]) -> _Refused:
    return _Refused(Outcome(status=Status.CONFLICT, version=version, conflicts=conflicts))


def _rejection(error: DomainError) -> Outcome:
    """Return the outcome of a mutation that was refused, unless it is for a reason that concerns all of them."""
    if isinstance(error, NotAuthenticated | InsufficientScope | Unavailable):
        raise error
    if isinstance(error, KeyInUse):
        # The same was sent before and is still under way: what comes of it, nobody can say yet.
        raise StorageUnavailable from error
    return Outcome(status=Status.REJECTED, error=error)


def _kept(outcome: Outcome) -> Answer:
    return Answer(200, str(outcome.version).encode(), None, None)


def _version(answer: Answer) -> int:
    assert answer.body is not None, "kept with every outcome"
    return int(answer.body)
