"""Tasks within tasks: locking a tree, and its shape.

Whoever changes the shape or the members of a tree locks its root first, so two such changes never cross. Locks are
taken in one order by everybody: users, then categories, then roots, then other tasks, each by id.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.tasks.ports import TreeWork
from tasktracker.domain.tasks.task import MAX_DEPTH, Task


def lock_roots(work: TreeWork, *task_ids: UUID) -> None:
    """Lock the roots of these tasks, and see to it that they are still their roots once locked."""
    locked = None
    while True:
        found = (work.tasks.find_unlocked(task_id) for task_id in task_ids)
        roots = sorted({task.root for task in found if task})
        if roots == locked:
            return
        for root in roots:
            work.tasks.find(root)
        locked = roots


def find_parent(work: TreeWork, owner: UUID, parent_id: UUID) -> Task:
    """Return a task that another of the owner's is to be put under. Its root must be locked. Raises InvalidInput."""
    parent = work.tasks.find(parent_id)
    if parent is None or parent.created_by != owner or parent.trashed_at:
        raise InvalidInput.of("parent", "names no task of yours")
    return parent


def require_room(work: TreeWork, parent: Task, levels: int = 1) -> None:
    """Refuse to put so many levels of tasks under a parent that the tree gets too deep. Raises InvalidInput."""
    above, depth = parent, 1
    while above.parent is not None:
        found = work.tasks.find_unlocked(above.parent)
        assert found is not None, "a task outlives its subtasks"
        above, depth = found, depth + 1
    if depth + levels > MAX_DEPTH:
        raise InvalidInput.of("parent", f"would nest tasks more than {MAX_DEPTH} deep")


def subtree(work: TreeWork, top: Task) -> Sequence[Sequence[Task]]:
    """Return a task and what is under it, level by level, all of it locked. Its root must be locked, and itself."""
    levels: list[Sequence[Task]] = [[top]]
    while below := work.tasks.children([task.id for task in levels[-1]]):
        levels.append(below)
    return levels
