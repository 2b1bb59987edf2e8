"""Exporting everything that a user owns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID

from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.actors import SessionActor, SystemActor
from tasktracker.domain.kernel.errors import SessionEnded, UserNotFound
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.portability import ndjson
from tasktracker.domain.portability.ports import ExportWork, PortabilityWork
from tasktracker.domain.tasks.query import TaskQuery, TaskSort
from tasktracker.domain.tasks.task import Task

PAGE = 200
BLOCK = 64 * 1024

Progress = Callable[[int, int], None]

Owner = SessionActor | SystemActor
"""The owner of the data: the user, or the service acting for the user that it names."""


class ExportService:
    """The process that exports everything a user owns as lines of JSON. Its work stays open while blocks are sent."""

    def __init__(self, *, store: Store[Owner, ExportWork]) -> None:
        self._store = store

    def export(self, actor: Owner, *, progress: Progress | None = None) -> Iterator[bytes]:
        """Yield the actor's export in blocks, read from one state of the data. The work ends with the last block.

        `progress` gets the number of tasks written and of all tasks. The first block raises SessionEnded.
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
            yield ndjson.category(each)
            categories += 1
        for found in self._pages(work, user_id):
            names = work.users.names({member.user_id for task in found for member in task.members})
            yield from (ndjson.task(task, names) for task in found)
            tasks += len(found)
            if progress is not None:
                progress(tasks, total)
        yield ndjson.end(categories, tasks)

    def _categories(self, work: ExportWork, user_id: UUID) -> Iterator[Category]:
        page = work.categories.list(user_id, None, PAGE)
        yield from (each for each in page.items if each.user_id == user_id)
        while page.next is not None:
            page = work.categories.list(user_id, page.next, PAGE)
            yield from (each for each in page.items if each.user_id == user_id)

    def _pages(self, work: ExportWork, user_id: UUID) -> Iterator[list[Task]]:
        """Yield the user's own tasks, those in the trash last: a task outside the trash has no parent in it."""
        query = TaskQuery(at=work.now, role=Role.OWNER, sort=TaskSort.OLDEST, limit=PAGE)
        page = work.tasks.list(user_id, query)
        yield list(page.items)
        while page.next is not None:
            page = work.tasks.list(user_id, replace(query, after=page.next))
            yield list(page.items)
        trashed = work.bulk.trashed(user_id, None, PAGE)
        yield list(trashed.items)
        while trashed.next is not None:
            trashed = work.bulk.trashed(user_id, trashed.next, PAGE)
            yield list(trashed.items)


def acting_for(store: Store[Owner, PortabilityWork], reason: str, login: str) -> SystemActor:
    """Return the service acting for the user with this username or e-mail address. Raises UserNotFound."""
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
