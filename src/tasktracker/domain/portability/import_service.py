"""Importing files into an account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import BinaryIO
from uuid import UUID, uuid5

from tasktracker.domain.accounts.user import User
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.errors import Busy, CategoryNameTaken, FieldError, IdTaken, InvalidInput
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.kernel.time_zones import stored_time_zone
from tasktracker.domain.kernel.versions import with_version_after
from tasktracker.domain.portability import lines, ndjson, todoist, zipped
from tasktracker.domain.portability.csv_rows import check_header
from tasktracker.domain.portability.export_service import Owner, acting_for, find_owner
from tasktracker.domain.portability.import_job import ImportedLine, LineOutcome
from tasktracker.domain.portability.job_service import Record
from tasktracker.domain.portability.plan import ImportContext, ImportPlan
from tasktracker.domain.portability.planner import ImportPlanner
from tasktracker.domain.portability.ports import ImportWork
from tasktracker.domain.portability.project import Project
from tasktracker.domain.portability.record import CategoryRecord, Line
from tasktracker.domain.portability.recurring_dates import Today
from tasktracker.domain.portability.report import ImportReport
from tasktracker.domain.portability.zipped import Zipped
from tasktracker.domain.recurrence.ports import CalendarRules
from tasktracker.domain.reminders.reminder import LocalHour, Reminder

BATCH = 500
MAX_LINES = 500_000
MAX_ATTEMPTS = 3

Progress = Callable[[int], None]


class FileFormat(StrEnum):
    """The format of a file: an export file, a CSV file of Todoist, or a ZIP file of such CSV files."""

    NDJSON = "ndjson"
    TODOIST = "csv"
    ZIP = "zip"


@dataclass(slots=True)
class _Import:
    """An import in progress. The number of lines is not limited for imports by an administrator."""

    actor: Owner
    user: User
    restores: bool
    report: ImportReport
    context: ImportContext
    progress: Progress | None
    record: Record | None

    def require_lines(self, number: int) -> None:
        """Raise InvalidInput if the import has too many lines."""
        if isinstance(self.actor, SessionActor) and number > MAX_LINES:
            raise InvalidInput.of("body", f"has more than {MAX_LINES} lines")


@dataclass(slots=True)
class _File:
    """A file of an import.

    A file of an archive also has its `name` and two sums: `begin` is the number of lines in the files before it, and
    `end` is the number of the archive's bytes up to its end.
    """

    source: BinaryIO
    format: FileFormat
    project: Project | None = None
    name: str | None = None
    begin: int = 0
    end: int | None = None

    @property
    def read(self) -> int:
        """How many bytes of the file or the archive were read."""
        return self.source.tell() if self.end is None else self.end

    def lines(
        self, user: User, characters: Characters, today: Today, wanted: Container[int] | None = None
    ) -> Iterator[Line]:
        if self.format is FileFormat.NDJSON:
            return ndjson.read(self.source, wanted)
        zone = stored_time_zone(user.time_zone)
        return todoist.read(self.source, user.id, zone, characters, today, self.project, wanted)


class ImportService:
    """The process that imports a file in batches of lines. Each batch is committed separately."""

    def __init__(
        self,
        *,
        store: Store[Owner, ImportWork],
        characters: Characters,
        calendar: CalendarRules,
        batch_size: int = BATCH,
    ) -> None:
        self._store = store
        self._characters = characters
        self._calendar = calendar
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
        project: str | None = None,
        restore: bool = False,
        dry_run: bool = False,
        progress: Progress | None = None,
        record: Record | None = None,
    ) -> ImportReport:
        """Import a file into the actor's account. The file may be read more than once.

        Existing items are not changed. With `restore`, existing tasks in the trash are restored. With `dry_run`,
        the report says what would be done. A refused line is
        reported, and the others are imported. `project` is the name of the project that a CSV file contains. `progress`
        gets the number of bytes read, and `record` gets each line once, after its batch was committed.

        Raises SessionEnded, and InvalidInput for a file in another format, from which nothing is imported. After
        another error, the batches that were already committed stay, and the file can be imported again.
        """
        with self._store.reading(actor) as work:
            user, now = find_owner(work, actor), work.now
        run = _Import(actor, user, restore, ImportReport(dry_run), ImportContext(now), progress, record)
        is_zip = file_format is FileFormat.ZIP or (file_format is FileFormat.TODOIST and zipped.is_zip(source))
        if project is not None and (is_zip or file_format is not FileFormat.TODOIST):
            raise InvalidInput.of("project", "is only for a CSV file of Todoist")
        if is_zip:
            self._import_zip(run, Zipped(source, self._characters))
        else:
            run.require_lines(lines.count(source))
            named = None if project is None else Project.named(project, self._characters)
            self._import_all(run, _File(source, file_format, named))
        return run.report

    def import_file_for(
        self,
        login: str,
        source: BinaryIO,
        file_format: FileFormat,
        *,
        project: str | None = None,
        restore: bool = False,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Import a file into a user's account, for an administrator of the service. Also raises UserNotFound."""
        actor = acting_for(self._store, "import", login)
        return self.import_file(
            actor, source, file_format, project=project, restore=restore, dry_run=dry_run, progress=progress
        )

    def _import_zip(self, run: _Import, archive: Zipped) -> None:
        """Check all files, then import each. So if one file is refused, nothing is imported."""
        number, begins = 0, list[int]()
        for each in archive.files:
            with archive.open(each) as source:
                begins.append(number)
                number += lines.count(source)
                run.require_lines(number)
                try:
                    check_header(source)
                except InvalidInput as invalid:
                    errors = (
                        replace(error, message=f"has {each.name}, which {error.message}") for error in invalid.errors
                    )
                    raise InvalidInput(*errors) from None
        for begin, each in zip(begins, archive.files, strict=True):
            with archive.open(each) as source:
                self._import_all(run, _File(source, FileFormat.TODOIST, each.project, each.name, begin, each.end))

    def _import_all(self, run: _Import, file: _File) -> None:
        waiting = self._pass(run, file)
        while waiting:
            # Each pass imports the tasks whose parents were imported by the previous pass.
            remaining = self._pass(run, file, waiting)
            if remaining == waiting:
                self._pass(run, file, remaining, last=True)
                break
            waiting = remaining

    def _pass(self, run: _Import, file: _File, wanted: set[int] | None = None, *, last: bool = False) -> set[int]:
        """Import lines in batches, and return the numbers of those that wait for their parent."""
        waiting: set[int] = set()
        found = file.lines(run.user, self._characters, Today(run.context.moment, self._calendar), wanted)
        while batch := list(islice(found, self._batch_size)):
            plan = self._import(run, batch, last=last)
            waiting.update(plan.waiting)
            _report(run, file, batch, plan)
            if run.record is not None:
                run.record(list(_imported(file, batch, plan)), file.read)
            if run.progress is not None:
                run.progress(file.read)
        if run.progress is not None:
            run.progress(file.read)
        return waiting

    def _import(self, run: _Import, batch: Sequence[Line], *, last: bool) -> ImportPlan:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return self._import_once(run, batch, last=last)
            except (IdTaken, CategoryNameTaken):
                # Another unit of work took the id or name after the check, perhaps for the same file sent twice. Retry.
                if attempt == MAX_ATTEMPTS:
                    raise Busy from None
        raise AssertionError("the last attempt returns or raises")

    def _import_once(self, run: _Import, batch: Sequence[Line], *, last: bool) -> ImportPlan:
        is_writing = not run.report.dry_run
        opening = self._store.writing if is_writing else self._store.reading
        with opening(run.actor) as work:
            planner = ImportPlanner(
                work, run.user.id, run.context, self._characters, is_writing=is_writing, restores=run.restores
            )
            plan = planner.decide(batch, last=last)
            if is_writing:
                _store(work, run.user.id, plan)
        return plan


def _store(work: ImportWork, user_id: UUID, plan: ImportPlan) -> None:
    deleted = _deleted_versions(work, user_id, ItemType.CATEGORY, [each.id for each in plan.new_categories])
    for new in plan.new_categories:
        category = with_version_after(new, deleted.get(new.id))
        work.categories.add(category)
        work.changes.record(Action.CREATE, None, category)
    deleted = _deleted_versions(work, user_id, ItemType.TASK, [each.id for each in plan.new_tasks])
    tasks = [with_version_after(each, deleted.get(each.id)) for each in plan.new_tasks]
    work.bulk.add(tasks)
    work.changes.record_many(Action.CREATE, [(None, task) for task in tasks])
    due = work.reminders.hours([user_id])[user_id] if plan.reminders else LocalHour()
    for task in tasks:
        for number, fields in enumerate(plan.reminders.get(task.id, ())):
            id_ = uuid5(task.id, f"{user_id} {number} {work.now.isoformat()}")
            new_one = Reminder(id=id_, task=task.id, user_id=user_id, created_at=work.now, **fields)
            reminder = new_one.scheduled(task, due, work.now)
            work.reminders.add(reminder)
            work.changes.record(Action.CREATE, None, reminder)


def _deleted_versions(work: ImportWork, user_id: UUID, type: ItemType, ids: Sequence[UUID]) -> Mapping[UUID, int]:
    return {id_: deletion.version for id_, deletion in work.feed.tombstones(user_id, type, ids).items()}


def _report(run: _Import, file: _File, batch: Sequence[Line], plan: ImportPlan) -> None:
    report = run.report
    report.categories.add(plan.categories)
    report.tasks.add(plan.tasks)
    waiting = set(plan.waiting)
    refused = [(line.number, line.errors) for line in batch if line.errors]
    changed = [(line.number, line.notices) for line in batch if line.record or not line.errors]
    for number, errors in sorted([*refused, *plan.errors], key=_number):
        report.skip(number, errors, file.name)
    for number, notices in sorted([*changed, *plan.notices], key=_number):
        if number not in waiting:
            report.notice(number, notices, file.name)
    run.context.update(plan.context, is_dry_run=report.dry_run)


def _imported(file: _File, batch: Sequence[Line], plan: ImportPlan) -> Iterator[ImportedLine]:
    """Yield the result of each line of a batch, without those that wait."""
    refused, changed = _by_line(plan.errors), _by_line(plan.notices)
    waiting = set(plan.waiting)
    for line in batch:
        errors = (*line.errors, *refused[line.number])
        notices = (*line.notices, *changed[line.number])
        if line.number in waiting:
            continue
        outcome, item = plan.decided.get(line.number, (LineOutcome.SKIPPED if errors else LineOutcome.IGNORED, None))
        type_ = ItemType.CATEGORY if isinstance(line.record, CategoryRecord) else ItemType.TASK
        yield ImportedLine(
            position=file.begin + line.number,
            file=file.name,
            number=line.number,
            type=type_ if line.record else None,
            outcome=outcome,
            item=item,
            errors=errors,
            notices=notices,
        )


def _by_line(findings: Sequence[tuple[int, Sequence[FieldError]]]) -> Mapping[int, Sequence[FieldError]]:
    by_line = defaultdict[int, list[FieldError]](list)
    for number, errors in findings:
        by_line[number] += errors
    return by_line


def _number(finding: tuple[int, Sequence[FieldError]]) -> int:
    return finding[0]
