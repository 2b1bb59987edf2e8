"""Exporting everything that a user owns or has created."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.actors import SessionActor, SystemActor
from tasktracker.domain.kernel.errors import SessionEnded, UserNotFound
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.portability import ndjson
from tasktracker.domain.portability.ports import ExportWork, PortabilityWork
from tasktracker.domain.reminders.reminder import Reminder
from tasktracker.domain.tasks.policy import is_in_trash_of, is_visible, visible_category
from tasktracker.domain.tasks.query import TaskQuery, TaskSort
from tasktracker.domain.tasks.task import Task

PAGE = 200
BLOCK = 64 * 1024

Progress = Callable[[int, int], None]

ItemT = TypeVar("ItemT")
KeyT = TypeVar("KeyT")

Owner = SessionActor | SystemActor
"""The owner of the data: the user, or the service on behalf of the user in `user_id`."""


class ExportService:
    """The process that exports everything a user owns as lines of JSON. A unit of work is open until the end.

    Tasks that the user has created in categories of others follow, with these categories. They are marked as not the
    user's own.
    """

    def __init__(self, *, store: Store[Owner, ExportWork]) -> None:
        self._store = store

    def export(self, actor: Owner, *, progress: Progress | None = None) -> Iterator[bytes]:
        """Yield the actor's export in blocks, read from one state of the data. The last block ends the unit of work.

        `progress` gets the number of written tasks and of all tasks. The first block raises SessionEnded.
        """
        with self._store.snapshot(actor) as work:
            block = bytearray()
            for line in self._lines(work, actor, progress):
                block += line
                if len(block) >= BLOCK:
                    yield bytes(block)
                    block.clear()
            yield bytes(block)

    def export_of(self, login: str, *, progress: Progress | None = None) -> Iterator[bytes]:
        """Yield a user's export, for an administrator of the service. Raises UserNotFound."""
        return self.export(acting_for(self._store, "export", login), progress=progress)

    def _lines(self, work: ExportWork, actor: Owner, progress: Progress | None) -> Iterator[bytes]:
        user = find_owner(work, actor)
        user_id = user.id
        yield ndjson.header(work.now)
        yield ndjson.profile(user)
        categories = tasks = 0
        total = work.bulk.count(user_id) if progress is not None else 0
        for each in self._categories(work, user_id):
            yield _category(work, each, user_id)
            categories += 1
        for found in self._own(work, user_id):
            yield from _tasks(work, found, user_id)
            tasks += len(found)
            if progress is not None:
                progress(tasks, total)
        shown = set[UUID]()
        for found in self._created(work, user_id):
            needed = sorted({id_ for task in found if (id_ := visible_category(task, user_id))} - shown)
            for category in filter(None, (work.categories.find(user_id, id_) for id_ in needed)):
                yield _category(work, category, user_id)
                categories += 1
            shown.update(needed)
            yield from _tasks(work, found, user_id)
            tasks += len(found)
        yield ndjson.end(categories, tasks)

    def _categories(self, work: ExportWork, user_id: UUID) -> Iterator[Category]:
        for found in _pages(lambda after: work.categories.list(user_id, after, PAGE)):
            yield from (each for each in found if each.user_id == user_id)

    def _own(self, work: ExportWork, user_id: UUID) -> Iterator[Sequence[Task]]:
        """Yield the user's own tasks, those in the trash last. A task outside the trash never has a parent in it."""
        query = TaskQuery(at=work.now, role=Role.OWNER, sort=TaskSort.OLDEST, limit=PAGE)
        yield from _pages(lambda after: work.tasks.list(user_id, replace(query, after=after)))
        yield from _pages(lambda after: work.bulk.trashed(user_id, after, PAGE))

    def _created(self, work: ExportWork, user_id: UUID) -> Iterator[Sequence[Task]]:
        """Yield the tasks of others that the user has created and still sees, also in the trash."""
        for found in _pages(lambda after: work.bulk.created(user_id, after, PAGE)):
            yield [task for task in found if is_visible(task, user_id) or is_in_trash_of(task, user_id)]


def _pages(read: Callable[[KeyT | None], Page[ItemT, KeyT]]) -> Iterator[Sequence[ItemT]]:
    """Yield the items of each page. `read` returns the page after a key, or the first page."""
    page = read(None)
    yield page.items
    while page.next is not None:
        page = read(page.next)
        yield page.items


def _category(work: ExportWork, category: Category, user_id: UUID) -> bytes:
    names = work.users.names({category.user_id, *(each.user_id for each in category.members)})
    return ndjson.category(category, user_id, names)


def _tasks(work: ExportWork, tasks: Sequence[Task], user_id: UUID) -> Iterator[bytes]:
    users = {each for task in tasks for each in (task.owner, task.created_by) if each}
    names = work.users.names(users | {member.user_id for task in tasks for member in task.members})
    reminders = defaultdict[UUID, list[Reminder]](list)
    for each in work.reminders.list(user_id, *(task.id for task in tasks)):
        reminders[each.task].append(each)
    return (ndjson.task(task, user_id, names, reminders[task.id]) for task in tasks)


def acting_for(store: Store[Owner, PortabilityWork], reason: str, login: str) -> SystemActor:
    """Return the system actor for the user with this username or e-mail address. Raises UserNotFound."""
    with store.reading(SystemActor(reason)) as work:
        user = work.users.find_by_login(login)
    if user is None:
        raise UserNotFound
    return SystemActor(reason, user.id)


def find_owner(work: PortabilityWork, actor: Owner) -> User:
    """Return the user who owns the data. Raises SessionEnded."""
    user = work.users.find(actor.user_id) if actor.user_id else None
    if user is None:
        raise SessionEnded
    return user
