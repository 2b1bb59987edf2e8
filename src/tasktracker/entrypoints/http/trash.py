"""The trash over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get
from litestar.params import FromPath
from msgspec import UNSET, Meta, UnsetType, structs

from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import NotAllowed, Stale, TaskNotFound
from tasktracker.domain.tasks.query import TaskKey
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.tasks.trash_service import TrashService
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.conditional import expected_versions
from tasktracker.entrypoints.http.core.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.core.idempotency import Writes
from tasktracker.entrypoints.http.core.operation import operation
from tasktracker.entrypoints.http.core.request import Request, identifier, query
from tasktracker.entrypoints.http.core.schemas import Listed, Moment, PagedQuery
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread
from tasktracker.entrypoints.http.task_schemas import TaskView, view_task


class DeletedTaskView(TaskView, kw_only=True):
    """A task in the trash."""

    deleted_at: Annotated[
        Moment, Meta(description="When the task was deleted. It is purged at the end of the retention period.")
    ]


def view_deleted(task: Task, at: datetime, viewer: UUID, time_zone: str) -> DeletedTaskView:
    """Return the representation of a task in the trash."""
    assert task.trashed_at is not None, "the task is in the trash"
    return DeletedTaskView(**structs.asdict(view_task(task, at, viewer, time_zone)), deleted_at=task.trashed_at)


class ListTrash(PagedQuery):
    """A filter of the list of deleted tasks."""

    category: (
        Annotated[
            UUID, Meta(description="Only tasks in this category. Editors of the category see all of these tasks.")
        ]
        | UnsetType
    ) = UNSET


class TrashController(Controller):
    """`/api/trash/`."""

    path = "/api/trash"
    tags = ("trash",)

    trash: TrashService
    store: Storage
    writes: Writes
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner

    @get(
        "/",
        operation_id="listTrash",
        summary="List deleted tasks",
        opt=operation(query=ListTrash, headers=("Link",)),
    )
    @on_thread
    def list_trash(self, request: Request) -> Response[Listed[DeletedTaskView]]:
        """The caller's deleted tasks, the last deleted first, without the subtasks deleted with them."""
        filters = query(ListTrash, request)
        category = None if filters.category is UNSET else filters.category
        cursor = ListCursor(self.cursors, request, filters, TaskKey[datetime])
        at = cursor.at(self.clock.now())
        with self.store.reading(request.user) as work:
            page = self.trash.list(work, cursor.after, filters.limit, category)
        viewer, time_zone = request.user.user_id, work.time_zone
        return cursor.answer(page, [view_deleted(task, at, viewer, time_zone) for task in page.items], at)

    @delete(
        "/{id:str}",
        operation_id="purgeTask",
        summary="Delete a task permanently",
        opt=operation(TaskNotFound, NotAllowed, Stale),
    )
    @on_thread
    def purge_task(self, request: Request, id: FromPath[str]) -> None:
        """Permanently delete a task in the trash and its subtasks."""
        with self.writes.writing(request) as work:
            self.trash.purge(work, identifier(id), expected_versions(request))
