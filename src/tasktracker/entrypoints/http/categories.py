"""Categories over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Struct, UnsetType

from tasktracker.domain.categories.category import (
    CATEGORY_RULES,
    COLOR,
    MAX_DESCRIPTION_LENGTH,
    MAX_NAME_LENGTH,
    Category,
    CategoryFields,
    CategoryKey,
)
from tasktracker.domain.categories.service import CategoryService
from tasktracker.domain.idempotency import record
from tasktracker.domain.idempotency.record import Answer
from tasktracker.domain.idempotency.service import IdempotencyService
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import CategoryNameTaken, CategoryNotFound, IdTaken, InvalidInput, Stale
from tasktracker.domain.work import UnitOfWork
from tasktracker.entrypoints.http.conditional import creates, etag, expected, fresh
from tasktracker.entrypoints.http.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.idempotency import answer, answered
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

Name = Annotated[str, text(shortest=1, longest=MAX_NAME_LENGTH, pattern=r"\S")]
Description = Annotated[str, text(longest=MAX_DESCRIPTION_LENGTH)]
Color = Annotated[str, text(longest=7, pattern=f"^{COLOR.pattern}$")]


class CategoryBody(Body):
    """The fields of a category that may be left out."""

    rules = CATEGORY_RULES

    description: Description | UnsetType = UNSET
    color: Color | UnsetType | None = UNSET

    id: ReadOnly = UNSET
    created_at: ReadOnly = UNSET
    updated_at: ReadOnly = UNSET


class CreateCategory(CategoryBody, kw_only=True):
    """A new category."""

    name: Name
    version: ReadOnly = UNSET


class ReplaceCategory(CategoryBody, kw_only=True):
    """A whole category: what is left out goes back to its default."""

    name: Name
    version: Version | UnsetType = UNSET


class EditCategory(CategoryBody, kw_only=True):
    """A change to a category (RFC 7396): what is left out stays as it is, null clears what can be empty."""

    name: Name | UnsetType = UNSET
    version: Version | UnsetType = UNSET


class CategoryView(Struct):
    """A category."""

    id: UUID
    name: str
    description: str
    color: str | None
    created_at: Moment
    updated_at: Moment
    version: int


@view.register
def view_category(category: Category, *_: object) -> CategoryView:
    """Return the representation of a category."""
    return CategoryView(
        id=category.id,
        name=category.name,
        description=category.description,
        color=category.color,
        created_at=category.created_at,
        updated_at=category.updated_at,
        version=category.version,
    )


class CategoryController(Controller):
    """`/api/categories/`."""

    path = "/api/categories"
    tags = ("categories",)

    @get(
        "/",
        operation_id="listCategories",
        summary="List categories",
        sync_to_thread=True,
        opt=operation(headers=("Link",)),
    )
    def list_categories(
        self,
        request: Request,
        actor: Injected[Actor],
        categories: Injected[CategoryService],
        filters: Injected[PagedQuery],
        cursors: Injected[Cursors],
        clock: Injected[Clock],
    ) -> Response[Listed[CategoryView]]:
        """The caller's categories, by name."""
        cursor = ListCursor(cursors, request, actor, filters, CategoryKey)
        page = categories.list(actor, cursor.after, filters.limit)
        return cursor.answer(page, [view_category(category) for category in page.items], clock.now())

    @post(
        "/",
        operation_id="createCategory",
        summary="Create a category",
        sync_to_thread=True,
        opt=operation(InvalidInput, CategoryNameTaken, headers=("ETag", "Location"), idempotent=True),
    )
    def create_category(
        self,
        actor: Injected[Actor],
        categories: Injected[CategoryService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
        data: JSONBody[CreateCategory],
    ) -> Response[CategoryView]:
        """Create a category of the caller's."""
        fields = given(data, CategoryFields)
        return answered(
            idempotency,
            actor,
            key,
            lambda work: categories.create_in(work, actor, fields),
            lambda category: _answer(category, status=201),
        )

    @get(
        "/{id:str}",
        operation_id="getCategory",
        summary="Read a category",
        sync_to_thread=True,
        opt=operation(CategoryNotFound, headers=("ETag",)),
    )
    def get_category(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        categories: Injected[CategoryService],
    ) -> Response[CategoryView]:
        """One category; 304 when `If-None-Match` names its current representation."""
        seen = view_category(categories.get(actor, identifier(id)))
        return fresh(request, etag(seen.version), seen)

    @put(
        "/{id:str}",
        operation_id="replaceCategory",
        summary="Replace a category, or create it under one's own id",
        sync_to_thread=True,
        opt=operation(
            InvalidInput,
            CategoryNotFound,
            CategoryNameTaken,
            Stale,
            IdTaken,
            headers=("ETag",),
            idempotent=True,
            creates=True,
        ),
    )
    def replace_category(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        categories: Injected[CategoryService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
        data: JSONBody[ReplaceCategory],
    ) -> Response[CategoryView]:
        """Set every field of a category; what is left out goes back to its default."""
        category_id, fields, versions = identifier(id), given(data, CategoryFields), expected(request, data.version)
        creating = creates(request)

        def replace(work: UnitOfWork) -> Category:
            if creating:
                existing = work.categories.find(actor.user_id, category_id)
                if existing is not None:
                    raise Stale(existing)
                return categories.create_in(work, actor, fields, category_id)
            return categories.replace_in(work, actor, category_id, fields, versions)

        status = 201 if creating else 200
        return answered(idempotency, actor, key, replace, lambda category: _answer(category, status=status))

    @patch(
        "/{id:str}",
        operation_id="editCategory",
        summary="Change a category",
        sync_to_thread=True,
        opt=operation(InvalidInput, CategoryNotFound, CategoryNameTaken, Stale, headers=("ETag",), idempotent=True),
    )
    def edit_category(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        categories: Injected[CategoryService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
        data: JSONBody[EditCategory],
    ) -> Response[CategoryView]:
        """Change the fields that are sent, and no other."""
        category_id, fields, versions = identifier(id), given(data, CategoryFields), expected(request, data.version)
        return answered(
            idempotency,
            actor,
            key,
            lambda work: categories.edit_in(work, actor, category_id, fields, versions),
            _answer,
        )

    @delete(
        "/{id:str}",
        operation_id="deleteCategory",
        summary="Delete a category",
        sync_to_thread=True,
        status_code=204,
        opt=operation(CategoryNotFound, Stale, idempotent=True),
    )
    def delete_category(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        categories: Injected[CategoryService],
        idempotency: Injected[IdempotencyService],
        key: Injected[record.Request | None],
    ) -> Response[None]:
        """Delete a category. Its tasks stay, and are without one."""
        category_id, versions = identifier(id), expected(request)
        return answered(
            idempotency,
            actor,
            key,
            lambda work: categories.delete_in(work, actor, category_id, versions),
            lambda _: answer(None, status=204),
        )


def _answer(category: Category, *, status: int = 200) -> Answer:
    seen = view_category(category)
    location = f"{CategoryController.path}/{category.id}/" if status == 201 else None
    return answer(seen, status=status, etag=etag(seen.version), location=location)
