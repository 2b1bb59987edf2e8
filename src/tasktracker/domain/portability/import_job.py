"""Import jobs: imports that run after the response to their request, and the result of each line."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.errors import FieldError

STALLED_AFTER = timedelta(minutes=5)
"""If a running job records nothing for this time, its process has ended. A batch takes about a second."""

MAX_JOBS = 50
"""The stored jobs of a user."""

MAX_STORED_LINES = 500_000
"""The stored lines of a user's earlier jobs, together."""


class JobState(StrEnum):
    """The state of an import job. Only a running one changes."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Its process ended. The same file can be imported again, and the items already imported stay unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """An import of one file. `size` and `read` are in bytes, `lines` is the number of stored lines.

    Only the entrypoint knows the format of the bytes in `report` and `problem`.
    """

    id: UUID
    user_id: UUID
    state: JobState = JobState.RUNNING
    dry_run: bool
    size: int
    read: int = 0
    lines: int = 0
    created_at: datetime
    updated_at: datetime
    report: bytes | None = field(default=None, repr=False)
    problem: bytes | None = field(default=None, repr=False)

    @property
    def key(self) -> JobKey:
        """The sort key in the list of a user's jobs."""
        return JobKey(self.created_at, self.id)

    def is_stalled(self, now: datetime) -> bool:
        """Whether the job is running, but its process has ended."""
        return self.state is JobState.RUNNING and now - self.updated_at > STALLED_AFTER

    def advance(self, read: int, lines: int, now: datetime) -> ImportJob:
        """Return the job after a batch. The file may be read several times; `read` never decreases."""
        return replace(self, read=max(read, self.read), lines=self.lines + lines, updated_at=now)

    def end(
        self, state: JobState, now: datetime, *, report: bytes | None = None, problem: bytes | None = None
    ) -> ImportJob:
        """Return the job in its last state. If it is done, it has read the whole file."""
        read = self.size if state is JobState.DONE else self.read
        return replace(self, state=state, read=read, updated_at=now, report=report, problem=problem)


@dataclass(frozen=True, slots=True, order=True)
class JobKey:
    """The sort key of jobs, which are listed newest first."""

    created_at: datetime
    id: UUID


class LineOutcome(StrEnum):
    """The result of a line of a file."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    IN_TRASH = "in_trash"
    RESTORED = "restored"
    SKIPPED = "skipped"
    IGNORED = "ignored"
    """The line has no item that could be imported; `notices` say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLine:
    """The result of a line. In a dry run, the result that it would have. `item` is the id of the stored item.

    `errors` say why the line was skipped, and `notices` say what was changed. If there are several files, `file` names
    the file of the line, and `number` is its number in this file. `position` counts the lines of all files.
    """

    position: int
    file: str | None = None
    number: int
    type: ItemType | None
    outcome: LineOutcome
    item: UUID | None = None
    errors: tuple[FieldError, ...] = ()
    notices: tuple[FieldError, ...] = ()
