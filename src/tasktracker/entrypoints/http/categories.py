"""Categories over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.params import FromPath, RawBody
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.categories.category import (
    CATEGORY,
    COLOR,
    MAX_DESCRIPTION_LENGTH,
    MAX_NAME_LENGTH,
    Category,
    CategoryFields,
    CategoryKey,
)
from tasktracker.domain.categories.service import CategoryService
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import (
    Busy,
    CategoryNameTaken,
    CategoryNotFound,
    IdTaken,
    InvalidInput,
    NotAllowed,
    QuotaExceeded,
    Stale,
)
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.removal.categories import CategoryRemoval
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.conditional import conditional_response, etag, expected_versions, is_create
from tasktracker.entrypoints.http.core.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.core.idempotency import Answer, Writes, no_content, rendered
from tasktracker.entrypoints.http.core.operation import operation
from tasktracker.entrypoints.http.core.request import Request, identifier, query
from tasktracker.entrypoints.http.core.schemas import (
    Body,
    JsonBody,
    Listed,
    Moment,
    PagedQuery,
    ReadOnly,
    Version,
    sent_fields,
    text,
    view,
)
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread

Name = Annotated[str, text(shortest=1, longest=MAX_NAME_LENGTH, pattern=r"\S")]
Description = Annotated[str, text(longest=MAX_DESCRIPTION_LENGTH)]
Color = Annotated[str, text(longest=7, pattern=f"^{COLOR.pattern}$")]


class CategoryBody(Body):
    """The optional fields of a category."""

    rules = CATEGORY.rules

    description: Description | UnsetType = UNSET
    color: Color | UnsetType | None = UNSET

    id: ReadOnly = UNSET
    owner: ReadOnly = UNSET
    role: ReadOnly = UNSET
    members: ReadOnly = UNSET
    ready: ReadOnly = UNSET
    created_at: ReadOnly = UNSET
    updated_at: ReadOnly = UNSET


class CreateCategory(CategoryBody, kw_only=True):
    """A new category."""

    example = {"name": "Household", "color": "#3366cc"}

    name: Name
    version: ReadOnly = UNSET


class ReplaceCategory(CategoryBody, kw_only=True):
    """A whole category. Omitted fields get their default values."""

    example = {"name": "Household", "description": "Everything at home", "color": "#3366cc"}

    name: Name
    version: Version | UnsetType = UNSET


class EditCategory(CategoryBody, kw_only=True):
    """A change to a category (RFC 7396). Omitted fields do not change; null clears a field that may be empty."""

    example = {"color": None}

    name: Name | UnsetType = UNSET
    version: Version | UnsetType = UNSET


class MemberView(Struct):
    """A member of a category, and the member's role."""

    user_id: UUID
    role: Role


class CategoryView(Struct):
    """A category."""

    id: UUID
    name: str
    description: str
    color: str | None
    owner: UUID
    role: Annotated[Role, Meta(description="The caller's role.")]
    members: Annotated[
        list[MemberView], Meta(description="The users with whom the category is shared, without the owner.")
    ]
    ready: Annotated[
        bool,
        Meta(
            description=(
                "False for a new member until the member's lists are complete. Until then, the lists leave out the "
                "tasks of this category."
            )
        ),
    ]
    created_at: Moment
    updated_at: Moment
    version: int


@view.register
def _view_category(category: Category, _at: datetime, viewer: UUID) -> CategoryView:
    return view_category(category, viewer)


def view_category(category: Category, viewer: UUID) -> CategoryView:
    """Return the representation of a category as its owner or a member sees it."""
    member = category.member(viewer)
    return CategoryView(
        id=category.id,
        name=category.name,
        description=category.description,
        color=category.color,
        owner=category.user_id,
        role=member.role if member else Role.OWNER,
        members=[MemberView(each.user_id, each.role) for each in category.members],
        ready=member is None or member.is_ready,
        created_at=category.created_at,
        updated_at=category.updated_at,
        version=category.version,
    )


class CategoryController(Controller):
    """`/api/categories/`."""

    path = "/api/categories"
    tags = ("categories",)

    categories: CategoryService
    category_removal: CategoryRemoval
    store: Storage
    writes: Writes
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner

    @get(
        "/",
        operation_id="listCategories",
        summary="List categories",
        opt=operation(query=PagedQuery, headers=("Link",)),
    )
    @on_thread
    def list_categories(self, request: Request) -> Response[Listed[CategoryView]]:
        """The categories that the caller owns or is a member of, sorted by name."""
        filters = query(PagedQuery, request)
        cursor = ListCursor(self.cursors, request, filters, CategoryKey)
        with self.store.reading(request.user) as work:
            page = self.categories.list(work, cursor.after, filters.limit)
        return cursor.answer(
            page, [view_category(category, request.user.user_id) for category in page.items], self.clock.now()
        )

    @post(
        "/",
        operation_id="createCategory",
        summary="Create a category",
        opt=operation(QuotaExceeded, InvalidInput, CategoryNameTaken, headers=("ETag", "Location"), idempotent=True),
    )
    @on_thread
    def create_category(
        self, request: Request, data: JsonBody[CreateCategory], body: RawBody
    ) -> Response[CategoryView]:
        """Create a category that the caller owns."""
        fields = sent_fields(data, CategoryFields)
        return self.writes.answer(
            request,
            body,
            lambda work: self.categories.create(work, fields),
            lambda category: _rendered(category, request.user, status=201),
        )

    @get(
        "/{id:str}",
        operation_id="getCategory",
        summary="Read a category",
        opt=operation(CategoryNotFound, headers=("ETag",)),
    )
    @on_thread
    def get_category(self, request: Request, id: FromPath[str]) -> Response[CategoryView]:
        """One category; 304 if `If-None-Match` contains its current `ETag`."""
        with self.store.reading(request.user) as work:
            seen = view_category(self.categories.get(work, identifier(id)), request.user.user_id)
        return conditional_response(request, etag(seen.version), seen)

    @put(
        "/{id:str}",
        operation_id="replaceCategory",
        summary="Replace or create a category",
        opt=operation(
            QuotaExceeded,
            InvalidInput,
            CategoryNotFound,
            NotAllowed,
            CategoryNameTaken,
            Stale,
            IdTaken,
            headers=("ETag",),
            idempotent=True,
            creates=True,
        ),
    )
    @on_thread
    def replace_category(
        self, request: Request, id: FromPath[str], data: JsonBody[ReplaceCategory], body: RawBody
    ) -> Response[CategoryView]:
        """Set every field of a category. Omitted fields get their default values.

        With `If-None-Match: *`, create the category under this id instead, unless it exists.
        """
        category_id, fields, versions = (
            identifier(id),
            sent_fields(data, CategoryFields),
            expected_versions(request, data.version),
        )
        if is_create(request):
            return self.writes.answer(
                request,
                body,
                lambda work: self.categories.create_if_absent(work, category_id, fields),
                lambda category: _rendered(category, request.user, status=201),
            )
        return self.writes.answer(
            request,
            body,
            lambda work: self.categories.replace(work, category_id, fields, versions),
            lambda category: _rendered(category, request.user),
        )

    @patch(
        "/{id:str}",
        operation_id="editCategory",
        summary="Change a category",
        opt=operation(
            InvalidInput, CategoryNotFound, NotAllowed, CategoryNameTaken, Stale, headers=("ETag",), idempotent=True
        ),
    )
    @on_thread
    def edit_category(
        self, request: Request, id: FromPath[str], data: JsonBody[EditCategory], body: RawBody
    ) -> Response[CategoryView]:
        """Change only the fields that are sent."""
        category_id, fields, versions = (
            identifier(id),
            sent_fields(data, CategoryFields),
            expected_versions(request, data.version),
        )
        return self.writes.answer(
            request,
            body,
            lambda work: self.categories.edit(work, category_id, fields, versions),
            lambda category: _rendered(category, request.user),
        )

    @delete(
        "/{id:str}",
        operation_id="deleteCategory",
        summary="Delete a category",
        status_code=204,
        opt=operation(CategoryNotFound, NotAllowed, Stale, Busy, idempotent=True),
    )
    @on_thread
    def delete_category(self, request: Request, id: FromPath[str], body: RawBody) -> Response[None]:
        """Delete a category. Its tasks stay with the owner, without a category. Its members no longer see them."""
        category_id, versions = identifier(id), expected_versions(request)
        return self.writes.answer(
            request, body, lambda work: self.category_removal.delete(work, category_id, versions), no_content
        )


def _rendered(category: Category, actor: Actor, *, status: int = 200) -> Answer:
    seen = view_category(category, actor.user_id)
    location = f"{CategoryController.path}/{category.id}/" if status == 201 else None
    return rendered(seen, status=status, etag=etag(seen.version), location=location)
