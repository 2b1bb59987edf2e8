"""Tasks over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.actors import Actor
from tasktracker.domain.errors import InvalidInput, Stale, TaskNotFound
from tasktracker.domain.fields import Refused
from tasktracker.domain.tasks.query import UNFILED, TaskKey, TaskQuery
from tasktracker.domain.tasks.service import TaskService
from tasktracker.domain.tasks.task import (
    DESCRIPTION_LONGEST,
    TASK_RULES,
    TITLE_LONGEST,
    Priority,
    State,
    Task,
    TaskFields,
)
from tasktracker.domain.work import Clock
from tasktracker.entrypoints.http.conditional import etag, expected, fresh
from tasktracker.entrypoints.http.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.operation import operation
from tasktracker.entrypoints.http.wire import (
    Body,
    Injected,
    Listed,
    Moment,
    PagedQuery,
    ReadOnly,
    Request,
    Version,
    given,
    identifier,
    text,
    view,
)

Title = Annotated[str, text(shortest=1, longest=TITLE_LONGEST, pattern=r"\S")]
Description = Annotated[str, text(longest=DESCRIPTION_LONGEST)]


class TaskBody(Body):
    """The fields of a task that may be left out."""

    rules = TASK_RULES

    description: Description | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    state: State | UnsetType = UNSET
    due_date: Moment | UnsetType | None = UNSET
    category: UUID | UnsetType | None = UNSET

    id: ReadOnly = UNSET
    owners: ReadOnly = UNSET
    created_by: ReadOnly = UNSET
    created_at: ReadOnly = UNSET
    updated_at: ReadOnly = UNSET
    completed_at: ReadOnly = UNSET
    is_overdue: ReadOnly = UNSET


class CreateTask(TaskBody, kw_only=True):
    """A new task."""

    title: Title
    version: ReadOnly = UNSET


class ReplaceTask(TaskBody, kw_only=True):
    """A whole task: what is left out goes back to its default."""

    title: Title
    version: Version | UnsetType = UNSET


class EditTask(TaskBody, kw_only=True):
    """A change to a task (RFC 7396): what is left out stays as it is, null clears what can be empty."""

    title: Title | UnsetType = UNSET
    version: Version | UnsetType = UNSET


class TaskView(Struct):
    """A task."""

    id: UUID
    title: str
    description: str
    priority: Priority
    state: State
    due_date: Moment | None
    is_overdue: bool
    category: UUID | None
    owners: list[UUID]
    created_by: UUID
    created_at: Moment
    updated_at: Moment
    completed_at: Moment | None
    version: int


CategoryFilter = Annotated[
    str,
    Meta(
        description=f"Filed under this category, or `{UNFILED}`: under no category.",
        extra_json_schema={"anyOf": [{"format": "uuid"}, {"const": UNFILED}]},
    ),
]


def filed_under(value: str) -> UUID | Literal["none"]:
    """The id of a category, or `none`."""
    if value == UNFILED:
        return UNFILED
    try:
        return msgspec.convert(value, UUID)
    except msgspec.ValidationError:
        raise Refused(f"must be the id of a category, or {UNFILED}") from None


class ListTasks(PagedQuery):
    """Which tasks to list. Every filter narrows the list further."""

    rules = {"category": filed_under}

    state: Annotated[list[State], Meta(description="One of these states; may be repeated.")] = []
    priority: Priority | UnsetType = UNSET
    category: CategoryFilter | UnsetType = UNSET
    overdue: Annotated[bool, Meta(description="Past its due date and neither done nor cancelled.")] | UnsetType = UNSET


@view.register
def view_task(task: Task, at: datetime) -> TaskView:
    """Return the representation of a task at a moment."""
    return TaskView(
        id=task.id,
        title=task.title,
        description=task.description,
        priority=task.priority,
        state=task.state,
        due_date=task.due_date,
        is_overdue=task.is_overdue(at),
        category=task.category,
        owners=list(task.owners),
        created_by=task.created_by,
        created_at=task.created_at,
        updated_at=task.updated_at,
        completed_at=task.completed_at,
        version=task.version,
    )


class TaskController(Controller):
    """`/api/tasks/`."""

    path = "/api/tasks"
    tags = ("tasks",)

    @get(
        "/",
        operation_id="listTasks",
        summary="List tasks",
        sync_to_thread=True,
        opt=operation(headers=("Link",)),
    )
    def list_tasks(
        self,
        request: Request,
        actor: Injected[Actor],
        tasks: Injected[TaskService],
        filters: Injected[ListTasks],
        cursors: Injected[Cursors],
        clock: Injected[Clock],
    ) -> Response[Listed[TaskView]]:
        """The caller's tasks, the newest first."""
        cursor = ListCursor(cursors, request, actor, filters, TaskKey)
        at = cursor.at(clock.now())
        query = TaskQuery(
            at=at,
            states=frozenset(filters.state),
            priority=filters.priority or None,
            category=None if filters.category is UNSET else filed_under(filters.category),
            overdue=None if filters.overdue is UNSET else filters.overdue,
            after=cursor.after,
            limit=filters.limit,
        )
        page = tasks.list(actor, query)
        return cursor.answer(page, [view_task(task, at) for task in page.items], at)

    @post(
        "/",
        operation_id="createTask",
        summary="Create a task",
        sync_to_thread=True,
        opt=operation(InvalidInput, headers=("ETag", "Location")),
    )
    def create_task(
        self,
        actor: Injected[Actor],
        tasks: Injected[TaskService],
        clock: Injected[Clock],
        data: JSONBody[CreateTask],
    ) -> Response[TaskView]:
        """Create a task of the caller's."""
        task = tasks.create(actor, given(data, TaskFields))
        return _answer(task, clock, {"Location": f"{self.path}/{task.id}/"})

    @get(
        "/{id:str}",
        operation_id="getTask",
        summary="Read a task",
        sync_to_thread=True,
        opt=operation(TaskNotFound, headers=("ETag",)),
    )
    def get_task(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        tasks: Injected[TaskService],
        clock: Injected[Clock],
    ) -> Response[TaskView]:
        """One task; 304 when `If-None-Match` names its current representation."""
        seen = view_task(tasks.get(actor, identifier(id)), clock.now())
        return fresh(request, etag(seen.version, is_overdue=seen.is_overdue), seen)

    @put(
        "/{id:str}",
        operation_id="replaceTask",
        summary="Replace a task",
        sync_to_thread=True,
        opt=operation(InvalidInput, TaskNotFound, Stale, headers=("ETag",)),
    )
    def replace_task(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        tasks: Injected[TaskService],
        clock: Injected[Clock],
        data: JSONBody[ReplaceTask],
    ) -> Response[TaskView]:
        """Set every field of a task; what is left out goes back to its default."""
        versions = expected(request, data.version)
        return _answer(tasks.replace(actor, identifier(id), given(data, TaskFields), versions), clock)

    @patch(
        "/{id:str}",
        operation_id="editTask",
        summary="Change a task",
        sync_to_thread=True,
        opt=operation(InvalidInput, TaskNotFound, Stale, headers=("ETag",)),
    )
    def edit_task(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        tasks: Injected[TaskService],
        clock: Injected[Clock],
        data: JSONBody[EditTask],
    ) -> Response[TaskView]:
        """Change the fields that are sent, and no other."""
        versions = expected(request, data.version)
        return _answer(tasks.edit(actor, identifier(id), given(data, TaskFields), versions), clock)

    @delete(
        "/{id:str}",
        operation_id="deleteTask",
        summary="Delete a task",
        sync_to_thread=True,
        opt=operation(TaskNotFound, Stale),
    )
    def delete_task(
        self, request: Request, id: FromPath[str], actor: Injected[Actor], tasks: Injected[TaskService]
    ) -> None:
        """Delete a task."""
        tasks.delete(actor, identifier(id), expected(request))


def _answer(task: Task, clock: Clock, headers: dict[str, Any] | None = None) -> Response[TaskView]:
    seen = view_task(task, clock.now())
    return Response(seen, headers={"ETag": etag(seen.version, is_overdue=seen.is_overdue), **(headers or {})})
