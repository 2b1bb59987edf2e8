"""Changes made in this very process."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from tasktracker.domain.sync.ports import Tell


class LocalEvents:
    """Implements EventStream for what only one process writes to: the store tells it of each commit."""

    def __init__(self) -> None:
        self._tell: Tell | None = None

    def open(self, tell: Tell) -> None:
        self._tell = tell

    def close(self) -> None:
        self._tell = None

    def told(self, user_ids: Collection[UUID]) -> None:
        """Pass on whose feeds have become longer by a commit."""
        tell = self._tell
        if tell is not None and user_ids:
            tell(user_ids)
