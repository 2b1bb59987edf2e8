"""Mutations, which devices made while offline, as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.categories.category import CategoryFields
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.errors import CategoryNameTaken, DomainError, InvalidInput
from tasktracker.domain.kernel.fields import Rule, check, moment, optional
from tasktracker.domain.kernel.paging import DEFAULT_PAGE
from tasktracker.domain.notifications.notification import NotificationFields
from tasktracker.domain.recurrence.recurrence import plain
from tasktracker.domain.sync.mutation import MAX_MUTATIONS, MAX_OWN, Mutation, MutationOp, Outcome, Status
from tasktracker.domain.tasks.task import TaskFields
from tasktracker.entrypoints.http.categories import CreateCategory, EditCategory
from tasktracker.entrypoints.http.changes import AnyChange, Typed
from tasktracker.entrypoints.http.core.problems import Problem, problem_of
from tasktracker.entrypoints.http.core.request_parsing import converted
from tasktracker.entrypoints.http.core.schemas import Body, CursorText, Limit, Moment, sent_fields
from tasktracker.entrypoints.http.notifications import EditNotification
from tasktracker.entrypoints.http.reminders import CreateSyncedReminder, SyncedReminderFields
from tasktracker.entrypoints.http.task_schemas import CreateTask, EditTask


class PushOptions(Typed):
    """How many changes to return."""

    limit: Limit = DEFAULT_PAGE


class MutationBody(Body, kw_only=True):
    """A change that a device made."""

    id: Annotated[UUID, Meta(description="The id of the mutation. A mutation that is sent again is not applied again.")]
    type: ItemType
    op: MutationOp
    target: Annotated[UUID, Meta(description="The id of the item. For a new item, the device chooses it.")]
    base_version: (
        Annotated[
            int,
            Meta(
                ge=1,
                description=(
                    "The version on which the change is based. By default, the earliest version that the mutations in "
                    "`own` made."
                ),
            ),
        ]
        | UnsetType
        | None
    ) = UNSET
    data: (
        Annotated[dict[str, Any], Meta(description="The changed fields, as in a `POST` or `PATCH` of the item.")]
        | UnsetType
    ) = UNSET
    own: (
        Annotated[
            list[UUID],
            Meta(
                max_length=MAX_OWN,
                description=(
                    "The ids of earlier mutations of this item, since `base_version`, that this device made. Their "
                    "changes never conflict with this one."
                ),
            ),
        ]
        | UnsetType
    ) = UNSET
    made_at: (
        Annotated[
            Moment,
            Meta(
                description=(
                    "When the device made the change. A time before `created_at` becomes `created_at`; a time in the "
                    "future becomes now."
                )
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


class PushMutations(Body, kw_only=True):
    """Mutations in the order to apply them, and the cursor of the device."""

    example = {
        "mutations": [
            {
                "id": "5f0c8a52-0b0e-4a0e-9f43-3d5f0f6a1c11",
                "type": "task",
                "op": "create",
                "target": "01a20693-460b-77ba-b22d-dc40a09c36dd",
                "data": {"title": "Buy milk"},
            }
        ]
    }

    mutations: Annotated[list[MutationBody], Meta(max_length=MAX_MUTATIONS)]
    cursor: CursorText | UnsetType | None = UNSET
    atomic: Annotated[bool, Meta(description="Apply all mutations or none.")] = False


class ConflictView(Struct):
    """A field that this device and another one both changed. `base` is null if the earlier value is not known."""

    base: Any
    yours: Any
    theirs: Any


class ExistingView(Struct):
    """An item that prevents a mutation."""

    type: ItemType
    id: UUID


class ResultView(Struct):
    """The result of a mutation, and the current version of its item."""

    id: UUID
    status: Status
    version: int | None
    conflicts: dict[str, ConflictView]
    problem: Annotated[Problem | None, Meta(description="Why the mutation was rejected.")]
    dropped: Annotated[
        Sequence[str],
        Meta(
            description=(
                "Fields of an applied mutation that were left out: a `category` or `parent` that does not exist, "
                "or that the user may not set."
            )
        ),
    ]
    existing: Annotated[ExistingView | None, Meta(description="The item that already has the name in the mutation.")]


class PushedView(Struct):
    """The result of each mutation, and the changes since the cursor, including these mutations."""

    results: list[ResultView]
    changes: list[AnyChange]
    next_cursor: Annotated[str | None, Meta(description="Null if no cursor was sent.")]
    has_more: bool
    cursor_valid_until: Moment | None


BODIES: Mapping[tuple[ItemType, MutationOp], tuple[type[Body], type[Any]]] = {
    (ItemType.TASK, MutationOp.CREATE): (CreateTask, TaskFields),
    (ItemType.TASK, MutationOp.UPDATE): (EditTask, TaskFields),
    (ItemType.CATEGORY, MutationOp.CREATE): (CreateCategory, CategoryFields),
    (ItemType.CATEGORY, MutationOp.UPDATE): (EditCategory, CategoryFields),
    (ItemType.REMINDER, MutationOp.CREATE): (CreateSyncedReminder, SyncedReminderFields),
    (ItemType.NOTIFICATION, MutationOp.UPDATE): (EditNotification, NotificationFields),
}
"""The types of a mutation's data. Mutations that are not listed have no data."""

RULES: Mapping[str, Rule] = {"made_at": optional(moment)}


def read_mutation(body: MutationBody) -> Mutation:
    """Return the mutation of a body. Errors in its data become part of the mutation and are not raised."""
    data = {} if body.data is UNSET else body.data
    base = None if body.base_version is UNSET else body.base_version
    fields: Mapping[str, Any] = {}
    made_at = None if body.made_at is UNSET else body.made_at
    error = None
    if known := BODIES.get((body.type, body.op)):
        try:
            fields = sent_fields(converted(known[0], data), known[1])
        except InvalidInput as invalid:
            error = invalid.within("data")
    elif data:
        error = InvalidInput.of("data", "must be left out")
    try:
        made_at = check(RULES, {"made_at": made_at})["made_at"]
    except InvalidInput as invalid:
        error = error or invalid
    return Mutation(
        id=body.id,
        fingerprint=_fingerprint(body),
        type=body.type,
        op=body.op,
        target=body.target,
        base_version=base,
        own=() if body.own is UNSET else body.own,
        made_at=made_at,
        data=fields,
        error=error,
    )


def _fingerprint(body: MutationBody) -> bytes:
    # The hash leaves out `own`: a device may know more ids when it sends the mutation again. A null in the mutation
    # itself is the same as an omitted field. A null in its data is a value.
    content = {name: value for name, value in msgspec.to_builtins(body).items() if name != "own" and value is not None}
    # `json` rather than msgspec, because the data may contain lone surrogates and very large numbers.
    written = json.dumps(content, sort_keys=True)
    return hashlib.sha256(written.encode("ascii")).digest()


def view_result(mutation: Mutation, outcome: Outcome) -> ResultView:
    """Return the representation of the outcome of a mutation."""
    return ResultView(
        id=mutation.id,
        status=outcome.status,
        version=outcome.version,
        conflicts={
            name: ConflictView(plain(each.base), plain(each.yours), plain(each.theirs))
            for name, each in outcome.conflicts.items()
        },
        problem=problem_of(outcome.error) if outcome.error else None,
        dropped=outcome.dropped,
        existing=_existing(outcome.error),
    )


def _existing(error: DomainError | None) -> ExistingView | None:
    if isinstance(error, CategoryNameTaken) and error.existing is not None:
        return ExistingView(ItemType.CATEGORY, error.existing)
    return None
