"""The changes of a task since a version."""

from __future__ import annotations

from collections.abc import Sequence

from tasktracker.domain.history.change import Change, ChangeKey
from tasktracker.domain.history.ports import HistoryRepository
from tasktracker.domain.kernel.paging import MAX_PAGE
from tasktracker.domain.tasks.task import Task


def changes_since(history: HistoryRepository, task: Task, base: int) -> tuple[Sequence[Change], bool]:
    """Return the changes after a version, the oldest first, and whether the history also has older changes."""
    changes: list[Change] = []
    after: ChangeKey | None = None
    while True:
        page = history.list(task.id, after, max(1, min(task.version - base + 1, MAX_PAGE)))
        later = [change for change in page.items if change.version > base]
        changes += later
        reaches_base, after = len(later) < len(page.items), page.next
        if reaches_base or after is None:
            return changes[::-1], reaches_base
