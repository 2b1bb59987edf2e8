"""Deciding on what one has seen: the precondition of a conditional change."""

from __future__ import annotations

from typing import Protocol

from tasktracker.domain.kernel.errors import Stale

Expected = frozenset[int] | None
"""The versions a caller is prepared to change; None for whichever it is."""


class Versioned(Protocol):
    """An entity that counts its changes."""

    @property
    def version(self) -> int:
        """One more with every change."""
        ...


def require(current: Versioned, expected: Expected) -> None:
    """Raise Stale, with the entity as it stands, unless it is at an expected version."""
    if expected is not None and current.version not in expected:
        raise Stale(current)
