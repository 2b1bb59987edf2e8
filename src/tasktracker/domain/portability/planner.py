"""Planning the import of a batch: which items are stored, with which ids and parents, and which are refused.

An item keeps its id if the id is free. If another user's item has it, the imported item gets an id derived from it and
from the owner. The same file therefore always gives the same ids, and importing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid5

from tasktracker.domain.categories.category import Category, name_key
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.errors import FieldError
from tasktracker.domain.kernel.fields import Refused
from tasktracker.domain.portability.ports import ImportWork
from tasktracker.domain.portability.record import CategoryRecord, Line, TaskRecord
from tasktracker.domain.portability.report import Counts
from tasktracker.domain.tasks.member import Member
from tasktracker.domain.tasks.task import MAX_DEPTH, State, Task, TaskFields, require_short_title

MAX_CATEGORIES = 10_000

ID_TAKEN = FieldError("id", "is taken, and so is the id derived from it")
UNKNOWN_CATEGORY = FieldError("category", "is neither a category in the file nor one of yours")
UNKNOWN_PARENT = FieldError("parent", "is neither a task in the file nor one of yours")
TOO_DEEP = FieldError("parent", f"would nest tasks more than {MAX_DEPTH} levels deep")
PARENT_IN_TRASH = FieldError("parent", "is in the trash, but this task is not")
NOT_TRASHED_WITH = FieldError("trashed_with", "must be the task itself or the task with which its parent was deleted")
TOO_MANY_CATEGORIES = FieldError("name", f"exceeds the limit of {MAX_CATEGORIES} categories in a file")


@dataclass(frozen=True, slots=True)
class ParentInfo:
    """The properties of a parent that its subtasks depend on."""

    root: UUID
    depth: int
    members: tuple[Member, ...]
    trashed_with: UUID | None


@dataclass(slots=True)
class ImportContext:
    """The results of earlier batches that later ones need.

    `categories` maps ids in the file to stored ids. `names` and `parents` have the categories by name and the tasks by
    id that a dry run would have stored.
    """

    categories: dict[UUID, UUID] = field(default_factory=dict)
    names: dict[str, UUID] = field(default_factory=dict)
    parents: dict[UUID, ParentInfo] = field(default_factory=dict)


@dataclass(slots=True)
class ImportPlan:
    """The items to store, and the findings to report. `waiting` are numbers of lines without an imported parent."""

    new_categories: list[Category] = field(default_factory=list)
    new_tasks: list[Task] = field(default_factory=list)
    categories: Counts = field(default_factory=Counts)
    tasks: Counts = field(default_factory=Counts)
    errors: list[tuple[int, Sequence[FieldError]]] = field(default_factory=list)
    notices: list[tuple[int, Sequence[FieldError]]] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    context: ImportContext = field(default_factory=ImportContext)


class ImportPlanner:
    """Decides on the records of a batch, in the work that then stores the plan."""

    def __init__(
        self, work: ImportWork, owner: UUID, context: ImportContext, characters: Characters, *, is_writing: bool
    ) -> None:
        self._work = work
        self._owner = owner
        self._now = work.now
        self._context = context
        self._characters = characters
        self._is_writing = is_writing
        self._tasks: dict[UUID, Task] = {}
        self._own_categories: set[UUID] = set()
        self._candidates_by_id: dict[UUID, tuple[UUID, UUID]] = {}
        self._plan = ImportPlan()

    def decide(self, lines: Sequence[Line], *, last: bool) -> ImportPlan:
        """Return the plan for these lines. A task without its parent waits, or is refused if `last` is set."""
        tasks = [(line.number, line.record) for line in lines if isinstance(line.record, TaskRecord)]
        categories = [(line.number, line.record) for line in lines if isinstance(line.record, CategoryRecord)]
        self._decide_categories(categories, tasks)
        self._load_tasks([record for _, record in tasks])
        pending, previous = tasks, len(tasks) + 1
        while pending and len(pending) < previous:
            previous = len(pending)
            # A parent may follow its subtask in the same batch.
            pending = [(number, record) for number, record in pending if not self._decide_task(number, record)]
        for number, _ in pending:
            if last:
                self._plan.errors.append((number, [UNKNOWN_PARENT]))
            else:
                self._plan.waiting.append(number)
        return self._plan

    # ------------------------------------------------------------- categories

    def _decide_categories(
        self, records: Sequence[tuple[int, CategoryRecord]], tasks: Sequence[tuple[int, TaskRecord]]
    ) -> None:
        ids = {each for _, record in records for each in self._candidates(record.id)}
        for _, task in tasks:
            if task.category is not None:
                ids |= {self._context.categories.get(task.category, task.category), *self._candidates(task.category)}
        keys = {name_key(record.fields["name"]) for _, record in records}
        found = self._work.bulk.find_categories(self._owner, ids, keys)
        by_name = self._context.names | {name_key(category.name): category.id for category in found}
        self._own_categories = {category.id for category in found} | set(self._context.names.values())
        free = set(ids).difference(self._work.bulk.taken(ids)) if records else set()
        for number, record in records:
            key = name_key(record.fields["name"])
            candidates = self._candidates(record.id)
            id_ = next((each for each in candidates if each in self._own_categories), by_name.get(key))
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
                self._own_categories.add(id_)
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

    def _find_category(self, file_id: UUID) -> UUID | None:
        """Return the id of the owner's category for an id in the file."""
        mapped = self._plan.context.categories.get(file_id) or self._context.categories.get(file_id)
        candidates = (mapped,) if mapped else self._candidates(file_id)
        return next((each for each in candidates if each in self._own_categories), None)

    # ------------------------------------------------------------------ tasks

    def _load_tasks(self, records: Sequence[TaskRecord]) -> None:
        """Read the existing tasks with these ids, and the ancestors of parents. A writing work locks the roots."""
        file_ids = {each for record in records for each in (record.id, record.parent) if each}
        ids = {candidate for each in file_ids for candidate in self._candidates(each)}
        self._tasks = {task.id: task for task in self._work.bulk.find_tasks(ids)}
        new = [record for record in records if self._find_existing(record.id) is None]
        parent_ids = {self._find_existing(record.parent) for record in new if record.parent}
        parents = [self._tasks[each] for each in parent_ids if each in self._tasks]
        if self._is_writing and parents:
            for task in parents:
                del self._tasks[task.id]
            parents = list(self._lock_roots([task.id for task in parents]))
            self._tasks |= {task.id: task for task in parents}
        ancestors = {task.parent for task in parents if task.parent}
        while ancestors := ancestors - self._tasks.keys():
            found = self._work.bulk.find_tasks(ancestors)
            self._tasks |= {task.id: task for task in found}
            ancestors = {task.parent for task in found if task.parent}

    def _lock_roots(self, parents: Sequence[UUID]) -> Sequence[Task]:
        """Lock the roots of these tasks, as every change of a tree does, and return the tasks as they are then."""
        locked: Sequence[UUID] | None = None
        while True:
            found = self._work.bulk.find_tasks(parents)
            roots = sorted({task.root for task in found})
            if roots == locked:
                return found
            self._work.bulk.lock(roots)
            locked = roots

    def _decide_task(self, number: int, record: TaskRecord) -> bool:
        """Decide on a task. Return False if its parent is not imported yet."""
        if self._find_existing(record.id) is not None:
            self._plan.tasks.unchanged += 1
            return True
        parent = None
        if record.parent is not None:
            parent_id = self._find_existing(record.parent)
            if parent_id is None:
                return False
            parent = self._parent_info(parent_id)
        id_ = next((each for each in self._candidates(record.id) if each not in self._tasks), None)
        category = self._find_category(record.category) if record.category else None
        trashed_with = self._trashed_with(record, id_, parent)
        errors = list(_errors(record, self._characters, id_, category, parent, trashed_with))
        if errors or id_ is None:
            self._plan.errors.append((number, errors))
            return True
        if record.members and record.parent is None:
            names = ", ".join(record.members[:5])
            notice = FieldError("members", f"are not imported: share the task again with {names}")
            self._plan.notices.append((number, [notice]))
        self._add_task(self._new_task(id_, record, category, parent, trashed_with))
        self._plan.tasks.mapped += id_ != record.id
        return True

    def _new_task(
        self, id_: UUID, record: TaskRecord, category: UUID | None, parent: ParentInfo | None, trashed_with: UUID | None
    ) -> Task:
        # Tasks without times get increasing ones, so that they are listed in the order of the file.
        created = record.created_at or self._now + timedelta(microseconds=len(self._plan.new_tasks))
        updated = record.updated_at or created
        parent_id = self._find_existing(record.parent) if record.parent else None
        fields: TaskFields = {**record.fields, "category": category, "parent": parent_id}
        return Task(
            id=id_,
            root=parent.root if parent else id_,
            members=parent.members if parent else (),
            created_by=self._owner,
            created_at=created,
            updated_at=updated,
            completed_at=(record.completed_at or updated) if record.state is State.DONE else None,
            trashed_at=record.trashed_at,
            trashed_with=trashed_with,
            version=record.version,
            **fields,
        )

    def _add_task(self, task: Task) -> None:
        self._plan.new_tasks.append(task)
        self._plan.tasks.created += 1
        self._tasks[task.id] = task
        if not self._is_writing:
            self._plan.context.parents[task.id] = self._parent_info(task.id)

    def _trashed_with(self, record: TaskRecord, id_: UUID | None, parent: ParentInfo | None) -> UUID | None:
        if record.trashed_at is None:
            return None
        if record.trashed_with in (None, record.id):
            return id_
        assert record.trashed_with is not None
        return next(
            (each for each in self._candidates(record.trashed_with) if parent and each == parent.trashed_with), None
        )

    def _find_existing(self, file_id: UUID) -> UUID | None:
        """Return the id of the owner's task for an id in the file, if the task exists or is planned."""
        for each in self._candidates(file_id):
            task = self._tasks.get(each)
            if each in self._context.parents or (task is not None and task.created_by == self._owner):
                return each
        return None

    def _parent_info(self, task_id: UUID) -> ParentInfo:
        if task_id in self._context.parents:
            return self._context.parents[task_id]
        task = self._tasks[task_id]
        depth = 1 if task.parent is None else self._parent_info(task.parent).depth + 1
        return ParentInfo(task.root, depth, task.members, task.trashed_with)

    def _candidates(self, file_id: UUID) -> tuple[UUID, UUID]:
        """Return the ids that the item with an id in the file may get, the preferred one first."""
        candidates = self._candidates_by_id.get(file_id)
        if candidates is None:
            candidates = self._candidates_by_id[file_id] = (file_id, uuid5(self._owner, str(file_id)))
        return candidates


def _errors(
    record: TaskRecord,
    characters: Characters,
    id_: UUID | None,
    category: UUID | None,
    parent: ParentInfo | None,
    trashed_with: UUID | None,
) -> Iterator[FieldError]:
    """Yield the reasons why a task cannot be imported."""
    # Other rules for new values do not apply: an export may contain titles from before them.
    try:
        require_short_title(record.fields["title"], characters)
    except Refused as refused:
        yield FieldError("title", str(refused))
    if id_ is None:
        yield ID_TAKEN
    if record.category and category is None:
        yield UNKNOWN_CATEGORY
    if parent is not None:
        if parent.depth >= MAX_DEPTH:
            yield TOO_DEEP
        if parent.trashed_with and not record.trashed_at:
            yield PARENT_IN_TRASH
    if record.trashed_at and trashed_with is None:
        yield NOT_TRASHED_WITH
