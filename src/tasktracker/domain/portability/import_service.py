"""Importing files into an account."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import BinaryIO
from uuid import UUID

from tasktracker.domain.accounts.user import User
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.errors import Busy, CategoryNameTaken, FieldError, IdTaken
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.kernel.time_zones import stored_time_zone
from tasktracker.domain.kernel.versions import with_version_after
from tasktracker.domain.portability import ndjson, todoist
from tasktracker.domain.portability.export_service import Owner, acting_for, find_owner
from tasktracker.domain.portability.planner import ImportContext, ImportPlan, ImportPlanner
from tasktracker.domain.portability.ports import ImportWork
from tasktracker.domain.portability.record import Line
from tasktracker.domain.portability.report import ImportReport

BATCH = 500
MAX_LINES = 500_000
MAX_ATTEMPTS = 3

Progress = Callable[[int], None]


class FileFormat(StrEnum):
    """The format of a file."""

    NDJSON = "ndjson"
    TODOIST = "csv"


@dataclass(slots=True)
class _Import:
    """An import in progress. A file that an administrator imports may have any number of lines."""

    actor: Owner
    user: User
    source: BinaryIO
    format: FileFormat
    report: ImportReport
    progress: Progress | None
    characters: Characters
    context: ImportContext = field(default_factory=ImportContext)

    def lines(self, wanted: Container[int] | None = None) -> Iterator[Line]:
        if self.format is FileFormat.NDJSON:
            return ndjson.read(self.source, wanted, self._max_lines)
        zone = stored_time_zone(self.user.time_zone)
        return todoist.read(self.source, self.user.id, zone, self.characters, wanted, self._max_lines)

    @property
    def _max_lines(self) -> int | None:
        return MAX_LINES if isinstance(self.actor, SessionActor) else None


class ImportService:
    """The process that imports a file in batches of lines. Each batch is committed separately."""

    def __init__(self, *, store: Store[Owner, ImportWork], characters: Characters, batch_size: int = BATCH) -> None:
        self._store = store
        self._characters = characters
        self._batch_size = batch_size

    def admit(self, actor: SessionActor) -> None:
        """Check that the actor may act, before the server receives a large file from them. Raises SessionEnded."""
        with self._store.reading(actor):
            pass

    def import_file(
        self,
        actor: Owner,
        source: BinaryIO,
        file_format: FileFormat,
        *,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Import a file into the actor's account, or report what would be done. The file may be read more than once.

        Existing items are not changed. A refused line is reported, and the others are imported. `progress` gets the
        number of bytes read.

        Raises SessionEnded, and InvalidInput for a file in another format. Batches committed before an error stay; the
        file can then be imported again.
        """
        with self._store.reading(actor) as work:
            user = find_owner(work, actor)
        report = ImportReport(dry_run)
        return self._run(_Import(actor, user, source, file_format, report, progress, self._characters))

    def import_file_for(
        self,
        login: str,
        source: BinaryIO,
        file_format: FileFormat,
        *,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Import a file into a user's account, for an administrator of the service. Also raises UserNotFound."""
        actor = acting_for(self._store, "import", login)
        return self.import_file(actor, source, file_format, dry_run=dry_run, progress=progress)

    def _run(self, run: _Import) -> ImportReport:
        waiting = self._pass(run, run.lines())
        while waiting:
            # Each pass imports the tasks whose parents were imported by the previous pass.
            remaining = self._pass(run, run.lines(waiting))
            if remaining == waiting:
                self._pass(run, run.lines(remaining), last=True)
                break
            waiting = remaining
        return run.report

    def _pass(self, run: _Import, lines: Iterator[Line], *, last: bool = False) -> set[int]:
        """Import lines in batches, and return the numbers of those that wait for their parent."""
        waiting: set[int] = set()
        while batch := list(islice(lines, self._batch_size)):
            plan = self._import(run, batch, last=last)
            waiting.update(plan.waiting)
            _report(run, batch, plan)
            _show_progress(run)
        _show_progress(run)
        return waiting

    def _import(self, run: _Import, batch: Sequence[Line], *, last: bool) -> ImportPlan:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return self._import_once(run, batch, last=last)
            except (IdTaken, CategoryNameTaken):
                # Another work took the id or name after the check, perhaps for the same file sent twice: retry.
                if attempt == MAX_ATTEMPTS:
                    raise Busy from None
        raise AssertionError("the last attempt returns or raises")

    def _import_once(self, run: _Import, batch: Sequence[Line], *, last: bool) -> ImportPlan:
        is_writing = not run.report.dry_run
        opening = self._store.writing if is_writing else self._store.reading
        with opening(run.actor) as work:
            planner = ImportPlanner(work, run.user.id, run.context, self._characters, is_writing=is_writing)
            plan = planner.decide(batch, last=last)
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
    work.bulk.add(tasks)
    work.changes.record_many(Action.CREATE, [(None, task) for task in tasks])


def _report(run: _Import, batch: Sequence[Line], plan: ImportPlan) -> None:
    report = run.report
    report.categories.add(plan.categories)
    report.tasks.add(plan.tasks)
    waiting = set(plan.waiting)
    refused = [(line.number, line.errors) for line in batch if line.errors]
    changed = [(line.number, line.notices) for line in batch if line.record or not line.errors]
    for number, errors in sorted([*refused, *plan.errors], key=_number):
        report.skip(number, errors)
    for number, notices in sorted([*changed, *plan.notices], key=_number):
        if number not in waiting:
            report.notice(number, notices)
    run.context.categories.update(plan.context.categories)
    if report.dry_run:
        run.context.names.update(plan.context.names)
        run.context.parents.update(plan.context.parents)


def _show_progress(run: _Import) -> None:
    if run.progress is not None:
        run.progress(run.source.tell())


def _number(finding: tuple[int, Sequence[FieldError]]) -> int:
    return finding[0]
