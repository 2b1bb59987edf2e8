"""Reminders of tasks over HTTP."""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath, RawBody
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.kernel.errors import InvalidInput, ReminderNotFound, TaskNotFound, TooManyReminders
from tasktracker.domain.reminders.reminder import REMINDER, Reminder, ReminderFields
from tasktracker.domain.reminders.service import ReminderService
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.idempotency import Writes, no_content, rendered
from tasktracker.entrypoints.http.core.operation import operation
from tasktracker.entrypoints.http.core.request import Request, identifier
from tasktracker.entrypoints.http.core.schemas import Body, JsonBody, Listed, Moment, ReadOnly, sent_fields
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread

Before = Annotated[
    str,
    Meta(
        description=(
            "A duration of days, hours and minutes before the task is due, at most 366 days (ISO 8601). A task that is "
            "due on a day is due at the `reminder_hour` of the user's preferences."
        ),
        examples=["P1DT30M"],
        extra_json_schema={"pattern": r"^P(?=.)(\d{1,3}D)?(T(?=\d)(\d{1,4}H)?(\d{1,6}M)?)?$"},
    ),
]


class CreateReminder(Body, kw_only=True):
    """A new reminder: `at` a moment, or `before` the task is due."""

    rules = REMINDER.rules
    example = {"before": "PT30M"}

    at: Annotated[Moment, Meta(description="A moment in the future.")] | UnsetType | None = UNSET
    before: Before | UnsetType | None = UNSET

    id: ReadOnly = UNSET
    task: ReadOnly = UNSET
    fires_at: ReadOnly = UNSET
    created_at: ReadOnly = UNSET
    version: ReadOnly = UNSET


class CreateSyncedReminder(CreateReminder, kw_only=True):
    """A new reminder in a push, with the id of its task."""

    task: UUID


class SyncedReminderFields(ReminderFields, total=False):
    """The fields of a new reminder in a push."""

    task: UUID


class ReminderView(Struct):
    """A reminder of the user."""

    id: UUID
    task: UUID
    at: Moment | None
    before: str | None
    fires_at: Annotated[
        Moment | None,
        Meta(
            description=(
                "When it fires. Null if the task is closed, in the trash or not due, or the moment has passed."
            )
        ),
    ]
    created_at: Moment
    version: int


_values = attrgetter(*ReminderView.__struct_fields__)


def view_reminder(reminder: Reminder, *_: object) -> ReminderView:
    """Return the representation of a reminder."""
    return ReminderView(*_values(reminder))


class ReminderController(Controller):
    """`/api/tasks/{id}/reminders/`."""

    path = "/api/tasks/{id:str}/reminders"
    tags = ("reminders",)

    reminders: ReminderService
    store: Storage
    writes: Writes
    threads: ThreadRunner

    @get("/", operation_id="listReminders", summary="List the reminders of a task", opt=operation(TaskNotFound))
    @on_thread
    def list_reminders(self, request: Request, id: FromPath[str]) -> Listed[ReminderView]:
        """The user's own reminders of the task, the oldest first, on one page."""
        with self.store.reading(request.user) as work:
            return Listed([view_reminder(each) for each in self.reminders.list(work, identifier(id))])

    @post(
        "/",
        operation_id="createReminder",
        summary="Add a reminder",
        opt=operation(InvalidInput, TaskNotFound, TooManyReminders, headers=("Location",), idempotent=True),
    )
    @on_thread
    def create_reminder(
        self, request: Request, id: FromPath[str], data: JsonBody[CreateReminder], body: RawBody
    ) -> Response[ReminderView]:
        """Add a reminder of the task for the user, `at` a moment or `before` the task is due.

        A reminder before the due date moves with it. All reminders wait while the task is closed or in the trash.
        """
        task_id, fields = identifier(id), sent_fields(data, ReminderFields)
        return self.writes.answer(
            request,
            body,
            lambda work: self.reminders.create(work, task_id, fields),
            lambda made: rendered(
                view_reminder(made), status=201, location=f"/api/tasks/{task_id}/reminders/{made.id}/"
            ),
        )

    @delete(
        "/{reminder_id:str}",
        operation_id="deleteReminder",
        summary="Remove a reminder",
        status_code=204,
        opt=operation(ReminderNotFound, idempotent=True),
    )
    @on_thread
    def delete_reminder(
        self, request: Request, id: FromPath[str], reminder_id: FromPath[str], body: RawBody
    ) -> Response[None]:
        """Remove one of the user's reminders of the task."""
        task_id, removed = identifier(id), identifier(reminder_id, "reminder_id")
        return self.writes.answer(request, body, lambda work: self.reminders.delete(work, removed, task_id), no_content)
