"""Notification of feed changes made by this process."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from tasktracker.domain.sync.ports import ChangeListener


class LocalChangeNotifier:
    """Implements FeedPublisher and ChangeNotifier for storage to which only this process writes."""

    def __init__(self) -> None:
        self._listener: ChangeListener | None = None

    def open(self, listener: ChangeListener) -> None:
        self._listener = listener

    def close(self) -> None:
        self._listener = None

    def publish(self, user_ids: Collection[UUID]) -> None:
        listener = self._listener
        if listener is not None and user_ids:
            listener(user_ids)
