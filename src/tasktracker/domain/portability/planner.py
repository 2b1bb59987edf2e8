"""Planning the import of a batch: which items are stored, with which ids and parents, and which are refused.

An item keeps its id if the id is free. If another user's item has the id, the imported item gets an id derived from
this id and from the owner. So the same file always gives the same ids, and importing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid5

from tasktracker.domain.categories.category import Category, name_key
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.errors import FieldError
from tasktracker.domain.kernel.fields import Refused
from tasktracker.domain.kernel.members import Member
from tasktracker.domain.portability.import_job import LineOutcome
from tasktracker.domain.portability.plan import ImportContext, ImportPlan, ParentInfo
from tasktracker.domain.portability.ports import ImportWork
from tasktracker.domain.portability.record import CategoryRecord, Line, TaskRecord
from tasktracker.domain.recurrence.occurrence import Occurrence
from tasktracker.domain.tasks.task import MAX_DEPTH, State, Task, TaskFields, Tree, require_short_title
from tasktracker.domain.tasks.trash_service import restore_tree

MAX_CATEGORIES = 10_000

ID_TAKEN = FieldError("id", "is taken, and so is the id derived from it")
UNKNOWN_CATEGORY = FieldError("category", "is neither a category in the file nor one of yours")
UNKNOWN_PARENT = FieldError(
    "parent", "is neither one of your tasks nor a task of the file that could be imported first"
)
TOO_DEEP = FieldError("parent", f"would nest tasks more than {MAX_DEPTH} levels deep")
PARENT_IN_TRASH = FieldError("parent", "is in the trash, but this task is not")
NOT_TRASHED_WITH = FieldError("trashed_with", "must be the task itself or the task with which its parent was deleted")
TOO_MANY_CATEGORIES = FieldError("name", f"exceeds the limit of {MAX_CATEGORIES} categories in a file")
NOT_FOR_SUBTASKS = FieldError(
    "category", "was left out: a task is in a shared category only together with the topmost task above it"
)
TIMES = ("created_at", "updated_at", "completed_at", "trashed_at")
IN_FUTURE = "is in the future: the time of the import was used"
IN_TRASH = FieldError("line", "is a task in your trash, and was left there: import with `restore` to bring it back")
DIFFERENT = FieldError("line", "is a task that exists with another description or due date, and was not changed")

RecordT = TypeVar("RecordT", CategoryRecord, TaskRecord)


class ImportPlanner:
    """Decides on the records of a batch, in the unit of work that then stores the plan."""

    def __init__(
        self,
        work: ImportWork,
        owner: UUID,
        context: ImportContext,
        characters: Characters,
        *,
        is_writing: bool,
        restores: bool,
    ) -> None:
        self._work = work
        self._owner = owner
        self._now = work.now
        self._context = context
        self._characters = characters
        self._is_writing = is_writing
        self._restores = restores
        self._tasks: dict[UUID, Task] = {}
        self._own_categories: set[UUID] = set()
        self._list_members: dict[UUID, tuple[Member, ...]] = {}
        self._candidates_by_id: dict[UUID, tuple[UUID, UUID]] = {}
        self._plan = ImportPlan(ImportContext(context.moment, restored=set(context.restored)))

    def decide(self, lines: Sequence[Line], *, last: bool) -> ImportPlan:
        """Return the plan for these lines. A task without its parent waits, or is refused if `last` is set."""
        own = [line for line in lines if line.record is None or line.record.own or self._pass_over(line)]
        tasks = [(line.number, line.record) for line in own if isinstance(line.record, TaskRecord)]
        categories = [(line.number, line.record) for line in own if isinstance(line.record, CategoryRecord)]
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

    def _pass_over(self, line: Line) -> bool:
        """Count an item of another user, and return False."""
        assert line.record is not None
        counts = self._plan.tasks if isinstance(line.record, TaskRecord) else self._plan.categories
        counts.passed_over += 1
        notice = FieldError("own", f"is false: it belongs to {line.record.owner or 'another user'}, and was left out")
        self._plan.notices.append((line.number, [notice]))
        return False

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
        self._list_members = {category.id: category.list_members for category in found}
        self._own_categories = set(self._list_members) | set(self._context.names.values())
        free = set(ids).difference(self._work.bulk.taken(ids)) if records else set()
        for number, record in records:
            key = name_key(record.fields["name"])
            candidates = self._candidates(record.id)
            id_ = next((each for each in candidates if each in self._own_categories), by_name.get(key))
            if len(self._context.categories) + len(self._plan.context.categories) >= MAX_CATEGORIES:
                self._plan.errors.append((number, [TOO_MANY_CATEGORIES]))
                continue
            outcome = LineOutcome.CREATED if id_ is None else LineOutcome.UNCHANGED
            if id_ is not None:
                self._plan.categories.unchanged += 1
            else:
                id_ = next((each for each in candidates if each in free), None)
                if id_ is None:
                    self._plan.errors.append((number, [ID_TAKEN]))
                    continue
                self._plan.new_categories.append(self._new_category(id_, self._until_now(number, record)))
                self._plan.categories.created += 1
                self._notice_members(number, record)
                self._plan.categories.mapped += id_ != record.id
                by_name[key] = self._plan.context.names[key] = id_
                self._own_categories.add(id_)
            self._plan.context.categories[record.id] = id_
            self._plan.decided[number] = outcome, id_

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

    def _notice_members(self, number: int, record: CategoryRecord | TaskRecord) -> None:
        if record.members:
            kind = "task" if isinstance(record, TaskRecord) else "category"
            names = ", ".join(record.members[:5])
            notice = FieldError("members", f"are not imported: share the {kind} again with {names}")
            self._plan.notices.append((number, [notice]))

    def _is_subtask_category(self, tree: Tree, category: UUID) -> bool:
        """Whether a subtask may be in a category: see `tasks.moving`."""
        if tree.list_members:
            return category == tree.root_category
        return not self._list_members.get(category)

    def _until_now(self, number: int, record: RecordT) -> RecordT:
        """Replace times in the future by the time of the import, and add notices."""
        moment = self._context.moment
        late = [name for name in TIMES if (at := getattr(record, name, None)) is not None and at > moment]
        if not late:
            return record
        self._plan.notices.append((number, [FieldError(name, IN_FUTURE) for name in late]))
        times: dict[str, Any] = dict.fromkeys(late, moment)
        return replace(record, **times)

    # ------------------------------------------------------------------ tasks

    def _load_tasks(self, records: Sequence[TaskRecord]) -> None:
        """Read the existing tasks of these records, and the ancestors of parents. Lock the roots if `is_writing`."""
        file_ids = {each for record in records for each in (record.id, record.former_id, record.parent) if each}
        ids = {candidate for each in file_ids for candidate in self._candidates(self._context.former.get(each, each))}
        self._tasks = {task.id: task for task in self._work.bulk.find_tasks(ids)}
        existing = [(record, self._find_imported(record)) for record in records]
        to_restore = {id_ for record, id_ in existing if id_ and self._restores and self._is_left_in_trash(record, id_)}
        parent_ids = {self._find_existing(record.parent) for record, id_ in existing if id_ is None and record.parent}
        parents = [self._tasks[each] for each in parent_ids | to_restore if each in self._tasks]
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
        self._restore({each: self._tasks[each] for each in to_restore if each in self._tasks})

    def _restore(self, trashed: Mapping[UUID, Task]) -> None:
        """Restore tasks, each after its parent, so that it stays below its parent."""

        def depth(task: Task) -> int:
            parent = trashed.get(task.parent) if task.parent else None
            return 0 if parent is None else depth(parent) + 1

        for each in sorted(trashed.values(), key=lambda task: (depth(task), task.id)):
            if self._is_writing:
                task = self._work.tasks.find(each.id)
                restored = restore_tree(self._work, task) if task is not None and task.trashed_at else ()
            else:
                restored = [self._as_restored(each)]
            self._plan.context.restored.update(task.id for task in restored)
        if self._is_writing and trashed:
            self._tasks = {task.id: task for task in self._work.bulk.find_tasks(self._tasks)}

    def _as_restored(self, task: Task) -> Task:
        """Return a task as a dry run would restore it."""
        parent = self._tasks.get(task.parent) if task.parent else None
        if parent is not None and parent.trashed_at and parent.id not in self._context.parents:
            task = replace(task, root=task.id, parent=None)
        task = replace(task, trashed_at=None, trashed_with=None)
        self._tasks[task.id] = task
        self._plan.context.parents[task.id] = self._parent_info(task.id)
        return task

    def _lock_roots(self, parents: Sequence[UUID]) -> Sequence[Task]:
        """Lock the roots of these tasks, as every change of a tree does. Return the tasks as read after that."""
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
        existing = self._find_imported(record)
        if existing is not None:
            self._plan.decided[number] = self._leave(number, record, existing), existing
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
        if parent is None:
            self._notice_members(number, record)
        elif category is not None and not self._is_subtask_category(parent.tree, category):
            self._plan.notices.append((number, [NOT_FOR_SUBTASKS]))
            category = None
        self._add_task(self._new_task(id_, self._until_now(number, record), category, parent, trashed_with))
        if record.reminders:
            self._plan.reminders[id_] = record.reminders
        self._plan.tasks.mapped += id_ != record.id
        self._plan.decided[number] = LineOutcome.CREATED, id_
        return True

    def _leave(self, number: int, record: TaskRecord, id_: UUID) -> LineOutcome:
        """Count a task of the file that is stored already. Return the outcome of its line."""
        task = self._tasks.get(id_)
        if record.former_id == id_ != record.id:
            self._plan.context.former[record.id] = id_
            self._plan.context.claimed.add(id_)
        if id_ in self._plan.context.restored:
            self._plan.context.restored.discard(id_)
            self._plan.tasks.restored += 1
            outcome = LineOutcome.RESTORED
        elif self._is_left_in_trash(record, id_):
            self._plan.tasks.in_trash += 1
            outcome = LineOutcome.IN_TRASH
            self._plan.notices.append((number, [IN_TRASH]))
        else:
            self._plan.tasks.unchanged += 1
            outcome = LineOutcome.UNCHANGED
            # A row without an id might be meant as another task.
            if record.former_id and task is not None and _differ(record, task):
                self._plan.notices.append((number, [DIFFERENT]))
        return outcome

    def _is_left_in_trash(self, record: TaskRecord, id_: UUID) -> bool:
        task = self._tasks.get(id_)
        # A dry run has not restored the task that an earlier batch would have restored.
        return bool(task and task.trashed_at and not record.trashed_at and id_ not in self._context.parents)

    def _new_task(
        self, id_: UUID, record: TaskRecord, category: UUID | None, parent: ParentInfo | None, trashed_with: UUID | None
    ) -> Task:
        # Tasks without times get increasing ones, so that they are listed in the order of the file.
        created = record.created_at or self._now + timedelta(microseconds=len(self._plan.new_tasks))
        updated = record.updated_at or created
        parent_id = self._find_existing(record.parent) if record.parent else None
        fields: TaskFields = {**record.fields, "category": category, "parent": parent_id}
        members = self._list_members.get(category, ()) if category else ()
        tree = parent.tree if parent else Tree(id_, category, self._owner, list_members=members)
        task = Task(
            id=id_,
            created_by=self._owner,
            created_at=created,
            updated_at=updated,
            completed_at=(record.completed_at or updated) if record.state is State.DONE else None,
            trashed_at=record.trashed_at,
            trashed_with=trashed_with,
            version=record.version,
            occurrence=self._occurrence(record, id_),
            **tree.values(),
            **fields,
        )
        return task if task.recurrence is None else task.with_rule(task.recurrence)

    def _occurrence(self, record: TaskRecord, id_: UUID) -> Occurrence | None:
        if record.slot is None:
            return None
        series, next_ = (self._renamed(record, id_, each) for each in (record.series, record.next))
        return Occurrence(slot=record.slot, series=series or id_, next=next_)

    def _renamed(self, record: TaskRecord, id_: UUID, other: UUID | None) -> UUID | None:
        """Return the id that another task of the series gets, if it gets a new id like this one."""
        return other if other is None or id_ == record.id else self._candidates(other)[1]

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

    def _find_imported(self, record: TaskRecord) -> UUID | None:
        """Return the id of the owner's task that stores a record, under the record's id or its former one."""
        found = self._find_existing(record.id)
        if found is not None or record.former_id is None:
            return found
        # Rows of one file have different former ids, so only earlier files can have claimed it.
        return None if record.former_id in self._context.claimed else self._find_existing(record.former_id)

    def _find_existing(self, file_id: UUID) -> UUID | None:
        """Return the id of the owner's task for an id in the file, if the task exists or is planned."""
        file_id = self._plan.context.former.get(file_id) or self._context.former.get(file_id, file_id)
        for each in self._candidates(file_id):
            task = self._tasks.get(each)
            if each in self._context.parents or (task is not None and task.owner == self._owner):
                return each
        return None

    def _parent_info(self, task_id: UUID) -> ParentInfo:
        if task_id in self._context.parents:
            return self._context.parents[task_id]
        task = self._tasks[task_id]
        depth = 1 if task.parent is None else self._parent_info(task.parent).depth + 1
        return ParentInfo(task.tree, depth, task.trashed_with)

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
    # Other rules for new values do not apply, because an export may contain titles from before these rules existed.
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


def _differ(record: TaskRecord, task: Task) -> bool:
    fields = {"description": "", "due_on": None, "due_date": None, **record.fields}
    # When a recurring task is due depends on the day of the import.
    names = ("description",) if fields.get("recurrence") else ("description", "due_on", "due_date")
    return any(fields[name] != getattr(task, name) for name in names)
