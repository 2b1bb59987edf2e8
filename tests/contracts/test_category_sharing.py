"""Sharing categories: owners of tasks, moves, and the rights before and after the job that follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasktracker.domain.categories.category import Category
from tasktracker.domain.feed.entries import Op, Reason
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.feed.list_refresh import STEP
from tasktracker.domain.history.change import FieldChange
from tasktracker.domain.jobs.job import LEASE
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import (
    CategoryNotFound,
    InvalidInput,
    MemberNotFound,
    NotAllowed,
    Stale,
    TaskNotFound,
    TooManyMembers,
)
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.tasks.query import NONE, TaskQuery
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Storage
from tests.contracts.base import Seed, run_next, session_actor
from tests.device import Device
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.unit.base import fields_of


class World:
    """Alice, who shares a category with Bob as editor, and Carol."""

    def __init__(self, store: Storage, seed: Seed, clock: ManualClock) -> None:
        self.app = App(store, clock, member_limit=2)
        self.alice, self.bob, self.carol = (
            session_actor(seed.session(seed.user(name))) for name in ("alice", "bob", "carol")
        )
        self.category: Category = self.app.do(self.alice, self.app.categories.create, {"name": "Groceries"})
        self.share("bob", Role.EDITOR)
        self.app.jobs.run_all()

    def share(self, name: str, role: Role) -> None:
        self.app.do(self.alice, self.app.category_sharing.share, self.category.id, name, role)

    def unshare(self, actor: SessionActor) -> None:
        self.app.do(self.alice, self.app.category_sharing.unshare, self.category.id, actor.user_id)

    def create(self, actor: SessionActor, **fields: object) -> Task:
        return self.app.do(actor, self.app.tasks.create, {"title": "Milk", **fields})  # type: ignore[typeddict-item]

    def edit(self, actor: SessionActor, task: Task, **fields: object) -> Task:
        return self.app.do(actor, self.app.tasks.edit, task.id, fields)  # type: ignore[arg-type]

    def get(self, actor: SessionActor, task: Task) -> Task:
        return self.app.see(actor, self.app.tasks.get, task.id)

    def count_jobs(self) -> int:
        with self.app.store.reading(SYSTEM) as work:
            return work.jobs.count()

    def readiness(self) -> list[bool]:
        found = self.app.see(self.alice, self.app.categories.get, self.category.id)
        return [member.is_ready for member in found.members]

    def listed(self, actor: SessionActor) -> set[object]:
        return {task.id for task in self.app.see(actor, self.app.tasks.list, TaskQuery(at=START)).items}


@pytest.fixture
def world(store: Storage, seed: Seed, clock: ManualClock) -> World:
    return World(store, seed, clock)


class TestMoving:
    def test_what_an_editor_creates_belongs_to_the_owner_of_the_category(self, world: World) -> None:
        task = world.create(world.bob, category=world.category.id)
        below = world.create(world.bob, parent=task.id)
        for each in (task, below):
            assert (each.owner, each.created_by) == (world.alice.user_id, world.bob.user_id)
            assert (each.root_category, each.owners) == (world.category.id, (world.alice.user_id,))

    def test_a_tree_that_is_moved_in_gets_the_owner_of_the_category(self, world: World) -> None:
        private = world.app.do(world.bob, world.app.categories.create, {"name": "Own"})
        task = world.create(world.bob)
        below = world.create(world.bob, parent=task.id, category=private.id)
        lowest = world.create(world.bob, parent=below.id)
        for name in ("alice", "carol"):
            world.app.do(world.bob, world.app.sharing.share, task.id, name, Role.VIEWER)
        world.edit(world.bob, task, category=world.category.id)
        for each in (world.get(world.alice, each) for each in (task, below, lowest)):
            assert each.owner == world.alice.user_id
            assert [member.user_id for member in each.members] == [world.carol.user_id], "the owner is no member"
        assert world.get(world.alice, below).category is None, "a category of the former owner"
        moved = world.edit(world.bob, world.create(world.bob, category=private.id), parent=task.id)
        assert (moved.owner, moved.category) == (world.alice.user_id, None)

    def test_the_user_who_takes_a_tree_out_owns_it(self, world: World) -> None:
        task = world.create(world.bob, category=world.category.id)
        below = world.create(world.bob, parent=task.id)
        world.edit(world.bob, task, category=None)
        assert world.get(world.bob, below).owner == world.get(world.bob, task).owner == world.bob.user_id
        with pytest.raises(TaskNotFound):
            world.get(world.alice, below)

    @pytest.mark.parametrize("is_trashed", [False, True])
    def test_an_editor_takes_out_no_tree_with_tasks_of_others(self, world: World, is_trashed: bool) -> None:
        top = world.create(world.bob, category=world.category.id)
        below = world.create(world.alice, category=world.category.id)
        world.edit(world.bob, below, parent=top.id)
        if is_trashed:
            world.app.do(world.alice, world.app.trash.delete, below.id)
        elsewhere = world.create(world.bob)
        for fields in ({"category": None}, {"parent": elsewhere.id}):
            with pytest.raises(NotAllowed):
                world.edit(world.bob, top, **fields)
        with pytest.raises(InvalidInput, match="parent: is not one of your tasks"):
            world.edit(world.bob, top, parent=world.create(world.alice).id)
        assert world.edit(world.alice, top, category=None).owner == world.alice.user_id

    def test_only_its_creator_and_the_owner_take_a_task_out(self, world: World) -> None:
        task = world.create(world.alice, category=world.category.id)
        with pytest.raises(NotAllowed):
            world.edit(world.bob, task, category=None)
        assert world.edit(world.bob, task, category=world.category.id, title="x").title == "x", "the same category"
        assert world.edit(world.alice, task, category=None).owner == world.alice.user_id

    def test_a_subtask_that_leaves_its_parent_stays_in_the_shared_category(self, world: World) -> None:
        task = world.create(world.alice, category=world.category.id)
        below = world.create(world.alice, parent=task.id)
        moved = world.edit(world.bob, below, parent=None)
        assert (moved.root, moved.category, moved.owner) == (below.id, world.category.id, world.alice.user_id)

    def test_a_subtask_that_is_restored_without_its_parent_stays_in_the_shared_category(self, world: World) -> None:
        task = world.create(world.alice, category=world.category.id)
        below = world.create(world.alice, parent=task.id)
        for each in (below, task):
            world.app.do(world.alice, world.app.trash.delete, each.id)
        restored = world.app.do(world.bob, world.app.trash.restore, below.id)
        assert (restored.root, restored.category, restored.owner) == (below.id, world.category.id, world.alice.user_id)

    def test_a_subtask_has_the_category_of_its_root_there_and_no_other(self, world: World) -> None:
        task = world.create(world.alice, category=world.category.id)
        own = world.app.do(world.alice, world.app.categories.create, {"name": "Own"})
        with pytest.raises(InvalidInput, match="category: must be that of the topmost task"):
            world.create(world.alice, parent=task.id, category=own.id)
        with pytest.raises(InvalidInput, match="category: must be that of the topmost task"):
            world.edit(world.alice, world.create(world.alice, parent=task.id), category=own.id)
        below = world.create(world.alice, parent=task.id, category=world.category.id)
        assert world.edit(world.alice, below, category=world.category.id) == below
        moved = world.edit(world.alice, world.create(world.alice), parent=task.id, category=world.category.id)
        world.edit(world.alice, task, category=None)
        for each in (below, moved):
            assert world.get(world.alice, each).category is None, "it has left with its topmost task"

    def test_a_subtask_is_filed_in_a_shared_category_only_with_its_root(self, world: World) -> None:
        below = world.create(world.alice, parent=world.create(world.alice).id)
        with pytest.raises(InvalidInput, match="together with its topmost task"):
            world.edit(world.alice, below, category=world.category.id)
        world.unshare(world.bob)
        world.edit(world.alice, below, category=world.category.id)
        world.share("bob", Role.EDITOR)
        assert world.edit(world.alice, below, category=world.category.id, title="x").category == world.category.id
        assert world.edit(world.alice, below, category=None).category is None

    def test_refiling_a_private_tree_changes_no_version_of_its_subtasks(self, world: World) -> None:
        first, second = (world.app.do(world.carol, world.app.categories.create, {"name": name}) for name in "ab")
        task = world.create(world.carol, category=first.id)
        below = world.create(world.carol, parent=task.id)
        world.edit(world.carol, task, category=second.id)
        assert world.get(world.carol, below).root_category == second.id
        assert world.get(world.carol, below).version == below.version

    def test_a_task_is_restored_without_a_category_that_is_gone(self, world: World) -> None:
        task = world.create(world.bob, category=world.category.id)
        world.app.do(world.bob, world.app.trash.delete, task.id)
        world.app.do(world.alice, world.app.category_removal.delete, world.category.id)
        restored = world.app.do(world.alice, world.app.trash.restore, task.id)
        assert (restored.category, restored.root_category, restored.owner) == (None, None, world.alice.user_id)
        world.app.jobs.run_all()
        with pytest.raises(TaskNotFound):
            world.get(world.bob, task)


class TestMembership:
    def test_a_new_member_may_do_everything_at_once_and_lists_follow(self, world: World) -> None:
        task = world.create(world.alice, category=world.category.id)
        world.share("carol", Role.EDITOR)
        assert world.edit(world.carol, task, title="changed").title == "changed"
        category = world.app.see(world.carol, world.app.categories.get, world.category.id)
        member = category.member(world.carol.user_id)
        assert member is not None
        assert not member.is_ready
        assert world.listed(world.carol) == set()
        world.app.jobs.run_all()
        ready = world.app.see(world.carol, world.app.categories.get, world.category.id)
        assert ready.version == category.version + 1
        assert (found := ready.member(world.carol.user_id)) is not None
        assert found.is_ready
        assert world.listed(world.carol) == {task.id}

    def test_a_new_editor_sees_the_trash_when_the_category_is_ready(self, world: World) -> None:
        world.share("carol", Role.EDITOR)
        task = world.create(world.alice, category=world.category.id)
        world.app.do(world.alice, world.app.trash.delete, task.id)

        def trash() -> list[object]:
            page = world.app.see(world.carol, world.app.trash.list, category=world.category.id)
            return [each.id for each in page.items]

        assert trash() == []
        world.app.jobs.run_all()
        assert trash() == [task.id]

    def test_a_member_of_a_task_finds_it_in_the_category_when_that_is_ready(self, world: World) -> None:
        task = world.create(world.alice, category=world.category.id)
        world.app.do(world.alice, world.app.sharing.share, task.id, "carol", Role.VIEWER)

        def found(category: object) -> list[object]:
            query = TaskQuery(at=START, category=category)  # type: ignore[arg-type]
            return [each.id for each in world.app.see(world.carol, world.app.tasks.list, query).items]

        assert (found(world.category.id), found(NONE)) == ([], [task.id])
        world.share("carol", Role.VIEWER)
        world.app.jobs.run_all()
        assert (found(world.category.id), found(NONE)) == ([task.id], [])
        world.unshare(world.carol)
        assert found(world.category.id) == []
        world.app.jobs.run_all()
        assert (found(world.category.id), found(NONE)) == ([], [task.id])

    def test_a_page_has_only_the_viewer_among_the_members_of_a_category(self, world: World) -> None:
        kept, trashed = (world.create(world.alice, category=world.category.id) for _ in range(2))
        world.app.do(world.alice, world.app.trash.delete, trashed.id)
        for actor, role in ((world.alice, Role.OWNER), (world.bob, Role.EDITOR)):
            (listed,) = world.app.see(actor, world.app.tasks.list, TaskQuery(at=START)).items
            (deleted,) = world.app.see(actor, world.app.trash.list, category=world.category.id).items
            pulled = [each.item for each in world.app.sync.pull(actor).items if each.entry.id == kept.id]
            for each in (listed, deleted, *pulled):
                assert isinstance(each, Task)
                assert each.list_members == (Member(actor.user_id, role),)

    def test_lists_by_role_follow_a_changed_role(self, world: World) -> None:
        task = world.create(world.alice, category=world.category.id)

        def found(role: Role) -> list[object]:
            query = TaskQuery(at=START, role=role)
            return [each.id for each in world.app.see(world.bob, world.app.tasks.list, query).items]

        for role, other in ((Role.VIEWER, Role.EDITOR), (Role.EDITOR, Role.VIEWER)):
            world.share("bob", role)
            assert (found(role), found(other), found(Role.OWNER)) == ([task.id], [], [])

    def test_the_end_of_a_membership_holds_before_any_job(self, world: World) -> None:
        task = world.create(world.bob, category=world.category.id)
        device = Device(world.app.sync, world.bob)
        device.catch_up()
        world.unshare(world.bob)
        with pytest.raises(TaskNotFound):
            world.edit(world.bob, task, title="late")
        with pytest.raises(InvalidInput):
            world.create(world.bob, category=world.category.id)
        with pytest.raises(CategoryNotFound):
            world.app.see(world.bob, world.app.categories.get, world.category.id)
        assert world.listed(world.bob) == set()
        changes = {found.entry.id: found.entry for found in device.pull().items}
        left = changes[world.category.id]
        assert (left.op, left.reason) == (Op.DELETE, Reason.ACCESS_REVOKED)
        world.app.jobs.run_all()
        device.catch_up()
        device.require_in_sync()
        assert device.items == {}

    def test_a_member_who_is_removed_keeps_tasks_shared_by_themselves(self, world: World) -> None:
        task = world.create(world.alice, category=world.category.id)
        other = world.create(world.alice, category=world.category.id)
        world.app.do(world.alice, world.app.sharing.share, task.id, "bob", Role.VIEWER)
        world.unshare(world.bob)
        assert world.listed(world.bob) == {task.id}
        with pytest.raises(NotAllowed):
            world.edit(world.bob, task, title="late")
        world.app.jobs.run_all()
        assert world.listed(world.bob) == {task.id}
        assert other.id in world.listed(world.alice)

    def test_a_member_who_comes_back_is_ready_only_after_the_later_job(self, world: World) -> None:
        world.create(world.alice, category=world.category.id)
        world.unshare(world.bob)
        world.app.clock.advance(seconds=1)
        world.share("bob", Role.VIEWER)
        run_next(world.app.jobs)
        assert world.listed(world.bob) == set()
        world.app.jobs.run_all()
        assert len(world.listed(world.bob)) == 1

    def test_a_device_of_a_member_who_comes_back_before_the_job_gets_the_tasks_again(self, world: World) -> None:
        world.create(world.alice, category=world.category.id)
        device = Device(world.app.sync, world.bob)
        device.catch_up()
        world.unshare(world.bob)
        device.catch_up()
        assert device.items == {}
        world.app.clock.advance(seconds=1)
        world.share("bob", Role.VIEWER)
        device.catch_up()
        run_next(world.app.jobs)
        world.share("carol", Role.VIEWER)
        assert world.count_jobs() == 2
        world.app.jobs.run_all()
        device.catch_up()
        device.require_in_sync()

    def test_members_who_join_together_get_ready_by_one_job(self, world: World, seed: Seed) -> None:
        world.unshare(world.bob)
        world.app.jobs.run_all()
        seed.user("dave")
        task = world.create(world.alice, category=world.category.id)
        for name in ("carol", "dave"):
            world.share(name, Role.VIEWER)
        assert world.count_jobs() == 1
        world.app.jobs.run_all()
        assert world.readiness() == [True, True]
        assert world.listed(world.carol) == {task.id}

    def test_members_who_leave_together_take_one_job(self, world: World) -> None:
        world.share("carol", Role.VIEWER)
        world.app.jobs.run_all()
        for actor in (world.bob, world.carol):
            world.unshare(actor)
        assert world.count_jobs() == 1

    def test_a_member_who_joins_while_another_leaves_and_comes_back_gets_ready(self, world: World) -> None:
        task = world.create(world.alice, category=world.category.id)
        world.share("carol", Role.VIEWER)
        world.unshare(world.bob)
        assert world.count_jobs() == 2
        world.share("bob", Role.VIEWER)
        assert world.count_jobs() == 3
        world.app.jobs.run_all()
        assert [world.listed(actor) for actor in (world.bob, world.carol)] == [{task.id}] * 2

    def test_members_of_two_categories_get_ready_by_the_job_of_each(self, world: World) -> None:
        first = world.category
        world.category = world.app.do(world.alice, world.app.categories.create, {"name": "Home"})
        tasks = {world.create(world.alice, category=each.id).id for each in (first, world.category)}
        world.share("carol", Role.VIEWER)
        world.category = first
        world.share("carol", Role.VIEWER)
        assert world.count_jobs() == 2
        world.app.jobs.run_all()
        assert world.listed(world.carol) == tasks

    def test_a_member_who_joins_while_a_job_runs_gets_ready_by_a_later_one(self, world: World, seed: Seed) -> None:
        for _ in range(STEP + 1):
            world.create(world.alice, category=world.category.id)
        world.unshare(world.bob)
        world.app.jobs.run_all()
        seed.user("dave")
        world.app.clock.advance(seconds=1)
        world.share("dave", Role.VIEWER)
        run_next(world.app.jobs, pieces=1)
        world.share("carol", Role.VIEWER)
        assert world.count_jobs() == 2
        world.app.clock.advance(LEASE)
        run_next(world.app.jobs)
        assert sorted(world.readiness()) == [False, True]
        world.app.jobs.run_all()
        assert world.readiness() == [True, True]
        assert len(world.listed(world.carol)) == STEP + 1

    def test_a_refused_filing_names_the_role_that_it_requires(self, world: World) -> None:
        world.share("carol", Role.VIEWER)
        task = world.create(world.alice, category=world.category.id)
        for fields in ({"category": world.category.id}, {"parent": task.id}):
            with pytest.raises(InvalidInput, match="role"):
                world.create(world.carol, **fields)

    def test_a_history_shows_a_category_to_those_in_it_only(self, world: World) -> None:
        task = world.create(world.alice)
        world.app.do(world.alice, world.app.sharing.share, task.id, "carol", Role.EDITOR)
        world.edit(world.alice, task, category=world.category.id)
        moved = f"None to {world.category.id}"
        for actor, shown in ((world.alice, moved), (world.bob, moved), (world.carol, None)):
            last = world.app.see(actor, world.app.history.list, task.id).changes.items[0]
            category = last.fields.get("category")
            assert (f"{category.before} to {category.after}" if category else None) == shown
            assert "root_category" not in last.fields
        own = world.create(world.bob)
        world.edit(world.bob, own, category=world.category.id)
        last = world.app.see(world.bob, world.app.history.list, own.id).changes.items[0]
        assert last.fields["category"] == FieldChange(None, world.category.id)

    def test_a_history_does_not_show_from_which_private_category_a_task_came(self, world: World) -> None:
        private = world.app.do(world.bob, world.app.categories.create, {"name": "Private"})
        task = world.create(world.bob, category=private.id)
        world.app.do(world.bob, world.app.sharing.share, task.id, "carol", Role.VIEWER)
        world.share("carol", Role.VIEWER)
        world.app.jobs.run_all()
        world.edit(world.bob, task, category=world.category.id)
        for actor in (world.bob, world.carol):
            last = world.app.see(actor, world.app.history.list, task.id).changes.items[0]
            assert last.fields["category"] == FieldChange(None, world.category.id)

    def test_a_history_shows_a_subtask_in_the_category_of_its_root_and_no_category_of_others(
        self, world: World
    ) -> None:
        other = world.app.do(world.alice, world.app.categories.create, {"name": "Secret"})
        world.app.do(world.alice, world.app.category_sharing.share, other.id, "carol", Role.EDITOR)
        world.app.jobs.run_all()
        private = world.app.do(world.alice, world.app.categories.create, {"name": "Private"})
        root = world.create(world.alice)
        below = world.create(world.alice, parent=root.id, category=private.id)
        for category in (other, world.category):
            world.edit(world.alice, root, category=category.id)
        for actor, before in ((world.alice, other.id), (world.bob, None)):
            for each in (root, below):
                last = world.app.see(actor, world.app.history.list, each.id).changes.items[0]
                shown = {name: f"{field.before} to {field.after}" for name, field in last.fields.items()}
                assert shown == {"category": f"{before} to {world.category.id}"}

    @pytest.mark.parametrize("has_left", [False, True])
    def test_deleting_the_category_ends_the_access_to_its_tasks(self, world: World, has_left: bool) -> None:
        task = world.create(world.bob, category=world.category.id)
        device = Device(world.app.sync, world.bob)
        device.catch_up()
        if has_left:
            world.unshare(world.bob)
        world.app.do(world.alice, world.app.category_removal.delete, world.category.id)
        assert world.get(world.alice, task).category, "units of work that do not see the end may still run"
        with pytest.raises(TaskNotFound):
            world.get(world.bob, task)
        (entry,) = [found.entry for found in device.pull().items if found.entry.type is ItemType.CATEGORY]
        assert (entry.op, entry.reason) == (Op.DELETE, Reason.ACCESS_REVOKED)
        world.app.clock.advance(LEASE)
        world.app.jobs.run_all()
        device.catch_up()
        assert device.items == {}
        left = world.get(world.alice, task)
        assert left.updated_at == world.app.clock.now()
        assert (left.owner, left.category, left.root_category) == (world.alice.user_id, None, None)

    def test_a_category_with_many_tasks_is_deleted_piece_by_piece(self, world: World) -> None:
        for _ in range(STEP + 1):
            world.create(world.alice, category=world.category.id)
        world.app.do(world.alice, world.app.category_removal.delete, world.category.id)
        for _ in range(10):  # each piece does at least one step
            if world.count_jobs():
                run_next(world.app.jobs, pieces=1)
                world.app.clock.advance(LEASE)
        assert world.count_jobs() == 0

    def test_the_owner_is_no_member(self, world: World) -> None:
        with pytest.raises(InvalidInput) as caught:
            world.share("alice", Role.EDITOR)
        assert fields_of(caught) == ["username"]

    def test_a_member_removes_no_other_member(self, world: World) -> None:
        world.share("carol", Role.VIEWER)
        remove = world.app.category_sharing.unshare
        with pytest.raises(NotAllowed):
            world.app.do(world.bob, remove, world.category.id, world.carol.user_id)
        world.app.do(world.carol, remove, world.category.id, world.carol.user_id)

    def test_a_changed_role_continues_the_membership(self, world: World, clock: ManualClock) -> None:
        before = world.app.see(world.bob, world.app.categories.get, world.category.id).member(world.bob.user_id)
        clock.advance(seconds=1)
        world.share("bob", Role.VIEWER)
        after = world.app.see(world.bob, world.app.categories.get, world.category.id).member(world.bob.user_id)
        assert before is not None
        assert after == replace(before, role=Role.VIEWER)

    def test_a_category_has_a_limited_number_of_members(self, world: World, seed: Seed) -> None:
        world.share("carol", Role.VIEWER)
        seed.user("dave")
        with pytest.raises(TooManyMembers):
            world.share("dave", Role.VIEWER)
        world.share("bob", Role.VIEWER)

    def test_names_are_unique_for_each_owner(self, world: World) -> None:
        own = world.app.do(world.bob, world.app.categories.create, {"name": "groceries"})
        found = world.app.see(world.bob, world.app.categories.list).items
        assert {each.id for each in found} == {own.id, world.category.id}

    def test_a_member_sees_the_history_since_the_membership(self, world: World) -> None:
        task = world.create(world.alice, category=world.category.id)
        world.app.clock.advance(seconds=1)
        world.share("carol", Role.VIEWER)
        world.app.clock.advance(seconds=1)
        world.edit(world.bob, task, title="since then")
        seen = world.app.see(world.carol, world.app.history.list, task.id).changes.items
        assert [change.version for change in seen] == [2]

    def test_a_member_sees_no_history_from_before_another_user_moved_a_task_in(self, world: World) -> None:
        world.share("carol", Role.VIEWER)
        task = world.create(world.bob, description="private")
        world.edit(world.bob, task, description="public")
        world.edit(world.bob, task, category=world.category.id, title="moved")
        (first,) = world.app.see(world.carol, world.app.history.list, task.id).changes.items
        assert (first.version, first.fields["title"].before, first.fields["category"].before) == (3, None, None)
        seen = world.app.see(world.bob, world.app.history.list, task.id).changes.items
        assert [each.version for each in seen] == [3, 2, 1], "Bob has seen them before"

    def test_a_role_finds_tasks_shared_by_themselves_beside_shared_categories(self, world: World) -> None:
        task = world.create(world.alice)
        world.app.do(world.alice, world.app.sharing.share, task.id, "bob", Role.VIEWER)
        found = world.app.see(world.bob, world.app.tasks.list, TaskQuery(at=START, role=Role.VIEWER)).items
        assert [each.id for each in found] == [task.id]


def test_a_membership_changes_only_in_an_expected_version(world: World) -> None:
    app, sharing, id_ = world.app, world.app.category_sharing, world.category.id
    version = app.see(world.alice, app.categories.get, id_).version
    stale = frozenset({version - 1})
    with pytest.raises(Stale):
        app.do(world.alice, sharing.assign, id_, world.bob.user_id, Role.VIEWER, stale)
    with pytest.raises(Stale):
        app.do(world.alice, sharing.unshare, id_, world.bob.user_id, stale)
    with pytest.raises(MemberNotFound):
        app.do(world.alice, sharing.assign, id_, world.carol.user_id, Role.VIEWER)
    app.do(world.alice, sharing.unshare, id_, world.bob.user_id, frozenset({version}))
    assert world.readiness() == []
