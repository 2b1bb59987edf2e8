"""Where the memory adapter is stricter than its contract: mistakes of the program raise errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.domain.accounts.invites import Invite
from tasktracker.domain.accounts.second_factor import SecondFactor
from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import CategoryMember
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.portability.import_job import ImportedLine, ImportJob, LineOutcome
from tasktracker.domain.reminders.reminder import Reminder
from tasktracker.domain.work import Storage
from tests.contracts.base import BackgroundCall, Seed, everything
from tests.fakes import START, SYSTEM, ManualClock, SequentialIds


@pytest.fixture
def store() -> Storage:
    return MemoryStore(ManualClock(), SequentialIds())


@pytest.fixture
def seed(store: Storage) -> Seed:
    return Seed(store, ManualClock(), SequentialIds())


@pytest.fixture
def user(seed: Seed) -> User:
    return seed.user("alice")


@pytest.mark.parametrize("outer", ["reading", "writing"])
@pytest.mark.parametrize("inner", ["reading", "writing"])
def test_a_nested_unit_of_work_is_an_error(store: Storage, user: User, outer: str, inner: str) -> None:
    def nest() -> None:
        with getattr(store, outer)(SYSTEM) as work:
            with pytest.raises(RuntimeError, match="open in this thread"), getattr(store, inner)(SYSTEM):
                pass
            assert work.users.find(user.id) == user

    BackgroundCall(nest).result()
    with store.writing(SYSTEM) as work:
        assert work.users.find(user.id) == user


def test_a_secret_can_be_read_within_a_unit_of_work(store: Storage) -> None:
    with store.reading(SYSTEM):
        assert BackgroundCall(lambda: store.get_or_create_secret("first")).result() == store.get_or_create_secret(
            "first"
        )


def test_two_stores_are_separate(store: Storage, user: User) -> None:
    other = MemoryStore(ManualClock(), SequentialIds())
    assert everything(other, user) == [(None, [], [], [])]
    assert other.get_or_create_secret("first") != store.get_or_create_secret("first")


def test_rows_that_a_database_would_refuse_are_an_error(store: Storage, seed: Seed, user: User) -> None:
    unknown = seed.new_user()
    session = seed.session(user)
    category = seed.category(user)
    token, event = seed.api_token(user), seed.event(user)
    task = seed.task(user, category=category.id)
    job = Job.of(JobKind.PURGE_TASK, task.id, user.id, START)
    imported = ImportJob(id=seed.id(), user_id=user.id, dry_run=True, size=1, created_at=START, updated_at=START)
    line = ImportedLine(position=1, number=1, type=None, outcome=LineOutcome.IGNORED)
    with store.writing(SYSTEM) as work:
        work.jobs.add(job)
        work.import_jobs.add(imported)
        member = CategoryMember(user.id, Role.VIEWER, since=work.now)
        calls: tuple[Callable[[], object], ...] = (
            lambda: work.users.add(seed.new_user(id=user.id)),
            lambda: work.sessions.add(session),
            lambda: work.sessions.add(seed.new_session(unknown)),
            lambda: work.api_tokens.add(token),
            lambda: work.api_tokens.add(seed.new_api_token(unknown)),
            lambda: work.activity.add(event),
            lambda: work.activity.add(seed.new_event(unknown)),
            lambda: work.second_factors.save(SecondFactor(user_id=unknown.id, sealed_secret="sealed")),
            lambda: work.categories.add(seed.new_category(unknown)),
            lambda: work.categories.remove(category.id),
            lambda: work.categories.save(category.with_member(member, work.now)),
            lambda: work.tasks.add(seed.new_task(unknown)),
            lambda: work.reminders.add(
                Reminder(id=seed.id(), task=task.id, user_id=unknown.id, at=START, created_at=START)
            ),
            lambda: work.jobs.add(job),
            lambda: work.import_jobs.add(imported),
            lambda: work.import_jobs.add_lines(imported.id, [line, line]),
            lambda: work.import_jobs.add(replace(imported, id=seed.id(), user_id=unknown.id)),
            lambda: work.invites.add(Invite.create(id=seed.id(), created_by=unknown.id, fields={}, now=START)[0]),
        )
        for call in calls:
            with pytest.raises(RuntimeError):
                call()
