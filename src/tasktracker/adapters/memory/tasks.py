"""Tasks in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from tasktracker.adapters.memory.tables import StoredViewers, Transaction, seen_by
from tasktracker.domain.feed.entries import FeedEntry, revocations
from tasktracker.domain.kernel.errors import IdTaken, InvalidInput, Stale
from tasktracker.domain.kernel.members import role_in
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.policy import role_of, viewers_of, visible_category
from tasktracker.domain.tasks.ports import ViewersChange
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import Task


class MemoryTasks:
    """Implements TaskRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.revoked: list[FeedEntry] = []
        """Deletions for users who are no longer stored viewers of a task. The use case may not know these users."""

    def add(self, task: Task) -> None:
        data = self._transaction.data
        if data.tasks.get(task.id) is not None:
            raise self._transaction.refusal(IdTaken())
        if data.users.get(task.owner) is None:
            raise RuntimeError(f"User {task.owner} does not exist.")
        self._put(task)

    def find(self, task_id: UUID) -> Task | None:
        task = self._transaction.data.task(task_id)
        return task if task is not None and self._transaction.is_findable(task) else None

    def find_unlocked(self, task_id: UUID) -> Task | None:
        return self.find(task_id)

    def save(self, task: Task) -> None:
        stored = self._require_predecessor(task)
        if (stored.members, stored.owner) != (task.members, task.owner):
            raise RuntimeError("Use save_shared to change members or the owner.")
        self._put(task, keeps_viewers=True)

    def save_shared(self, task: Task) -> None:
        self._require_predecessor(task)
        self._put(task)

    def tree(self, root: UUID) -> Sequence[Task]:
        data = self._transaction.data
        found = (data.task(task_id) for task_id in tuple(data.tasks_under.keys(root)))
        return [task for task in found if task is not None]

    def children(self, parents: Collection[UUID], limit: int | None = None) -> Sequence[Task]:
        data = self._transaction.data
        found = (data.task(id_) for id_ in sorted(id_ for each in parents for id_ in data.tasks_below.keys(each)))
        return [task for task in found if task is not None][:limit]

    def refile(self, root: UUID, category_id: UUID | None) -> None:
        data = self._transaction.data
        for task_id in tuple(data.tasks_under.keys(root)):
            task = data.tasks.get(task_id)
            assert task is not None, "every indexed row is stored"
            refiled = replace(task, root_category=category_id)
            self._transaction.put(data.tasks, refiled)
            self._put_viewers(refiled)

    def revoke_former(self, task: Task) -> None:
        """Delete a task in the feeds of former members of its category, if the job has not reached them."""
        stored = self._transaction.data.viewers.get(task.id)
        self.revoked += revocations(task, stored.categories if stored else ())

    def shared_with(self, user_id: UUID, limit: int) -> Sequence[Task]:
        found = visible(self._transaction, user_id)
        return [task for task in found if role_in(task.members, user_id) is not None][:limit]

    def owned(self, user_id: UUID, limit: int) -> Sequence[Task]:
        own = [task for task in of_user(self._transaction, user_id) if task.owner == user_id]
        listed = sorted((t for t in own if not t.trashed_at), key=lambda task: (task.created_at, task.id), reverse=True)
        return [*listed, *(task for task in own if task.trashed_at)][:limit]

    def of_former_owner(self, category_id: UUID, owner: UUID, after: UUID | None, limit: int) -> Sequence[Task]:
        keys = [key for key in self._transaction.data.tasks_in.keys(category_id) if after is None or key > after]
        found = (task for key in keys if (task := self.find(key)) is not None)
        return [task for task in found if task.root_category == category_id and task.owner != owner][:limit]

    def unfile(self, user_id: UUID, category_id: UUID, now: datetime, limit: int) -> Sequence[Task]:
        unfiled: list[Task] = []
        data = self._transaction.data
        found = (data.task(task_id) for task_id in tuple(data.tasks_in.keys(category_id)))
        filed = [task for task in found if task and task.owner == user_id and task.category == category_id]
        for each in filed[:limit]:
            task = each.edit({"category": None}, now)
            if each.root_category == category_id:
                task = replace(task, root_category=None)
                self.refile(each.root, None)
            unfiled.append(task)
            self.save(task)
        return unfiled

    def refresh(self, category_id: UUID, after: UUID | None, limit: int) -> Sequence[ViewersChange]:
        data = self._transaction.data
        keys = [key for key in data.tasks_in.keys(category_id) if after is None or key > after]
        found = [task for key in keys if (task := data.task(key)) and task.root_category == category_id][:limit]
        changes = []
        for task in found:
            stored = data.viewers.get(task.id)
            assert stored is not None, "every task has viewers"
            changes.append(ViewersChange.of(task, stored.categories))
            self._put_viewers(task)
        return changes

    def list(self, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
        matching = []
        for task in visible(self._transaction, user_id):
            role = role_of(task, user_id)
            if role is not None and not task.trashed_at and query.matches(task, user_id, role):
                matching.append(seen_by(user_id, task))
        ordered = query.sort.ordered(matching)
        if query.after is not None:
            ordered = [task for task in ordered if query.sort.is_after(query.sort.key(task), query.after)]
        return Page.cut(ordered[: query.limit + 1], query.limit, query.sort.key)

    def _require_predecessor(self, task: Task) -> Task:
        stored = self._transaction.data.tasks.get(task.id)
        if stored is None or stored.version != task.version - 1:
            raise self._transaction.refusal(Stale(stored))
        return stored

    def _put(self, task: Task, *, keeps_viewers: bool = False) -> None:
        data = self._transaction.data
        if task.category is not None:
            category = data.categories.get(task.category)
            if category is None:
                raise self._transaction.refusal(InvalidInput.of("category", "is not one of your categories"))
        if task.parent is not None and data.tasks.get(task.parent) is None:
            raise self._transaction.refusal(InvalidInput.of("parent", "is not one of your tasks"))
        if any(data.users.get(member.user_id) is None for member in task.members):
            raise self._transaction.refusal(InvalidInput.of("username", "does not match a user"))
        self._transaction.put(data.tasks, replace(task, list_members=()))
        if keeps_viewers:
            seen = data.viewers.get(task.id)
            assert seen is not None, "every task has viewers"
            shown = {**seen.categories, task.owner: visible_category(task, task.owner)}
            self._transaction.put(data.viewers, replace(seen, categories=shown))
        else:
            self._put_viewers(task)

    def _put_viewers(self, task: Task) -> None:
        seen = {user_id: visible_category(task, user_id) for user_id in viewers_of(task)}
        self.revoke_former(task)
        self._transaction.put(self._transaction.data.viewers, StoredViewers(task.id, seen))


def visible(transaction: Transaction, user_id: UUID) -> Sequence[Task]:
    """Return the findable tasks in a user's lists, own and shared ones, including tasks in the trash."""
    return [task for task in of_user(transaction, user_id) if transaction.is_findable(task)]


def of_user(transaction: Transaction, user_id: UUID) -> Sequence[Task]:
    """Return all tasks in a user's lists, those in the trash included."""
    data = transaction.data
    task_ids = set(data.tasks_of.keys(user_id))
    for key in data.categories_of.keys(user_id):
        category = data.categories.get(key.id)
        assert category is not None, "every indexed row is stored"
        member = category.member(user_id)
        if member is None or member.is_ready:
            task_ids.update(data.tasks_in.keys(category.id))
    found = (data.task(task_id) for task_id in sorted(task_ids))
    return [task for task in found if task is not None and role_of(task, user_id) is not None]
