"""Deciding on what one has seen: the precondition of a conditional change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from tasktracker.domain.kernel.errors import Stale

Expected = frozenset[int] | None
"""The versions a caller is prepared to change; None for whichever it is."""


class Versioned(Protocol):
    """An entity that counts its changes."""

    @property
    def id(self) -> UUID:
        """The id, which never changes."""
        ...

    @property
    def version(self) -> int:
        """One more with every change."""
        ...


def require(current: Versioned, expected: Expected) -> None:
    """Raise Stale, with the entity as it stands, unless it is at an expected version."""
    if expected is not None and current.version not in expected:
        raise Stale(current)


Entity = TypeVar("Entity", bound=Versioned)


def with_version_after(entity: Entity, deleted: int | None) -> Entity:
    """Return a new entity as one whose id was that of another, deleted at a version: versions never go back."""
    if deleted is None or deleted < entity.version:
        return entity
    return cast(Entity, replace(cast(Any, entity), version=deleted + 1))
