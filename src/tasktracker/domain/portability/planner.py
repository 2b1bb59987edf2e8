"""Planning the import of a chunk of a file: what is stored, under which id and where, and what is refused.

Ids are kept where they are free. Where somebody else has one, what comes in gets another that follows from it and from
the owner: the same file therefore always leads to the same ids, and bringing it in twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid5

from tasktracker.domain.categories.category import Category, name_key
from tasktracker.domain.kernel.errors import FieldError
from tasktracker.domain.portability.ports import ImportWork
from tasktracker.domain.portability.record import CategoryRecord, Line, TaskRecord
from tasktracker.domain.portability.report import Tally
from tasktracker.domain.tasks.member import Member
from tasktracker.domain.tasks.task import MAX_DEPTH, State, Task, TaskFields

MAX_CATEGORIES = 10_000

ID_TAKEN = FieldError("id", "is taken, and so is the one made of it")
UNKNOWN_CATEGORY = FieldError("category", "names no category of the file or of yours")
UNKNOWN_PARENT = FieldError("parent", "names no task of the file or of yours")
TOO_DEEP = FieldError("parent", f"would nest tasks more than {MAX_DEPTH} deep")
PARENT_IN_TRASH = FieldError("parent", "is in the trash, where this task is not")
NOT_TRASHED_WITH = FieldError("trashed_with", "must be the task itself or what its parent was deleted with")
TOO_MANY_CATEGORIES = FieldError("name", f"is one too many: a file may have {MAX_CATEGORIES} categories")


@dataclass(frozen=True, slots=True)
class ParentInfo:
    """What a task must know of its parent."""

    root: UUID
    depth: int
    members: tuple[Member, ...]
    trashed_with: UUID | None


@dataclass(slots=True)
class ImportContext:
    """What earlier chunks leave to later ones.

    `categories` are ids by those of the file. The others are of what a dry run would have stored.
    """

    categories: dict[UUID, UUID] = field(default_factory=dict)
    names: dict[str, UUID] = field(default_factory=dict)
    places: dict[UUID, ParentInfo] = field(default_factory=dict)


@dataclass(slots=True)
class ImportPlan:
    """What is to be stored, and told. `waiting` are numbers of lines whose parent has not come yet."""

    new_categories: list[Category] = field(default_factory=list)
    new_tasks: list[Task] = field(default_factory=list)
    categories: Tally = field(default_factory=Tally)
    tasks: Tally = field(default_factory=Tally)
    errors: list[tuple[int, Sequence[FieldError]]] = field(default_factory=list)
    notices: list[tuple[int, Sequence[FieldError]]] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    context: ImportContext = field(default_factory=ImportContext)


class ImportPlanner:
    """Decides on the records of a chunk, in the work that will store what comes of them."""

    def __init__(self, work: ImportWork, owner: UUID, context: ImportContext, *, is_writing: bool) -> None:
        self._work = work
        self._owner = owner
        self._now = work.now
        self._context = context
        self._is_writing = is_writing
        self._tasks: dict[UUID, Task] = {}
        self._own: set[UUID] = set()
        self._made: dict[UUID, tuple[UUID, UUID]] = {}
        self._plan = ImportPlan()

    def decide(self, lines: Sequence[Line], *, last: bool) -> ImportPlan:
        """Say what becomes of the lines. Unless it is their `last` chance, those without their parent may wait."""
        tasks = [(line.number, line.record) for line in lines if isinstance(line.record, TaskRecord)]
        categories = [(line.number, line.record) for line in lines if isinstance(line.record, CategoryRecord)]
        self._categories(categories, tasks)
        self._look_up([record for _, record in tasks])
        pending, left = tasks, len(tasks) + 1
        while pending and len(pending) < left:
            left = len(pending)
            # Parents may follow in the same chunk.
            pending = [(number, record) for number, record in pending if not self._task(number, record)]
        for number, _ in pending:
            if last:
                self._plan.errors.append((number, [UNKNOWN_PARENT]))
            else:
                self._plan.waiting.append(number)
        return self._plan

    # ------------------------------------------------------------- categories

    def _categories(
        self, records: Sequence[tuple[int, CategoryRecord]], tasks: Sequence[tuple[int, TaskRecord]]
    ) -> None:
        ids = {each for _, record in records for each in self._candidates(record.id)}
        for _, task in tasks:
            if task.category is not None:
                ids |= {self._context.categories.get(task.category, task.category), *self._candidates(task.category)}
        keys = {name_key(record.fields["name"]) for _, record in records}
        found = self._work.archive.find_categories(self._owner, ids, keys)
        by_name = self._context.names | {name_key(category.name): category.id for category in found}
        self._own = {category.id for category in found} | set(self._context.names.values())
        free = set(ids).difference(self._work.archive.taken(ids)) if records else set()
        for number, record in records:
            key = name_key(record.fields["name"])
            candidates = self._candidates(record.id)
            id_ = next((each for each in candidates if each in self._own), by_name.get(key))
            if len(self._context.categories) + len(self._plan.context.categories) >= MAX_CATEGORIES:
                self._plan.errors.append((number, [TOO_MANY_CATEGORIES]))
                continue
            if id_ is not None:
                self._plan.categories.unchanged += 1
            else:
                id_ = next((each for each in candidates if each in free), None)
                if id_ is None:
                    self._plan.errors.append((number, [ID_TAKEN]))
                    continue
                self._plan.new_categories.append(self._new_category(id_, record))
                self._plan.categories.created += 1
                self._plan.categories.mapped += id_ != record.id
                by_name[key] = self._plan.context.names[key] = id_
                self._own.add(id_)
            self._plan.context.categories[record.id] = id_

    def _new_category(self, id_: UUID, record: CategoryRecord) -> Category:
        created = record.created_at or self._now
        return Category(
            id=id_,
            user_id=self._owner,
            created_at=created,
            updated_at=record.updated_at or created,
            version=record.version,
            **record.fields,
        )

    def _category(self, file_id: UUID) -> UUID | None:
        """Return the category of the owner's that an id of the file stands for."""
        mapped = self._plan.context.categories.get(file_id) or self._context.categories.get(file_id)
        candidates = (mapped,) if mapped else self._candidates(file_id)
        return next((each for each in candidates if each in self._own), None)

    # ------------------------------------------------------------------ tasks

    def _look_up(self, records: Sequence[TaskRecord]) -> None:
        named = {each for record in records for each in (record.id, record.parent) if each}
        ids = {candidate for each in named for candidate in self._candidates(each)}
        self._tasks = {task.id: task for task in self._work.archive.find_tasks(ids)}
        new = [record for record in records if self._existing(record.id) is None]
        parents = {self._existing(record.parent) for record in new if record.parent}
        outside = [self._tasks[each] for each in parents if each in self._tasks]
        if self._is_writing and outside:
            for task in outside:
                del self._tasks[task.id]
            outside = list(self._locked([task.id for task in outside]))
            self._tasks |= {task.id: task for task in outside}
        above = {task.parent for task in outside if task.parent}
        while above := above - self._tasks.keys():
            found = self._work.archive.find_tasks(above)
            self._tasks |= {task.id: task for task in found}
            above = {task.parent for task in found if task.parent}

    def _locked(self, parents: Sequence[UUID]) -> Sequence[Task]:
        """Lock the roots of tasks, as whoever puts something under a task does first, and return those tasks."""
        locked: Sequence[UUID] | None = None
        while True:
            found = self._work.archive.find_tasks(parents)
            roots = sorted({task.root for task in found})
            if roots == locked:
                return found
            self._work.archive.lock(roots)
            locked = roots

    def _task(self, number: int, record: TaskRecord) -> bool:
        """Decide on a task, and tell whether that was possible."""
        if self._existing(record.id) is not None:
            self._plan.tasks.unchanged += 1
            return True
        place = None
        if record.parent is not None:
            parent = self._existing(record.parent)
            if parent is None:
                return False
            place = self._place(parent)
        id_ = next((each for each in self._candidates(record.id) if each not in self._tasks), None)
        category = self._category(record.category) if record.category else None
        trashed_with = self._trashed_with(record, id_, place)
        errors = list(_obstacles(record, id_, category, place, trashed_with))
        if errors or id_ is None:
            self._plan.errors.append((number, errors))
            return True
        if record.members and record.parent is None:
            names = ", ".join(record.members[:5])
            notice = FieldError("members", f"are not invited again: share the task anew with {names}")
            self._plan.notices.append((number, [notice]))
        self._come_in(self._new_task(id_, record, category, place, trashed_with))
        self._plan.tasks.mapped += id_ != record.id
        return True

    def _new_task(
        self, id_: UUID, record: TaskRecord, category: UUID | None, place: ParentInfo | None, trashed_with: UUID | None
    ) -> Task:
        # Without times of their own, tasks are listed in the order of the file.
        created = record.created_at or self._now + timedelta(microseconds=len(self._plan.new_tasks))
        updated = record.updated_at or created
        fields: TaskFields = {**record.fields, "category": category, "parent": self._parent(record)}
        return Task(
            id=id_,
            root=place.root if place else id_,
            members=place.members if place else (),
            created_by=self._owner,
            created_at=created,
            updated_at=updated,
            completed_at=(record.completed_at or updated) if record.state is State.DONE else None,
            trashed_at=record.trashed_at,
            trashed_with=trashed_with,
            version=record.version,
            **fields,
        )

    def _parent(self, record: TaskRecord) -> UUID | None:
        return self._existing(record.parent) if record.parent else None

    def _come_in(self, task: Task) -> None:
        self._plan.new_tasks.append(task)
        self._plan.tasks.created += 1
        self._tasks[task.id] = task
        if not self._is_writing:
            self._plan.context.places[task.id] = self._place(task.id)

    def _trashed_with(self, record: TaskRecord, id_: UUID | None, place: ParentInfo | None) -> UUID | None:
        if record.trashed_at is None:
            return None
        if record.trashed_with in (None, record.id):
            return id_
        assert record.trashed_with is not None
        return next(
            (each for each in self._candidates(record.trashed_with) if place and each == place.trashed_with), None
        )

    def _existing(self, file_id: UUID) -> UUID | None:
        """Return the task of the owner's that an id of the file stands for."""
        for each in self._candidates(file_id):
            task = self._tasks.get(each)
            if each in self._context.places or (task is not None and task.created_by == self._owner):
                return each
        return None

    def _place(self, task_id: UUID) -> ParentInfo:
        if task_id in self._context.places:
            return self._context.places[task_id]
        task = self._tasks[task_id]
        depth = 1 if task.parent is None else self._place(task.parent).depth + 1
        return ParentInfo(task.root, depth, task.members, task.trashed_with)

    def _candidates(self, file_id: UUID) -> tuple[UUID, UUID]:
        """Return the ids that something may have, in the order in which they are tried."""
        candidates = self._made.get(file_id)
        if candidates is None:
            candidates = self._made[file_id] = (file_id, uuid5(self._owner, str(file_id)))
        return candidates


def _obstacles(
    record: TaskRecord, id_: UUID | None, category: UUID | None, place: ParentInfo | None, trashed_with: UUID | None
) -> Iterator[FieldError]:
    """Say what keeps a task from coming in."""
    if id_ is None:
        yield ID_TAKEN
    if record.category and category is None:
        yield UNKNOWN_CATEGORY
    if place is not None:
        if place.depth >= MAX_DEPTH:
            yield TOO_DEEP
        if place.trashed_with and not record.trashed_at:
            yield PARENT_IN_TRASH
    if record.trashed_at and trashed_with is None:
        yield NOT_TRASHED_WITH
