"""Random changes of shared categories and their tasks: lists, trash, feeds and rights agree with the members."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tasktracker.domain.categories.category import Category
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.jobs.job import LEASE, JobKind
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import DomainError, TaskNotFound
from tasktracker.domain.kernel.members import Role, role_in
from tasktracker.domain.tasks.policy import is_visible, visible_category
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task, TaskFields
from tasktracker.domain.work import Storage
from tests.backends import Backend
from tests.contracts.base import Seed, outcome_of, run_state_machine
from tests.device import Device
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.unit.base import PASSWORD, register

NAMES = ("alice", "bob", "carol")
names = st.sampled_from(NAMES)
roles = st.sampled_from((Role.EDITOR, Role.VIEWER))
index = st.integers(0, 30)


class SharedListMachine(RuleBasedStateMachine):
    """Three users with two categories each, which they share with each other, and tasks that move between them.

    Nothing here repeats the rules of moving. Every task must be in a place where one of its users may put it. Exactly
    the users with a role in it or in the category of its root must see it.
    """

    def __init__(self, store: Storage, seed: Seed, clock: ManualClock) -> None:
        super().__init__()
        clock.set(START)
        self.store, self.seed = store, seed
        self.app = App(store, clock)
        self.actors: dict[str, SessionActor] = {}
        self.devices: dict[str, tuple[Device, Device]] = {}
        self.clock = clock
        self.ids: list[UUID] = []
        self.categories: list[UUID] = []

    @initialize()
    def begin(self) -> None:
        for name in NAMES:
            self._register(name)
            for number in range(2):
                made = self.app.do(self.actors[name], self.app.categories.create, {"name": f"{number}"})
                self.categories.append(made.id)
        self.share("alice", 0, "bob", Role.EDITOR)
        self.run_jobs()
        self.create("alice", 1, None)
        self.create("bob", 1, None)

    def _register(self, name: str) -> None:
        actor = self.actors[name] = register(self.app, f"{name}.{self.seed.id()}")
        self.devices[name] = (Device(self.app.sync, actor), Device(self.app.sync, actor, drops=False))

    def teardown(self) -> None:
        if self.actors:
            self.agree()

    # ------------------------------------------------------------ changes

    def _try(self, name: str, use_case: Callable[..., Any], *args: Any) -> Any:
        """Run a use case, which may be refused."""
        value, error = outcome_of(lambda: self.app.do(self.actors[name], use_case, *args))
        assert error is None or isinstance(error, DomainError)
        return value

    @rule(owner=names, category=index, name=names, role=roles)
    def share(self, owner: str, category: int, name: str, role: Role) -> None:
        with self.store.reading(SYSTEM) as work:
            user = work.users.find(self.actors[name].user_id)
        assert user is not None
        self._try(owner, self.app.category_sharing.share, self._category(category), user.username, role)

    @rule(by=names, category=index, name=names)
    def unshare(self, by: str, category: int, name: str) -> None:
        self._try(by, self.app.category_sharing.unshare, self._category(category), self.actors[name].user_id)

    @rule(name=names, category=index, is_due=st.sampled_from((False, False, True)))
    def delete_category(self, name: str, category: int, is_due: bool) -> None:
        if is_due:
            self._try(name, self.app.category_removal.delete, self._category(category))

    @rule(name=names, category=st.none() | index, parent=st.none() | index)
    def create(self, name: str, category: int | None, parent: int | None) -> None:
        fields: TaskFields = {"title": "task", "category": self._category(category), "parent": self._task(parent)}
        made = self._try(name, self.app.tasks.create, fields)
        if made is not None:
            self.ids.append(made.id)

    @rule(name=names, task=index, category=st.none() | index)
    def file(self, name: str, task: int, category: int | None) -> None:
        self._try(name, self.app.tasks.edit, self._task(task), {"category": self._category(category)})

    @rule(name=names, task=index, parent=st.none() | index)
    def move(self, name: str, task: int, parent: int | None) -> None:
        self._try(name, self.app.tasks.edit, self._task(task), {"parent": self._task(parent)})

    @rule(name=names, task=index)
    def edit(self, name: str, task: int) -> None:
        self._try(name, self.app.tasks.edit, self._task(task), {"title": f"{self.seed.id()}"})

    @rule(name=names, task=index, member=names, role=roles)
    def share_task(self, name: str, task: int, member: str, role: Role) -> None:
        with self.store.reading(SYSTEM) as work:
            user = work.users.find(self.actors[member].user_id)
        assert user is not None
        self._try(name, self.app.sharing.share, self._task(task), user.username, role)

    @rule(name=names, task=index)
    def delete(self, name: str, task: int) -> None:
        self._try(name, self.app.trash.delete, self._task(task))

    @rule(name=names, task=index, is_due=st.sampled_from((False, True)))
    def purge(self, name: str, task: int, is_due: bool) -> None:
        if is_due:
            self._try(name, self.app.trash.purge, self._task(task))

    @rule(name=names, task=index)
    def restore(self, name: str, task: int) -> None:
        self._try(name, self.app.trash.restore, self._task(task))

    @rule(name=names, task=index)
    def undo(self, name: str, task: int) -> None:
        value, _ = outcome_of(lambda: self.app.see(self.actors[name], self.app.history.list, self._task(task)))
        if value is not None and value.changes.items:
            self._try(name, self.app.history.undo, self._task(task), value.changes.items[0].id)

    @rule(name=names, to=names, is_chosen=st.booleans(), is_due=st.sampled_from((False, False, True)))
    def delete_account(self, name: str, to: str, is_chosen: bool, is_due: bool) -> None:
        """Delete an account, of which a new one takes the place."""
        transfer_to = str(self.actors[to].user_id) if is_chosen else None
        remove = self.app.account_removal.delete
        if is_due:
            _, error = outcome_of(lambda: remove(self.actors[name], PASSWORD, transfer_to=transfer_to))
            assert error is None or isinstance(error, DomainError)
            if error is None:
                self._register(name)

    @rule()
    def run_jobs(self) -> None:
        self.app.jobs.run_all()

    @rule()
    def run_piece(self) -> None:
        """Run one piece of a job. Its process then ends, and another one continues after the lease."""
        pieces = iter((False,))
        self.app.jobs.run_next(lambda: next(pieces, True))
        self.clock.advance(LEASE)

    # ------------------------------------------------------------ checks

    @rule(name=names, limit=st.integers(1, 3))
    def pull(self, name: str, limit: int) -> None:
        """A device that has pulled to the end has exactly the items that its user sees, also while jobs are pending."""
        for device in self.devices[name]:
            device.catch_up(limit)
        device, actor = self.devices[name][0], self.actors[name]
        with self.store.reading(actor) as work:
            digest = {entry.id for entry in work.feed.entries(actor.user_id, {ItemType.TASK})}
            tasks = {id_: work.tasks.find(id_) for id_ in digest | device.tasks()}
            is_removing = bool(work.jobs.list(JobKind.REMOVE_ACCOUNT))
        # The job that removes an account deletes its tasks on devices one after the other.
        shown = {id_ for id_ in device.tasks() if tasks[id_] is not None or not is_removing}
        assert all(is_visible(tasks[id_], actor.user_id) for id_ in digest | shown)
        assert shown <= digest
        # They were dropped together with a category. The job adds them again.
        own = {id_ for id_, task in tasks.items() if task and role_in(task.members, actor.user_id)}
        assert digest - shown <= own

    @rule()
    def check_rights(self) -> None:
        """Rights hold at once, whatever jobs have not done yet."""
        tasks, categories = self._stored()
        for name, actor in self.actors.items():
            ready = {
                each.id
                for each in categories.values()
                if (member := each.member(actor.user_id)) is None or member.is_ready
            }
            visible = {task.id for task in tasks.values() if self._role(task, actor, categories) is not None}
            for task in tasks.values():
                value, error = outcome_of(partial(self.app.see, actor, self.app.tasks.get, task.id))
                is_seen = task.id in visible and not task.trashed_at
                assert type(error) is (type(None) if is_seen else TaskNotFound), (name, task)
                assert not is_seen or value.owner == task.owner
            listed = {task.id for task in self._listed(actor)}
            assert listed <= visible
            shown = {
                task.id
                for task in tasks.values()
                if not task.trashed_at and task.id in visible and self._is_direct(task, actor)
            }
            assert shown <= listed, "own tasks, and those shared by themselves, wait for no job"
            assert all(tasks[id_].root_category in ready or self._is_direct(tasks[id_], actor) for id_ in listed)

    @rule()
    def agree(self) -> None:
        """When the jobs are done, lists, trash and feeds have exactly what the rights allow."""
        self.app.jobs.run_all()
        tasks, categories = self._stored()
        assert all(member.is_ready for each in categories.values() for member in each.members)
        for name, actor in self.actors.items():
            visible = {task.id: task for task in tasks.values() if self._role(task, actor, categories) is not None}
            there = {id_ for id_, task in visible.items() if not task.trashed_at}
            assert {task.id for task in self._listed(actor)} == there
            for role in Role:
                query = TaskQuery(at=START, role=role, limit=1000)
                found = self.app.see(actor, self.app.tasks.list, query).items
                assert {task.id for task in found} == {
                    id_ for id_ in there if self._role(visible[id_], actor, categories) is role
                }
            for category in categories:
                query = TaskQuery(at=START, category=category, limit=1000)
                found = self.app.see(actor, self.app.tasks.list, query).items
                assert {task.id for task in found} == {
                    id_ for id_ in there if self._shown(visible[id_], actor, categories) == category
                }
            device = Device(self.app.sync, actor)
            device.catch_up()
            for each in (device, *self.devices[name]):
                each.catch_up()
                each.require_in_sync()
                shown = {task.id: visible_category(task, actor.user_id) for task in each.stored_tasks()}
                assert shown == {id_: self._shown(visible[id_], actor, categories) for id_ in there}
        for task in tasks.values():
            root = tasks[task.root]
            assert (task.owner, task.members, task.root_category) == (root.owner, root.members, root.category)
            own = categories.get(task.category) if task.category else None
            assert task.category is None or (own is not None and own.user_id == task.owner)
            assert task.owner not in {member.user_id for member in task.members}

    def _stored(self) -> tuple[dict[UUID, Task], dict[UUID, Category]]:
        with self.store.reading(SYSTEM) as work:
            tasks = [work.tasks.find(id_) for id_ in self.ids]
            categories = [work.categories.find_unlocked(id_) for id_ in self.categories]
        return {task.id: task for task in tasks if task}, {each.id: each for each in categories if each}

    def _listed(self, actor: SessionActor) -> list[Task]:
        return list(self.app.see(actor, self.app.tasks.list, TaskQuery(at=START, limit=1000)).items)

    def _role(self, task: Task, actor: SessionActor, categories: dict[UUID, Category]) -> Role | None:
        found = [member.role for member in task.members if member.user_id == actor.user_id]
        category = categories.get(task.root_category) if task.root_category else None
        if category is not None:
            found += [member.role for member in category.members if member.user_id == actor.user_id]
        owners = {task.owner} if category is None else {task.owner, category.user_id}
        if actor.user_id in owners:
            return Role.OWNER
        return None if not found else Role.EDITOR if Role.EDITOR in found else Role.VIEWER

    def _shown(self, task: Task, actor: SessionActor, categories: dict[UUID, Category]) -> UUID | None:
        category = categories.get(task.root_category) if task.root_category else None
        if category is not None and category.members and self._is_in(category, actor):
            return category.id
        return task.category if task.owner == actor.user_id else None

    def _is_in(self, category: Category, actor: SessionActor) -> bool:
        return actor.user_id in {category.user_id, *(member.user_id for member in category.members)}

    def _is_direct(self, task: Task, actor: SessionActor) -> bool:
        return actor.user_id in {task.owner, *(member.user_id for member in task.members)}

    def _category(self, number: int | None) -> Any:
        return None if number is None else self.categories[number % len(self.categories)]

    def _task(self, number: int | None) -> Any:
        return None if number is None or not self.ids else self.ids[-1 - number % len(self.ids)]


class TestSharedList:
    def test_lists_and_feeds_agree_with_the_members(
        self, backend: Backend, store: Storage, seed: Seed, clock: ManualClock
    ) -> None:
        run_state_machine(lambda: SharedListMachine(store, seed, clock), backend, in_memory=10)
