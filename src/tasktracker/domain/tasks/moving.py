"""Filing tasks in categories and under parents, and moving them with all their subtasks.

If the category of a tree's root is shared, it decides on the rights in the tree. An editor of a shared category may
create tasks there, and move their own tasks into it. The owner of the category then owns these tasks. The owner may
take any task out; an editor may take out a task that they created. The user who takes a task out owns it afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast
from uuid import UUID

from tasktracker.domain.categories.category import Category
from tasktracker.domain.categories.policy import can_file_in
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import InvalidInput, NotAllowed
from tasktracker.domain.tasks.policy import can_take_out
from tasktracker.domain.tasks.ports import TaskWork
from tasktracker.domain.tasks.task import Task, TaskFields, Tree
from tasktracker.domain.tasks.tree import can_be_parent, find_parent, lock_roots, require_depth, subtree, tree_in


def find_category(work: TaskWork, fields: TaskFields) -> Category | None:
    """Return the category in these fields, if there is one. Raises InvalidInput if the actor cannot file tasks in it.

    This locks the category before any task, in the same order as sharing and deleting a category does.
    """
    category = _find_category(work, fields)
    if category is None and fields.get("category"):
        raise InvalidInput.of("category", "is not one of your categories")
    if category is not None and not can_file_in(category, work.actor.user_id):
        raise InvalidInput.of("category", "is shared with you to be read; filing tasks in it requires the role editor")
    return category


def _find_category(work: TaskWork, fields: TaskFields) -> Category | None:
    category_id = fields.get("category")
    return work.categories.find(work.actor.user_id, category_id) if category_id else None


def dangling(work: TaskWork, fields: TaskFields, task: Task | None = None) -> Sequence[str]:
    """Return which of the fields `category` and `parent` refer to an item that the actor cannot use.

    `task` is None for a new task. A usable category or parent is locked, so it stays usable until the unit of work
    ends.
    """
    can_file = can_file_in(_find_category(work, fields), work.actor.user_id)
    found = ["category"] if fields.get("category") and not can_file else []
    parent = fields.get("parent")
    if parent is not None:
        lock_roots(work, parent, *([task.id] if task else []))
        if not can_be_parent(work.tasks.find_unlocked(parent), work.actor.user_id):
            found.append("parent")
    return found


def new_filing(work: TaskWork, task_id: UUID, fields: TaskFields) -> tuple[TaskFields, Tree]:
    """Return the (complete) fields of a new task with the category that it gets, and its tree. Raises InvalidInput."""
    category = find_category(work, fields)
    if fields["parent"] is None:
        return fields, tree_in(category, task_id, work.actor.user_id)
    lock_roots(work, fields["parent"])
    parent = find_parent(work, work.actor.user_id, fields["parent"])
    require_depth(work, parent)
    own = _category_of_subtask(parent.tree, None, fields, category)
    return cast(TaskFields, {**fields, "category": own}), parent.tree


def edit_filed(
    work: TaskWork, task: Task, fields: TaskFields, category: Category | None, completed_at: datetime | None
) -> tuple[Task, Tree]:
    """Return a task with these fields, which include its category or its parent, and the tree that it moves to.

    `category` is the category in the fields. The roots of the task and its new parent must be locked. Raises
    InvalidInput.
    """
    parent_id = fields.get("parent", task.parent)
    if parent_id is None:
        tree = _tree_of_root(work, task, fields, category)
        own = tree.root_category
    else:
        moves = parent_id != task.parent
        tree = find_parent(work, work.actor.user_id, parent_id).tree if moves else task.tree
        own = _category_of_subtask(tree, task.category if tree.owner == task.owner else None, fields, category)
    filed = cast(TaskFields, {**fields, "category": own, "parent": parent_id})
    return task.edit(filed, work.now, completed_at), tree


def _tree_of_root(work: TaskWork, task: Task, fields: TaskFields, category: Category | None) -> Tree:
    if "category" not in fields:
        if task.parent is None:
            return task.tree
        # The task leaves its parent, and stays in the category in which the actor sees it.
        seen = task.root_category if task.list_members else task.category
        category = work.categories.find_unlocked(seen) if seen else None
    if task.root_category == (category.id if category else None):
        return replace(task.tree, root=task.id)
    return tree_in(category, task.id, work.actor.user_id if task.list_members else task.owner, task.members)


def _category_of_subtask(
    tree: Tree, present: UUID | None, fields: TaskFields, category: Category | None
) -> UUID | None:
    """Return the category of a subtask in a tree, where it has the category `present`. Raises InvalidInput."""
    if "category" not in fields:
        return present
    if tree.list_members:
        if category is not None and category.id != tree.root_category:
            raise InvalidInput.of("category", "must be that of the topmost task, which is in a shared category")
        return present
    if category is not None and category.members and category.id != present:
        raise InvalidInput.of("category", "is shared: a subtask can only be filed in it together with its topmost task")
    return category.id if category else None


def save_moved(work: TaskWork, task: Task, edited: Task, tree: Tree) -> Task:
    """Store an edited task that moves to a tree, with all its subtasks. Raises InvalidInput."""
    edited = replace(edited, **tree.values())
    if edited.parent == task.parent and tree == task.tree:
        work.tasks.save(edited)
        return edited
    is_refiled = edited.parent == task.parent and tree == replace(task.tree, root_category=tree.root_category)
    # While a job of the category is pending, the stored viewers of its tasks may still be former members.
    is_settled = task.root_category is None or not work.jobs.is_pending(task.root_category)
    if is_refiled and not tree.list_members and is_settled:
        # A root moves between categories that are not shared. No user sees a change of its subtasks.
        work.tasks.save(edited)
        work.tasks.refile(task.id, tree.root_category)
        return edited
    levels = subtree(work, task)
    if task.list_members and tree.root_category != task.root_category:
        for each in (each for level in levels for each in level):
            if not can_take_out(each, work.actor.user_id):
                raise NotAllowed(
                    "Only the category's owner, or an editor who created all of its tasks, may move it out."
                )
    if edited.parent is not None and edited.parent != task.parent:
        if edited.parent in {each.id for level in levels for each in level}:
            raise InvalidInput.of("parent", "must not be the task itself or one of its subtasks")
        require_depth(work, find_parent(work, work.actor.user_id, edited.parent), len(levels))
    work.tasks.save_shared(edited)
    for level in levels[1:]:
        for each in level:
            changed = each.with_tree(tree, edited.updated_at)
            if changed is not each:
                work.tasks.save_shared(changed)
                work.changes.record(Action.MOVE, each, changed)
    return edited
