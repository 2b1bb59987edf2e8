"""Taking everything along."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID

from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import SessionEnded, UserNotFound
from tasktracker.domain.portability import ndjson
from tasktracker.domain.tasks.member import Role
from tasktracker.domain.tasks.query import TaskQuery, TaskSort
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Store, UnitOfWork

PAGE = 200
BLOCK = 64 * 1024

Progress = Callable[[int, int], None]


class ExportService:
    """Everything a user owns, as lines of JSON."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def export(self, actor: SessionActor) -> Iterator[bytes]:
        """Yield the actor's export in blocks, read from one state of the data that is held until the last or `close`.

        Raises SessionEnded with the first.
        """
        return self._blocks(actor, actor.user_id)

    def export_of(self, login: str, *, progress: Progress | None = None) -> Iterator[bytes]:
        """Yield somebody's export, for whoever administers the service. Raises UserNotFound.

        `progress` is told how many tasks have been written, and of how many.
        """
        return self._blocks(None, find_by_login(self._store, login).id, progress)

    def _blocks(self, actor: SessionActor | None, user_id: UUID, progress: Progress | None = None) -> Iterator[bytes]:
        with self._store.snapshot(actor) as work:
            block = bytearray()
            for line in self._lines(work, user_id, progress):
                block += line
                if len(block) >= BLOCK:
                    yield bytes(block)
                    block.clear()
            yield bytes(block)

    def _lines(self, work: UnitOfWork, user_id: UUID, progress: Progress | None) -> Iterator[bytes]:
        user = work.users.find(user_id)
        if user is None:
            raise SessionEnded
        yield ndjson.header(self._clock.now())
        yield ndjson.profile(user)
        categories = tasks = 0
        total = work.archive.count(user_id) if progress is not None else 0
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

    def _categories(self, work: UnitOfWork, user_id: UUID) -> Iterator[Category]:
        page = work.categories.list(user_id, None, PAGE)
        yield from page.items
        while page.next is not None:
            page = work.categories.list(user_id, page.next, PAGE)
            yield from page.items

    def _pages(self, work: UnitOfWork, user_id: UUID) -> Iterator[list[Task]]:
        """Yield the user's own tasks, those in the trash last: what is not in it is under nothing that is."""
        query = TaskQuery(at=self._clock.now(), role=Role.OWNER, sort=TaskSort.OLDEST, limit=PAGE)
        page = work.tasks.list(user_id, query)
        yield list(page.items)
        while page.next is not None:
            page = work.tasks.list(user_id, replace(query, after=page.next))
            yield list(page.items)
        trashed = work.archive.trashed(user_id, None, PAGE)
        yield list(trashed.items)
        while trashed.next is not None:
            trashed = work.archive.trashed(user_id, trashed.next, PAGE)
            yield list(trashed.items)


def find_by_login(store: Store, login: str) -> User:
    """Return the user of this name or e-mail address. Raises UserNotFound."""
    with store.reading(None) as work:
        user = work.users.find_by_login(login)
    if user is None:
        raise UserNotFound
    return user
