"""Mutations that are pushed concurrently, or were applied by an earlier release."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from time import monotonic
from typing import Any, cast
from unittest.mock import ANY, Mock
from uuid import UUID

import pytest

from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.idempotency.record import Record
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.actors import Actor, Scope, SessionActor
from tasktracker.domain.kernel.errors import (
    CategoryNameTaken,
    CategoryNotFound,
    InsufficientScope,
    InvalidInput,
    KeyInUse,
    NotApplied,
    ReminderNotFound,
    SessionEnded,
    Stale,
    StorageUnavailable,
    TaskNotFound,
)
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.sync import push_service
from tasktracker.domain.sync.mutation import FieldConflict, Mutation, MutationOp, Outcome, Status
from tasktracker.domain.tasks.task import State, TaskFields
from tasktracker.domain.work import Storage, UnitOfWork
from tests.contracts.base import SECOND, Seed, race
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.waiting import PATIENCE


def of_category(seed: Seed, op: MutationOp, target: UUID, name: str, **more: Any) -> Mutation:
    """Return a mutation of a category's name."""
    fixed: dict[str, Any] = {"fingerprint": b"", "type": ItemType.CATEGORY, "data": {"name": name}}
    return Mutation(id=seed.id(), op=op, target=target, **fixed, **more)


def push(app: App, actor: Actor, mutation: Mutation) -> Outcome:
    (outcome,) = app.pushing.push(actor, [mutation])
    return outcome


def test_a_name_taken_concurrently_is_refused_with_its_category(app: App, seed: Seed) -> None:
    actor = seed.actor(seed.user())
    mutations = [of_category(seed, MutationOp.CREATE, seed.id(), "Work") for _ in range(6)]
    outcomes = race(*(partial(push, app, actor, each) for each in mutations))
    (created,) = app.see(actor, app.categories.list).items
    errors = [each.error for each in outcomes if isinstance(each, Outcome) and each.status is Status.REJECTED]
    assert len(errors) == len(mutations) - 1
    for error in errors:
        assert isinstance(error, CategoryNameTaken)
        assert error.existing == created.id


@pytest.mark.parametrize("atomic", [False, True])
def test_the_time_of_each_mutation_is_not_counted_as_waiting(app: App, seed: Seed, atomic: bool) -> None:
    actor, end = seed.actor(seed.user()), monotonic() + PATIENCE
    mutations = [of_category(seed, MutationOp.CREATE, seed.id(), name) for name in ("Home", "Work")]

    def pushed() -> float:
        deadline.set_current(deadline.Deadline(end))
        app.pushing.push(actor, mutations, atomic=atomic)
        return deadline.current().at

    assert copy_context().run(pushed) > end


def test_an_error_of_the_commit_is_reported_for_the_last_mutation(
    app: App, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = seed.actor(seed.user())
    writing = app.store.writing

    @contextmanager
    def refused(actor: Any) -> Iterator[Any]:
        with writing(actor) as work:
            yield work
            raise Stale

    monkeypatch.setattr(app.store, "writing", refused)
    mutations = [of_category(seed, MutationOp.CREATE, seed.id(), name) for name in ("Home", "Work")]
    outcomes = app.pushing.push(actor, mutations, atomic=True)
    assert [type(each.error) for each in outcomes] == [NotApplied, Stale]


def test_a_category_deleted_concurrently_is_deleted_for_each_device(app: App, seed: Seed) -> None:
    user = seed.user()
    actor, category = seed.actor(user), seed.category(user, "Haus")
    fixed: dict[str, Any] = {"fingerprint": b"", "type": ItemType.CATEGORY, "op": MutationOp.DELETE}
    mutations = [Mutation(id=seed.id(), target=category.id, **fixed) for _ in range(4)]
    outcomes = race(*(partial(push, app, actor, each) for each in mutations))
    deleted = category.version + 1
    assert [each.status for each in outcomes if isinstance(each, Outcome)] == [Status.APPLIED] * 4
    assert {each.version for each in outcomes if isinstance(each, Outcome)} == {deleted}


@pytest.mark.parametrize("op", [MutationOp.UPDATE, MutationOp.DELETE])
def test_an_edit_of_a_task_is_not_in_conflict_with_the_deletion_of_its_category(
    app: App, seed: Seed, op: MutationOp
) -> None:
    user = seed.user()
    actor, deleted, other = seed.actor(user), seed.category(user), seed.category(user)
    task = seed.task(user, category=deleted.id)
    fixed: dict[str, Any] = {"fingerprint": b"", "base_version": 1}
    data = {"category": other.id} if op is MutationOp.UPDATE else {}
    deletion = Mutation(id=seed.id(), target=deleted.id, type=ItemType.CATEGORY, op=MutationOp.DELETE, data={}, **fixed)
    assert push(app, actor, deletion).status is Status.APPLIED
    assert app.see(actor, app.tasks.get, task.id).category is None
    edit = Mutation(id=seed.id(), target=task.id, type=ItemType.TASK, op=op, data=data, **fixed)
    expected = Status.MERGED if op is MutationOp.UPDATE else Status.APPLIED
    assert push(app, actor, edit) == Outcome(status=expected, version=3, made=3, dropped=[] if data else ())
    if op is MutationOp.UPDATE:
        assert app.see(actor, app.tasks.get, task.id).category == other.id


def test_a_mutation_that_an_earlier_release_applied_is_a_duplicate_but_not_own(
    app: App, store: Storage, seed: Seed
) -> None:
    user = seed.user()
    actor, category = seed.actor(user), seed.category(user, "Haus", version=2)
    earlier = of_category(seed, MutationOp.UPDATE, category.id, "Haus", base_version=1)
    record = Record(user_id=user.id, key=f"sync {earlier.id}", fingerprint=b"", result=b"2", expires_at=START + SECOND)
    with store.writing(SYSTEM) as work:
        work.idempotency.claim(user.id, record.key)
        work.idempotency.add(record)
    assert push(app, actor, earlier) == Outcome(status=Status.DUPLICATE, version=2)
    later = of_category(seed, MutationOp.UPDATE, category.id, "Casa", base_version=1, own=(earlier.id,))
    assert push(app, actor, later).status is Status.CONFLICT


@pytest.mark.parametrize("type_", [ItemType.TASK, ItemType.CATEGORY])  # other types are not merged
def test_an_edit_that_changes_nothing_makes_no_version_of_its_own(app: App, seed: Seed, type_: ItemType) -> None:
    user = seed.user()
    actor = seed.actor(user)
    item, field = (seed.task(user), "title") if type_ is ItemType.TASK else (seed.category(user), "name")

    def edit(value: str, *own: UUID) -> tuple[UUID, Outcome]:
        fixed: dict[str, Any] = {"fingerprint": b"", "type": type_, "op": MutationOp.UPDATE, "base_version": 1}
        mutation = Mutation(id=seed.id(), target=item.id, data={field: value}, own=own, **fixed)
        return mutation.id, push(app, actor, mutation)

    assert edit("of another device")[1].made == 2
    same, outcome = edit("of another device")
    assert (outcome.status, outcome.version, outcome.made) == (Status.MERGED, 2, None)
    assert edit("later", same)[1].status is Status.CONFLICT


@pytest.mark.parametrize("atomic", [False, True])
def test_a_push_of_nothing_needs_a_live_session(app: App, store: Storage, seed: Seed, atomic: bool) -> None:
    actor = seed.actor()
    assert list(app.pushing.push(actor, [], atomic=atomic)) == []
    with store.writing(SYSTEM) as work:
        work.sessions.remove(actor.session_id)
    with pytest.raises(SessionEnded):
        app.pushing.push(actor, [], atomic=atomic)


def test_a_deletion_in_conflict_shows_the_values_before_all_later_changes(app: App, seed: Seed) -> None:
    user = seed.user()
    actor, task = seed.actor(user), seed.task(user, "first")
    for title in ("second", "third"):
        app.do(actor, app.tasks.edit, task.id, {"title": title})
    fixed: dict[str, Any] = {"fingerprint": b"", "type": ItemType.TASK, "target": task.id, "base_version": 1}
    deletion = Mutation(id=seed.id(), op=MutationOp.DELETE, **fixed)
    assert push(app, actor, deletion).conflicts == {"title": FieldConflict("first", None, "third")}
    edit = Mutation(id=seed.id(), op=MutationOp.UPDATE, data={"title": "mine"}, **fixed)
    assert push(app, actor, edit).conflicts == {"title": FieldConflict("first", "mine", "third")}


@pytest.mark.parametrize("through", ["task", "category"])
def test_a_task_that_others_see_is_not_moved_to_a_parent_that_is_gone(
    app: App, alice: SessionActor, bob: SessionActor, seed: Seed, through: str
) -> None:
    category = app.do(alice, app.categories.create, {"name": "shared"})
    filed = {"category": category.id} if through == "category" else {}
    task = app.do(alice, app.tasks.create, cast(TaskFields, {"title": "seen by bob", **filed}))
    if through == "category":
        app.do(alice, app.category_sharing.share, category.id, "bob", Role.EDITOR)
    else:
        app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
    before = app.see(alice, app.tasks.get, task.id)
    fixed: dict[str, Any] = {"fingerprint": b"", "type": ItemType.TASK, "op": MutationOp.UPDATE, "target": task.id}
    error = push(app, alice, Mutation(id=seed.id(), data={"title": "moved", "parent": seed.id()}, **fixed)).error
    assert isinstance(error, InvalidInput)
    assert [each.field for each in error.errors] == ["data.parent"]
    assert app.see(alice, app.tasks.get, task.id) == before


def test_an_outcome_has_the_version_that_was_made_if_one_was(app: App, seed: Seed) -> None:
    actor, category, task, reminder = seed.actor(seed.user()), seed.id(), seed.id(), seed.id()
    for type_, target, op, data, version, is_made in (
        (ItemType.CATEGORY, category, "create", {"name": "a"}, 1, True),
        (ItemType.CATEGORY, category, "update", {"name": "b"}, 2, True),
        (ItemType.CATEGORY, category, "update", {"name": "b"}, 2, False),
        (ItemType.CATEGORY, category, "delete", {}, 3, True),
        (ItemType.CATEGORY, category, "delete", {}, 3, False),
        (ItemType.TASK, task, "create", {"title": "a"}, 1, True),
        (ItemType.TASK, task, "update", {"title": "b"}, 2, True),
        (ItemType.TASK, task, "update", {"title": "b"}, 2, False),
        (ItemType.TASK, task, "restore", {}, 2, False),
        (ItemType.TASK, task, "delete", {}, 3, True),
        (ItemType.TASK, task, "delete", {}, 3, False),
        (ItemType.TASK, task, "restore", {}, 4, True),
        (ItemType.REMINDER, reminder, "create", {"task": task, "before": "PT1H"}, 1, True),
        (ItemType.REMINDER, reminder, "delete", {}, 2, True),
        (ItemType.REMINDER, reminder, "delete", {}, 2, False),
    ):
        each = Mutation(id=seed.id(), fingerprint=b"", type=type_, op=MutationOp(op), target=target, data=data)
        made = version if is_made else None
        assert push(app, actor, each) == Outcome(status=Status.APPLIED, version=version, made=made, dropped=ANY), each


@pytest.mark.parametrize(
    ("type_", "error"),
    [
        (ItemType.TASK, TaskNotFound),
        (ItemType.CATEGORY, CategoryNotFound),
        (ItemType.REMINDER, ReminderNotFound),
    ],
)
def test_deleting_an_item_that_never_was_is_refused(
    app: App, seed: Seed, type_: ItemType, error: type[Exception]
) -> None:
    deletion = Mutation(id=seed.id(), fingerprint=b"", type=type_, op=MutationOp.DELETE, target=seed.id())
    outcome = push(app, seed.actor(seed.user()), deletion)
    assert (outcome.status, type(outcome.error)) == (Status.REJECTED, error)


def test_an_error_that_concerns_all_mutations_refuses_the_push(
    app: App, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor, mutation = seed.actor(seed.user()), of_category(seed, MutationOp.CREATE, seed.id(), "Work")
    for raised, expected in (
        (KeyInUse, StorageUnavailable),  # the mutation was sent before and is still in progress
        (SessionEnded, SessionEnded),
        (InsufficientScope(Scope.TASKS_WRITE), InsufficientScope),
        (StorageUnavailable, StorageUnavailable),
    ):
        monkeypatch.setattr(push_service, "once", Mock(side_effect=raised))
        for atomic in (False, True):
            with pytest.raises(expected):
                app.pushing.push(actor, [mutation], atomic=atomic)


@pytest.mark.parametrize("op", [MutationOp.UPDATE, MutationOp.DELETE])
def test_a_mutation_that_meets_a_concurrent_change_is_merged_with_it(
    app: App, seed: Seed, monkeypatch: pytest.MonkeyPatch, op: MutationOp
) -> None:
    user = seed.user()
    actor, task = seed.actor(user), seed.task(user, "first")

    service, name = (app.tasks, "edit") if op is MutationOp.UPDATE else (app.trash, "delete")
    edit, use_case = app.tasks.edit, getattr(service, name)

    def act_after_another(work: UnitOfWork[SessionActor], *arguments: object, **more: object) -> object:
        monkeypatch.undo()
        edit(work, task.id, {"title": "theirs"})
        return use_case(work, *arguments, **more)

    data = {"title": "mine"} if op is MutationOp.UPDATE else {}
    monkeypatch.setattr(service, name, act_after_another)
    fixed: dict[str, Any] = {"fingerprint": b"", "type": ItemType.TASK, "target": task.id, "base_version": 1}
    outcome = push(app, actor, Mutation(id=seed.id(), op=op, data=data, **fixed))
    assert outcome.conflicts == {"title": FieldConflict("first", data.get("title"), "theirs")}


def test_an_operation_that_a_type_does_not_have_is_refused(app: App, seed: Seed) -> None:
    actor = seed.actor(seed.user())
    for type_, ops in (
        (ItemType.CATEGORY, ("restore",)),
        (ItemType.REMINDER, ("update", "restore")),
        (ItemType.NOTIFICATION, ("create", "delete", "restore")),
    ):
        for op in ops:
            mutation = Mutation(id=seed.id(), fingerprint=b"", type=type_, op=MutationOp(op), target=seed.id())
            error = push(app, actor, mutation).error
            assert isinstance(error, InvalidInput)
            assert [(each.field, each.message) for each in error.errors] == [("op", f"is not supported for a {type_}")]


@pytest.mark.parametrize("parent", [False, True])
def test_a_task_that_is_completed_and_filed_at_once_has_the_time_of_the_device(
    app: App, seed: Seed, clock: ManualClock, parent: bool
) -> None:
    user = seed.user()
    actor, task = seed.actor(user), seed.task(user)
    made_at = clock.now() + SECOND
    clock.advance(9 * SECOND)
    data = {"state": State.DONE} | ({"parent": seed.task(user).id} if parent else {"category": seed.category(user).id})
    fixed: dict[str, Any] = {"fingerprint": b"", "type": ItemType.TASK, "op": MutationOp.UPDATE, "target": task.id}
    push(app, actor, Mutation(id=seed.id(), data=data, made_at=made_at, **fixed))
    assert app.see(actor, app.tasks.get, task.id).completed_at == made_at
    push(app, actor, Mutation(id=seed.id(), data={"title": "later"}, **fixed))
    last, *others = app.see(actor, app.history.list, task.id).changes.items
    assert (last.made_at, {each.made_at for each in others}) == (None, {made_at})


def test_a_color_that_others_set_in_another_form_is_not_in_conflict(app: App, seed: Seed) -> None:
    user = seed.user()
    actor, category = seed.actor(user), seed.category(user)
    app.do(actor, app.categories.edit, category.id, {"color": "#1e90ff"})
    fixed: dict[str, Any] = {"fingerprint": b"", "type": ItemType.CATEGORY, "op": MutationOp.UPDATE}
    mutation = Mutation(id=seed.id(), target=category.id, base_version=1, data={"color": "#1E90FF"}, **fixed)
    assert push(app, actor, mutation).status is Status.MERGED
