"""Tasks over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody

from tasktracker.domain.history.service import HistoryService
from tasktracker.domain.idempotency import record
from tasktracker.domain.idempotency.record import Answer
from tasktracker.domain.idempotency.service import IdempotencyService
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import (
    AlreadyChanged,
    ChangeNotFound,
    IdTaken,
    InvalidInput,
    NotAllowed,
    Stale,
    TaskNotFound,
)
from tasktracker.domain.tasks.policy import role_of
from tasktracker.domain.tasks.service import TaskService
from tasktracker.domain.tasks.task import Task, TaskFields
from tasktracker.domain.tasks.trash_service import TrashService
from tasktracker.domain.work import UnitOfWork
from tasktracker.entrypoints.http.conditional import creates, etag, expected, fresh
from tasktracker.entrypoints.http.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.idempotency import answer, answered
from tasktracker.entrypoints.http.operation import operation
from tasktracker.entrypoints.http.task_types import (
    KEYS,
    CreateTask,
    EditTask,
    ListTasks,
    ReplaceTask,
    TaskView,
    query_of,
    view_task,
)
from tasktracker.entrypoints.http.wire import Body, Injected, Listed, Request, given, identifier


class UndoChange(Body, kw_only=True):
    """The change to take back."""

    change: UUID


class TaskController(Controller):
    """`/api/tasks/`."""

    path = "/api/tasks"
    tags = ("tasks",)

    @get("/", operation_id="listTasks", summary="List tasks", sync_to_thread=True, opt=operation(headers=("Link",)))
    def list_tasks(
        self,
        request: Request,
        actor: Injected[Actor],
        tasks: Injected[TaskService],
        filters: Injected[ListTasks],
        cursors: Injected[Cursors],
        clock: Injected[Clock],
    ) -> Response[Listed[TaskView]]:
        """All the tasks the caller can see, own and shared."""
        cursor: ListCursor[Any] = ListCursor(cursors, request, actor, filters, KEYS[filters.sort.field])
        at = cursor.at(clock.now())
        page = tasks.list(actor, query_of(filters, at, cursor.after))
        return cursor.answer(page, [view_task(task, at, actor.user_id) for task in page.items], at)

    @post(
        "/",
        operation_id="createTask",
        summary="Create a task",
        sync_to_thread=True,
        opt=operation(InvalidInput, headers=("ETag", "Location"), idempotent=True),
    )
    def create_task(
        self,
        actor: Injected[Actor],
        tasks: Injected[TaskService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
        clock: Injected[Clock],
        data: JSONBody[CreateTask],
    ) -> Response[TaskView]:
        """Create a task of the caller's."""
        fields = given(data, TaskFields)
        return answered(
            idempotency,
            actor,
            key,
            lambda work: tasks.create_in(work, actor, fields),
            lambda task: _answer(task, clock, actor, status=201),
        )

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
        seen = view_task(tasks.get(actor, identifier(id)), clock.now(), actor.user_id)
        return fresh(request, etag(seen.version, is_overdue=seen.is_overdue), seen)

    @put(
        "/{id:str}",
        operation_id="replaceTask",
        summary="Replace a task, or create it under one's own id",
        sync_to_thread=True,
        opt=operation(
            InvalidInput, TaskNotFound, NotAllowed, Stale, IdTaken, headers=("ETag",), idempotent=True, creates=True
        ),
    )
    def replace_task(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        tasks: Injected[TaskService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
        clock: Injected[Clock],
        data: JSONBody[ReplaceTask],
    ) -> Response[TaskView]:
        """Set every field of a task; what is left out goes back to its default.

        With `If-None-Match: *`, create the task under this id instead, unless there is one.
        """
        task_id, fields, versions = identifier(id), given(data, TaskFields), expected(request, data.version)
        creating = creates(request)

        def replace(work: UnitOfWork) -> Task:
            if creating:
                existing = work.tasks.find_unlocked(task_id)
                if existing is not None and role_of(existing, actor.user_id) is not None and not existing.trashed_at:
                    raise Stale(existing)
                return tasks.create_in(work, actor, fields, task_id)
            return tasks.replace_in(work, actor, task_id, fields, versions)

        status = 201 if creating else 200
        return answered(idempotency, actor, key, replace, lambda task: _answer(task, clock, actor, status=status))

    @patch(
        "/{id:str}",
        operation_id="editTask",
        summary="Change a task",
        sync_to_thread=True,
        opt=operation(InvalidInput, TaskNotFound, NotAllowed, Stale, headers=("ETag",), idempotent=True),
    )
    def edit_task(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        tasks: Injected[TaskService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
        clock: Injected[Clock],
        data: JSONBody[EditTask],
    ) -> Response[TaskView]:
        """Change the fields that are sent, and no other."""
        task_id, fields, versions = identifier(id), given(data, TaskFields), expected(request, data.version)
        return answered(
            idempotency,
            actor,
            key,
            lambda work: tasks.edit_in(work, actor, task_id, fields, versions),
            lambda task: _answer(task, clock, actor),
        )

    @delete(
        "/{id:str}",
        operation_id="deleteTask",
        summary="Move a task to the trash",
        sync_to_thread=True,
        status_code=204,
        opt=operation(TaskNotFound, NotAllowed, Stale, idempotent=True),
    )
    def delete_task(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        trash: Injected[TrashService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
    ) -> Response[None]:
        """Move a task of the caller's to the trash, with all that is under it."""
        task_id, versions = identifier(id), expected(request)
        return answered(
            idempotency,
            actor,
            key,
            lambda work: trash.delete_in(work, actor, task_id, versions),
            lambda _: answer(None, status=204),
        )

    @post(
        "/{id:str}/restore",
        operation_id="restoreTask",
        summary="Take a task out of the trash",
        sync_to_thread=True,
        status_code=200,
        opt=operation(TaskNotFound, NotAllowed, Stale, headers=("ETag",), idempotent=True),
    )
    def restore_task(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        trash: Injected[TrashService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
        clock: Injected[Clock],
    ) -> Response[TaskView]:
        """Take a task out of the trash, with all that was deleted with it."""
        task_id, versions = identifier(id), expected(request)
        return answered(
            idempotency,
            actor,
            key,
            lambda work: trash.restore_in(work, actor, task_id, versions),
            lambda task: _answer(task, clock, actor),
        )

    @post(
        "/{id:str}/undo",
        operation_id="undoChange",
        summary="Take a change back",
        sync_to_thread=True,
        status_code=200,
        opt=operation(
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
    def undo_change(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        history: Injected[HistoryService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
        clock: Injected[Clock],
        data: JSONBody[UndoChange],
    ) -> Response[TaskView]:
        """Set the fields of one change back to what they were; 409 when they have been changed again since."""
        task_id, versions = identifier(id), expected(request)
        return answered(
            idempotency,
            actor,
            key,
            lambda work: history.undo_in(work, actor, task_id, data.change, versions),
            lambda task: _answer(task, clock, actor),
        )


def _answer(task: Task, clock: Clock, actor: Actor, *, status: int = 200) -> Answer:
    seen = view_task(task, clock.now(), actor.user_id)
    location = f"{TaskController.path}/{task.id}/" if status == 201 else None
    return answer(seen, status=status, etag=etag(seen.version, is_overdue=seen.is_overdue), location=location)
