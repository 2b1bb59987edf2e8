"""Categories over HTTP."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Struct, UnsetType

from tasktracker.domain.actors import Actor
from tasktracker.domain.categories.category import (
    CATEGORY_RULES,
    COLOR,
    DESCRIPTION_LONGEST,
    NAME_LONGEST,
    Category,
    CategoryFields,
    CategoryKey,
)
from tasktracker.domain.categories.service import CategoryService
from tasktracker.domain.errors import CategoryNameTaken, CategoryNotFound, InvalidInput, Stale
from tasktracker.domain.work import Clock
from tasktracker.entrypoints.http.conditional import etag, expected, fresh
from tasktracker.entrypoints.http.cursors import Cursors, ListCursor
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

Name = Annotated[str, text(shortest=1, longest=NAME_LONGEST, pattern=r"\S")]
Description = Annotated[str, text(longest=DESCRIPTION_LONGEST)]
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
def view_category(category: Category, _: object = None) -> CategoryView:
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
        opt=operation(InvalidInput, CategoryNameTaken, headers=("ETag", "Location")),
    )
    def create_category(
        self,
        actor: Injected[Actor],
        categories: Injected[CategoryService],
        data: JSONBody[CreateCategory],
    ) -> Response[CategoryView]:
        """Create a category of the caller's."""
        category = categories.create(actor, given(data, CategoryFields))
        return _answer(category, {"Location": f"{self.path}/{category.id}/"})

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
        summary="Replace a category",
        sync_to_thread=True,
        opt=operation(InvalidInput, CategoryNotFound, CategoryNameTaken, Stale, headers=("ETag",)),
    )
    def replace_category(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        categories: Injected[CategoryService],
        data: JSONBody[ReplaceCategory],
    ) -> Response[CategoryView]:
        """Set every field of a category; what is left out goes back to its default."""
        versions = expected(request, data.version)
        return _answer(categories.replace(actor, identifier(id), given(data, CategoryFields), versions))

    @patch(
        "/{id:str}",
        operation_id="editCategory",
        summary="Change a category",
        sync_to_thread=True,
        opt=operation(InvalidInput, CategoryNotFound, CategoryNameTaken, Stale, headers=("ETag",)),
    )
    def edit_category(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        categories: Injected[CategoryService],
        data: JSONBody[EditCategory],
    ) -> Response[CategoryView]:
        """Change the fields that are sent, and no other."""
        versions = expected(request, data.version)
        return _answer(categories.edit(actor, identifier(id), given(data, CategoryFields), versions))

    @delete(
        "/{id:str}",
        operation_id="deleteCategory",
        summary="Delete a category",
        sync_to_thread=True,
        opt=operation(CategoryNotFound, Stale),
    )
    def delete_category(
        self,
        request: Request,
        id: FromPath[str],
        actor: Injected[Actor],
        categories: Injected[CategoryService],
    ) -> None:
        """Delete a category. Its tasks stay, and are without one."""
        categories.delete(actor, identifier(id), expected(request))


def _answer(category: Category, headers: dict[str, Any] | None = None) -> Response[CategoryView]:
    seen = view_category(category)
    return Response(seen, headers={"ETag": etag(seen.version), **(headers or {})})
