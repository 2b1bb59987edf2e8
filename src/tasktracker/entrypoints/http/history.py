"""The histories of tasks over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get
from litestar.params import FromPath
from msgspec import Struct

from tasktracker.domain.history.change import Change, ChangeKey
from tasktracker.domain.history.service import HistoryService
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import TaskNotFound
from tasktracker.domain.recurrence.recurrence import plain
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.core.operation import operation
from tasktracker.entrypoints.http.core.request import Request, identifier, query
from tasktracker.entrypoints.http.core.schemas import Listed, Moment, PagedQuery
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread


class ActorView(Struct):
    """The user who made a change."""

    id: UUID
    username: str


class FieldChangeView(Struct):
    """The value of a field before and after the change."""

    before: Any
    after: Any


class ChangeView(Struct):
    """A change of a task. `actor`, `session_id` and `token_id` are null if the account no longer exists.

    `at` is when the server stored the change. `made_at` is when a device made it, if the device sent that time.
    """

    id: UUID
    at: Moment
    made_at: Moment | None
    action: Action
    version: int
    actor: ActorView | None
    session_id: UUID | None
    token_id: UUID | None
    fields: dict[str, FieldChangeView]


def view_change(change: Change, names: Mapping[UUID, str]) -> ChangeView:
    """Return the representation of a change."""
    actor = ActorView(change.actor, names[change.actor]) if change.actor and change.actor in names else None
    return ChangeView(
        id=change.id,
        at=change.at,
        made_at=change.made_at,
        action=change.action,
        version=change.version,
        actor=actor,
        # With these ids, clients could still distinguish the changes of different deleted accounts.
        session_id=change.session_id if actor else None,
        token_id=change.token_id if actor else None,
        fields={name: FieldChangeView(plain(each.before), plain(each.after)) for name, each in change.fields.items()},
    )


class HistoryController(Controller):
    """`/api/tasks/{id}/history/`."""

    path = "/api/tasks/{id:str}/history"
    tags = ("history",)

    history: HistoryService
    store: Storage
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner

    @get(
        "/",
        operation_id="listHistory",
        summary="List the changes of a task",
        opt=operation(TaskNotFound, query=PagedQuery, headers=("Link",)),
    )
    @on_thread
    def list_history(self, request: Request, id: FromPath[str]) -> Response[Listed[ChangeView]]:
        """The changes of a task, newest first: the user, the time, and each field before and after.

        For a member, the list begins with the change that gave the member access. The `before` values of that change
        are null.
        """
        filters = query(PagedQuery, request)
        cursor = ListCursor(self.cursors, request, filters, ChangeKey)
        with self.store.reading(request.user) as work:
            page = self.history.list(work, identifier(id), cursor.after, filters.limit)
        views = [view_change(change, page.names) for change in page.changes.items]
        return cursor.answer(page.changes, views, self.clock.now())
