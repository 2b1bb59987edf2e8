"""Sharing tasks and categories over HTTP."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get, post, put
from litestar.params import FromPath, RawBody
from msgspec import Meta, Struct

from tasktracker.domain.kernel.errors import (
    CategoryNotFound,
    InvalidInput,
    MemberNotFound,
    NotAllowed,
    Stale,
    TaskNotFound,
    TooManyMembers,
    TooManyRequests,
)
from tasktracker.domain.kernel.members import INVITABLE_ROLES, Role
from tasktracker.domain.sharing.categories import CategorySharing
from tasktracker.domain.sharing.invitation_limit import InvitationLimit
from tasktracker.domain.sharing.service import SHARE_RULES, Share, SharingService
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.conditional import expected_versions
from tasktracker.entrypoints.http.core.idempotency import Writes, no_content, rendered
from tasktracker.entrypoints.http.core.operation import operation
from tasktracker.entrypoints.http.core.request import Request, identifier
from tasktracker.entrypoints.http.core.schemas import Body, JsonBody, Listed
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread

InvitedRole = Annotated[Role, Meta(extra_json_schema={"enum": sorted(INVITABLE_ROLES)})]


class ShareTask(Body, kw_only=True):
    """The user to share with, and the user's role."""

    rules = SHARE_RULES
    example = {"username": "alan", "role": "editor"}

    username: str
    role: InvitedRole


class ShareCategory(ShareTask, kw_only=True):
    """The user to share a category with, and the user's role."""


class AssignRole(Body, kw_only=True):
    """The new role of a member."""

    rules = SHARE_RULES
    example = {"role": "viewer"}

    role: InvitedRole


class ShareView(Struct):
    """A member of a task or a category, and the member's role."""

    user_id: UUID
    username: str
    role: Role


def view_share(share: Share) -> ShareView:
    """Return the representation of a member."""
    return ShareView(share.user_id, share.username, share.role)


class ShareController(Controller):
    """`/api/tasks/{id}/shares/`."""

    path = "/api/tasks/{id:str}/shares"
    tags = ("sharing",)

    sharing: SharingService
    invitation_limit: InvitationLimit
    store: Storage
    writes: Writes
    threads: ThreadRunner

    @get("/", operation_id="listShares", summary="List the members of a task", opt=operation(TaskNotFound))
    @on_thread
    def list_shares(self, request: Request, id: FromPath[str]) -> Listed[ShareView]:
        """All members of the task, the owner first, on one page."""
        with self.store.reading(request.user) as work:
            shares = self.sharing.list(work, identifier(id))
        return Listed([view_share(share) for share in shares])

    @post(
        "/",
        operation_id="shareTask",
        summary="Share a task",
        opt=operation(
            InvalidInput,
            TaskNotFound,
            NotAllowed,
            Stale,
            TooManyMembers,
            TooManyRequests,
            headers=("Location",),
            idempotent=True,
        ),
    )
    @on_thread
    def share_task(
        self, request: Request, id: FromPath[str], data: JsonBody[ShareTask], body: RawBody
    ) -> Response[ShareView]:
        """Share a task and its subtasks with a user, or change the user's role."""
        task_id, versions = identifier(id), expected_versions(request)
        # If the actor may not share the task, the use case below refuses. A retry of an earlier request still succeeds.
        with suppress(TaskNotFound, NotAllowed):
            self.invitation_limit.consume(request.user, task_id)
        return self.writes.answer(
            request,
            body,
            lambda work: self.sharing.share(work, task_id, data.username, data.role, versions),
            lambda share: rendered(
                view_share(share), status=201, location=f"/api/tasks/{task_id}/shares/{share.user_id}/"
            ),
        )

    @put(
        "/{user_id:str}",
        operation_id="assignRole",
        summary="Change a member's role",
        opt=operation(InvalidInput, TaskNotFound, NotAllowed, MemberNotFound, Stale, idempotent=True),
    )
    @on_thread
    def assign_role(
        self, request: Request, id: FromPath[str], user_id: FromPath[str], data: JsonBody[AssignRole], body: RawBody
    ) -> Response[ShareView]:
        """Change a member's role in a task and its subtasks."""
        task_id, member_id, versions = identifier(id), identifier(user_id, "user_id"), expected_versions(request)
        return self.writes.answer(
            request,
            body,
            lambda work: self.sharing.assign(work, task_id, member_id, data.role, versions),
            lambda share: rendered(view_share(share)),
        )

    @delete(
        "/{user_id:str}",
        operation_id="unshareTask",
        summary="Remove a member",
        status_code=204,
        opt=operation(TaskNotFound, NotAllowed, MemberNotFound, Stale, idempotent=True),
    )
    @on_thread
    def unshare_task(
        self, request: Request, id: FromPath[str], user_id: FromPath[str], body: RawBody
    ) -> Response[None]:
        """Remove a member from a task, or leave it."""
        task_id, member_id, versions = identifier(id), identifier(user_id, "user_id"), expected_versions(request)
        return self.writes.answer(
            request, body, lambda work: self.sharing.unshare(work, task_id, member_id, versions), no_content
        )


class CategoryShareController(Controller):
    """`/api/categories/{id}/shares/`."""

    path = "/api/categories/{id:str}/shares"
    tags = ("sharing",)

    category_sharing: CategorySharing
    invitation_limit: InvitationLimit
    store: Storage
    writes: Writes
    threads: ThreadRunner

    @get(
        "/",
        operation_id="listCategoryShares",
        summary="List the members of a category",
        opt=operation(CategoryNotFound),
    )
    @on_thread
    def list_category_shares(self, request: Request, id: FromPath[str]) -> Listed[ShareView]:
        """All members of the category, the owner first, on one page."""
        with self.store.reading(request.user) as work:
            shares = self.category_sharing.list(work, identifier(id))
        return Listed([view_share(share) for share in shares])

    @post(
        "/",
        operation_id="shareCategory",
        summary="Share a category",
        opt=operation(
            InvalidInput,
            CategoryNotFound,
            NotAllowed,
            Stale,
            TooManyMembers,
            TooManyRequests,
            headers=("Location",),
            idempotent=True,
        ),
    )
    @on_thread
    def share_category(
        self, request: Request, id: FromPath[str], data: JsonBody[ShareCategory], body: RawBody
    ) -> Response[ShareView]:
        """Share a category and all tasks in it with a user, or change the user's role."""
        category_id, versions = identifier(id), expected_versions(request)
        # If the actor may not share it, the use case below refuses. A retry of an earlier request still succeeds.
        with suppress(CategoryNotFound, NotAllowed):
            self.invitation_limit.consume_for_category(request.user, category_id)
        return self.writes.answer(
            request,
            body,
            lambda work: self.category_sharing.share(work, category_id, data.username, data.role, versions),
            lambda share: rendered(
                view_share(share), status=201, location=f"/api/categories/{category_id}/shares/{share.user_id}/"
            ),
        )

    @put(
        "/{user_id:str}",
        operation_id="assignCategoryRole",
        summary="Change a member's role in a category",
        opt=operation(InvalidInput, CategoryNotFound, NotAllowed, MemberNotFound, Stale, idempotent=True),
    )
    @on_thread
    def assign_category_role(
        self, request: Request, id: FromPath[str], user_id: FromPath[str], data: JsonBody[AssignRole], body: RawBody
    ) -> Response[ShareView]:
        """Change a member's role in a category and all tasks in it."""
        category_id, member_id, versions = identifier(id), identifier(user_id, "user_id"), expected_versions(request)
        return self.writes.answer(
            request,
            body,
            lambda work: self.category_sharing.assign(work, category_id, member_id, data.role, versions),
            lambda share: rendered(view_share(share)),
        )

    @delete(
        "/{user_id:str}",
        operation_id="unshareCategory",
        summary="Remove a member from a category",
        status_code=204,
        opt=operation(CategoryNotFound, NotAllowed, MemberNotFound, Stale, idempotent=True),
    )
    @on_thread
    def unshare_category(
        self, request: Request, id: FromPath[str], user_id: FromPath[str], body: RawBody
    ) -> Response[None]:
        """Remove a member from a category, or leave it."""
        category_id, member_id, versions = identifier(id), identifier(user_id, "user_id"), expected_versions(request)
        return self.writes.answer(
            request,
            body,
            lambda work: self.category_sharing.unshare(work, category_id, member_id, versions),
            no_content,
        )
