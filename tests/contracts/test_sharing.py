"""Shared trees of tasks, whatever is done to them in whatever order, against a model of plain dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.history.change import FieldChange
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import (
    AlreadyChanged,
    ChangeNotFound,
    DomainError,
    InvalidInput,
    MemberNotFound,
    NotAllowed,
    TaskNotFound,
)
from tasktracker.domain.tasks.member import Member, Role
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import TASK, State, Task, TaskFields
from tasktracker.domain.work import Storage
from tests import strategies
from tests.backends import Backend
from tests.contracts.base import run
from tests.device import Device
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.reference import answer, role_in

PASSWORD = "correct horse"
NAMES = ("alice", "bob", "carol")
FIELDS = ("title", "description", "priority", "state", "due_date", "category", "parent")
FILING = ("category", "parent")
DEEPEST = 5

Refusal = type[DomainError] | str | None
"""An error, or the field that is refused."""

who = st.sampled_from(NAMES)
roles = st.sampled_from((Role.EDITOR, Role.VIEWER))


@dataclass(eq=False)
class Person:
    """Somebody who acts, and how they file."""

    actor: SessionActor
    device: Device
    categories: list[UUID] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return self.actor.user_id


@dataclass(frozen=True)
class Entry:
    """A change as a history should tell it."""

    action: Action
    actor: UUID | None
    version: int
    fields: dict[str, tuple[Any, Any]]


class SharingMachine(RuleBasedStateMachine):
    """Three people who share, nest, move, delete, restore and undo, each as far as they may."""

    def __init__(self, store: Storage, clock: ManualClock) -> None:
        super().__init__()
        clock.set(START)
        self.app = App(store, clock)
        self.tasks: dict[UUID, Task] = {}
        self.histories: dict[UUID, list[Entry]] = {}
        self.people: dict[str, Person] = {}

    @initialize(owner=who)
    def begin(self, owner: str) -> None:
        self.unknown = self.app.ids.new()
        for name in NAMES:
            self._register(name)
        self.grow(owner, [0, 1, 2, 1], True)

    def teardown(self) -> None:
        for name, person in self.people.items():
            self._look_everywhere(name)
            self.catch_up(name, 100)
            self.app.account_removal.delete(person.actor, PASSWORD)
            self._forget(person)
        if self.people:
            with self.app.store.reading(SYSTEM) as work:
                assert all(work.tasks.find(task_id) is None for task_id in self.histories)

    @rule(seconds=st.sampled_from((1, 3600, -30)))
    def wait(self, seconds: int) -> None:
        """Clocks may go back, too."""
        self.app.clock.advance(seconds=seconds)

    # ------------------------------------------------------------ tasks

    @rule(name=who, data=st.data())
    def create(self, name: str, data: st.DataObject) -> None:
        self._create(self.people[name], data.draw(self._fields(whole=True)))

    def _create(self, person: Person, fields: TaskFields) -> None:
        now = self.app.clock.now()
        refused = self._bad_category(person, fields) or self._bad_parent(person, fields.get("parent"), levels=1)
        done = self._try(lambda: self.app.do(person.actor, self.app.tasks.create, fields), refused)
        if done:
            task: Task = done[0]
            parent = self.tasks[task.parent] if task.parent else None
            values: dict[str, Any] = {**TASK.defaults, **fields}
            assert task == Task(
                id=task.id,
                created_by=person.id,
                created_at=now,
                updated_at=now,
                completed_at=now if fields.get("state") is State.DONE else None,
                root=parent.root if parent else task.id,
                members=parent.members if parent else (),
                **values,
            )
            self.tasks[task.id] = task
            told = {each: (None, getattr(task, each)) for each in FIELDS if getattr(task, each) is not None}
            self.histories[task.id] = [Entry(Action.CREATE, person.id, 1, told)]

    @rule(name=who, depths=st.lists(st.integers(0, DEEPEST - 1), min_size=2, max_size=6), shared=st.booleans())
    def grow(self, name: str, depths: list[int], shared: bool) -> None:
        """Create a tree at once: each task is put under the latest that is less deep."""
        person = self.people[name]
        path: list[UUID] = []
        for depth in depths:
            path = path[:depth]
            self._create(person, {"title": "grown", "parent": path[-1] if path else None})
            path.append([*self.tasks][-1])
        for other, role in zip((other for other in NAMES if other != name), (Role.EDITOR, Role.VIEWER), strict=True):
            if shared:
                self.app.do(person.actor, self.app.sharing.share, path[-1], other, role)
                self._set_part(person, path[-1], self.people[other].id, role)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        task_id = self._any_task(data)
        person = self._anybody(data, task_id)
        fields = data.draw(self._fields())
        refused = self._edit_refused(person, task_id, fields)
        done = self._try(lambda: self.app.do(person.actor, self.app.tasks.edit, task_id, fields), refused)
        if done:
            self._edit(person, task_id, fields, Action.EDIT)
            assert done[0] == self.tasks[task_id]

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        task_id = self._any_task(data)
        person = self._somebody(data, task_id)
        fields: TaskFields = {"parent": data.draw(st.sampled_from((None, *self.tasks)))}
        refused = self._edit_refused(person, task_id, fields)
        done = self._try(lambda: self.app.do(person.actor, self.app.tasks.edit, task_id, fields), refused)
        if done:
            self._edit(person, task_id, fields, Action.EDIT)
            assert done[0] == self.tasks[task_id]

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        task_id = self._any_task(data)
        person = self._anybody(data, task_id)
        task = self.tasks.get(task_id)
        change_id, entry = self.unknown, None
        if task and not task.trashed_at:
            owner = next(each for each in self.people.values() if each.id == task.created_by)
            changes = self.app.see(owner.actor, self.app.history.list, task_id, limit=1000).changes.items
            edits = [n for n, change in enumerate(changes) if change.action in (Action.EDIT, Action.UNDO)]
            position = data.draw(st.sampled_from([*edits * 3, *range(len(changes) + 1)]))
            if position < len(changes):
                change_id, entry = changes[position].id, self.histories[task_id][-1 - position]
        refused, fields = self._undo_refused(person, task_id, entry)
        done = self._try(lambda: self.app.do(person.actor, self.app.history.undo, task_id, change_id), refused)
        if done:
            self._edit(person, task_id, fields, Action.UNDO)
            assert done[0] == self.tasks[task_id]

    # ------------------------------------------------------------ members

    @precondition(lambda self: self.tasks)
    @rule(whom=st.sampled_from((*NAMES, "BOB", "nobody")), role=roles, data=st.data())
    def share(self, whom: str, role: Role, data: st.DataObject) -> None:
        task_id = self._any_task(data)
        person = self._somebody(data, task_id)
        invited = self.people.get(whom.lower())
        refused = self._owned_refused(person, task_id)
        if refused is None and (invited is None or invited is person):
            refused = "username"
        done = self._try(lambda: self.app.do(person.actor, self.app.sharing.share, task_id, whom, role), refused)
        if done and invited:
            shared = done[0]
            assert (shared.user_id, shared.username, shared.role) == (invited.id, whom.lower(), role)
            self._set_part(person, task_id, invited.id, role)

    @precondition(lambda self: self.tasks)
    @rule(role=roles, data=st.data())
    def assign(self, role: Role, data: st.DataObject) -> None:
        task_id = self._any_task(data, shared=True)
        person, member = self._somebody(data, task_id), self._anybody(data, task_id)
        refused = self._owned_refused(person, task_id)
        if refused is None and role_in(self.tasks[task_id], member.id) in (None, Role.OWNER):
            refused = MemberNotFound
        if self._try(lambda: self.app.do(person.actor, self.app.sharing.assign, task_id, member.id, role), refused):
            self._set_part(person, task_id, member.id, role)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def unshare(self, data: st.DataObject) -> None:
        task_id = self._any_task(data, shared=True)
        person, member = self._somebody(data, task_id), self._anybody(data, task_id)
        task = self._seen(person, task_id)
        refused: Refusal = None
        if task is None:
            refused = TaskNotFound
        elif person is not member and task.created_by != person.id:
            refused = NotAllowed
        elif role_in(task, member.id) in (None, Role.OWNER):
            refused = MemberNotFound
        unshare = self.app.sharing.unshare
        if self._try(lambda: self.app.do(person.actor, unshare, task_id, member.id), refused):
            self._set_part(person, task_id, member.id, None)

    # ------------------------------------------------------------ the trash

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        task_id = self._any_task(data)
        person = self._somebody(data, task_id)
        refused = self._owned_refused(person, task_id)
        if self._try(lambda: self.app.do(person.actor, self.app.trash.delete, task_id), refused):
            now = self.app.clock.now()
            for each in self._below(task_id):
                if not each.trashed_at:
                    trashed_at = max(now, each.updated_at)
                    self._change(person, each, Action.TRASH, trashed_at=trashed_at, trashed_with=task_id)

    @precondition(lambda self: any(task.trashed_at for task in self.tasks.values()))
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        task_id = self._any_task(data, trashed=True)
        person = self._somebody(data, task_id)
        refused = self._trashed_refused(person, task_id)
        done = self._try(lambda: self.app.do(person.actor, self.app.trash.restore, task_id), refused)
        if done:
            task = self.tasks[task_id]
            if task.trashed_at:
                detached = task.parent is not None and self.tasks[task.parent].trashed_at is not None
                root = task.id if detached else task.root
                for each in self._below(task_id):
                    if each.trashed_with == task.trashed_with:
                        parent = None if detached and each.id == task_id else each.parent
                        back = {"trashed_at": None, "trashed_with": None, "root": root, "parent": parent}
                        self._change(person, each, Action.RESTORE, **back)
                    else:
                        self._change(person, each, Action.MOVE, root=root)
            assert done[0] == self.tasks[task_id]

    @precondition(lambda self: any(task.trashed_at for task in self.tasks.values()))
    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        task_id = self._any_task(data, trashed=True)
        person = self._somebody(data, task_id)
        refused = self._trashed_refused(person, task_id)
        if refused is None and not self.tasks[task_id].trashed_at:
            refused = TaskNotFound
        if self._try(lambda: self.app.do(person.actor, self.app.trash.purge, task_id), refused):
            for each in self._below(task_id):
                del self.tasks[each.id]

    # ------------------------------------------------------------ what else there is

    @rule(name=who)
    def create_category(self, name: str) -> None:
        person = self.people[name]
        title = f"category {len(person.categories)} {self.app.ids.new()}"
        person.categories.append(self.app.do(person.actor, self.app.categories.create, {"name": title}).id)

    @precondition(lambda self: any(person.categories for person in self.people.values()))
    @rule(name=who)
    def delete_category(self, name: str) -> None:
        person = self.people[name]
        if person.categories:
            category = person.categories.pop()
            self.app.do(person.actor, self.app.category_removal.delete, category)
            for task in list(self.tasks.values()):
                if task.category == category:
                    self._change(person, task, Action.EDIT, category=None)

    @rule(name=who, sure=st.sampled_from((False, False, False, True)))
    def start_over(self, name: str, sure: bool) -> None:
        """Delete the account, and register under the same name."""
        person = self.people[name]
        if not sure:
            return
        self.app.account_removal.delete(person.actor, PASSWORD)
        self._forget(person)
        self._register(name)

    @rule(name=who, data=st.data())
    def look(self, name: str, data: st.DataObject) -> None:
        person = self.people[name]
        categories = [category for each in self.people.values() for category in each.categories]
        query = data.draw(strategies.queries(self.app.clock.now(), categories, [*self.tasks.values()]))
        expected = answer(query, person.id, self.tasks.values())
        found: list[Task] = []
        while True:
            page = self.app.see(person.actor, self.app.tasks.list, query)
            found += page.items
            if page.next is None:
                break
            query = replace(query, after=page.next)
        assert found == expected

    @rule(name=who, limit=st.sampled_from((1, 2, 5)))
    def pull(self, name: str, limit: int) -> None:
        """A device takes one page of what has changed, and may be in the middle of it when more does."""
        self.people[name].device.pull(limit)

    @rule(name=who, limit=st.sampled_from((1, 3, 100)))
    def catch_up(self, name: str, limit: int) -> None:
        person = self.people[name]
        new = Device(self.app.sync, person.actor)
        for device in (person.device, new):
            device.catch_up(limit)
            device.require_in_sync()
            tasks = {id_: item for (type_, id_), item in device.items.items() if type_ is ItemType.TASK}
            assert tasks == {
                task.id: task for task in self.tasks.values() if not task.trashed_at and role_in(task, person.id)
            }
            assert {id_ for type_, id_ in device.items if type_ is ItemType.CATEGORY} == set(person.categories)

    @rule(name=who)
    def look_everywhere(self, name: str) -> None:
        self._look_everywhere(name)

    def _look_everywhere(self, name: str) -> None:
        person = self.people[name]
        query = TaskQuery(at=START, limit=10_000)
        assert self.app.see(person.actor, self.app.tasks.list, query).items == answer(
            query, person.id, self.tasks.values()
        )
        trashed = [
            task
            for task in self.tasks.values()
            if task.created_by == person.id and task.trashed_with == task.id and task.trashed_at
        ]
        trashed.sort(key=lambda task: (task.trashed_at, task.id), reverse=True)
        assert self.app.see(person.actor, self.app.trash.list, limit=10_000).items == trashed
        names = {each.id: username for username, each in self.people.items()}
        for task in self.tasks.values():
            if not self._seen(person, task.id):
                for call in (self.app.tasks.get, self.app.history.list, self.app.sharing.list):
                    self._try(lambda call=call, task=task: self.app.see(person.actor, call, task.id), TaskNotFound)  # type: ignore[misc]
                continue
            assert self.app.see(person.actor, self.app.tasks.get, task.id) == task
            shares = self.app.see(person.actor, self.app.sharing.list, task.id)
            assert [(share.user_id, share.username, share.role) for share in shares] == [
                (user_id, names[user_id], role_in(task, user_id))
                for user_id in (task.created_by, *(member.user_id for member in task.members))
            ]
            history = self.app.see(person.actor, self.app.history.list, task.id, limit=10_000)
            told = [
                Entry(change.action, change.actor, change.version, _plain(change.fields))
                for change in history.changes.items
            ]
            expected = self.histories[task.id][::-1]
            if task.created_by != person.id:
                expected = [
                    replace(each, fields={name: values for name, values in each.fields.items() if name != "category"})
                    for each in expected
                ]
            assert told == expected
            assert [entry.version for entry in told] == list(range(task.version, 0, -1)), "a history has no gaps"
            assert history.names == {each.actor: names[each.actor] for each in expected if each.actor}

    # ------------------------------------------------------------ the model

    def _register(self, name: str) -> None:
        app = self.app
        actor = app.actor(app.registration.register({"username": name}, PASSWORD))
        self.people[name] = Person(actor, Device(app.sync, actor))

    def _forget(self, person: Person) -> None:
        """Take somebody out of everything, and everything of theirs away."""
        for task in list(self.tasks.values()):
            if task.created_by == person.id:
                del self.tasks[task.id]
            elif role_in(task, person.id):
                kept = tuple(member for member in task.members if member.user_id != person.id)
                self._change(person, task, Action.UNSHARE, members=kept)
        for task_id, entries in self.histories.items():
            self.histories[task_id] = [
                replace(entry, actor=None if entry.actor == person.id else entry.actor) for entry in entries
            ]

    def _any_task(self, data: st.DataObject, *, trashed: bool = False, shared: bool = False) -> UUID:
        """Return any task, but mostly one with which something can be done."""
        fit = [
            task.id
            for task in self.tasks.values()
            if bool(task.trashed_at) is trashed and (task.members or task.parent or not shared)
        ]
        others = [*self.tasks, self.unknown]
        likely: bool = data.draw(st.sampled_from((True, True, True, True, True, False)))
        return data.draw(st.sampled_from(fit[::-1] if fit and likely else others))

    def _anybody(self, data: st.DataObject, task_id: UUID) -> Person:
        """Return anybody, but mostly a member of the task."""
        task = self.tasks.get(task_id)
        members = [person for person in self.people.values() if task and role_in(task, person.id)]
        return data.draw(st.sampled_from([*members[::-1] * 3, *self.people.values()]))

    def _somebody(self, data: st.DataObject, task_id: UUID) -> Person:
        """Return anybody, but mostly whoever created the task."""
        task = self.tasks.get(task_id)
        owners = [person for person in self.people.values() if task and person.id == task.created_by]
        return data.draw(st.sampled_from([*owners * 6, *self.people.values()]))

    def _fields(self, *, whole: bool = False) -> st.SearchStrategy[TaskFields]:
        categories = [category for person in self.people.values() for category in person.categories]
        others: dict[str, st.SearchStrategy[Any]] = {
            "description": st.sampled_from(("", "described")),
            "priority": strategies.priorities,
            "state": strategies.states,
            "due_date": st.sampled_from((None, START)),
            "category": st.sampled_from((None, *categories, self.unknown)),
            "parent": st.sampled_from((None, *self.tasks, *self.tasks, self.unknown)),
        }
        title = {"title": st.sampled_from(("a", "b"))}
        if whole:
            return st.fixed_dictionaries(title, optional=others)  # type: ignore[return-value]
        return st.fixed_dictionaries({}, optional=title | others)  # type: ignore[return-value]

    def _seen(self, person: Person, task_id: UUID) -> Task | None:
        task = self.tasks.get(task_id)
        return task if task and not task.trashed_at and role_in(task, person.id) else None

    def _owned_refused(self, person: Person, task_id: UUID) -> Refusal:
        task = self._seen(person, task_id)
        if task is None:
            return TaskNotFound
        return None if task.created_by == person.id else NotAllowed

    def _trashed_refused(self, person: Person, task_id: UUID) -> Refusal:
        task = self.tasks.get(task_id)
        return None if task and task.created_by == person.id else self._owned_refused(person, task_id)

    def _bad_category(self, person: Person, fields: TaskFields) -> Refusal:
        category = fields.get("category")
        return None if category is None or category in person.categories else "category"

    def _bad_parent(self, person: Person, parent_id: UUID | None, levels: int) -> Refusal:
        if parent_id is None:
            return None
        parent = self.tasks.get(parent_id)
        fits = parent and parent.created_by == person.id and not parent.trashed_at
        return None if fits and len(self._above(parent_id)) + levels <= DEEPEST else "parent"

    def _edit_refused(self, person: Person, task_id: UUID, fields: TaskFields) -> Refusal:
        task = self._seen(person, task_id)
        if task is None:
            return TaskNotFound
        if task.created_by != person.id:
            return NotAllowed if role_in(task, person.id) is Role.VIEWER else None
        if "parent" in fields and fields["parent"] != task.parent:
            below = {each.id for each in self._below(task_id)}
            levels = max(len(self._above(each)) for each in below) - len(self._above(task_id)) + 1
            bad = "parent" if fields["parent"] in below else self._bad_parent(person, fields["parent"], levels)
            return self._bad_category(person, fields) or bad
        return self._bad_category(person, fields)

    def _undo_refused(self, person: Person, task_id: UUID, entry: Entry | None) -> tuple[Refusal, TaskFields]:
        task = self._seen(person, task_id)
        if task is None:
            return TaskNotFound, {}
        if role_in(task, person.id) is Role.VIEWER:
            return NotAllowed, {}
        if entry is None:
            return ChangeNotFound, {}
        if entry.action not in (Action.EDIT, Action.UNDO):
            return "change", {}
        names = [each for each in entry.fields if each in FIELDS]
        if task.created_by != person.id:
            names = [each for each in names if each not in FILING]
            if not names:
                return NotAllowed, {}
        if any(entry.fields[each][1] != getattr(task, each) for each in names):
            return AlreadyChanged, {}
        fields: Any = {each: entry.fields[each][0] for each in names}
        return self._edit_refused(person, task_id, fields), fields

    def _edit(self, person: Person, task_id: UUID, fields: TaskFields, action: Action) -> None:
        task = self.tasks[task_id]
        changes: dict[str, Any] = {
            name: value for name, value in fields.items() if task.created_by == person.id or name not in FILING
        }
        if "state" in changes and (changes["state"] is State.DONE) is not (task.state is State.DONE):
            done = changes["state"] is State.DONE
            changes["completed_at"] = max(self.app.clock.now(), task.updated_at) if done else None
        if changes.get("parent", task.parent) == task.parent:
            self._change(person, task, action, **changes)
            return
        below = self._below(task_id)[1:]
        parent = self.tasks[changes["parent"]] if changes["parent"] else None
        place: dict[str, Any] = {"root": task.id}
        if parent:
            place = {"root": parent.root, "members": parent.members}
        elif below or task.members:
            place["members"] = task.members
        self._change(person, task, action, **changes, **place)
        moved = self.tasks[task_id].updated_at
        for each in below:
            self._change(person, each, Action.MOVE, now=moved, **place)

    def _set_part(self, person: Person, task_id: UUID, member: UUID, role: Role | None) -> None:
        task = self.tasks[task_id]
        others = [each for each in task.members if each.user_id != member]
        members = tuple(sorted([*others, Member(member, role)] if role else others))
        for each in list(self.tasks.values()):
            if each.root == task.root:
                self._change(person, each, Action.SHARE if role else Action.UNSHARE, members=members)

    def _change(self, person: Person, task: Task, action: Action, now: Any = None, **changes: Any) -> None:
        """Change a task, and note what its history is to tell of it."""
        changed = replace(task, **changes)
        if changed == task:
            return
        changed = replace(
            changed, version=task.version + 1, updated_at=max(now or self.app.clock.now(), task.updated_at)
        )
        self.tasks[task.id] = changed
        told = {
            name: (getattr(task, name), getattr(changed, name))
            for name in FIELDS
            if getattr(task, name) != getattr(changed, name)
        }
        if task.members != changed.members:
            told["members"] = (_parts(task), _parts(changed))
        self.histories[task.id].append(Entry(action, person.id, changed.version, told))

    def _above(self, task_id: UUID) -> Sequence[Task]:
        """Return a task and all it is under."""
        task = self.tasks[task_id]
        return [task, *(self._above(task.parent) if task.parent else ())]

    def _below(self, task_id: UUID) -> Sequence[Task]:
        """Return a task and all that is under it."""
        children = [task.id for task in self.tasks.values() if task.parent == task_id]
        return [self.tasks[task_id], *(task for child in children for task in self._below(child))]

    @staticmethod
    def _try(call: Callable[[], object], refused: Refusal) -> tuple[Any] | None:
        """Return what the call returns, in a tuple, or nothing where it is refused, as it must be."""
        caught: DomainError | None = None
        value = None
        try:
            value = call()
        except DomainError as error:
            caught = error
        found: Refusal = type(caught) if caught else None
        if isinstance(caught, InvalidInput):
            (found,) = {each.field for each in caught.errors}
        assert found == refused, f"expected {refused}, not {caught or value!r}"
        return None if caught else (value,)


def _parts(task: Task) -> list[str]:
    return [f"{member.user_id} {member.role}" for member in task.members]


def _plain(fields: Any) -> dict[str, tuple[Any, Any]]:
    changes: Iterable[tuple[str, FieldChange]] = fields.items()
    return {name: (each.before, each.after) for name, each in changes}


class TestSharingHistory:
    """However tasks are shared, nested, deleted and restored, everybody sees and may do what is theirs to."""

    def test_shared_trees_match_the_model(self, backend: Backend, store: Storage, clock: ManualClock) -> None:
        run(lambda: SharingMachine(store, clock), backend, in_memory=50)
