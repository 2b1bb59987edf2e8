"""Shared categories on devices: what pulls and digests contain, and what pushes may do and show."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from tasktracker.domain.feed.entries import FeedItem, Op, Reason
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import (
    AlreadyChanged,
    CategoryNotFound,
    ChangeNotFound,
    InvalidInput,
    NotAllowed,
    TaskNotFound,
)
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.sync.mutation import FieldConflict, Mutation, MutationOp, Outcome, Status
from tasktracker.domain.tasks.policy import visible_category
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Storage
from tests.contracts.base import Seed, run_next
from tests.contracts.test_category_sharing import World
from tests.device import Device
from tests.fakes import ManualClock


class Devices(World):
    """Alice, Bob, who is an editor of her category, and Carol, each with a device."""

    def __init__(self, store: Storage, seed: Seed, clock: ManualClock) -> None:
        super().__init__(store, seed, clock)
        self.seed, self.clock = seed, clock
        self.task = self.create(self.alice, title="Milk", category=self.category.id)
        self.device = self.pulled(self.bob)

    def pulled(self, actor: SessionActor, *, drops: bool = True) -> Device:
        """Return a device with the full state."""
        device = Device(self.app.sync, actor, drops=drops)
        device.catch_up()
        return device

    def push(
        self,
        actor: SessionActor,
        op: MutationOp,
        target: UUID | None = None,
        base: int | None = None,
        type: ItemType = ItemType.TASK,
        **data: object,
    ) -> Outcome:
        id_ = self.seed.id()
        sent = Mutation(
            id=id_, fingerprint=id_.bytes, type=type, op=op, target=target or id_, base_version=base, data=data
        )
        (outcome,) = self.app.pushing.push(actor, [sent])
        return outcome

    def stored(self, task_id: UUID) -> Task:
        return self.app.see(self.alice, self.app.tasks.get, task_id)


@pytest.fixture
def world(store: Storage, seed: Seed, clock: ManualClock) -> Devices:
    return Devices(store, seed, clock)


def changes(device: Device) -> list[tuple[UUID, Op, Reason | None]]:
    """Pull, and return the ids, operations and reasons of the changes."""
    return [_change(each) for each in device.pull().items]


def _change(found: FeedItem) -> tuple[UUID, Op, Reason | None]:
    return found.entry.id, found.entry.op, found.entry.reason


def fields_of(outcome: Outcome) -> list[str]:
    assert outcome.status is Status.REJECTED
    assert isinstance(outcome.error, InvalidInput)
    return [each.field for each in outcome.error.errors]


class TestPull:
    def test_tasks_come_when_the_category_is_ready(self, world: Devices) -> None:
        device = world.pulled(world.carol)
        world.share("carol", Role.VIEWER)
        assert changes(device) == [(world.category.id, Op.UPSERT, Reason.ACCESS_GRANTED)]
        # The entries of these tasks come before the entries of other tasks, which the device pulls meanwhile.
        world.edit(world.alice, world.task, title="Oat milk")
        run_next(world.app.jobs, pieces=1)
        own = world.create(world.carol)
        assert changes(device) == [(own.id, Op.UPSERT, None)]
        device.require_in_sync()
        as_of = world.app.sync.digest(world.carol).as_of
        assert as_of.began == as_of.sequence
        world.clock.advance(timedelta(minutes=1))
        world.app.jobs.run_all()
        found = changes(device)
        assert (world.task.id, Op.UPSERT, Reason.ACCESS_GRANTED) in found
        assert found[-1] == (world.category.id, Op.UPSERT, Reason.ACCESS_GRANTED)
        device.require_in_sync()
        assert changes(device) == []
        later = world.app.sync.pull(world.carol, as_of)
        assert world.task.id in {each.entry.id for each in later.items}

    def test_a_member_who_is_not_ready_holds_up_no_other_member_and_no_other_category(self, world: Devices) -> None:
        other = world.app.do(world.alice, world.app.categories.create, {"name": "Other"})
        world.app.do(world.alice, world.app.category_sharing.share, other.id, "bob", Role.VIEWER)
        assert changes(world.device) == [(other.id, Op.UPSERT, Reason.ACCESS_GRANTED)]
        world.share("carol", Role.VIEWER)
        world.edit(world.alice, world.task, title="Oat milk")
        assert changes(world.device) == [(world.category.id, Op.UPSERT, None), (world.task.id, Op.UPSERT, None)]
        world.app.jobs.run_all()
        granted_to_bob = (other.id, Op.UPSERT, Reason.ACCESS_GRANTED)
        assert changes(world.device) == [granted_to_bob, (world.category.id, Op.UPSERT, None)]
        world.device.require_in_sync()

    def test_a_task_that_is_moved_into_a_category_leaves_the_device_until_it_is_ready(self, world: Devices) -> None:
        own = world.create(world.carol)
        device = world.pulled(world.carol)
        world.share("carol", Role.EDITOR)
        world.edit(world.carol, own, category=world.category.id)
        device.catch_up()
        device.require_in_sync()
        assert device.tasks() == set()
        world.app.jobs.run_all()
        device.catch_up()
        device.require_in_sync()
        assert device.tasks() == {own.id, world.task.id}

    def test_what_is_shared_by_itself_waits_for_no_category(self, world: Devices) -> None:
        world.app.do(world.alice, world.app.sharing.share, world.task.id, "carol", Role.VIEWER)
        world.share("carol", Role.VIEWER)
        device = world.pulled(world.carol)
        assert device.tasks() == {world.task.id}
        device.require_in_sync()

    def test_a_former_member_gets_nothing_before_any_job(self, world: Devices) -> None:
        old = world.pulled(world.bob, drops=False)
        world.unshare(world.bob)
        world.edit(world.alice, world.task, title="secret")
        assert changes(world.device) == [(world.category.id, Op.DELETE, Reason.ACCESS_REVOKED)]
        assert world.device.items == {}
        world.device.require_in_sync()
        fresh = world.pulled(world.bob)
        assert fresh.items == {}
        digest = world.app.sync.digest(world.bob)
        assert (digest.count, digest.buckets) == (0, {})
        late = world.app.sync.pull(world.bob, world.app.sync.pull(world.bob, limit=1).next)
        assert all(each.entry.op is Op.DELETE and each.item is None for each in late.items)
        old.catch_up()
        world.app.jobs.run_all()
        assert changes(old) == [(world.task.id, Op.DELETE, Reason.ACCESS_REVOKED)]

    @pytest.mark.parametrize("has_other_members", [False, True])
    def test_a_task_that_is_shared_by_itself_follows_the_loss_of_its_category(
        self, world: Devices, has_other_members: bool
    ) -> None:
        if has_other_members:
            world.share("carol", Role.VIEWER)
            world.app.jobs.run_all()
        world.app.do(world.alice, world.app.sharing.share, world.task.id, "bob", Role.EDITOR)
        world.device.catch_up()
        of_owner = world.pulled(world.alice)
        world.unshare(world.bob)
        world.app.jobs.run_all()
        assert changes(world.device) == [
            (world.category.id, Op.DELETE, Reason.ACCESS_REVOKED),
            (world.task.id, Op.UPSERT, None),
        ]
        assert changes(of_owner) == [(world.category.id, Op.UPSERT, None)]
        world.device.require_in_sync()

    def test_a_subtask_gets_the_category_of_its_root_on_devices_as_long_as_that_is_shared(self, world: Devices) -> None:
        category = world.app.do(world.alice, world.app.categories.create, {"name": "Plans"})
        below = world.create(world.alice, parent=world.create(world.alice, category=category.id).id)
        device = world.pulled(world.alice)
        world.app.do(world.alice, world.app.category_sharing.share, category.id, "bob", Role.EDITOR)
        world.app.jobs.run_all()
        assert (below.id, Op.UPSERT, None) in changes(device)
        world.app.do(world.alice, world.app.category_sharing.unshare, category.id, world.bob.user_id)
        world.app.jobs.run_all()
        assert (below.id, Op.UPSERT, None) in changes(device)

    def test_a_tree_that_moves_between_categories_with_the_same_members_is_pulled(self, world: Devices) -> None:
        other = world.app.do(world.alice, world.app.categories.create, {"name": "Other"})
        world.app.do(world.alice, world.app.category_sharing.share, other.id, "bob", Role.EDITOR)
        world.app.jobs.run_all()
        below = world.create(world.alice, parent=world.task.id)
        world.device.catch_up()
        world.edit(world.alice, world.task, category=other.id)
        assert {(id_, op) for id_, op, _ in changes(world.device)} == {
            (each.id, Op.UPSERT) for each in (world.task, below)
        }
        assert {visible_category(each, world.bob.user_id) for each in world.device.stored_tasks()} == {other.id}

    @pytest.mark.parametrize("way", ["out", "out with others", "trash", "restore"])
    def test_a_task_that_changes_before_the_job_is_deleted_for_former_members(self, world: Devices, way: str) -> None:
        trashed = way == "restore"
        if trashed:
            world.app.do(world.alice, world.app.trash.delete, world.task.id)
        if way == "out with others":
            world.share("carol", Role.VIEWER)
            world.app.jobs.run_all()
        old = world.pulled(world.bob, drops=False)
        world.unshare(world.bob)
        if way.startswith("out"):
            world.edit(world.alice, world.task, category=None)
        elif trashed:
            world.app.do(world.alice, world.app.trash.restore, world.task.id)
        else:
            world.app.do(world.alice, world.app.trash.delete, world.task.id)
        reasons = {reason for _, _, reason in changes(old)}
        world.app.jobs.run_all()
        assert reasons | {reason for _, _, reason in changes(old)} == {Reason.ACCESS_REVOKED}
        assert old.items == {}
        world.share("bob", Role.VIEWER)
        world.app.jobs.run_all()
        assert world.listed(world.bob) == ({world.task.id} if trashed else set())
        old.catch_up()
        old.require_in_sync()

    @pytest.mark.parametrize("way", ["purge", "remove", "remove shared", "remove and purge"])
    def test_a_task_that_is_removed_before_the_job_is_deleted_for_former_members(
        self, world: Devices, way: str
    ) -> None:
        below = world.create(world.alice, parent=world.task.id)
        if way == "remove shared":
            world.share("carol", Role.VIEWER)
        world.app.jobs.run_all()
        old = world.pulled(world.bob, drops=False)
        owner = world.pulled(world.alice)
        assert old.tasks() == {world.task.id, below.id}
        world.unshare(world.bob)
        if not way.startswith("purge"):
            world.app.do(world.alice, world.app.category_removal.delete, world.category.id)
        old.catch_up()
        if "purge" in way:
            world.app.do(world.alice, world.app.trash.delete, world.task.id)
            world.app.do(world.alice, world.app.trash.purge, world.task.id)
        world.app.jobs.run_all()
        old.catch_up()
        assert old.items == {}
        old.require_in_sync()
        owner.catch_up()
        owner.require_in_sync()
        assert all(each.category is None for each in owner.stored_tasks())

    def test_a_member_who_comes_back_before_the_job_gets_the_tasks_again(self, world: Devices) -> None:
        world.unshare(world.bob)
        world.device.catch_up()
        assert world.device.items == {}
        world.share("bob", Role.VIEWER)
        world.device.catch_up()
        world.app.jobs.run_all()
        world.device.catch_up()
        assert world.device.tasks() == {world.task.id}
        world.device.require_in_sync()

    @pytest.mark.parametrize("way", ["unshare", "delete"])
    def test_what_is_shared_by_itself_follows_the_loss_of_a_category_before_it_was_ready(
        self, world: Devices, way: str
    ) -> None:
        below = world.create(world.alice, parent=world.task.id)
        world.app.do(world.alice, world.app.sharing.share, world.task.id, "carol", Role.EDITOR)
        world.share("carol", Role.VIEWER)
        for each in (world.task, below):
            world.edit(world.alice, each, title="Oat milk")
        device = world.pulled(world.carol)
        if way == "unshare":
            world.unshare(world.carol)
        else:
            world.app.do(world.alice, world.app.category_removal.delete, world.category.id)
        device.catch_up()
        world.app.jobs.run_all()
        device.catch_up()
        assert device.tasks() == {world.task.id, below.id}

    @pytest.mark.parametrize("way", ["unshare", "delete"])
    def test_the_subtasks_of_a_task_that_is_moved_out_before_the_job_follow_it(self, world: Devices, way: str) -> None:
        private = world.app.do(world.alice, world.app.categories.create, {"name": "private"})
        below = world.create(world.alice, parent=world.task.id)
        world.app.do(world.alice, world.app.sharing.share, world.task.id, "bob", Role.EDITOR)
        owner = world.pulled(world.alice)
        world.device.catch_up()
        if way == "unshare":
            world.unshare(world.bob)
        else:
            world.app.do(world.alice, world.app.category_removal.delete, world.category.id)
        world.device.catch_up()
        world.edit(world.alice, world.task, category=private.id)
        world.app.jobs.run_all()
        for device in (owner, world.device):
            device.catch_up()
            device.require_in_sync()
            assert device.tasks() == {world.task.id, below.id}
            (found,) = (each for each in device.stored_tasks() if each.id == below.id)
            assert visible_category(found, device.actor.user_id) is None

    def test_deleting_a_category_revokes_it_for_its_members(self, world: Devices) -> None:
        owner = world.pulled(world.alice)
        world.app.do(world.alice, world.app.category_removal.delete, world.category.id)
        assert changes(world.device)[0] == (world.category.id, Op.DELETE, Reason.ACCESS_REVOKED)
        assert world.device.items == {}
        assert changes(owner)[-1] == (world.category.id, Op.DELETE, Reason.DELETED)
        world.app.jobs.run_all()
        for device in (owner, world.device):
            device.catch_up()
            device.require_in_sync()
        assert owner.tasks() == {world.task.id}


class TestPush:
    def test_an_editor_files_tasks_in_and_out(self, world: Devices) -> None:
        created = world.push(world.bob, MutationOp.CREATE, title="Eggs", category=world.category.id)
        own = world.create(world.bob, title="Bread")
        below = world.create(world.bob, title="White", parent=own.id)
        moved = world.push(world.bob, MutationOp.UPDATE, own.id, own.version, category=world.category.id)
        assert (created.status, moved.status) == (Status.APPLIED, Status.APPLIED)
        assert not moved.dropped
        assert [world.stored(each.id).owner for each in (own, below)] == [world.alice.user_id] * 2
        out = world.push(world.bob, MutationOp.UPDATE, own.id, moved.version, category=None)
        assert out.status is Status.APPLIED
        with pytest.raises(TaskNotFound):
            world.stored(below.id)
        refused = world.push(world.bob, MutationOp.UPDATE, world.task.id, 1, category=None)
        assert isinstance(refused.error, NotAllowed)
        deleted = world.push(world.bob, MutationOp.DELETE, world.task.id, world.task.version)
        assert deleted.status is Status.APPLIED
        assert world.push(world.bob, MutationOp.RESTORE, world.task.id).status is Status.APPLIED

    @pytest.mark.parametrize("way", ["unshared", "deleted", "demoted"])
    def test_a_task_for_the_members_of_a_lost_category_is_refused(self, world: Devices, way: str) -> None:
        own = world.create(world.bob)
        if way == "unshared":
            world.unshare(world.bob)
        elif way == "deleted":
            world.app.do(world.alice, world.app.category_removal.delete, world.category.id)
        else:
            world.share("bob", Role.VIEWER)
        created = world.push(world.bob, MutationOp.CREATE, title="Eggs", category=world.category.id)
        assert fields_of(created) == ["data.category"]
        # The task stays where it is, and is visible to the same users.
        edited = world.push(world.bob, MutationOp.UPDATE, own.id, 1, title="Eggs", category=world.category.id)
        assert (edited.status, edited.dropped) == (Status.APPLIED, ["category"])
        below = world.push(world.bob, MutationOp.CREATE, title="Eggs", parent=world.task.id)
        if way != "deleted":  # its job takes the task away
            world.app.jobs.run_all()
            below = world.push(world.bob, MutationOp.CREATE, title="Eggs", parent=world.task.id)
            assert fields_of(below) == ["data.parent"]
        other = world.app.do(world.bob, world.app.categories.create, {"name": "Other"})
        filed = world.push(world.bob, MutationOp.CREATE, title="Eggs", parent=world.task.id, category=other.id)
        assert (filed.status, filed.dropped) == (Status.APPLIED, ["parent"])

    def test_a_category_that_never_was_is_left_out(self, world: Devices) -> None:
        created = world.push(world.bob, MutationOp.CREATE, title="Eggs", category=world.seed.id())
        assert (created.status, created.dropped) == (Status.APPLIED, ["category"])

    def test_a_task_is_not_left_in_a_shared_category_that_it_should_leave(self, world: Devices) -> None:
        made = world.create(world.bob, category=world.category.id)
        gone = world.app.do(world.bob, world.app.categories.create, {"name": "mine"})
        world.app.do(world.bob, world.app.category_removal.delete, gone.id)
        moved = world.push(world.bob, MutationOp.UPDATE, made.id, 1, title="secret", category=gone.id)
        assert fields_of(moved) == ["data.category"]
        assert world.stored(made.id).title == made.title

    def test_a_viewer_is_refused_before_any_conflict(self, world: Devices) -> None:
        world.share("bob", Role.VIEWER)
        edited = world.edit(world.alice, world.task, title="secret")
        category = world.app.see(world.bob, world.app.categories.get, world.category.id)
        for op, target, type_, data in cast(
            "list[tuple[MutationOp, UUID, ItemType, Mapping[str, Any]]]",
            [
                (MutationOp.UPDATE, edited.id, ItemType.TASK, {"title": "mine"}),
                (MutationOp.DELETE, edited.id, ItemType.TASK, {}),
                (MutationOp.UPDATE, category.id, ItemType.CATEGORY, {"name": "mine"}),
                (MutationOp.DELETE, category.id, ItemType.CATEGORY, {}),
            ],
        ):
            outcome = world.push(world.bob, op, target, 1, type_, **data)
            assert (outcome.status, outcome.conflicts, outcome.version) == (Status.REJECTED, {}, None)
            assert isinstance(outcome.error, NotAllowed)

    def test_a_former_member_is_refused_as_a_stranger(self, world: Devices) -> None:
        world.unshare(world.bob)
        world.edit(world.alice, world.task, title="secret")
        for op in (MutationOp.UPDATE, MutationOp.DELETE, MutationOp.RESTORE):
            data: dict[str, Any] = {"title": "mine"} if op is MutationOp.UPDATE else {}
            outcome = world.push(world.bob, op, world.task.id, 1, **data)
            assert (type(outcome.error), outcome.conflicts) == (TaskNotFound, {})
        outcome = world.push(world.bob, MutationOp.UPDATE, world.category.id, 1, ItemType.CATEGORY, name="mine")
        assert (type(outcome.error), outcome.conflicts) == (CategoryNotFound, {})

    def test_a_conflict_shows_nothing_from_before_the_access(self, world: Devices) -> None:
        private = world.app.do(world.alice, world.app.categories.create, {"name": "private"})
        task = world.create(world.alice, title="secret", category=private.id)
        task = world.edit(world.alice, task, title="shown", category=world.category.id)
        outcome = world.push(world.bob, MutationOp.UPDATE, task.id, 1, title="mine", category=None)
        assert {name: (each.base, each.theirs) for name, each in outcome.conflicts.items()} == {
            "title": (None, "shown"),
            "category": (None, world.category.id),
        }
        world.edit(world.alice, task, title="later")
        deleted = world.push(world.bob, MutationOp.DELETE, task.id, 1)
        assert deleted.status is Status.CONFLICT
        assert "secret" not in str(deleted)
        assert str(private.id) not in str(deleted)
        merged = world.push(world.bob, MutationOp.UPDATE, task.id, 2, title="mine")
        assert merged.conflicts["title"].base == "shown"

    def test_a_conflict_shows_no_private_category_of_a_subtask(self, world: Devices) -> None:
        private = world.app.do(world.alice, world.app.categories.create, {"name": "private"})
        root = world.create(world.alice)
        below = world.create(world.alice, parent=root.id, category=private.id)
        world.edit(world.alice, root, category=world.category.id)
        outcome = world.push(world.bob, MutationOp.UPDATE, below.id, 1, category=None)
        assert outcome.conflicts["category"].theirs == world.category.id


class TestPushOfCategories:
    """Versions of a category count every change, but only changes of the same field are in conflict."""

    def push(self, world: Devices, op: MutationOp, base: int, **data: object) -> Outcome:
        return world.push(world.alice, op, world.category.id, base, ItemType.CATEGORY, **data)

    def test_a_rename_merges_with_changes_of_the_members(self, world: Devices) -> None:
        base = world.category.version  # before it was shared with Bob, and he became ready
        renamed = self.push(world, MutationOp.UPDATE, base, name="Food")
        assert (renamed.status, renamed.conflicts) == (Status.MERGED, {})
        world.share("carol", Role.VIEWER)
        assert self.push(world, MutationOp.UPDATE, base, color="#112233").status is Status.MERGED
        stored = world.app.see(world.alice, world.app.categories.get, world.category.id)
        assert (stored.name, stored.color) == ("Food", "#112233")

    def test_a_field_that_another_device_has_changed_is_in_conflict(self, world: Devices) -> None:
        base = world.category.version
        self.push(world, MutationOp.UPDATE, base, name="Food")
        world.share("carol", Role.VIEWER)
        refused = self.push(world, MutationOp.UPDATE, base, name="Shop", color="#112233")
        assert refused.status is Status.CONFLICT
        assert refused.conflicts == {"name": FieldConflict(None, "Shop", "Food")}
        assert self.push(world, MutationOp.UPDATE, base, name="Food").status is Status.MERGED

    def test_deleting_conflicts_with_the_fields_that_others_have_changed(self, world: Devices) -> None:
        base = world.category.version
        world.app.do(world.alice, world.app.categories.edit, world.category.id, {"color": "#112233"})
        edited = world.app.do(world.alice, world.app.categories.edit, world.category.id, {"color": None})
        refused = self.push(world, MutationOp.DELETE, base)
        assert refused.conflicts == {"color": FieldConflict(None, None, None)}
        world.share("carol", Role.VIEWER)
        assert self.push(world, MutationOp.DELETE, edited.version).status is Status.APPLIED

    def test_a_version_that_is_not_known_conflicts_in_every_field(self, world: Devices) -> None:
        refused = self.push(world, MutationOp.UPDATE, 100, name="Food", description="")
        assert refused.conflicts == {"name": FieldConflict(None, "Food", "Groceries")}

    def test_a_category_from_before_the_versions_of_fields_merges_after_its_next_change(
        self, world: Devices, store: Storage
    ) -> None:
        with store.reading(world.alice) as work:
            user = work.users.find(world.alice.user_id)
        assert user is not None
        category = world.seed.category(user, version=5)
        renamed = world.push(world.alice, MutationOp.UPDATE, category.id, 4, ItemType.CATEGORY, name="Shop")
        assert renamed.status is Status.CONFLICT
        world.app.do(world.alice, world.app.category_sharing.share, category.id, "bob", Role.VIEWER)
        renamed = world.push(world.alice, MutationOp.UPDATE, category.id, 5, ItemType.CATEGORY, name="Shop")
        assert renamed.status is Status.MERGED


class TestHistory:
    def test_the_owner_of_a_category_sees_the_history_from_the_moving_in_on(self, world: Devices) -> None:
        private = world.app.do(world.bob, world.app.categories.create, {"name": "private"})
        task = world.create(world.bob, title="secret", category=private.id)
        renamed = world.edit(world.bob, task, title="shown")
        moved = world.edit(world.bob, renamed, category=world.category.id)
        world.edit(world.bob, moved, title="later")
        seen = world.app.see(world.alice, world.app.history.list, task.id).changes.items
        assert [change.version for change in seen] == [4, 3]
        assert "secret" not in str(seen)
        assert str(private.id) not in str(seen)
        moving, earlier, _ = (each for each in self.stored(world, task) if each.version <= 3)
        for change in (moving, earlier):
            with pytest.raises(ChangeNotFound):
                world.app.do(world.alice, world.app.history.undo, task.id, change.id)
        with pytest.raises(AlreadyChanged):  # Bob sees it
            world.app.do(world.bob, world.app.history.undo, task.id, earlier.id)

    def test_a_new_member_learns_nothing_from_before_the_membership(self, world: Devices) -> None:
        for title in ("secret", "shown"):
            world.edit(world.alice, world.task, title=title)
        world.clock.advance(timedelta(seconds=1))
        world.share("carol", Role.EDITOR)
        pushed = world.push(world.carol, MutationOp.UPDATE, world.task.id, 2, title="mine")
        assert pushed.conflicts == {"title": FieldConflict(None, "mine", "shown")}
        later = world.edit(world.alice, world.task, title="later")  # at the same moment
        (seen,) = world.app.see(world.carol, world.app.history.list, world.task.id).changes.items
        assert seen.version == later.version
        hidden = self.stored(world, world.task)[1]
        with pytest.raises(ChangeNotFound):
            world.app.do(world.carol, world.app.history.undo, world.task.id, hidden.id)

    def test_an_editor_undoes_an_edit(self, world: Devices) -> None:
        world.edit(world.alice, world.task, title="Oat milk")
        change = world.app.see(world.bob, world.app.history.list, world.task.id).changes.items[0]
        assert world.app.do(world.bob, world.app.history.undo, world.task.id, change.id).title == "Milk"
        world.edit(world.alice, world.task, parent=world.create(world.alice, category=world.category.id).id)
        change = world.app.see(world.bob, world.app.history.list, world.task.id).changes.items[0]
        assert world.app.do(world.bob, world.app.history.undo, world.task.id, change.id).parent is None

    @staticmethod
    def stored(world: Devices, task: Task) -> list[Any]:
        with world.app.store.reading(world.alice) as work:
            return list(work.history.list(task.id, None, 100).items)
