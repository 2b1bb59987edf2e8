"""Tasks over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.params import FromPath, RawBody

from tasktracker.domain.history.service import HistoryService
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import (
    AlreadyChanged,
    ChangeNotFound,
    IdTaken,
    InvalidInput,
    NotAllowed,
    QuotaExceeded,
    Stale,
    TaskNotFound,
)
from tasktracker.domain.tasks.service import TaskService
from tasktracker.domain.tasks.task import Task, TaskFields
from tasktracker.domain.tasks.trash_service import TrashService
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.conditional import conditional_response, expected_versions, is_create
from tasktracker.entrypoints.http.core.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.core.idempotency import Answer, Writes, no_content, rendered
from tasktracker.entrypoints.http.core.operation import operation
from tasktracker.entrypoints.http.core.request import Request, identifier, query
from tasktracker.entrypoints.http.core.schemas import Body, JsonBody, Listed, NoFields, sent_fields
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread
from tasktracker.entrypoints.http.task_schemas import (
    KEYS,
    CreateTask,
    EditTask,
    ListTasks,
    ReplaceTask,
    TaskView,
    query_of,
    task_etag,
    view_task,
)


class UndoChange(Body, kw_only=True):
    """The change to undo."""

    example = {"change": "01a20693-460b-77ba-b22d-dc40a09c36dd"}

    change: UUID


class TaskController(Controller):
    """`/api/tasks/`."""

    path = "/api/tasks"
    tags = ("tasks",)

    tasks: TaskService
    trash: TrashService
    history: HistoryService
    store: Storage
    writes: Writes
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner

    @get("/", operation_id="listTasks", summary="List tasks", opt=operation(query=ListTasks, headers=("Link",)))
    @on_thread
    def list_tasks(self, request: Request) -> Response[Listed[TaskView]]:
        """The tasks that the caller owns, and tasks shared with the caller, directly or in a shared category."""
        filters = query(ListTasks, request)
        cursor: ListCursor[Any] = ListCursor(self.cursors, request, filters, KEYS[filters.sort.field])
        at = cursor.at(self.clock.now())
        with self.store.reading(request.user) as work:
            page = self.tasks.list(work, query_of(filters, at, cursor.after))
        return cursor.answer(page, [view_task(task, at, request.user.user_id) for task in page.items], at)

    @post(
        "/",
        operation_id="createTask",
        summary="Create a task",
        opt=operation(QuotaExceeded, InvalidInput, headers=("ETag", "Location"), idempotent=True),
    )
    @on_thread
    def create_task(self, request: Request, data: JsonBody[CreateTask], body: RawBody) -> Response[TaskView]:
        """Create a task. The caller owns the task. In a shared category, the owner of the category owns it."""
        actor, fields = request.user, sent_fields(data, TaskFields)
        return self.writes.answer(
            request,
            body,
            lambda work: self.tasks.create(work, fields),
            lambda task: self._rendered(task, actor, status=201),
        )

    @get("/{id:str}", operation_id="getTask", summary="Read a task", opt=operation(TaskNotFound, headers=("ETag",)))
    @on_thread
    def get_task(self, request: Request, id: FromPath[str]) -> Response[TaskView]:
        """One task; 304 if `If-None-Match` contains its current `ETag`."""
        with self.store.reading(request.user) as work:
            task = self.tasks.get(work, identifier(id))
        at, viewer = self.clock.now(), request.user.user_id
        return conditional_response(request, task_etag(task, at, viewer), view_task(task, at, viewer))

    @put(
        "/{id:str}",
        operation_id="replaceTask",
        summary="Replace or create a task",
        opt=operation(
            QuotaExceeded,
            InvalidInput,
            TaskNotFound,
            NotAllowed,
            Stale,
            IdTaken,
            headers=("ETag",),
            idempotent=True,
            creates=True,
        ),
    )
    @on_thread
    def replace_task(
        self, request: Request, id: FromPath[str], data: JsonBody[ReplaceTask], body: RawBody
    ) -> Response[TaskView]:
        """Set every field of a task. Omitted fields get their default values.

        With `If-None-Match: *`, create the task under this id instead, unless it exists.
        """
        actor, task_id = request.user, identifier(id)
        fields, versions = sent_fields(data, TaskFields), expected_versions(request, data.version)
        if is_create(request):
            return self.writes.answer(
                request,
                body,
                lambda work: self.tasks.create_if_absent(work, task_id, fields),
                lambda task: self._rendered(task, actor, status=201),
            )
        return self.writes.answer(
            request,
            body,
            lambda work: self.tasks.replace(work, task_id, fields, versions),
            lambda task: self._rendered(task, actor),
        )

    @patch(
        "/{id:str}",
        operation_id="editTask",
        summary="Change a task",
        opt=operation(QuotaExceeded, InvalidInput, TaskNotFound, NotAllowed, Stale, headers=("ETag",), idempotent=True),
    )
    @on_thread
    def edit_task(
        self, request: Request, id: FromPath[str], data: JsonBody[EditTask], body: RawBody
    ) -> Response[TaskView]:
        """Change only the fields that are sent."""
        actor, task_id = request.user, identifier(id)
        fields, versions = sent_fields(data, TaskFields), expected_versions(request, data.version)
        return self.writes.answer(
            request,
            body,
            lambda work: self.tasks.edit(work, task_id, fields, versions),
            lambda task: self._rendered(task, actor),
        )

    @delete(
        "/{id:str}",
        operation_id="deleteTask",
        summary="Move a task to the trash",
        status_code=204,
        opt=operation(TaskNotFound, NotAllowed, Stale, idempotent=True),
    )
    @on_thread
    def delete_task(self, request: Request, id: FromPath[str], body: RawBody) -> Response[None]:
        """Move a task and its subtasks to the trash."""
        task_id, versions = identifier(id), expected_versions(request)
        return self.writes.answer(request, body, lambda work: self.trash.delete(work, task_id, versions), no_content)

    @post(
        "/{id:str}/restore",
        operation_id="restoreTask",
        summary="Restore a task",
        status_code=200,
        opt=operation(InvalidInput, TaskNotFound, NotAllowed, Stale, headers=("ETag",), idempotent=True),
    )
    @on_thread
    def restore_task(
        self,
        request: Request,
        id: FromPath[str],
        body: RawBody,
        data: JsonBody[NoFields | None] = None,  # noqa: ARG002  # only validated
    ) -> Response[TaskView]:
        """Restore a task and the subtasks that were deleted with it."""
        actor, task_id, versions = request.user, identifier(id), expected_versions(request)
        return self.writes.answer(
            request,
            body,
            lambda work: self.trash.restore(work, task_id, versions),
            lambda task: self._rendered(task, actor),
        )

    @post(
        "/{id:str}/undo",
        operation_id="undoChange",
        summary="Undo a change",
        status_code=200,
        opt=operation(
            QuotaExceeded,
            InvalidInput,
            TaskNotFound,
            ChangeNotFound,
            NotAllowed,
            Stale,
            AlreadyChanged,
            headers=("ETag",),
            idempotent=True,
        ),
    )
    @on_thread
    def undo_change(
        self, request: Request, id: FromPath[str], data: JsonBody[UndoChange], body: RawBody
    ) -> Response[TaskView]:
        """Set the fields of one change back to their previous values. The status is 409 if they have changed again."""
        actor, task_id, versions = request.user, identifier(id), expected_versions(request)
        return self.writes.answer(
            request,
            body,
            lambda work: self.history.undo(work, task_id, data.change, versions),
            lambda task: self._rendered(task, actor),
        )

    def _rendered(self, task: Task, actor: Actor, *, status: int = 200) -> Answer:
        at, viewer = self.clock.now(), actor.user_id
        location = f"{TaskController.path}/{task.id}/" if status == 201 else None
        tag = task_etag(task, at, viewer)
        return rendered(view_task(task, at, viewer), status=status, etag=tag, location=location)
