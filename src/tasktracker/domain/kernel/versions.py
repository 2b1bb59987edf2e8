"""Versions of entities, and the precondition of a conditional change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from tasktracker.domain.kernel.errors import Stale

Expected = frozenset[int] | None
"""The versions that a caller accepts as current; None accepts any."""


class Versioned(Protocol):
    """An entity that counts its changes."""

    @property
    def id(self) -> UUID:
        """The id, which never changes."""
        ...

    @property
    def version(self) -> int:
        """The version, which grows by one with every change."""
        ...


def require(current: Versioned, expected: Expected) -> None:
    """Raise Stale, with the current entity, unless its version is an expected one."""
    if expected is not None and current.version not in expected:
        raise Stale(current)


Entity = TypeVar("Entity", bound=Versioned)


def with_version_after(entity: Entity, deleted: int | None) -> Entity:
    """Return a new entity with a version above that at which an entity with the same id was deleted."""
    if deleted is None or deleted < entity.version:
        return entity
    return cast(Entity, replace(cast(Any, entity), version=deleted + 1))
