"""Lists that are read a page at a time, by the key of the last row seen rather than by a row count.

A row whose sort key does not change while the pages are read is therefore seen exactly once, whatever is
inserted or removed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

DEFAULT_PAGE = 100
MAX_PAGE = 200

Item = TypeVar("Item")
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item, Key]):
    """Some rows in order, and the key to continue after; None when these were the last."""

    items: Sequence[Item]
    next: Key | None

    @classmethod
    def cut(cls, rows: Sequence[Item], limit: int, key: Callable[[Item], Key]) -> Page[Item, Key]:
        """Make a page of at most `limit` of `rows`, of which one more was fetched to know whether any follow."""
        items = rows[:limit]
        return cls(items, key(items[-1]) if len(rows) > limit else None)
