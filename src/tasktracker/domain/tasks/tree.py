"""Trees of tasks: their locks and their structure.

A change of the structure or the members of a tree locks its root first, so two such changes never run concurrently.
Every use case takes locks in the same order: users, categories, roots, other tasks, each by id; but an occurrence of a
recurring task before the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.members import Member
from tasktracker.domain.tasks.policy import can_organise, is_visible
from tasktracker.domain.tasks.ports import TreeWork
from tasktracker.domain.tasks.task import MAX_DEPTH, Task, Tree


def lock_roots(work: TreeWork, *task_ids: UUID) -> None:
    """Lock the roots of these tasks, and repeat if the roots changed before they were locked."""
    locked = None
    while True:
        found = (work.tasks.find_unlocked(task_id) for task_id in task_ids)
        roots = sorted({task.root for task in found if task})
        if roots == locked:
            return
        for root in roots:
            work.tasks.find(root)
        locked = roots


def tree_in(category: Category | None, root: UUID, owner: UUID, members: tuple[Member, ...] = ()) -> Tree:
    """Return the tree of a root in a category. A category that is not shared must belong to `owner`.

    In a shared category, the owner of the category owns the tree, and is no longer one of the tree's members.
    """
    if category is None:
        return Tree(root, None, owner, members)
    if category.members:
        owner = category.user_id
        members = tuple(each for each in members if each.user_id != owner)
    return Tree(root, category.id, owner, members, category.list_members)


def find_parent(work: TreeWork, user_id: UUID, parent_id: UUID) -> Task:
    """Return the task under which a user puts another. Its root must be locked. Raises InvalidInput."""
    parent = work.tasks.find(parent_id)
    if parent is None or not is_visible(parent, user_id):
        raise InvalidInput.of("parent", "is not one of your tasks")
    if not can_be_parent(parent, user_id):
        raise InvalidInput.of("parent", "is shared with you, but your role does not allow subtasks")
    return parent


def can_be_parent(task: Task | None, user_id: UUID) -> bool:
    """Whether a user can put tasks under a task."""
    return task is not None and not task.trashed_at and can_organise(task, user_id)


def require_depth(work: TreeWork, parent: Task, levels: int = 1) -> None:
    """Require that `levels` levels of subtasks fit below a parent, at most MAX_DEPTH in all. Raises InvalidInput."""
    ancestor, depth = parent, 1
    while ancestor.parent is not None:
        found = work.tasks.find_unlocked(ancestor.parent)
        assert found is not None, "the parent of a stored task is stored"
        ancestor, depth = found, depth + 1
    if depth + levels > MAX_DEPTH:
        raise InvalidInput.of("parent", f"would nest tasks more than {MAX_DEPTH} levels deep")


def save(work: TreeWork, before: Task, after: Task) -> None:
    """Store a changed task, and its viewers if they have changed."""
    if before.tree == replace(after.tree, root=before.root):
        work.tasks.save(after)
    else:
        work.tasks.save_shared(after)


def leaves(work: TreeWork, tops: Sequence[Task], limit: int) -> Sequence[Task]:
    """Return at most `limit` tasks that have no subtasks, from these tasks and all tasks below them.

    If tasks are removed in this order, no subtask remains without its parent.
    """
    level = tops
    while below := work.tasks.children([task.id for task in level], limit):
        level = below
    return level


def subtree(work: TreeWork, top: Task) -> Sequence[Sequence[Task]]:
    """Return a task and all its subtasks, level by level, and lock them. The task and its root must be locked."""
    levels: list[Sequence[Task]] = [[top]]
    while below := work.tasks.children([task.id for task in levels[-1]]):
        levels.append(below)
    return levels
