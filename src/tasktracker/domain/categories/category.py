"""A category, under which a user and the members of the category file tasks."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
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
from tasktracker.domain.kernel.members import Member, Role

MAX_NAME_LENGTH = 64
MAX_DESCRIPTION_LENGTH = 1000
COLOR = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)


class CategoryFields(TypedDict, total=False):
    """The fields of a category that a user may set; an absent field is left unchanged."""

    name: str
    description: str
    color: str | None


@dataclass(frozen=True, slots=True, order=True)
class CategoryMember:
    """A user with whom a category is shared, since a time.

    A job makes a new member ready. Until the member `is_ready`, their lists leave out all tasks of the category.
    """

    user_id: UUID
    role: Role
    since: datetime
    is_ready: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category of its owner, `user_id`, and the members with whom it is shared.

    `version` grows by one with every change. `field_versions` are the versions in which the editable fields got their
    values. It is empty if only the present version is known.
    """

    id: UUID
    user_id: UUID
    name: Annotated[str, Editable(text(shortest=1, longest=MAX_NAME_LENGTH, trim=True), new=require_visible)]
    description: Annotated[str, Editable(text(longest=MAX_DESCRIPTION_LENGTH))] = ""
    color: Annotated[str | None, Editable(optional(rgb_color))] = None
    members: tuple[CategoryMember, ...] = ()
    created_at: datetime
    updated_at: datetime
    version: int = 1
    field_versions: Mapping[str, int] = field(default_factory=dict, hash=False)

    def edit(self, fields: CategoryFields, now: datetime) -> Category:
        """Return the category with these (checked) fields, or the same object if they change nothing."""
        return self._changed(replace(self, **fields), now)

    def with_member(self, member: CategoryMember, now: datetime) -> Category:
        """Return the category with a new or changed member."""
        return self.with_members((member,), now)

    def with_members(self, members: Collection[CategoryMember], now: datetime) -> Category:
        """Return the category with new or changed members."""
        ids = {member.user_id for member in members}
        others = (each for each in self.members if each.user_id not in ids)
        return self._changed(replace(self, members=tuple(sorted((*others, *members)))), now)

    def without_member(self, user_id: UUID, now: datetime) -> Category:
        """Return the category without a member."""
        others = (each for each in self.members if each.user_id != user_id)
        return self._changed(replace(self, members=tuple(others)), now)

    def pass_to(self, user_id: UUID, name: str, now: datetime) -> Category:
        """Return the category with one of its members as the owner, and with this name. The former owner leaves it."""
        others = tuple(each for each in self.members if each.user_id != user_id)
        return self._changed(replace(self, user_id=user_id, name=name, members=others), now)

    def member(self, user_id: UUID) -> CategoryMember | None:
        """Return the member with this id. The owner is not a member."""
        return next((each for each in self.members if each.user_id == user_id), None)

    def field_version(self, name: str) -> int:
        """Return the version in which an editable field got its value, or the present version if that is not known."""
        return self.field_versions.get(name, self.version)

    @property
    def list_members(self) -> tuple[Member, ...]:
        """The members with the owner, who all have rights in every task of the category. Empty if it is not shared."""
        if not self.members:
            return ()
        return tuple(
            sorted([Member(self.user_id, Role.OWNER), *(Member(each.user_id, each.role) for each in self.members)])
        )

    @property
    def key(self) -> CategoryKey:
        """The sort key in the list of the user's categories."""
        return CategoryKey(name_key(self.name), self.id)

    def _changed(self, other: Category, now: datetime) -> Category:
        if other == self:
            return self
        version = self.version + 1
        versions = {
            name: self.field_version(name) if getattr(other, name) == getattr(self, name) else version
            for name in CATEGORY.names
        }
        return replace(other, version=version, field_versions=versions, updated_at=max(now, self.updated_at))


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
