"""Syncing over HTTP: full state, deltas, and digests."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.actors import Actor
from tasktracker.domain.categories.category import Category, CategoryFields
from tasktracker.domain.errors import CursorExpired, FieldError, InvalidInput, TooManyStreams
from tasktracker.domain.fields import Refused
from tasktracker.domain.paging import DEFAULT_PAGE
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.sync.feed import FeedItem, ItemType, Op, Reason
from tasktracker.domain.sync.mutation import MUTATIONS_MOST, Mutation, MutationOp, Outcome, Status
from tasktracker.domain.sync.push_service import PushService
from tasktracker.domain.sync.service import ALL_TYPES, BUCKETS, Changes, SyncService
from tasktracker.domain.tasks.task import Priority, State, Task, TaskFields
from tasktracker.entrypoints.http.categories import CategoryView, CreateCategory, EditCategory, view_category
from tasktracker.entrypoints.http.cursors import Cursors
from tasktracker.entrypoints.http.hub import Hub, Waiter
from tasktracker.entrypoints.http.operation import operation
from tasktracker.entrypoints.http.problems import Problem, problem_of
from tasktracker.entrypoints.http.task_types import CreateTask, EditTask
from tasktracker.entrypoints.http.wire import Body, CursorText, Injected, Limit, Moment, Query, converted, given


class TaskData(Struct):
    """A task as devices keep it: without what depends on the time."""

    id: UUID
    title: str
    description: str
    priority: Priority
    state: State
    due_date: Moment | None
    category: UUID | None
    parent: UUID | None
    owners: list[UUID]
    created_by: UUID
    created_at: Moment
    updated_at: Moment
    completed_at: Moment | None
    version: int


class TaskChange(Struct, tag_field="type", tag=ItemType.TASK.value):
    """A task as it is now; gone where `data` is null."""

    id: UUID
    op: Op
    version: int
    data: TaskData | None
    reason: Reason | None


class CategoryChange(Struct, tag_field="type", tag=ItemType.CATEGORY.value):
    """A category as it is now; gone where `data` is null."""

    id: UUID
    op: Op
    version: int
    data: CategoryView | None
    reason: Reason | None


class ChangesView(Struct):
    """Changes in the order in which they are to be applied, and the cursor to go on from."""

    changes: list[TaskChange | CategoryChange]
    next_cursor: str
    has_more: bool
    cursor_valid_until: Moment


class DigestView(Struct):
    """A summary of all that the caller has."""

    as_of: Annotated[str, Meta(description="A cursor: what changes after it is not in this digest.")]
    count: int
    buckets: Annotated[
        dict[str, str],
        Meta(description="By the first byte of the SHA-256 of an item's id, in hexadecimal: SHA-256 of what is there."),
    ]


class EntryView(Struct):
    """An item and its version."""

    type: ItemType
    id: UUID
    version: int


class BucketView(Struct):
    """What is in one bucket of a digest."""

    items: list[EntryView]


def _types(text: str) -> frozenset[ItemType]:
    names = text.split(",")
    try:
        types = frozenset(ItemType(name) for name in names)
    except ValueError:
        types = frozenset()
    if len(types) != len(names):
        raise Refused(f"must be of {', '.join(sorted(ItemType))}, with commas between them")
    return types


Types = Annotated[str, Meta(description="Only of these types, with commas between them.", examples=["task,category"])]


class Typed(Query):
    """Which types of items."""

    rules = {"types": _types}

    types: Types | UnsetType = UNSET

    @property
    def chosen(self) -> frozenset[ItemType]:
        """The types asked for."""
        return ALL_TYPES if self.types is UNSET else self.types  # type: ignore[return-value]  # its rule made it a set


WAIT_MOST = 60


class PullChanges(Typed):
    """Where to go on from, and how far."""

    wait: Annotated[int, Meta(ge=0, le=WAIT_MOST, description="Seconds to wait for changes where there are none.")] = 0

    cursor: CursorText | UnsetType = UNSET
    limit: Limit = DEFAULT_PAGE


class PushOptions(Typed):
    """How much to answer of what has changed since."""

    limit: Limit = DEFAULT_PAGE


class MutationBody(Body, kw_only=True):
    """Something that a device did."""

    id: Annotated[UUID, Meta(description="Of the mutation: it is done once, however often it is sent.")]
    type: ItemType
    op: MutationOp
    target: Annotated[UUID, Meta(description="The id of the item; of a new one, that of the device's choice.")]
    base_version: Annotated[int, Meta(ge=1, description="The version that the device knew.")] | UnsetType | None = UNSET
    data: (
        Annotated[dict[str, Any], Meta(description="The fields that were set, as in a `POST` or `PATCH` of the item.")]
        | UnsetType
    ) = UNSET


class PushMutations(Body, kw_only=True):
    """What a device did, in that order, and how far it has been told what others did."""

    mutations: Annotated[list[MutationBody], Meta(max_length=MUTATIONS_MOST)]
    cursor: CursorText | UnsetType | None = UNSET
    atomic: Annotated[bool, Meta(description="All of it or nothing.")] = False


class ConflictView(Struct):
    """A field that both the device and somebody else have changed. `base` is null where it is not known any more."""

    base: Any
    yours: Any
    theirs: Any


class ResultView(Struct):
    """What came of a mutation, and the version at which its item is now."""

    id: UUID
    status: Status
    version: int | None
    conflicts: dict[str, ConflictView]
    problem: Annotated[Problem | None, Meta(description="Why it was rejected.")]


class PushedView(Struct):
    """What came of each mutation, and what has changed since the cursor, they included."""

    results: list[ResultView]
    changes: list[TaskChange | CategoryChange]
    next_cursor: Annotated[str | None, Meta(description="Null where no cursor was sent.")]
    has_more: bool
    cursor_valid_until: Moment | None


BODIES: Mapping[tuple[ItemType, MutationOp], tuple[type[Body], type[Any]]] = {
    (ItemType.TASK, MutationOp.CREATE): (CreateTask, TaskFields),
    (ItemType.TASK, MutationOp.UPDATE): (EditTask, TaskFields),
    (ItemType.CATEGORY, MutationOp.CREATE): (CreateCategory, CategoryFields),
    (ItemType.CATEGORY, MutationOp.UPDATE): (EditCategory, CategoryFields),
}
"""What the data of a mutation must be; others have none."""


def read_mutation(body: MutationBody) -> Mutation:
    """Return the mutation that is meant. What is wrong with its data is its own affair."""
    data = {} if body.data is UNSET else body.data
    base = None if body.base_version is UNSET else body.base_version
    fields: Mapping[str, Any] = {}
    error = None
    if known := BODIES.get((body.type, body.op)):
        try:
            fields = given(converted(known[0], data), known[1])
        except InvalidInput as invalid:
            error = InvalidInput(*(FieldError(f"data.{each.field}", each.message) for each in invalid.errors))
    elif data:
        error = InvalidInput.of("data", "must be left out")
    return Mutation(
        id=body.id,
        fingerprint=hashlib.sha256(msgspec.json.encode(body, order="deterministic")).digest(),
        type=body.type,
        op=body.op,
        target=body.target,
        base_version=base,
        data=fields,
        error=error,
    )


def view_result(mutation: Mutation, outcome: Outcome) -> ResultView:
    """Return the representation of what came of a mutation."""
    return ResultView(
        id=mutation.id,
        status=outcome.status,
        version=outcome.version,
        conflicts={name: ConflictView(each.base, each.yours, each.theirs) for name, each in outcome.conflicts.items()},
        problem=problem_of(outcome.error) if outcome.error else None,
    )


class SyncCursors:
    """Cursors of feeds as text, each bound to its user and types."""

    def __init__(self, cursors: Cursors) -> None:
        self._cursors = cursors

    def open(self, text: str | UnsetType, actor: Actor, types: frozenset[ItemType]) -> SyncCursor | None:
        """Read a cursor. Raises InvalidInput."""
        return None if text is UNSET else self._cursors.unseal(str(text), SyncCursor, _bound(actor, types))

    def seal(self, cursor: SyncCursor, actor: Actor, types: frozenset[ItemType]) -> str:
        """Write a cursor."""
        return self._cursors.seal(cursor, _bound(actor, types))


def _bound(actor: Actor, types: frozenset[ItemType]) -> str:
    return f"{actor.user_id} sync {','.join(sorted(types))}"


def view_change(found: FeedItem, actor: Actor) -> TaskChange | CategoryChange:
    """Return the representation of a change, as its user sees the item."""
    mark = found.mark
    if mark.type is ItemType.CATEGORY:
        category = view_category(found.item) if isinstance(found.item, Category) else None
        return CategoryChange(id=mark.id, op=mark.op, version=mark.version, reason=mark.reason, data=category)
    task = view_data(found.item, actor) if isinstance(found.item, Task) else None
    return TaskChange(id=mark.id, op=mark.op, version=mark.version, reason=mark.reason, data=task)


def view_data(task: Task, actor: Actor) -> TaskData:
    """Return the representation of a task as the actor's devices keep it."""
    return TaskData(
        id=task.id,
        title=task.title,
        description=task.description,
        priority=task.priority,
        state=task.state,
        due_date=task.due_date,
        category=task.category if task.created_by == actor.user_id else None,
        parent=task.parent,
        owners=list(task.owners),
        created_by=task.created_by,
        created_at=task.created_at,
        updated_at=task.updated_at,
        completed_at=task.completed_at,
        version=task.version,
    )


def view_changes(changes: Changes, actor: Actor, types: frozenset[ItemType], cursors: SyncCursors) -> ChangesView:
    """Return the representation of changes."""
    return ChangesView(
        changes=[view_change(item, actor) for item in changes.items],
        next_cursor=cursors.seal(changes.next, actor, types),
        has_more=changes.has_more,
        cursor_valid_until=changes.valid_until,
    )


async def _with_changes(waiter: Waiter, seconds: int, pull: Callable[[], tuple[Changes, ChangesView]]) -> ChangesView:
    """Pull until there is something, or the time has passed. Nothing is held meanwhile: no thread, no connection."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        waiter.clear()
        changes, view = await asyncio.to_thread(pull)
        waiter.position = changes.head
        # What has changed may be of other types.
        if changes.items or waiter.is_over or not await waiter.wait(deadline - loop.time()):
            return view


class SyncController(Controller):
    """`/api/sync/`."""

    path = "/api/sync"
    tags = ("sync",)

    @get(
        "/",
        operation_id="pullChanges",
        summary="Read what has changed",
        opt=operation(CursorExpired, TooManyStreams),
    )
    async def pull_changes(
        self,
        actor: Injected[Actor],
        sync: Injected[SyncService],
        hub: Injected[Hub],
        filters: Injected[PullChanges],
        cursors: Injected[Cursors],
    ) -> ChangesView:
        """Everything the caller has, and from then on what has changed, with nothing left out in between.

        Without a cursor it is the full state. Each item is told once, as it is now, however often it was changed.
        With `wait`, an answer without changes is put off until there are some, or that time has passed.
        """
        sealed, types = SyncCursors(cursors), filters.chosen

        def pull() -> tuple[Changes, ChangesView]:
            changes = sync.pull(actor, sealed.open(filters.cursor, actor, types), filters.limit, types)
            return changes, view_changes(changes, actor, types, sealed)

        if not filters.wait:
            return (await asyncio.to_thread(pull))[1]
        with hub.waiting(actor) as waiter:
            return await _with_changes(waiter, filters.wait, pull)

    @post(
        "/",
        operation_id="pushMutations",
        summary="Tell what was done",
        sync_to_thread=True,
        status_code=200,
        opt=operation(InvalidInput, CursorExpired),
    )
    def push_mutations(
        self,
        actor: Injected[Actor],
        sync: Injected[SyncService],
        pushing: Injected[PushService],
        filters: Injected[PushOptions],
        cursors: Injected[Cursors],
        data: JSONBody[PushMutations],
    ) -> PushedView:
        """Apply what a device did, merging it by field with what others have done since.

        Each mutation has a result of its own. What is in conflict, or rejected, has changed nothing. The whole
        request may be sent again: what was applied is not applied twice.
        """
        sealed, types = SyncCursors(cursors), filters.chosen
        cursor = sealed.open(UNSET if data.cursor is None else data.cursor, actor, types)
        if cursor is not None:
            sync.require_valid(actor, cursor)
        mutations = [read_mutation(body) for body in data.mutations]
        outcomes = pushing.push(actor, mutations, atomic=data.atomic)
        results = [view_result(each, outcome) for each, outcome in zip(mutations, outcomes, strict=True)]
        if cursor is None:
            return PushedView(results, [], None, has_more=False, cursor_valid_until=None)
        changes = view_changes(sync.pull(actor, cursor, filters.limit, types), actor, types, sealed)
        return PushedView(results, changes.changes, changes.next_cursor, changes.has_more, changes.cursor_valid_until)

    @get("/digest", operation_id="digest", summary="Summarise everything", sync_to_thread=True, opt=operation())
    def digest(
        self,
        actor: Injected[Actor],
        sync: Injected[SyncService],
        filters: Injected[Typed],
        cursors: Injected[Cursors],
    ) -> DigestView:
        """Hashes by which a device proves that it has everything, and finds out where it has not."""
        digest = sync.digest(actor, filters.chosen)
        as_of = SyncCursors(cursors).seal(digest.as_of, actor, filters.chosen)
        return DigestView(as_of, digest.count, dict(digest.buckets))

    @get(
        "/digest/{bucket:str}",
        operation_id="digestBucket",
        summary="List a bucket of the digest",
        sync_to_thread=True,
        opt=operation(InvalidInput),
    )
    def digest_bucket(
        self, bucket: FromPath[str], actor: Injected[Actor], sync: Injected[SyncService], filters: Injected[Typed]
    ) -> BucketView:
        """The items of one bucket, with their versions."""
        if bucket not in BUCKETS:
            raise InvalidInput.of("bucket", "must be two hexadecimal digits, in lower case")
        marks = sync.bucket(actor, bucket, filters.chosen)
        return BucketView([EntryView(mark.type, mark.id, mark.version) for mark in marks])
