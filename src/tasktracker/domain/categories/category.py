"""A category, under which a user files tasks."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, TypedDict
from uuid import UUID

from tasktracker.domain.kernel.fields import (
    Editable,
    EditableFields,
    Refused,
    case_key,
    optional,
    require_visible,
    text,
)

MAX_NAME_LENGTH = 64
MAX_DESCRIPTION_LENGTH = 1000
COLOR = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)


class CategoryFields(TypedDict, total=False):
    """The fields of a category that a user may set; an absent field is left unchanged."""

    name: str
    description: str
    color: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category of one user. `version` grows by one with every change."""

    id: UUID
    user_id: UUID
    name: Annotated[str, Editable(text(shortest=1, longest=MAX_NAME_LENGTH, trim=True), new=require_visible)]
    description: Annotated[str, Editable(text(longest=MAX_DESCRIPTION_LENGTH))] = ""
    color: Annotated[str | None, Editable(optional(rgb_color))] = None
    created_at: datetime
    updated_at: datetime
    version: int = 1

    def edit(self, fields: CategoryFields, now: datetime) -> Category:
        """Return the category with these (checked) fields; itself if they change nothing."""
        edited = replace(self, **fields)
        if edited == self:
            return self
        return replace(edited, version=self.version + 1, updated_at=max(now, self.updated_at))

    @property
    def key(self) -> CategoryKey:
        """The sort key in the list of the user's categories."""
        return CategoryKey(name_key(self.name), self.id)


@dataclass(frozen=True, slots=True, order=True)
class CategoryKey:
    """The sort key of categories: by case-folded name, compared by code point."""

    name: str
    id: UUID


def rgb_color(value: str) -> str:
    """An RGB colour in CSS notation, in lower case."""
    if not COLOR.fullmatch(value):
        raise Refused("must be a colour, as in #1e90ff")
    return value.lower()


name_key = case_key

CATEGORY = EditableFields[CategoryFields](Category)
