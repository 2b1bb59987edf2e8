"""The contract of quotas: no unit of work makes a user own more than they may, also with concurrent ones."""

from __future__ import annotations

import io
from functools import partial
from typing import Any, cast

import pytest

from tasktracker.domain.accounts.quota import Quotas, Usage
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import QuotaExceeded
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.portability.import_service import FileFormat
from tasktracker.domain.sync.mutation import Mutation, MutationOp, Status
from tasktracker.domain.tasks.task import Task, TaskFields
from tasktracker.domain.work import Storage
from tests.contracts.base import Seed, race
from tests.fakes import SYSTEM, App
from tests.unit.base import PASSWORD

LINES = '{"type":"header","format":"tasktracker","version":1}\n' + "".join(
    f'{{"type":"task","id":"01890a5d-ac96-774b-bcce-b302099a80{number:02}","title":"t"}}\n' for number in range(5)
)


def create(app: App, actor: SessionActor, title: str, **fields: Any) -> Task:
    fields["title"] = title
    return app.do(actor, app.tasks.create, cast(TaskFields, fields))


def limit(app: App, actor: SessionActor, **quotas: int) -> None:
    with app.store.writing(SYSTEM) as work:
        work.quotas.save(actor.user_id, Quotas(**quotas))


def usage(app: App, actor: SessionActor) -> Usage:
    with app.store.reading(SYSTEM) as work:
        return work.quotas.usage(actor.user_id)


def test_the_usage_counts_own_tasks_with_the_trash_own_categories_and_bytes_of_utf_8(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    assert usage(app, alice) == Usage()
    task = create(app, alice, "żółw", description="abc")
    app.do(alice, app.categories.create, {"name": "home"})
    create(app, bob, "other")
    shared = app.do(bob, app.categories.create, {"name": "work"})
    app.do(bob, app.category_sharing.share, shared.id, "alice", Role.EDITOR)
    app.jobs.run_all()
    app.do(bob, app.sharing.share, create(app, bob, "with alice").id, "alice", Role.EDITOR)
    assert usage(app, alice) == Usage(1, 1, 10)
    app.do(alice, app.tasks.edit, task.id, {"description": ""})
    app.do(alice, app.trash.delete, task.id)
    assert usage(app, alice) == Usage(1, 1, 7)
    app.do(alice, app.trash.purge, task.id)
    assert usage(app, alice) == Usage(0, 1, 0)


def test_quotas_of_a_user_come_before_those_of_the_service(
    app: App, store: Storage, alice: SessionActor, bob: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_limits", Quotas(tasks=1, bytes=9))
    limit(app, alice, tasks=2)
    first, *_ = [create(app, actor, "1") for actor in (alice, alice, bob)]
    for actor in (alice, bob):
        with pytest.raises(QuotaExceeded):
            create(app, actor, "2")
    app.do(alice, app.tasks.edit, first.id, {"title": "12345678"})
    with pytest.raises(QuotaExceeded):
        app.do(alice, app.tasks.edit, first.id, {"title": "123456789"})
    with app.store.reading(SYSTEM) as work:
        assert [work.quotas.find(actor.user_id) for actor in (alice, bob)] == [Quotas(tasks=2), Quotas()]


def test_a_full_quota_refuses_what_adds_and_nothing_else(app: App, alice: SessionActor) -> None:
    task = create(app, alice, "12345")
    limit(app, alice, tasks=1, bytes=5, categories=0)
    with pytest.raises(QuotaExceeded) as refused:
        create(app, alice, "another")
    assert (refused.value.quota, refused.value.limit) == ("tasks", 1)
    with pytest.raises(QuotaExceeded) as refused:
        app.do(alice, app.categories.create, {"name": "home"})
    assert refused.value.quota == "categories"
    with pytest.raises(QuotaExceeded) as refused:
        app.do(alice, app.tasks.edit, task.id, {"title": "123456"})
    assert refused.value.quota == "bytes"
    with pytest.raises(QuotaExceeded), app.store.writing(alice) as work:
        app.tasks.edit(work, app.tasks.create(work, {"title": "new"}).id, {"title": "old"})

    def edit_in_no_feed() -> None:
        with app.store.writing(alice) as work:
            work.tasks.find(task.id)
            work.tasks.save(task.edit({"title": "123456"}, work.now))

    with pytest.raises(QuotaExceeded):
        edit_in_no_feed()
    assert usage(app, alice) == Usage(1, 0, 5)
    limit(app, alice, tasks=0, bytes=0)
    app.do(alice, app.tasks.edit, task.id, {"title": "54321"})
    app.do(alice, app.trash.delete, task.id)
    app.do(alice, app.trash.restore, task.id)
    assert usage(app, alice) == Usage(1, 0, 5)


def test_the_service_itself_has_no_quota(app: App, alice: SessionActor, seed: Seed) -> None:
    limit(app, alice, tasks=0, categories=0)
    user = app.see(alice, app.accounts.profile)
    seed.task(user)
    seed.category(user)
    assert usage(app, alice).tasks == 1


def test_concurrent_works_do_not_exceed_a_quota_together(app: App, alice: SessionActor) -> None:
    limit(app, alice, tasks=3)
    outcomes = race(*(partial(create, app, alice, str(number)) for number in range(8)))
    assert sum(isinstance(each, QuotaExceeded) for each in outcomes) == 5
    assert usage(app, alice).tasks == 3


def test_a_push_rejects_the_mutations_that_exceed_a_quota(app: App, alice: SessionActor) -> None:
    limit(app, alice, tasks=1)
    mutations = [
        Mutation(
            id=app.ids.new(),
            fingerprint=b"",
            type=ItemType.TASK,
            op=MutationOp.CREATE,
            target=app.ids.new(),
            data={"title": "t"},
        )
        for _ in range(2)
    ]
    first, second = app.pushing.push(alice, mutations)
    assert first.status is Status.APPLIED
    assert (second.status, type(second.error)) == (Status.REJECTED, QuotaExceeded)
    assert usage(app, alice).tasks == 1


def test_an_import_ends_at_the_quota(app: App, alice: SessionActor) -> None:
    limit(app, alice, tasks=4)
    with pytest.raises(QuotaExceeded):
        app.imports.import_file(alice, io.BytesIO(LINES.encode()), FileFormat.NDJSON)
    assert usage(app, alice).tasks == 0  # the batch that exceeds it is not imported
    limit(app, alice, tasks=5)
    app.imports.import_file(alice, io.BytesIO(LINES.encode()), FileFormat.NDJSON)
    assert usage(app, alice).tasks == 5


def test_the_quota_of_a_shared_category_is_that_of_its_owner(app: App, alice: SessionActor, bob: SessionActor) -> None:
    category = app.do(alice, app.categories.create, {"name": "home"})
    app.do(alice, app.category_sharing.share, category.id, "bob", Role.EDITOR)
    app.jobs.run_all()
    own = create(app, bob, "own")
    limit(app, alice, tasks=1)
    limit(app, bob, tasks=1)
    app.do(bob, app.tasks.edit, own.id, {"category": category.id})
    assert (usage(app, alice).tasks, usage(app, bob).tasks) == (1, 0)
    with pytest.raises(QuotaExceeded):
        create(app, bob, "another", category=category.id)
    with pytest.raises(QuotaExceeded):
        app.do(bob, app.tasks.edit, create(app, bob, "another").id, {"category": category.id})


def test_a_category_passes_to_an_editor_whatever_the_quotas(app: App, alice: SessionActor, bob: SessionActor) -> None:
    category = app.do(bob, app.categories.create, {"name": "home"})
    create(app, bob, "12345", category=category.id)
    app.do(bob, app.category_sharing.share, category.id, "alice", Role.EDITOR)
    app.jobs.run_all()
    limit(app, alice, tasks=0, categories=0, bytes=0)
    app.account_removal.delete(bob, PASSWORD)
    app.jobs.run_all()
    assert usage(app, alice) == Usage(1, 1, 5)
