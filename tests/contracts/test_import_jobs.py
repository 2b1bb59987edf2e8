"""The contract of an ImportJobRepository, and of the service that runs import jobs."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from tasktracker.domain.accounts.user import User
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.housekeeping import HousekeepingService
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import Busy, FieldError, ImportNotFound, InvalidInput, SessionEnded
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.portability import job_service
from tasktracker.domain.portability.import_job import (
    STALLED_AFTER,
    ImportedLine,
    ImportJob,
    JobState,
    LineOutcome,
)
from tasktracker.domain.portability.import_service import FileFormat, ImportService
from tasktracker.domain.portability.job_service import ImportJobService
from tasktracker.domain.portability.report import ImportReport
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.work import Storage
from tests.contracts.base import SECOND, Seed, listed, race, read_pages
from tests.fakes import CALENDAR, CHARACTERS, START, SYSTEM, ManualClock, SequentialIds

END = {"type": "end"}
HEADER = {"type": "header", "format": "tasktracker", "version": 2}


def new_job(seed: Seed, user: User, **more: Any) -> ImportJob:
    values: dict[str, Any] = {"id": seed.id(), "user_id": user.id, "dry_run": False, "size": 10}
    return ImportJob(**({**values, "created_at": START, "updated_at": START} | more))


def new_line(number: int, **more: Any) -> ImportedLine:
    values: dict[str, Any] = {"type": ItemType.TASK, "outcome": LineOutcome.CREATED}
    return ImportedLine(position=number, number=number, **(values | more))


def stored(store: Storage, *jobs: ImportJob) -> None:
    with store.writing(SYSTEM) as work:
        for job in jobs:
            work.import_jobs.add(job)


def found(store: Storage, job_id: UUID) -> ImportJob | None:
    with store.reading(SYSTEM) as work:
        return work.import_jobs.find(job_id)


class TestRepository:
    def test_a_job_is_read_as_stored(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        job = new_job(seed, user, dry_run=True, size=2**40)
        stored(store, job)
        assert found(store, job.id) == job
        assert found(store, seed.id()) is None
        advanced = job.advance(7, 3, START).advance(5, 2, START + SECOND)  # the file is read again
        assert (advanced.read, advanced.lines, advanced.updated_at) == (7, 5, START + SECOND)
        ended = advanced.end(JobState.FAILED, START, report=b"{}", problem=b"\x00\xff")
        with store.writing(SYSTEM) as work:
            assert work.import_jobs.find(job.id) == job
            work.import_jobs.save(ended)
        assert found(store, job.id) == ended

    def test_jobs_are_listed_newest_first(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        jobs = [
            new_job(seed, alice, created_at=START + number // 2 * SECOND, updated_at=START - number * SECOND)
            for number in range(5)
        ]
        stored(store, *jobs, new_job(seed, bob))
        pages = read_pages(store, lambda work, after: work.import_jobs.list(alice.id, after, 2))
        assert [job for page in pages for job in page] == jobs[::-1]

    def test_lines_are_listed_by_number_and_outcome(self, store: Storage, seed: Seed) -> None:
        job, other = new_job(seed, seed.user()), new_job(seed, seed.user())
        stored(store, job, other)
        errors = (FieldError("title", 'is "empty"'), FieldError("id", "is taken"))
        lines = [
            new_line(2, item=seed.id(), notices=errors),
            new_line(3, outcome=LineOutcome.SKIPPED, errors=errors),
            new_line(500_000, outcome=LineOutcome.SKIPPED, type=None),
        ]
        with store.writing(SYSTEM) as work:
            work.import_jobs.add_lines(job.id, lines[1:])
            work.import_jobs.add_lines(job.id, lines[:1])
            work.import_jobs.add_lines(other.id, lines[:1])
            work.import_jobs.add_lines(other.id, [])
        for outcome, expected in ((None, lines), (LineOutcome.SKIPPED, lines[1:]), (LineOutcome.IGNORED, [])):
            pages = read_pages(
                store,
                lambda work, after, outcome=outcome: work.import_jobs.lines(job.id, outcome, after, 1),  # type: ignore[misc]
            )
            assert [line for page in pages for line in page] == expected

    def test_lines_are_purged_before_their_job(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        jobs = [new_job(seed, user, created_at=START + number * SECOND) for number in range(3)]
        stored(store, *jobs)
        with store.writing(SYSTEM) as work:
            for job in jobs:
                work.import_jobs.add_lines(job.id, [new_line(number) for number in range(1, 4)])
            expired = work.import_jobs.expired(START + 2 * SECOND, 10)
            assert expired == [job.id for job in jobs[:2]]
            assert work.import_jobs.expired(START + 2 * SECOND, 1) == [jobs[0].id]
            assert [work.import_jobs.purge(expired, 4) for _ in range(4)] == [4, 2, 2, 0]
        assert [found(store, job.id) for job in jobs] == [None, None, jobs[2]]
        with store.reading(SYSTEM) as work:
            assert len(work.import_jobs.lines(jobs[2].id, None, None, 10).items) == 3

    def test_removing_a_user_removes_their_jobs_and_lines(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        job = new_job(seed, user)
        stored(store, job)
        with store.writing(SYSTEM) as work:
            work.import_jobs.add_lines(job.id, [new_line(1)])
        with store.writing(SYSTEM) as work:
            work.users.remove(user.id)
        with store.reading(SYSTEM) as work:
            assert work.import_jobs.find(job.id) is None
            assert work.import_jobs.lines(job.id, None, None, 10).items == []


def to_lines(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in (HEADER, *records, END))


def task(**fields: Any) -> dict[str, Any]:
    return {"type": "task", "id": str(uuid4()), "title": "task", **fields}


class Host:
    """A process that imports in batches of two lines, with a clock of its own."""

    def __init__(self, store: Storage, clock: ManualClock, actor: SessionActor, series: int = 50) -> None:
        self.actor = actor
        self.imports = ImportService(store=store, characters=CHARACTERS, calendar=CALENDAR, batch_size=2)
        self.jobs = ImportJobService(store=store, clock=clock, ids=SequentialIds(series))

    def start(self, *, dry_run: bool = False) -> ImportJob:
        return self.jobs.start(self.actor, 100, dry_run=dry_run)

    def run(
        self, job: ImportJob, content: bytes, file_format: FileFormat = FileFormat.NDJSON, **more: Any
    ) -> ImportJob:
        do = partial(self.imports.import_file, self.actor, io.BytesIO(content), file_format, dry_run=job.dry_run)
        self.jobs.run(job, do, view=view, explain=lambda error: type(error).__name__.encode(), **more)
        return self.jobs.find(self.actor, job.id)

    def lines(self, job: ImportJob) -> list[ImportedLine]:
        return list(self.jobs.lines(self.actor, job.id).items)


def view(report: ImportReport) -> bytes:
    return f"{report.tasks.created} created".encode()


@pytest.fixture
def user(seed: Seed) -> User:
    return seed.user()


@pytest.fixture
def host(store: Storage, clock: ManualClock, seed: Seed, user: User) -> Host:
    return Host(store, clock, seed.actor(user))


class TestService:
    @pytest.mark.parametrize("dry_run", [False, True])
    def test_a_job_stores_its_report_and_what_became_of_each_line(
        self, host: Host, store: Storage, seed: Seed, user: User, dry_run: bool
    ) -> None:
        known, taken = seed.task(user), seed.task(seed.user())
        parent, orphan = task(), task(parent=str(uuid4()))
        child, bad, mapped = task(parent=parent["id"]), task(title=""), task(id=str(taken.id), members=[])
        home = {"type": "category", "id": str(uuid4()), "name": "Home"}
        content = to_lines(home, child, task(id=str(known.id)), bad, mapped, parent, orphan)
        job = host.start(dry_run=dry_run)
        assert (job.state, job.lines, job.report) == (JobState.RUNNING, 0, None)
        job = host.run(job, content)
        assert (job.state, job.report, job.problem) == (JobState.DONE, b"3 created", None)
        assert (job.read, job.lines) == (job.size, 7)
        lines = host.lines(job)
        assert [(line.number, line.type, line.outcome) for line in lines] == [
            (2, ItemType.CATEGORY, LineOutcome.CREATED),
            (3, ItemType.TASK, LineOutcome.CREATED),
            (4, ItemType.TASK, LineOutcome.UNCHANGED),
            (5, None, LineOutcome.SKIPPED),
            (6, ItemType.TASK, LineOutcome.CREATED),
            (7, ItemType.TASK, LineOutcome.CREATED),
            (8, ItemType.TASK, LineOutcome.SKIPPED),
        ]
        assert [line.item for line in lines[1:3]] == [UUID(child["id"]), known.id]
        assert lines[4].item not in (None, taken.id)
        assert [error.field for line in lines for error in line.errors] == ["title", "parent"]
        created = {each.id for each in listed(store, user, TaskQuery(at=START))} - {known.id}
        assert created == (set() if dry_run else {line.item for line in lines if line.number in (3, 6, 7)})

    def test_lines_of_several_files_are_listed_in_the_order_of_the_files(self, host: Host) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            for name in ("Work.csv", "Home.csv"):
                files.writestr(name, "TYPE,CONTENT\ntask,First\ntask,Second\n")
        job = host.run(host.start(), archive.getvalue(), FileFormat.ZIP)
        assert job.state is JobState.DONE
        # Line 1 stands for the project, which becomes a category.
        assert [(line.file, line.number) for line in host.lines(job)] == [
            (name, number) for name in ("Home.csv", "Work.csv") for number in (1, 2, 3)
        ]

    def test_a_notice_about_the_file_is_kept_with_its_last_line(self, host: Host) -> None:
        job = host.run(host.start(), to_lines(task())[: -len(json.dumps(END)) - 1])
        (_, last) = host.lines(job)
        assert (last.number, last.outcome, last.item) == (3, LineOutcome.IGNORED, None)
        assert last.notices

    def test_a_file_in_another_format_fails_the_job(self, host: Host) -> None:
        job = host.run(host.start(), b"x")
        assert (job.state, job.report, job.problem) == (JobState.FAILED, None, InvalidInput.__name__.encode())

    def test_a_bug_fails_the_job_and_is_raised(self, host: Host) -> None:
        job = host.start()

        def fail(*, record: object) -> ImportReport:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            host.jobs.run(job, fail, view=view, explain=lambda _: b"bug")
        assert host.jobs.find(host.actor, job.id).problem == b"bug"

    def test_a_user_has_one_running_job(self, host: Host, store: Storage, clock: ManualClock, seed: Seed) -> None:
        job = host.start()
        with pytest.raises(Busy, match="Another import of your account is running"):
            host.start()
        assert Host(store, clock, seed.actor(seed.user()), 51).start().state is JobState.RUNNING
        host.run(job, to_lines())
        outcomes = race(*[host.start] * 4)
        assert sum(isinstance(each, Busy) for each in outcomes) == 3

    def test_a_job_that_records_nothing_becomes_interrupted(
        self, host: Host, store: Storage, clock: ManualClock
    ) -> None:
        job = host.start()
        clock.advance(STALLED_AFTER)
        assert host.jobs.list(host.actor).items == [job]
        clock.advance(SECOND)
        (interrupted,) = host.jobs.list(host.actor).items
        assert interrupted == replace(job, state=JobState.INTERRUPTED, updated_at=clock.now())
        assert not job.advance(1, 1, START + 2 * SECOND).is_stalled(clock.now())
        assert host.jobs.find(host.actor, job.id) == interrupted
        # The same file can be imported again.
        assert host.run(host.start(), to_lines(task())).state is JobState.DONE
        host.start()
        clock.advance(STALLED_AFTER + SECOND)
        assert host.jobs.find(host.actor, host.start().id).state is JobState.RUNNING
        clock.advance(STALLED_AFTER + SECOND)
        with store.reading(SYSTEM) as work:
            (stalled,) = work.import_jobs.list(host.actor.user_id, None, 1).items
        assert host.jobs.find(host.actor, stalled.id).state is JobState.INTERRUPTED

    def test_a_slow_process_stops_when_its_job_was_interrupted(
        self, host: Host, store: Storage, clock: ManualClock, user: User
    ) -> None:
        job, content = host.start(), to_lines(*(task() for _ in range(9)))

        class Slow(io.BytesIO):
            def readline(self, size: int | None = -1, /) -> bytes:
                if self.tell() > 300:
                    clock.advance(STALLED_AFTER + SECOND)
                    host.jobs.list(host.actor)
                return super().readline(size)

        do = partial(host.imports.import_file, host.actor, Slow(content), FileFormat.NDJSON)
        host.jobs.run(job, do, view=view, explain=lambda _: b"bug")
        interrupted = host.jobs.find(host.actor, job.id)
        assert (interrupted.state, interrupted.report) == (JobState.INTERRUPTED, None)
        imported = len(listed(store, user, TaskQuery(at=START)))
        assert 0 < imported < 9
        again = host.run(host.start(), content)
        outcomes = [line.outcome for line in host.lines(again)]
        assert (outcomes.count(LineOutcome.UNCHANGED), outcomes.count(LineOutcome.CREATED)) == (imported, 9 - imported)

    def test_a_server_that_stops_interrupts_its_jobs(self, host: Host, store: Storage, user: User) -> None:
        job = host.run(host.start(), to_lines(task(), task()), is_stopping=lambda: True)
        assert (job.state, job.lines) == (JobState.INTERRUPTED, 0)

    def test_a_job_ends_with_its_session_and_with_its_account(
        self, host: Host, store: Storage, user: User, seed: Seed
    ) -> None:
        job, actor = host.start(), host.actor
        with store.writing(SYSTEM) as work:
            work.sessions.remove(actor.session_id)
        with pytest.raises(SessionEnded):
            host.run(job, to_lines(task()))
        host.actor = seed.actor(user)
        assert host.jobs.find(host.actor, job.id).problem == SessionEnded.__name__.encode()
        job = host.start()

        def remove_account(*, record: Any) -> ImportReport:
            with store.writing(SYSTEM) as work:
                work.users.remove(user.id)
            record([new_line(1)], 1)
            raise AssertionError("the job is gone")

        host.jobs.run(job, remove_account, view=view, explain=lambda _: b"bug")
        assert found(store, job.id) is None

    def test_jobs_and_lines_of_others_are_not_found(
        self, host: Host, store: Storage, clock: ManualClock, seed: Seed
    ) -> None:
        job = host.run(host.start(), to_lines(task()))
        stranger = Host(store, clock, seed.actor(), 51)
        assert stranger.jobs.list(stranger.actor).items == []
        for call in (stranger.jobs.find, stranger.jobs.lines):
            for job_id in (job.id, seed.id()):
                with pytest.raises(ImportNotFound):
                    call(stranger.actor, job_id)

    def test_jobs_and_their_lines_are_read_in_pages(self, host: Host, clock: ManualClock, user: User) -> None:
        jobs = []
        for _ in range(3):
            clock.advance(SECOND)
            jobs.append(host.run(host.start(dry_run=True), to_lines(task(title=""), task(), task())))
        first = host.jobs.list(host.actor, None, 2)
        assert (first.items, first.next) == (jobs[:0:-1], jobs[1].key)
        assert host.jobs.list(host.actor, first.next, 2) == Page([jobs[0]], None)
        report, read, lines = b"2 created", 100, 3
        times = {"created_at": jobs[0].created_at, "updated_at": START + SECOND}
        ended = {"id": jobs[0].id, "user_id": user.id, "state": JobState.DONE, "dry_run": True, "size": 100}
        assert jobs[0] == ImportJob(**ended, **times, report=report, read=read, lines=lines)  # type: ignore[arg-type]
        for outcome, after, limit, numbers, following in (
            (None, None, 2, [2, 3], 3),
            (None, 3, 2, [4], None),
            (LineOutcome.CREATED, None, 1, [3], 3),
            (LineOutcome.CREATED, 3, 9, [4], None),
        ):
            page = host.jobs.lines(host.actor, jobs[0].id, outcome, after, limit)
            assert ([line.number for line in page.items], page.next) == (numbers, following)
        clock.advance(STALLED_AFTER + SECOND)
        assert host.jobs.list(host.actor).items == jobs[::-1]
        read_before_its_end = replace(jobs[0], state=JobState.RUNNING)
        assert host.jobs._interrupted_if_stalled(read_before_its_end) == jobs[0]

    def test_the_oldest_jobs_over_a_limit_are_removed(
        self, host: Host, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(job_service, "MAX_JOBS", 3)
        jobs = []
        for _ in range(5):
            clock.advance(SECOND)
            jobs.append(host.run(host.start(), to_lines(task(), task())))
        assert host.jobs.list(host.actor).items == jobs[:-4:-1]
        monkeypatch.setattr(job_service, "MAX_JOBS", 4)
        monkeypatch.setattr(job_service, "MAX_STORED_LINES", 2)
        clock.advance(SECOND)
        newest = host.start()
        assert host.jobs.list(host.actor).items == [newest, jobs[-1]]

    def test_a_sweep_removes_jobs_after_the_retention_time(
        self, host: Host, store: Storage, clock: ManualClock, user: User
    ) -> None:
        job = host.run(host.start(), to_lines(task(), task(), task()))
        sweep = HousekeepingService(store=store, clock=clock, retention=timedelta(days=1)).sweep
        clock.advance(days=1)
        sweep()
        assert found(store, job.id) == job
        clock.advance(SECOND)
        sweep(limit=1)
        assert found(store, job.id) == job
        sweep()
        assert found(store, job.id) is None
