"""Bringing things in."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import BinaryIO
from zoneinfo import ZoneInfo

from tasktracker.domain.accounts.user import User
from tasktracker.domain.feed.entries import ItemType, category_mark, task_marks
from tasktracker.domain.history.change import Action, Change, differences
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.kernel.errors import Busy, CategoryNameTaken, FieldError, IdTaken, SessionEnded
from tasktracker.domain.portability import ndjson, todoist
from tasktracker.domain.portability.arrival import Arrival, Known, Outcome
from tasktracker.domain.portability.export_service import find_by_login
from tasktracker.domain.portability.record import Line
from tasktracker.domain.portability.report import ImportReport
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Store, UnitOfWork

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
    """A file under way into an account. `actor` is None where the service's administrator does it.

    Only then may it have any number of lines.
    """

    actor: SessionActor | None
    user: User
    source: BinaryIO
    form: Form
    report: ImportReport
    progress: Progress | None
    known: Known = field(default_factory=Known)

    def lines(self, wanted: Container[int] | None = None) -> Iterator[Line]:
        if self.form is Form.NDJSON:
            return ndjson.read(self.source, wanted, self._most)
        return todoist.read(self.source, self.user.id, ZoneInfo(self.user.time_zone), wanted, self._most)

    @property
    def _most(self) -> int | None:
        return MAX_LINES if self.actor else None


class ImportService:
    """Files brought into an account some hundred lines at a time, each lot of which is committed by itself."""

    def __init__(self, *, store: Store, clock: Clock, ids: IdGenerator, chunk: int = CHUNK) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._chunk = chunk

    def admit(self, actor: SessionActor) -> None:
        """Require that the actor may act, before a large file is received from them. Raises SessionEnded."""
        with self._store.reading(actor):
            pass

    def bring_in(
        self,
        actor: SessionActor,
        source: BinaryIO,
        form: Form,
        *,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Bring a file into the actor's account, or say what would come of it. The file may be read more than once.

        What is already there stays as it is. A line that is refused is reported, and the others come in. `progress`
        is told how many bytes have been read.

        Raises SessionEnded, and InvalidInput for what is no such file at all. What was committed before that stays,
        and does no harm when the file is brought in again.
        """
        with self._store.reading(actor) as work:
            user = work.users.find(actor.user_id)
        if user is None:
            raise SessionEnded
        return self._run(_Import(actor, user, source, form, ImportReport(dry_run), progress))

    def bring_in_for(
        self, login: str, source: BinaryIO, form: Form, *, dry_run: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Bring a file into somebody's account, as an administrator of the service. Raises UserNotFound, too."""
        user = find_by_login(self._store, login)
        return self._run(_Import(None, user, source, form, ImportReport(dry_run), progress))

    def _run(self, run: _Import) -> ImportReport:
        waiting = self._pass(run, run.lines())
        while waiting:
            # Each time, those come in whose parent came in the last time.
            still = self._pass(run, run.lines(waiting))
            if still == waiting:
                self._pass(run, run.lines(still), last=True)
                break
            waiting = still
        return run.report

    def _pass(self, run: _Import, lines: Iterator[Line], *, last: bool = False) -> set[int]:
        """Bring in lines a chunk at a time, and return the numbers of those that wait for their parent."""
        waiting: set[int] = set()
        while chunk := list(islice(lines, self._chunk)):
            outcome = self._settle(run, chunk, last=last)
            waiting.update(outcome.waiting)
            self._tell(run, chunk, outcome)
            self._show(run)
        self._show(run)
        return waiting

    def _show(self, run: _Import) -> None:
        if run.progress is not None:
            run.progress(run.source.tell())

    def _settle(self, run: _Import, chunk: Sequence[Line], *, last: bool) -> Outcome:
        for attempt in range(1, TRIES + 1):
            try:
                return self._try(run, chunk, last=last)
            except (IdTaken, CategoryNameTaken):
                # Somebody took it after we looked: perhaps the same file, sent twice. Look again.
                if attempt == TRIES:
                    raise Busy from None
        raise AssertionError("the last try returns or raises")

    def _try(self, run: _Import, chunk: Sequence[Line], *, last: bool) -> Outcome:
        is_writing = not run.report.dry_run
        opening = self._store.writing if is_writing else self._store.reading
        with opening(run.actor) as work:
            now = self._clock.now()
            arrival = Arrival(work, run.user.id, now, run.known, is_writing=is_writing)
            outcome = arrival.decide(chunk, last=last)
            if is_writing:
                self._add(run, work, outcome)
        return outcome

    def _add(self, run: _Import, work: UnitOfWork, outcome: Outcome) -> None:
        user_id = run.user.id
        deleted = work.feed.tombstones(user_id, ItemType.CATEGORY, [each.id for each in outcome.new_categories])
        for new in outcome.new_categories:
            category = new.continuing(deleted.get(new.id))
            work.categories.add(category)
            work.feed.add([category_mark(category)])
        deleted = work.feed.tombstones(user_id, ItemType.TASK, [each.id for each in outcome.new_tasks])
        tasks = [each.continuing(deleted.get(each.id)) for each in outcome.new_tasks]
        work.archive.add(tasks, [self._created(run, task) for task in tasks])
        for task in tasks:
            work.feed.add(task_marks(None, task))

    def _created(self, run: _Import, task: Task) -> Change:
        return Change(
            id=self._ids.new(),
            task_id=task.id,
            # It came to be here now, however old it is.
            at=self._clock.now(),
            action=Action.CREATE,
            version=task.version,
            actor=run.user.id,
            session_id=run.actor.session_id if run.actor else None,
            token_id=None,
            fields=differences(None, task),
        )

    def _tell(self, run: _Import, chunk: Sequence[Line], outcome: Outcome) -> None:
        report = run.report
        report.categories.add(outcome.categories)
        report.tasks.add(outcome.tasks)
        waiting = set(outcome.waiting)
        refused = [(line.number, line.errors) for line in chunk if line.errors]
        changed = [(line.number, line.notices) for line in chunk if line.record or not line.errors]
        for number, errors in sorted([*refused, *outcome.errors], key=_number):
            report.skip(number, errors)
        for number, notices in sorted([*changed, *outcome.notices], key=_number):
            if number not in waiting:
                report.notice(number, notices)
        run.known.categories.update(outcome.known.categories)
        if report.dry_run:
            run.known.names.update(outcome.known.names)
            run.known.places.update(outcome.known.places)


def _number(told: tuple[int, Sequence[FieldError]]) -> int:
    return told[0]
