"""Random operations on shared trees of tasks, compared with a model of plain dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast
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
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.kernel.time_zones import DEFAULT_TIME_ZONE
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import TASK, State, Task, TaskFields
from tasktracker.domain.work import Storage
from tests import strategies
from tests.backends import Backend
from tests.contracts.base import outcome_of, run_state_machine
from tests.device import Device
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.reference import expected_list, role_in, with_cleared
from tests.waiting import until_the_last

PASSWORD = "correct horse"
NAMES = ("alice", "bob", "carol")
FIELDS = ("title", "description", "priority", "state", "due_on", "due_date", "category", "parent")
FILING = ("category", "parent")
DEEPEST = 5

Refusal = type[DomainError] | str | None
"""The expected error, or the name of the refused field."""

names = st.sampled_from(NAMES)
roles = st.sampled_from((Role.EDITOR, Role.VIEWER))


@dataclass(eq=False)
class ModelUser:
    """A user with a device and categories."""

    actor: SessionActor
    device: Device
    categories: list[UUID] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return self.actor.user_id


@dataclass(frozen=True)
class Entry:
    """An expected change in a history."""

    action: Action
    actor: UUID | None
    version: int
    fields: dict[str, tuple[Any, Any]]


class SharingMachine(RuleBasedStateMachine):
    """Three users who share, nest, move, delete, restore and undo tasks."""

    def __init__(self, store: Storage, clock: ManualClock) -> None:
        super().__init__()
        clock.set(START)
        self.app = App(store, clock)
        self.tasks: dict[UUID, Task] = {}
        self.histories: dict[UUID, list[Entry]] = {}
        self.users: dict[str, ModelUser] = {}

    @initialize(owner=names)
    def begin(self, owner: str) -> None:
        self.unknown = self.app.ids.new()
        for name in NAMES:
            self._register(name)
        self.create_tree(owner, [0, 1, 2, 1], True)

    def teardown(self) -> None:
        for name, user in self.users.items():
            self._compare(name)
            self.catch_up(name, 100)
            self.app.account_removal.delete(user.actor, PASSWORD)
            self.app.jobs.run_all()
            self._remove_account(user)
        if self.users:
            with self.app.store.reading(SYSTEM) as work:
                assert all(work.tasks.find(task_id) is None for task_id in self.histories)

    @rule(seconds=st.sampled_from((1, 3600, -30)))
    def wait(self, seconds: int) -> None:
        """Clocks can also go back."""
        self.app.clock.advance(seconds=seconds)

    # ------------------------------------------------------------ tasks

    @rule(name=names, data=st.data())
    def create(self, name: str, data: st.DataObject) -> None:
        self._create(self.users[name], data.draw(self._fields(whole=True)))

    def _create(self, user: ModelUser, fields: TaskFields) -> None:
        now = self.app.clock.now()
        refused = self._bad_category(user, fields) or self._bad_parent(user, fields.get("parent"), levels=1)
        done = self._try(lambda: self.app.do(user.actor, self.app.tasks.create, fields), refused)
        if done:
            task: Task = done[0]
            parent = self.tasks[task.parent] if task.parent else None
            values: dict[str, Any] = {**TASK.defaults, **fields}
            assert task == Task(
                id=task.id,
                owner=user.id,
                created_by=user.id,
                created_at=now,
                updated_at=now,
                completed_at=now if fields.get("state") is State.DONE else None,
                root=parent.root if parent else task.id,
                root_category=parent.root_category if parent else fields.get("category"),
                members=parent.members if parent else (),
                **values,
            )
            self.tasks[task.id] = task
            recorded = {each: (None, getattr(task, each)) for each in FIELDS if getattr(task, each) is not None}
            self.histories[task.id] = [Entry(Action.CREATE, user.id, 1, recorded)]

    @rule(name=names, depths=st.lists(st.integers(0, DEEPEST - 1), min_size=2, max_size=6), shared=st.booleans())
    def create_tree(self, name: str, depths: list[int], shared: bool) -> None:
        """Create a tree: each task becomes a subtask of the latest one that is less deep."""
        user = self.users[name]
        path: list[UUID] = []
        for depth in depths:
            path = path[:depth]
            self._create(user, {"title": "tree", "parent": path[-1] if path else None})
            path.append([*self.tasks][-1])
        for other, role in zip((other for other in NAMES if other != name), (Role.EDITOR, Role.VIEWER), strict=True):
            if shared:
                self.app.do(user.actor, self.app.sharing.share, path[-1], other, role)
                self._set_role(user, path[-1], self.users[other].id, role)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        task_id = self._any_task(data)
        self._try_edit(self._likely_member(data, task_id), task_id, data.draw(self._fields()))

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        task_id = self._any_task(data)
        user = self._likely_owner(data, task_id)
        self._try_edit(user, task_id, {"parent": data.draw(st.sampled_from((None, *self.tasks)))})

    def _try_edit(self, user: ModelUser, task_id: UUID, fields: TaskFields) -> None:
        refused = self._edit_refused(user, task_id, fields)
        done = self._try(lambda: self.app.do(user.actor, self.app.tasks.edit, task_id, fields), refused)
        if done:
            self._edit(user, task_id, fields, Action.EDIT)
            assert done[0] == self.tasks[task_id]

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        task_id = self._any_task(data)
        user = self._likely_member(data, task_id)
        task = self.tasks.get(task_id)
        change_id, entry = self.unknown, None
        if task and not task.trashed_at:
            owner = next(each for each in self.users.values() if each.id == task.owner)
            changes = self.app.see(owner.actor, self.app.history.list, task_id, limit=1000).changes.items
            edits = [n for n, change in enumerate(changes) if change.action in (Action.EDIT, Action.UNDO)]
            position = data.draw(st.sampled_from([*edits * 3, *range(len(changes) + 1)]))
            if position < len(changes):
                change_id, entry = changes[position].id, self.histories[task_id][-1 - position]
        refused, fields = self._undo_refused(user, task_id, entry)
        done = self._try(lambda: self.app.do(user.actor, self.app.history.undo, task_id, change_id), refused)
        if done:
            completed_at, _ = entry.fields.get("completed_at", (None, None)) if entry else (None, None)
            self._edit(user, task_id, fields, Action.UNDO, completed_at)
            assert done[0] == self.tasks[task_id]

    # ------------------------------------------------------------ members

    @precondition(lambda self: self.tasks)
    @rule(username=st.sampled_from((*NAMES, "BOB", "unknown")), role=roles, data=st.data())
    def share(self, username: str, role: Role, data: st.DataObject) -> None:
        task_id = self._any_task(data)
        user = self._likely_owner(data, task_id)
        invited = self.users.get(username.lower())
        refused = self._owned_refused(user, task_id)
        if refused is None and (invited is None or invited is user):
            refused = "username"
        done = self._try(lambda: self.app.do(user.actor, self.app.sharing.share, task_id, username, role), refused)
        if done and invited:
            shared = done[0]
            assert (shared.user_id, shared.username, shared.role) == (invited.id, username.lower(), role)
            self._set_role(user, task_id, invited.id, role)

    @precondition(lambda self: self.tasks)
    @rule(role=roles, data=st.data())
    def assign(self, role: Role, data: st.DataObject) -> None:
        task_id = self._any_task(data, shared=True)
        user, member = self._likely_owner(data, task_id), self._likely_member(data, task_id)
        refused = self._owned_refused(user, task_id)
        if refused is None and role_in(self.tasks[task_id], member.id) in (None, Role.OWNER):
            refused = MemberNotFound
        if self._try(lambda: self.app.do(user.actor, self.app.sharing.assign, task_id, member.id, role), refused):
            self._set_role(user, task_id, member.id, role)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def unshare(self, data: st.DataObject) -> None:
        task_id = self._any_task(data, shared=True)
        user, member = self._likely_owner(data, task_id), self._likely_member(data, task_id)
        task = self._visible(user, task_id)
        refused: Refusal = None
        if task is None:
            refused = TaskNotFound
        elif user is not member and task.owner != user.id:
            refused = NotAllowed
        elif role_in(task, member.id) in (None, Role.OWNER):
            refused = MemberNotFound
        unshare = self.app.sharing.unshare
        if self._try(lambda: self.app.do(user.actor, unshare, task_id, member.id), refused):
            self._set_role(user, task_id, member.id, None)

    # ------------------------------------------------------------ the trash

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        task_id = self._any_task(data)
        user = self._likely_owner(data, task_id)
        refused = self._owned_refused(user, task_id)
        if self._try(lambda: self.app.do(user.actor, self.app.trash.delete, task_id), refused):
            now = self.app.clock.now()
            for each in self._below(task_id):
                if not each.trashed_at:
                    trashed_at = max(now, each.updated_at)
                    self._change(user, each, Action.TRASH, trashed_at=trashed_at, trashed_with=task_id)

    @precondition(lambda self: any(task.trashed_at for task in self.tasks.values()))
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        task_id = self._any_task(data, trashed=True)
        user = self._likely_owner(data, task_id)
        refused = self._trashed_refused(user, task_id)
        done = self._try(lambda: self.app.do(user.actor, self.app.trash.restore, task_id), refused)
        if done:
            task = self.tasks[task_id]
            if task.trashed_at:
                detached = task.parent is not None and self.tasks[task.parent].trashed_at is not None
                root = task.id if detached else task.root
                for each in self._below(task_id):
                    if each.trashed_with == task.trashed_with:
                        parent = None if detached and each.id == task_id else each.parent
                        back = {"trashed_at": None, "trashed_with": None, "root": root, "parent": parent}
                        self._change(user, each, Action.RESTORE, **back)
                    else:
                        self._change(user, each, Action.MOVE, root=root)
            assert done[0] == self.tasks[task_id]

    @precondition(lambda self: any(task.trashed_at for task in self.tasks.values()))
    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        task_id = self._any_task(data, trashed=True)
        user = self._likely_owner(data, task_id)
        refused = self._trashed_refused(user, task_id)
        if refused is None and not self.tasks[task_id].trashed_at:
            refused = TaskNotFound
        if self._try(lambda: self.app.do(user.actor, self.app.trash.purge, task_id), refused):
            for each in self._below(task_id):
                del self.tasks[each.id]

    # ------------------------------------------------------------ categories, accounts and reading

    @rule(name=names)
    def create_category(self, name: str) -> None:
        user = self.users[name]
        title = f"category {len(user.categories)} {self.app.ids.new()}"
        user.categories.append(self.app.do(user.actor, self.app.categories.create, {"name": title}).id)

    @precondition(lambda self: any(user.categories for user in self.users.values()))
    @rule(name=names)
    def delete_category(self, name: str) -> None:
        user = self.users[name]
        if user.categories:
            category = user.categories.pop()
            self.app.do(user.actor, self.app.category_removal.delete, category)
            for task in list(self.tasks.values()):
                if task.category == category:
                    self._change(user, task, Action.MOVE, category=None)

    @rule(name=names, is_due=st.sampled_from((False, False, False, True)))
    def start_over(self, name: str, is_due: bool) -> None:
        """Delete the account and register the same username again."""
        user = self.users[name]
        if not is_due:
            return
        self.app.account_removal.delete(user.actor, PASSWORD)
        self.app.jobs.run_all()
        self._remove_account(user)
        self._register(name)

    @rule(name=names, data=st.data())
    def list_tasks(self, name: str, data: st.DataObject) -> None:
        user = self.users[name]
        categories = [category for each in self.users.values() for category in each.categories]
        query = data.draw(strategies.queries(self.app.clock.now(), categories, [*self.tasks.values()]))
        query = replace(query, time_zone=DEFAULT_TIME_ZONE)  # that of the user
        expected = expected_list(query, user.id, self.tasks.values())
        found: list[Task] = []
        for _ in until_the_last():
            page = self.app.see(user.actor, self.app.tasks.list, query)
            found += page.items
            if page.next is None:
                break
            query = replace(query, after=page.next)
        assert found == expected

    @rule(name=names, limit=st.sampled_from((1, 2, 5)))
    def pull(self, name: str, limit: int) -> None:
        """Pull one page of changes; more can change before the next page."""
        self.users[name].device.pull(limit)

    @rule(name=names, limit=st.sampled_from((1, 3, 100)))
    def catch_up(self, name: str, limit: int) -> None:
        user = self.users[name]
        new = Device(self.app.sync, user.actor)
        for device in (user.device, new):
            device.catch_up(limit)
            device.require_in_sync()
            tasks = {id_: item for (type_, id_), item in device.items.items() if type_ is ItemType.TASK}
            assert tasks == {
                task.id: task for task in self.tasks.values() if not task.trashed_at and role_in(task, user.id)
            }
            assert {id_ for type_, id_ in device.items if type_ is ItemType.CATEGORY} == set(user.categories)

    @rule(name=names)
    def compare(self, name: str) -> None:
        self._compare(name)

    def _compare(self, name: str) -> None:
        user = self.users[name]
        query = TaskQuery(at=START, limit=10_000)
        assert self.app.see(user.actor, self.app.tasks.list, query).items == expected_list(
            query, user.id, self.tasks.values()
        )
        trashed = [
            task
            for task in self.tasks.values()
            if task.owner == user.id and task.trashed_with == task.id and task.trashed_at
        ]
        trashed.sort(key=lambda task: (task.trashed_at, task.id), reverse=True)
        assert self.app.see(user.actor, self.app.trash.list, limit=10_000).items == trashed
        names = {each.id: username for username, each in self.users.items()}
        for task in self.tasks.values():
            if not self._visible(user, task.id):
                for call in (self.app.tasks.get, self.app.history.list, self.app.sharing.list):
                    self._try(lambda call=call, task=task: self.app.see(user.actor, call, task.id), TaskNotFound)  # type: ignore[misc]
                continue
            assert self.app.see(user.actor, self.app.tasks.get, task.id) == task
            shares = self.app.see(user.actor, self.app.sharing.list, task.id)
            assert [(share.user_id, share.username, share.role) for share in shares] == [
                (user_id, names[user_id], role_in(task, user_id))
                for user_id in (task.owner, *(member.user_id for member in task.members))
            ]
            history = self.app.see(user.actor, self.app.history.list, task.id, limit=10_000)
            recorded = [
                Entry(change.action, change.actor, change.version, _plain(change.fields))
                for change in history.changes.items
            ]
            expected = self.histories[task.id][::-1]
            began = self._access_began(user, task)
            if task.owner != user.id:
                expected = [_as_seen(each, began) for each in expected if each.version >= began]
            assert recorded == expected
            versions = list(range(task.version, max(began, 1) - 1, -1))
            assert [entry.version for entry in recorded] == versions, "a history has no gaps"
            assert history.names == {each.actor: names[each.actor] for each in expected if each.actor}

    # ------------------------------------------------------------ the model

    def _register(self, name: str) -> None:
        app = self.app
        actor = app.actor(app.registration.register({"username": name}, PASSWORD))
        self.users[name] = ModelUser(actor, Device(app.sync, actor))

    def _remove_account(self, user: ModelUser) -> None:
        """Remove a user from all tasks and histories, and remove their tasks."""
        for task in list(self.tasks.values()):
            if task.owner == user.id:
                del self.tasks[task.id]
            elif role_in(task, user.id):
                members = tuple(member for member in task.members if member.user_id != user.id)
                self._change(user, task, Action.UNSHARE, members=members)
        for task_id, entries in self.histories.items():
            self.histories[task_id] = [
                replace(entry, actor=None if entry.actor == user.id else entry.actor) for entry in entries
            ]

    def _access_began(self, user: ModelUser, task: Task) -> int:
        """Return the version with which the user became a member; 0 for the owner and members from the beginning."""
        granted = [
            entry.version
            for entry in self.histories[task.id]
            if [sum(str(user.id) in each for each in roles or ()) for roles in entry.fields.get("members", ())]
            == [0, 1]
        ]
        return granted[-1] if granted else 0

    def _any_task(self, data: st.DataObject, *, trashed: bool = False, shared: bool = False) -> UUID:
        """Return any task, but mostly one that the operation accepts."""
        fit = [
            task.id
            for task in self.tasks.values()
            if bool(task.trashed_at) is trashed and (task.members or task.parent or not shared)
        ]
        others = [*self.tasks, self.unknown]
        likely: bool = data.draw(st.sampled_from((True, True, True, True, True, False)))
        return data.draw(st.sampled_from(fit[::-1] if fit and likely else others))

    def _likely_member(self, data: st.DataObject, task_id: UUID) -> ModelUser:
        """Return any user, but mostly a member of the task."""
        task = self.tasks.get(task_id)
        members = [user for user in self.users.values() if task and role_in(task, user.id)]
        return data.draw(st.sampled_from([*members[::-1] * 3, *self.users.values()]))

    def _likely_owner(self, data: st.DataObject, task_id: UUID) -> ModelUser:
        """Return any user, but mostly the owner of the task."""
        task = self.tasks.get(task_id)
        owners = [user for user in self.users.values() if task and user.id == task.owner]
        return data.draw(st.sampled_from([*owners * 6, *self.users.values()]))

    def _fields(self, *, whole: bool = False) -> st.SearchStrategy[TaskFields]:
        categories = [category for user in self.users.values() for category in user.categories]
        others: dict[str, st.SearchStrategy[Any]] = {
            "description": st.sampled_from(("", "described")),
            "priority": strategies.priorities,
            "state": strategies.states,
            "due_on": st.sampled_from((None, START.date())),
            "due_date": st.sampled_from((None, START)),
            "category": st.sampled_from((None, *categories, self.unknown)),
            "parent": st.sampled_from((None, *self.tasks, *self.tasks, self.unknown)),
        }
        title = {"title": st.sampled_from(("a", "b"))}
        fields = st.fixed_dictionaries(title if whole else {}, optional=others if whole else title | others)
        return cast("st.SearchStrategy[TaskFields]", fields.map(strategies.with_one_due))

    def _visible(self, user: ModelUser, task_id: UUID) -> Task | None:
        task = self.tasks.get(task_id)
        return task if task and not task.trashed_at and role_in(task, user.id) else None

    def _owned_refused(self, user: ModelUser, task_id: UUID) -> Refusal:
        task = self._visible(user, task_id)
        if task is None:
            return TaskNotFound
        return None if task.owner == user.id else NotAllowed

    def _trashed_refused(self, user: ModelUser, task_id: UUID) -> Refusal:
        task = self.tasks.get(task_id)
        return None if task and task.owner == user.id else self._owned_refused(user, task_id)

    def _bad_category(self, user: ModelUser, fields: TaskFields) -> Refusal:
        category = fields.get("category")
        return None if category is None or category in user.categories else "category"

    def _bad_parent(self, user: ModelUser, parent_id: UUID | None, levels: int) -> Refusal:
        if parent_id is None:
            return None
        parent = self.tasks.get(parent_id)
        fits = parent and parent.owner == user.id and not parent.trashed_at
        return None if fits and len(self._above(parent_id)) + levels <= DEEPEST else "parent"

    def _edit_refused(self, user: ModelUser, task_id: UUID, fields: TaskFields) -> Refusal:
        task = self._visible(user, task_id)
        if task is None:
            return TaskNotFound
        if task.owner != user.id:
            return NotAllowed if role_in(task, user.id) is Role.VIEWER else None
        if "parent" in fields and fields["parent"] != task.parent:
            below = {each.id for each in self._below(task_id)}
            levels = max(len(self._above(each)) for each in below) - len(self._above(task_id)) + 1
            bad = "parent" if fields["parent"] in below else self._bad_parent(user, fields["parent"], levels)
            return self._bad_category(user, fields) or bad
        return self._bad_category(user, fields)

    def _undo_refused(self, user: ModelUser, task_id: UUID, entry: Entry | None) -> tuple[Refusal, TaskFields]:
        task = self._visible(user, task_id)
        if task is None:
            return TaskNotFound, {}
        if role_in(task, user.id) is Role.VIEWER:
            return NotAllowed, {}
        if entry is None or entry.version <= self._access_began(user, task):
            return ChangeNotFound, {}
        if entry.action not in (Action.EDIT, Action.UNDO):
            return "change", {}
        names = [each for each in entry.fields if each in FIELDS]
        if task.owner != user.id:
            names = [each for each in names if each not in FILING]
            if not names:
                return NotAllowed, {}
        if any(entry.fields[each][1] != getattr(task, each) for each in names):
            return AlreadyChanged, {}
        dues = {"due_on", "due_date"}
        if dues & set(names) and any(getattr(task, each) is not None for each in dues - set(names)):
            return AlreadyChanged, {}
        fields: Any = {each: entry.fields[each][0] for each in names}
        refused = self._edit_refused(user, task_id, fields)
        return ("change" if isinstance(refused, str) else refused), fields

    def _edit(
        self, user: ModelUser, task_id: UUID, fields: TaskFields, action: Action, completed_at: datetime | None = None
    ) -> None:
        task = self.tasks[task_id]
        changes: dict[str, Any] = {
            name: value for name, value in with_cleared(fields).items() if task.owner == user.id or name not in FILING
        }
        if "state" in changes and (changes["state"] is State.DONE) is not (task.state is State.DONE):
            done = changes["state"] is State.DONE
            changes["completed_at"] = (completed_at or max(self.app.clock.now(), task.updated_at)) if done else None
        if changes.get("parent", task.parent) == task.parent:
            self._change(user, task, action, **changes)
            return
        below = self._below(task_id)[1:]
        parent = self.tasks[changes["parent"]] if changes["parent"] else None
        tree: dict[str, Any] = {"root": task.id}
        if parent:
            tree = {"root": parent.root, "members": parent.members}
        elif below or task.members:
            tree["members"] = task.members
        self._change(user, task, action, **changes, **tree)
        moved = self.tasks[task_id].updated_at
        for each in below:
            self._change(user, each, Action.MOVE, now=moved, **tree)

    def _set_role(self, user: ModelUser, task_id: UUID, member: UUID, role: Role | None) -> None:
        task = self.tasks[task_id]
        others = [each for each in task.members if each.user_id != member]
        members = tuple(sorted([*others, Member(member, role)] if role else others))
        for each in list(self.tasks.values()):
            if each.root == task.root:
                self._change(user, each, Action.SHARE if role else Action.UNSHARE, members=members)

    def _change(self, user: ModelUser, task: Task, action: Action, now: Any = None, **changes: Any) -> None:
        """Change a task and record the expected entry of its history."""
        changed = replace(task, **changes)
        if changed == task:
            return
        changed = replace(
            changed, version=task.version + 1, updated_at=max(now or self.app.clock.now(), task.updated_at)
        )
        self.tasks[task.id] = changed
        recorded = {
            name: (getattr(task, name), getattr(changed, name))
            for name in (*FIELDS, "completed_at")
            if getattr(task, name) != getattr(changed, name)
        }
        if task.members != changed.members:
            recorded["members"] = (_roles(task), _roles(changed))
        self.histories[task.id].append(Entry(action, user.id, changed.version, recorded))
        for each in self.tasks.values():
            if each.root in self.tasks:  # which a change of a whole tree may not have reached yet
                self.tasks[each.id] = replace(each, root_category=self.tasks[each.root].category)

    def _above(self, task_id: UUID) -> Sequence[Task]:
        """Return a task and its ancestors."""
        task = self.tasks[task_id]
        return [task, *(self._above(task.parent) if task.parent else ())]

    def _below(self, task_id: UUID) -> Sequence[Task]:
        """Return a task and its descendants."""
        children = [task.id for task in self.tasks.values() if task.parent == task_id]
        return [self.tasks[task_id], *(task for child in children for task in self._below(child))]

    @staticmethod
    def _try(call: Callable[[], object], refused: Refusal) -> tuple[Any] | None:
        """Make a call that must be refused as given. Return a result in a tuple, or None."""
        value, caught = outcome_of(call)
        found: Refusal = type(caught) if caught else None
        if isinstance(caught, InvalidInput):
            (found,) = {each.field for each in caught.errors}
        assert found == refused, f"expected {refused}, not {caught or value!r}"
        return None if caught else (value,)


def _as_seen(entry: Entry, began: int) -> Entry:
    """Return an entry as a member sees it, whose access began with a version."""
    fields = {name: values for name, values in entry.fields.items() if name != "category"}
    if entry.version == began:
        fields = {name: (None, after) for name, (_, after) in fields.items()}
    return replace(entry, fields=fields)


def _roles(task: Task) -> list[str]:
    return [f"{member.user_id} {member.role}" for member in task.members]


def _plain(fields: Any) -> dict[str, tuple[Any, Any]]:
    changes: Iterable[tuple[str, FieldChange]] = fields.items()
    return {name: (each.before, each.after) for name, each in changes}


class TestSharing:
    def test_shared_trees_match_the_model(self, backend: Backend, store: Storage, clock: ManualClock) -> None:
        run_state_machine(lambda: SharingMachine(store, clock), backend, in_memory=8)
