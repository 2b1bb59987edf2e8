"""Sharing tasks over HTTP."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, delete, get, post, put
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tasktracker.domain.idempotency import record
from tasktracker.domain.idempotency.service import IdempotencyService
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import (
    InvalidInput,
    MemberNotFound,
    NotAllowed,
    TaskNotFound,
    TooManyMembers,
    TooManyRequests,
)
from tasktracker.domain.sharing.service import SHARE_RULES, Share, SharingService
from tasktracker.domain.tasks.member import INVITED, Role
from tasktracker.entrypoints.http.idempotency import answer, answered
from tasktracker.entrypoints.http.operation import operation
from tasktracker.entrypoints.http.wire import Body, Injected, Listed, identifier

InvitedRole = Annotated[Role, Meta(extra_json_schema={"enum": sorted(INVITED)})]


class ShareTask(Body, kw_only=True):
    """Whom to share with, and what they may do."""

    rules = SHARE_RULES

    username: str
    role: InvitedRole


class AssignRole(Body, kw_only=True):
    """What a member may do."""

    rules = SHARE_RULES

    role: InvitedRole


class ShareView(Struct):
    """Somebody's part in a task."""

    user_id: UUID
    username: str
    role: Role


def view_share(share: Share) -> ShareView:
    """Return the representation of a part in a task."""
    return ShareView(share.user_id, share.username, share.role)


class ShareController(Controller):
    """`/api/tasks/{id}/shares/`."""

    path = "/api/tasks/{id:str}/shares"
    tags = ("sharing",)

    @get(
        "/",
        operation_id="listShares",
        summary="List the members of a task",
        sync_to_thread=True,
        opt=operation(TaskNotFound),
    )
    def list_shares(
        self, id: FromPath[str], actor: Injected[Actor], sharing: Injected[SharingService]
    ) -> Listed[ShareView]:
        """Everybody who sees the task, its owner first. All of them: there are never many."""
        return Listed([view_share(share) for share in sharing.list(actor, identifier(id))])

    @post(
        "/",
        operation_id="shareTask",
        summary="Share a task",
        sync_to_thread=True,
        opt=operation(
            InvalidInput,
            TaskNotFound,
            NotAllowed,
            TooManyMembers,
            TooManyRequests,
            headers=("Location",),
            idempotent=True,
        ),
    )
    def share_task(
        self,
        id: FromPath[str],
        actor: Injected[Actor],
        sharing: Injected[SharingService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
        data: JSONBody[ShareTask],
    ) -> Response[ShareView]:
        """Let somebody take part in a task and everything under it, or change the part they have."""
        task_id = identifier(id)
        # Whoever may not share it, now, is told so below, unless this is what they did when they still could.
        with suppress(TaskNotFound, NotAllowed):
            sharing.spend(actor, task_id)

        def render(share: Share) -> Any:
            return answer(view_share(share), status=201, location=f"/api/tasks/{task_id}/shares/{share.user_id}/")

        return answered(
            idempotency,
            actor,
            key,
            lambda work: sharing.share_in(work, actor, task_id, data.username, data.role),
            render,
        )

    @put(
        "/{user_id:str}",
        operation_id="assignRole",
        summary="Change what a member may do",
        sync_to_thread=True,
        opt=operation(InvalidInput, TaskNotFound, NotAllowed, MemberNotFound, idempotent=True),
    )
    def assign_role(
        self,
        id: FromPath[str],
        user_id: FromPath[str],
        actor: Injected[Actor],
        sharing: Injected[SharingService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
        data: JSONBody[AssignRole],
    ) -> Response[ShareView]:
        """Change the part that a member has in a task and everything under it."""
        task_id, member_id = identifier(id), identifier(user_id, "user_id")
        return answered(
            idempotency,
            actor,
            key,
            lambda work: sharing.assign_in(work, actor, task_id, member_id, data.role),
            lambda share: answer(view_share(share)),
        )

    @delete(
        "/{user_id:str}",
        operation_id="unshareTask",
        summary="Take a member's part away",
        sync_to_thread=True,
        status_code=204,
        opt=operation(TaskNotFound, NotAllowed, MemberNotFound, idempotent=True),
    )
    def unshare_task(
        self,
        id: FromPath[str],
        user_id: FromPath[str],
        actor: Injected[Actor],
        sharing: Injected[SharingService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
    ) -> Response[None]:
        """Take somebody's part in a task away, or give up one's own."""
        task_id, member_id = identifier(id), identifier(user_id, "user_id")
        return answered(
            idempotency,
            actor,
            key,
            lambda work: sharing.unshare_in(work, actor, task_id, member_id),
            lambda _: answer(None, status=204),
        )
