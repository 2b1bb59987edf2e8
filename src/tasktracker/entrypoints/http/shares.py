"""Sharing tasks and categories over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
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
from tasktracker.domain.sharing.invitation import ShareInvitation
from tasktracker.domain.sharing.invitation_limit import InvitationLimit
from tasktracker.domain.sharing.service import SHARE_RULES, Share, SharingService
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.conditional import expected_versions
from tasktracker.entrypoints.http.core.idempotency import Answer, Writes, no_content, rendered
from tasktracker.entrypoints.http.core.operation import operation
from tasktracker.entrypoints.http.core.request import Request, identifier
from tasktracker.entrypoints.http.core.schemas import Body, JsonBody, Listed
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread

InvitedRole = Annotated[Role, Meta(extra_json_schema={"enum": sorted(INVITABLE_ROLES)})]


class ShareTask(Body, kw_only=True):
    """The user to share with, and the user's role."""

    rules = SHARE_RULES
    example = {"username": "alan", "role": "editor"}

    username: Annotated[str, Meta(description="A username. If the server sends mail, also an e-mail address.")]
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


class PendingShareView(Struct):
    """An invitation by mail. When an account verifies the address, the user becomes a member."""

    id: UUID
    email: str
    role: Role


class Shares(Listed[ShareView]):
    """The members and, for the owner, those who are invited."""

    pending: Annotated[list[PendingShareView], Meta(description="Invitations by mail; empty for other members.")] = []


def view_share(share: Share) -> ShareView:
    """Return the representation of a member."""
    return ShareView(share.user_id, share.username, share.role)


def view_pending(invitation: ShareInvitation) -> PendingShareView:
    """Return the representation of an invitation."""
    return PendingShareView(invitation.id, invitation.address, invitation.role)


def view_shares(shares: Sequence[Share], pending: Sequence[ShareInvitation]) -> Shares:
    """Return the representation of all members."""
    return Shares([view_share(each) for each in shares], pending=[view_pending(each) for each in pending])


def rendered_share(path: str, share: Share | ShareInvitation) -> Answer:
    """Return the response to sharing: 201 with a member, or 202 with an invitation."""
    if isinstance(share, Share):
        return rendered(view_share(share), status=201, location=f"{path}{share.user_id}/")
    return rendered(view_pending(share), status=202, location=f"{path}{share.id}/")


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
    def list_shares(self, request: Request, id: FromPath[str]) -> Shares:
        """All members of the task, the owner first, on one page."""
        with self.store.reading(request.user) as work:
            return view_shares(self.sharing.list(work, identifier(id)), self.sharing.pending(work, identifier(id)))

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
            accepted=PendingShareView,
            idempotent=True,
        ),
    )
    @on_thread
    def share_task(
        self, request: Request, id: FromPath[str], data: JsonBody[ShareTask], body: RawBody
    ) -> Response[ShareView]:
        """Share a task and its subtasks with a user, or change the user's role.

        An e-mail address that no account has verified is invited by mail (202).
        """
        task_id, versions = identifier(id), expected_versions(request)
        # If the actor may not share the task, the use case below refuses. A retry of an earlier request still succeeds.
        with suppress(TaskNotFound, NotAllowed):
            self.invitation_limit.consume(request.user, task_id)
        return self.writes.answer(
            request,
            body,
            lambda work: self.sharing.share(work, task_id, data.username, data.role, versions),
            partial(rendered_share, f"/api/tasks/{task_id}/shares/"),
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
        """Remove a member from a task, leave it, or revoke an invitation by its id."""
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
    def list_category_shares(self, request: Request, id: FromPath[str]) -> Shares:
        """All members of the category, the owner first, on one page."""
        with self.store.reading(request.user) as work:
            shares = self.category_sharing.list(work, identifier(id))
            return view_shares(shares, self.category_sharing.pending(work, identifier(id)))

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
            accepted=PendingShareView,
            idempotent=True,
        ),
    )
    @on_thread
    def share_category(
        self, request: Request, id: FromPath[str], data: JsonBody[ShareCategory], body: RawBody
    ) -> Response[ShareView]:
        """Share a category and all tasks in it with a user, or change the user's role.

        An e-mail address that no account has verified is invited by mail (202).
        """
        category_id, versions = identifier(id), expected_versions(request)
        # If the actor may not share the category, the use case below refuses. A retry of an earlier request still
        # succeeds.
        with suppress(CategoryNotFound, NotAllowed):
            self.invitation_limit.consume_for_category(request.user, category_id)
        return self.writes.answer(
            request,
            body,
            lambda work: self.category_sharing.share(work, category_id, data.username, data.role, versions),
            partial(rendered_share, f"/api/categories/{category_id}/shares/"),
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
        """Remove a member from a category, leave it, or revoke an invitation by its id."""
        category_id, member_id, versions = identifier(id), identifier(user_id, "user_id"), expected_versions(request)
        return self.writes.answer(
            request,
            body,
            lambda work: self.category_sharing.unshare(work, category_id, member_id, versions),
            no_content,
        )
