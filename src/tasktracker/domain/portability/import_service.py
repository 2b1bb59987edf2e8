"""Importing files into an account."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import BinaryIO
from uuid import UUID
from zoneinfo import ZoneInfo

from tasktracker.domain.accounts.user import User
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import Busy, CategoryNameTaken, FieldError, IdTaken
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.kernel.versions import with_version_after
from tasktracker.domain.portability import ndjson, todoist
from tasktracker.domain.portability.export_service import Owner, acting_for, find_owner
from tasktracker.domain.portability.planner import ImportContext, ImportPlan, ImportPlanner
from tasktracker.domain.portability.ports import ImportWork
from tasktracker.domain.portability.record import Line
from tasktracker.domain.portability.report import ImportReport

CHUNK = 500
MAX_LINES = 500_000
TRIES = 3

Progress = Callable[[int], None]


class Form(StrEnum):
    """What a file is written in."""

    NDJSON = "ndjson"
    TODOIST = "csv"


@dataclass(slots=True)
class _Import:
    """A file under way into an account. One that an administrator imports may have any number of lines."""

    actor: Owner
    user: User
    source: BinaryIO
    form: Form
    report: ImportReport
    progress: Progress | None
    context: ImportContext = field(default_factory=ImportContext)

    def lines(self, wanted: Container[int] | None = None) -> Iterator[Line]:
        if self.form is Form.NDJSON:
            return ndjson.read(self.source, wanted, self._max_lines)
        return todoist.read(self.source, self.user.id, ZoneInfo(self.user.time_zone), wanted, self._max_lines)

    @property
    def _max_lines(self) -> int | None:
        return MAX_LINES if isinstance(self.actor, SessionActor) else None


class ImportService:
    """The process of importing a file some hundred lines at a time, each lot of which is committed by itself."""

    def __init__(self, *, store: Store[Owner, ImportWork], chunk: int = CHUNK) -> None:
        self._store = store
        self._chunk = chunk

    def admit(self, actor: SessionActor) -> None:
        """Require that the actor may act, before a large file is received from them. Raises SessionEnded."""
        with self._store.reading(actor):
            pass

    def bring_in(
        self, actor: Owner, source: BinaryIO, form: Form, *, dry_run: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import a file into the actor's account, or report what would be done. The file may be read more than once.

        What is already there stays as it is. A line that is refused is reported, and the others are imported.
        `progress` gets the number of bytes that have been read.

        Raises SessionEnded, and InvalidInput for what is no such file at all. What was committed before that stays,
        and does no harm when the file is imported again.
        """
        with self._store.reading(actor) as work:
            user = find_owner(work, actor)
        return self._run(_Import(actor, user, source, form, ImportReport(dry_run), progress))

    def bring_in_for(
        self, login: str, source: BinaryIO, form: Form, *, dry_run: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import a file into a user's account, as an administrator of the service. Raises UserNotFound, too."""
        actor = acting_for(self._store, "import", login)
        return self.bring_in(actor, source, form, dry_run=dry_run, progress=progress)

    def _run(self, run: _Import) -> ImportReport:
        waiting = self._pass(run, run.lines())
        while waiting:
            # Each time, those are imported whose parent was imported the last time.
            still = self._pass(run, run.lines(waiting))
            if still == waiting:
                self._pass(run, run.lines(still), last=True)
                break
            waiting = still
        return run.report

    def _pass(self, run: _Import, lines: Iterator[Line], *, last: bool = False) -> set[int]:
        """Import lines a chunk at a time, and return the numbers of those that wait for their parent."""
        waiting: set[int] = set()
        while chunk := list(islice(lines, self._chunk)):
            plan = self._import(run, chunk, last=last)
            waiting.update(plan.waiting)
            _report(run, chunk, plan)
            _show_progress(run)
        _show_progress(run)
        return waiting

    def _import(self, run: _Import, chunk: Sequence[Line], *, last: bool) -> ImportPlan:
        for attempt in range(1, TRIES + 1):
            try:
                return self._try(run, chunk, last=last)
            except (IdTaken, CategoryNameTaken):
                # Another work took it after we looked: perhaps the same file, sent twice. Look again.
                if attempt == TRIES:
                    raise Busy from None
        raise AssertionError("the last try returns or raises")

    def _try(self, run: _Import, chunk: Sequence[Line], *, last: bool) -> ImportPlan:
        is_writing = not run.report.dry_run
        opening = self._store.writing if is_writing else self._store.reading
        with opening(run.actor) as work:
            planner = ImportPlanner(work, run.user.id, run.context, is_writing=is_writing)
            plan = planner.decide(chunk, last=last)
            if is_writing:
                _store(work, run.user.id, plan)
        return plan


def _store(work: ImportWork, user_id: UUID, plan: ImportPlan) -> None:
    deleted = work.feed.tombstones(user_id, ItemType.CATEGORY, [each.id for each in plan.new_categories])
    for new in plan.new_categories:
        category = with_version_after(new, deleted.get(new.id))
        work.categories.add(category)
        work.changes.record(Action.CREATE, None, category)
    deleted = work.feed.tombstones(user_id, ItemType.TASK, [each.id for each in plan.new_tasks])
    tasks = [with_version_after(each, deleted.get(each.id)) for each in plan.new_tasks]
    work.archive.add(tasks)
    work.changes.record_many(Action.CREATE, [(None, task) for task in tasks])


def _report(run: _Import, chunk: Sequence[Line], plan: ImportPlan) -> None:
    report = run.report
    report.categories.add(plan.categories)
    report.tasks.add(plan.tasks)
    waiting = set(plan.waiting)
    refused = [(line.number, line.errors) for line in chunk if line.errors]
    changed = [(line.number, line.notices) for line in chunk if line.record or not line.errors]
    for number, errors in sorted([*refused, *plan.errors], key=_number):
        report.skip(number, errors)
    for number, notices in sorted([*changed, *plan.notices], key=_number):
        if number not in waiting:
            report.notice(number, notices)
    run.context.categories.update(plan.context.categories)
    if report.dry_run:
        run.context.names.update(plan.context.names)
        run.context.places.update(plan.context.places)


def _show_progress(run: _Import) -> None:
    if run.progress is not None:
        run.progress(run.source.tell())


def _number(finding: tuple[int, Sequence[FieldError]]) -> int:
    return finding[0]
