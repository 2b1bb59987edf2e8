"""Tasks in SQL.

A task's row has the whole task, except the members of its category. For lists, each viewer of a task including the
owner has an entry with the columns that lists filter and sort by. So each page is a range of one index, for any number
of own and shared tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableSequence, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    Integer,
    and_,
    bindparam,
    case,
    delete,
    exists,
    insert,
    select,
    update,
)

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import category_members, reminders, task_entries, tasks
from tasktracker.adapters.sql.task_lists import list_tasks
from tasktracker.adapters.sql.task_rows import FINDABLE, TASKS, entry_of, entry_rows, viewers
from tasktracker.adapters.sql.usage import SqlUsage, of_task
from tasktracker.domain.accounts.quota import Usage
from tasktracker.domain.feed.entries import FeedEntry, revocations
from tasktracker.domain.kernel.errors import Stale
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.policy import visible_category
from tasktracker.domain.tasks.ports import ViewersChange
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import Task

_FIND = select(*TASKS.columns).where(tasks.c.id == bindparam("id"), FINDABLE)
_LOCK = _FIND.with_for_update()
_TREE = select(*TASKS.columns).where(tasks.c.root == bindparam("root")).order_by(tasks.c.id)
_LOCK_TREE = _TREE.with_for_update()
_CHILDREN = select(*TASKS.columns).where(tasks.c.parent.in_(bindparam("parents", expanding=True))).order_by(tasks.c.id)
_LOCK_CHILDREN = _CHILDREN.with_for_update()
_LIMIT = bindparam("limit", type_=Integer)
_SOME_CHILDREN = _CHILDREN.order_by(None).limit(_LIMIT)
_LOCK_SOME_CHILDREN = _SOME_CHILDREN.with_for_update()
_OF_USER = (
    select(*TASKS.columns)
    .join_from(task_entries, tasks, tasks.c.id == task_entries.c.task_id)
    .where(task_entries.c.user_id == bindparam("user_id"))
    .limit(_LIMIT)
)
_SHARED_WITH = _OF_USER.where(task_entries.c.role != Role.OWNER.value, task_entries.c.via.is_(None), FINDABLE)
_OWNED = _OF_USER.where(task_entries.c.role == Role.OWNER.value, tasks.c.owner == bindparam("user_id")).with_for_update(
    of=tasks
)
# Each reads the end of one index.
_OWNED_LISTED = _OWNED.where(task_entries.c.trashed_at.is_(None)).order_by(
    task_entries.c.created_at.desc(), task_entries.c.task_id.desc()
)
_OWNED_TRASHED = _OWNED.where(task_entries.c.trashed_at.is_not(None)).order_by(
    task_entries.c.trashed_at.desc(), task_entries.c.task_id.desc()
)
ADD = insert(tasks)
_SAVE = (
    update(tasks)
    .where(tasks.c.id == bindparam("of_id"), tasks.c.version == bindparam("of_version"))
    .returning(exists(select(reminders.c.id).where(reminders.c.task == bindparam("of_id"))))
)
_FILED = and_(tasks.c.owner == bindparam("of_user"), tasks.c.category == bindparam("of_category"))
_IN_CATEGORY = select(tasks.c.id, tasks.c.root).where(_FILED).limit(_LIMIT)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_LOCK_ALL = select(tasks.c.id).where(tasks.c.id.in_(_IDS)).order_by(tasks.c.id).with_for_update()
_UNFILE = (
    update(tasks)
    .where(_FILED, tasks.c.id.in_(_IDS))
    .values(
        category=None,
        root_category=case((tasks.c.root_category != bindparam("of_category"), tasks.c.root_category)),
        version=tasks.c.version + 1,
        updated_at=case(
            (tasks.c.updated_at > bindparam("now"), tasks.c.updated_at),
            else_=bindparam("now", type_=tasks.c.updated_at.type),
        ),
    )
    .returning(*TASKS.columns)
)
_UNFILE_TREES = (
    update(tasks)
    .where(tasks.c.root.in_(_IDS), tasks.c.root_category == bindparam("of_category"))
    .values(root_category=None)
)
# The entries of all viewers are updated, because lists may be sorted by the time of the last change.
_UNFILE_ENTRIES = (
    update(task_entries)
    .where(task_entries.c.task_id.in_(_IDS))
    .values(
        category=None,
        updated_at=select(tasks.c.updated_at).where(tasks.c.id == task_entries.c.task_id).scalar_subquery(),
    )
)
ADD_ENTRY = insert(task_entries)
_SAVE_ENTRIES = update(task_entries).where(task_entries.c.task_id == bindparam("of_id"))
# Other viewers see the category of the root, which changes only together with the viewers.
_FILE_ENTRIES = _SAVE_ENTRIES.values(
    category=case(
        (task_entries.c.role == Role.OWNER.value, bindparam("shown", type_=task_entries.c.category.type)),
        else_=task_entries.c.category,
    )
)
_REFILE = (
    update(tasks)
    .where(tasks.c.root == bindparam("of_root"), tasks.c.id != bindparam("of_root"))
    .values(root_category=bindparam("of_category", type_=tasks.c.root_category.type))
)
_LOCK_LIST = (
    select(category_members.c.user_id, category_members.c.role)
    .where(category_members.c.category_id == bindparam("category_id"))
    .order_by(category_members.c.user_id)
    .with_for_update(read=True)
)
_IN_LIST = (
    select(tasks.c.id)
    .where(tasks.c.root_category == bindparam("category_id"))
    .order_by(tasks.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_OF_FORMER_OWNER = (
    select(*TASKS.columns)
    .where(tasks.c.root_category == bindparam("category_id"), tasks.c.owner != bindparam("owner"), FINDABLE)
    .order_by(tasks.c.id)
    .limit(_LIMIT)
)
_OF_FORMER_OWNER_AFTER = _OF_FORMER_OWNER.where(tasks.c.id > bindparam("after"))
_IN_LIST_AFTER = _IN_LIST.where(tasks.c.id > bindparam("after"))
_LOCK_MANY = (
    select(*TASKS.columns)
    .where(tasks.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(tasks.c.id)
    .with_for_update()
)
_ENTRIES_OF = select(
    task_entries.c.task_id, task_entries.c.user_id, task_entries.c.role, task_entries.c.via, task_entries.c.category
).where(task_entries.c.task_id.in_(bindparam("ids", expanding=True)))
_VIEWER = and_(task_entries.c.task_id == bindparam("of_task"), task_entries.c.user_id == bindparam("of_user"))
_REMOVE_ENTRY = delete(task_entries).where(_VIEWER)
_REFRESH_ENTRY = update(task_entries).where(_VIEWER)
_REMOVE_ENTRIES = (
    delete(task_entries)
    .where(task_entries.c.task_id == bindparam("task_id"))
    .returning(task_entries.c.user_id, task_entries.c.role)
)
_REMOVE_VIA = (
    delete(task_entries)
    .where(task_entries.c.task_id.in_(_IDS), task_entries.c.via.is_not(None))
    .returning(task_entries.c.task_id, task_entries.c.user_id)
)


class SqlTasks:
    """Implements TaskRepository."""

    __slots__ = ("_connection", "_locked", "_usage", "revoked", "without_reminders")

    def __init__(self, connection: Connection, usage: SqlUsage) -> None:
        self._connection = connection
        self._usage = usage
        self._locked: dict[UUID, Task] = {}
        self.revoked: list[FeedEntry] = []
        """Deletions for users who are no longer stored viewers of a task. The use case may not know these users."""
        self.without_reminders: set[UUID] = set()
        """Saved tasks that have no reminders. So these need not be searched for."""

    def add(self, task: Task) -> None:
        row = TASKS.row(task)
        self._connection.change(ADD, row)
        self._usage.add(task.owner, of_task(task))
        self._add_entries(task, row)

    def find(self, task_id: UUID) -> Task | None:
        if not self._connection.is_writing:
            return self.find_unlocked(task_id)
        row = self._connection.one(_LOCK, {"id": task_id})
        if row is None:
            return None
        task = self._locked[task_id] = self._with_locked_list(TASKS.entity(row))
        return task

    def find_unlocked(self, task_id: UUID) -> Task | None:
        row = self._connection.one(_FIND, {"id": task_id})
        return None if row is None else TASKS.entity(row)

    def save(self, task: Task) -> None:
        before = self._predecessor(task)
        entry = entry_of(self._save(task)) | {"of_id": task.id}
        shown = visible_category(task, task.owner)
        if before is None or visible_category(before, task.owner) != shown:
            self._connection.change(_FILE_ENTRIES, entry | {"shown": shown})
        elif len(entry) > 1:
            self._connection.change(_SAVE_ENTRIES, entry)

    def save_shared(self, task: Task) -> None:
        self._save(task)
        stored = self._connection.change_returning(_REMOVE_ENTRIES, {"task_id": task.id})
        self.revoked += revocations(task, (user_id for user_id, _ in stored))
        for user_id, role in stored:
            if role == Role.OWNER and user_id != task.owner:
                self._usage.add(user_id, -of_task(task))
                self._usage.add(task.owner, of_task(task))
        self._add_entries(task, TASKS.row(task))

    def tree(self, root: UUID) -> Sequence[Task]:
        statement = _LOCK_TREE if self._connection.is_writing else _TREE
        return TASKS.entities(self._connection.rows(statement, {"root": root}))

    def children(self, parents: Collection[UUID], limit: int | None = None) -> Sequence[Task]:
        is_writing = self._connection.is_writing
        if limit is None:
            statement, parameters = _LOCK_CHILDREN if is_writing else _CHILDREN, {}
        else:
            statement, parameters = _LOCK_SOME_CHILDREN if is_writing else _SOME_CHILDREN, {"limit": limit}
        rows = self._connection.rows_of_many(statement, "parents", sorted(parents), parameters)
        return sorted(TASKS.entities(rows), key=lambda task: task.id)[:limit]

    def refile(self, root: UUID, category_id: UUID | None) -> None:
        self._connection.change(_REFILE, {"of_root": root, "of_category": category_id})

    def revoke_former(self, tasks: Collection[Task]) -> None:
        """Delete removed tasks in the feeds of former members, if the job has not reached them."""
        for category_id in sorted({task.root_category for task in tasks if task.root_category}):
            members = self._lock_list(category_id)
            found = {
                each.id: replace(each, list_members=members) for each in tasks if each.root_category == category_id
            }
            for task_id, user_id in self._connection.change_returning(_REMOVE_VIA, {"ids": sorted(found)}):
                self.revoked += revocations(found[task_id], [user_id])

    def shared_with(self, user_id: UUID, limit: int) -> Sequence[Task]:
        rows = self._connection.rows(_SHARED_WITH, {"user_id": user_id, "limit": limit})
        return TASKS.entities(rows)

    def owned(self, user_id: UUID, limit: int) -> Sequence[Task]:
        found: list[Task] = []
        for statement in (_OWNED_LISTED, _OWNED_TRASHED):
            rows = self._connection.rows(statement, {"user_id": user_id, "limit": limit - len(found)})
            found += TASKS.entities(rows)
        return found

    def of_former_owner(self, category_id: UUID, owner: UUID, after: UUID | None, limit: int) -> Sequence[Task]:
        statement, values = _OF_FORMER_OWNER, {"category_id": category_id, "owner": owner, "limit": limit}
        if after is not None:
            statement, values = _OF_FORMER_OWNER_AFTER, values | {"after": after}
        return TASKS.entities(self._connection.rows(statement, values))

    def unfile(self, user_id: UUID, category_id: UUID, now: datetime, limit: int) -> Sequence[Task]:
        filed = {"of_user": user_id, "of_category": category_id}
        found = self._connection.rows(_IN_CATEGORY, filed | {"limit": limit})
        if not found:
            return []
        # The update locks tasks in any order. The roots are locked, so no other unit of work locks several tasks of
        # these trees.
        self._connection.rows(_LOCK_ALL, {"ids": sorted({root for _, root in found})})
        ids = [task_id for task_id, _ in found]
        rows = self._connection.change_returning(_UNFILE, filed | {"now": now, "ids": ids})
        self._connection.change(_UNFILE_TREES, {"of_category": category_id, "ids": ids})
        self._connection.change(_UNFILE_ENTRIES, {"ids": [row[0] for row in rows]})
        return TASKS.entities(rows)

    def list(self, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
        return list_tasks(self._connection, user_id, query)

    def refresh(self, category_id: UUID, after: UUID | None, limit: int) -> Sequence[ViewersChange]:
        statement, values = _IN_LIST, {"category_id": category_id, "limit": limit}
        if after is not None:
            statement, values = _IN_LIST_AFTER, values | {"after": after}
        ids = [id_ for (id_,) in self._connection.rows(statement, values)]
        if not ids:
            return []
        found = TASKS.entities(self._connection.rows(_LOCK_MANY, {"ids": ids}))
        entries: dict[UUID, dict[UUID, Sequence[Any]]] = {id_: {} for id_ in ids}
        for task_id, user_id, *stored in self._connection.rows(_ENTRIES_OF, {"ids": ids}):
            entries[task_id][user_id] = stored
        members = self._lock_list(category_id)
        added: MutableSequence[dict[str, Any]] = []
        changes = [
            self._refresh(
                replace(task, list_members=members) if task.root_category == category_id else task,
                entries[task.id],
                added,
            )
            for task in found
        ]
        if added:
            self._connection.change_all(ADD_ENTRY, added)
        return changes

    def _refresh(
        self, task: Task, stored: Mapping[UUID, Sequence[Any]], added: MutableSequence[dict[str, Any]]
    ) -> ViewersChange:
        """Refresh the entries of a task, except those that are to be added."""
        change = ViewersChange.of(task, {user_id: category for user_id, (_, _, category) in stored.items()})
        shared = entry_of(TASKS.row(task)) | {"task_id": task.id} if change.added else {}
        for viewer in viewers(task):
            user_id = viewer["user_id"]
            if user_id in change.added:
                added.append(shared | viewer)
            elif [viewer["role"], viewer["via"], viewer["category"]] != list(stored[user_id]):
                values = {name: viewer[name] for name in ("role", "via", "category")}
                self._connection.change(_REFRESH_ENTRY, values | {"of_task": task.id, "of_user": user_id})
        for user_id in change.removed:
            self._connection.change(_REMOVE_ENTRY, {"of_task": task.id, "of_user": user_id})
        return change

    def _with_locked_list(self, task: Task) -> Task:
        """Return a locked task after locking and reading the members of its category. They may have changed before."""
        if not task.list_members or task.root_category is None:
            return task
        return replace(task, list_members=self._lock_list(task.root_category))

    def _lock_list(self, category_id: UUID) -> tuple[Member, ...]:
        rows = self._connection.rows(_LOCK_LIST, {"category_id": category_id})
        return tuple(Member(user_id, Role(role)) for user_id, role in rows)

    def _save(self, task: Task) -> Mapping[str, Any]:
        """Store a task, and return the columns that may have changed."""
        before = self._predecessor(task)
        changes = TASKS.changes(task, before)
        if "occurrence" not in changes:
            del changes["series"]  # so that its index is not written
        predecessor = {"of_id": task.id, "of_version": task.version - 1}
        saved = self._connection.change_returning(_SAVE, {**changes, **predecessor})
        if not saved:
            raise self._connection.refusal(Stale())
        if not saved[0][0]:
            self.without_reminders.add(task.id)
        # A unit of work changes the text only of tasks that it has found.
        if before is not None and before.text_bytes != task.text_bytes:
            self._usage.add(before.owner, Usage(bytes=task.text_bytes - before.text_bytes))
        self._locked[task.id] = task
        return changes

    def _predecessor(self, task: Task) -> Task | None:
        """Return the previous version of a task, if this unit of work has locked the task."""
        locked = self._locked.get(task.id)
        return locked if locked is not None and locked.version == task.version - 1 else None

    def _add_entries(self, task: Task, row: Mapping[str, Any]) -> None:
        for entry in entry_rows(task, row):
            self._connection.change(ADD_ENTRY, entry)
