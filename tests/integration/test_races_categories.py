"""Changes of the members of a category, concurrent with writes of the user who loses access."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from uuid import uuid4

import pytest

from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import Uuid7Generator
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.errors import TaskNotFound
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.sync.mutation import Mutation, MutationOp
from tasktracker.domain.sync.task_mutations import TaskMutations
from tests.contracts.base import Seed, race, session_actor
from tests.fakes import App, ManualClock, SequentialIds
from tests.postgres import DatabaseFactory
from tests.unit.base import before_next_call

ROUNDS, WRITES = 15, 6


@pytest.fixture
def apps(postgres_url_factory: DatabaseFactory) -> Iterator[tuple[App, App, Seed]]:
    """Two processes' services on one database."""
    url = postgres_url_factory.create_migrated_database()
    clock = ManualClock()
    with (
        closing(SqlStore(open_database(url), clock, Uuid7Generator())) as one,
        closing(SqlStore(open_database(url), clock, Uuid7Generator())) as two,
    ):
        yield App(one, clock), App(two, clock), Seed(one, clock, SequentialIds())
    postgres_url_factory.drop_database(url)


@pytest.mark.parametrize("ending", ["unshare", "demote"])
def test_no_write_commits_after_the_role_has_ended(apps: tuple[App, App, Seed], ending: str) -> None:
    here, there, seed = apps
    owner, editor = (session_actor(seed.session(seed.user(name))) for name in ("owner", "editor"))
    category = here.do(owner, here.categories.create, {"name": "Team"})
    task = here.do(owner, here.tasks.create, {"title": "task", "category": category.id})
    below = here.do(owner, here.tasks.create, {"title": "below", "parent": task.id})
    for number in range(ROUNDS):
        here.do(owner, here.category_sharing.share, category.id, "editor", Role.EDITOR)

        def end() -> int:
            if ending == "unshare":
                here.do(owner, here.category_sharing.unshare, category.id, editor.user_id)
            else:
                here.do(owner, here.category_sharing.assign, category.id, editor.user_id, Role.VIEWER)
            return versions()

        def versions() -> int:
            return sum(here.see(owner, here.tasks.get, each.id).version for each in (task, below))

        def write(count: int, number: int = number) -> object:
            each = (task, below)[count % 2]
            return there.do(editor, there.tasks.edit, each.id, {"title": f"{number} {count}"})

        calls: list[Callable[[], object]] = [*(partial(write, count) for count in range(WRITES)), end]
        outcomes = race(*calls)
        assert outcomes[-1] == versions(), "a write was committed after the role had ended"
        if ending == "unshare":
            with pytest.raises(TaskNotFound):
                write(0)


def test_what_a_push_leaves_out_because_of_a_concurrent_demotion_is_named(
    apps: tuple[App, App, Seed], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, seed = apps
    owner, editor = (session_actor(seed.session(seed.user(name))) for name in ("owner", "editor"))
    category = here.do(owner, here.categories.create, {"name": "Team"})
    here.do(owner, here.category_sharing.share, category.id, "editor", Role.EDITOR)
    task = here.do(editor, here.tasks.create, {"title": "task", "category": category.id})
    task = here.do(owner, here.tasks.edit, task.id, {"title": "Task"})
    here.do(owner, here.sharing.share, task.id, "editor", Role.EDITOR)
    mutations = there.pushing.mutations[ItemType.TASK]
    assert isinstance(mutations, TaskMutations)
    demote = partial(here.do, owner, here.category_sharing.assign, category.id, editor.user_id, Role.VIEWER)
    before_next_call(monkeypatch, mutations._tasks, "edit", demote)
    data = {"title": "mine", "category": None}
    fixed = {"id": uuid4(), "fingerprint": b"", "type": ItemType.TASK, "op": MutationOp.UPDATE, "data": data}
    (outcome,) = there.pushing.push(editor, [Mutation(target=task.id, **fixed)])  # type: ignore[arg-type]
    stored = here.see(owner, here.tasks.get, task.id)
    assert (outcome.dropped, stored.title, stored.category) == (["category"], "mine", category.id)
