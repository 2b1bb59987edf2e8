"""The trash over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get
from litestar.params import FromPath
from msgspec import Meta, structs

from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import NotAllowed, Stale, TaskNotFound
from tasktracker.domain.tasks.query import TaskKey
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.tasks.trash_service import TrashService
from tasktracker.entrypoints.http.conditional import expected
from tasktracker.entrypoints.http.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.operation import operation
from tasktracker.entrypoints.http.task_types import TaskView, view_task
from tasktracker.entrypoints.http.wire import Injected, Listed, Moment, PagedQuery, Request, identifier


class DeletedTaskView(TaskView):
    """A task in the trash."""

    deleted_at: Annotated[Moment, Meta(description="It is purged when the window has passed since.")]


def view_deleted(task: Task, at: datetime, viewer: UUID) -> DeletedTaskView:
    """Return the representation of a task in the trash."""
    assert task.trashed_at is not None, "asked of what is in the trash"
    return DeletedTaskView(**structs.asdict(view_task(task, at, viewer)), deleted_at=task.trashed_at)


class TrashController(Controller):
    """`/api/trash/`."""

    path = "/api/trash"
    tags = ("trash",)

    @get(
        "/",
        operation_id="listTrash",
        summary="List deleted tasks",
        sync_to_thread=True,
        opt=operation(headers=("Link",)),
    )
    def list_trash(
        self,
        request: Request,
        actor: Injected[Actor],
        trash: Injected[TrashService],
        filters: Injected[PagedQuery],
        cursors: Injected[Cursors],
        clock: Injected[Clock],
    ) -> Response[Listed[DeletedTaskView]]:
        """The tasks the caller has deleted, the last deleted first; each stands for all that was under it."""
        cursor = ListCursor(cursors, request, actor, filters, TaskKey[datetime])
        at = cursor.at(clock.now())
        page = trash.list(actor, cursor.after, filters.limit)
        return cursor.answer(page, [view_deleted(task, at, actor.user_id) for task in page.items], at)

    @delete(
        "/{id:str}",
        operation_id="purgeTask",
        summary="Delete a task for good",
        sync_to_thread=True,
        opt=operation(TaskNotFound, NotAllowed, Stale),
    )
    def purge_task(
        self, request: Request, id: FromPath[str], actor: Injected[Actor], trash: Injected[TrashService]
    ) -> None:
        """Remove a task in the trash, and all that is under it, for good."""
        trash.purge(actor, identifier(id), expected(request))
