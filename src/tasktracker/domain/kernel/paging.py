"""Pages of lists. The next page is found by the key of the last row, not by an offset.

A row whose sort key does not change while the pages are read is therefore read exactly once, even if other rows are
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
    """Rows of a list, in order. The next page begins after the key `next`, which is None on the last page."""

    items: Sequence[Item]
    next: Key | None

    @classmethod
    def cut(cls, rows: Sequence[Item], limit: int, key: Callable[[Item], Key]) -> Page[Item, Key]:
        """Make a page of at most `limit` rows. The caller fetches one row more, to see whether a page follows."""
        items = rows[:limit]
        return cls(items, key(items[-1]) if len(rows) > limit else None)
