"""The report of an import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tasktracker.domain.kernel.errors import FieldError

MAX_FINDINGS = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """An error or a notice about one field of a line. `file` is the file of the line, if there are several."""

    line: int
    field: str
    message: str
    file: str | None = None


@dataclass(slots=True)
class Counts:
    """The numbers of items that were created, existed already (`unchanged`), and got another id (`mapped`).

    `passed_over` are items that belonged to other users when the file was exported.
    """

    created: int = 0
    unchanged: int = 0
    mapped: int = 0
    passed_over: int = 0

    def add(self, other: Counts) -> None:
        """Add other counts."""
        self.created += other.created
        self.unchanged += other.unchanged
        self.mapped += other.mapped
        self.passed_over += other.passed_over


@dataclass(slots=True)
class TaskCounts(Counts):
    """The counts of tasks, with the numbers of those left in the trash and of those restored from it."""

    in_trash: int = 0
    restored: int = 0

    def add(self, other: Counts) -> None:
        """Add other counts."""
        Counts.add(self, other)
        if isinstance(other, TaskCounts):
            self.in_trash += other.in_trash
            self.restored += other.restored


@dataclass(slots=True)
class ImportReport:
    """What an import did, or in a dry run would do. Each line of a file with an item counts once.

    `errors` concern skipped lines, `notices` concern lines that were imported with changes. Each list has at most
    MAX_FINDINGS findings. `omitted` is the number of findings left out.
    """

    dry_run: bool
    categories: Counts = field(default_factory=Counts)
    tasks: TaskCounts = field(default_factory=TaskCounts)
    skipped: int = 0
    errors: list[Finding] = field(default_factory=list)
    notices: list[Finding] = field(default_factory=list)
    omitted: int = 0

    def skip(self, line: int, errors: Iterable[FieldError], file: str | None = None) -> None:
        """Record that a line was skipped, and why."""
        self.skipped += 1
        self._add(self.errors, line, errors, file)

    def notice(self, line: int, notices: Iterable[FieldError], file: str | None = None) -> None:
        """Record what was changed in a line."""
        self._add(self.notices, line, notices, file)

    def _add(self, findings: list[Finding], line: int, errors: Iterable[FieldError], file: str | None) -> None:
        for error in errors:
            if len(findings) < MAX_FINDINGS:
                findings.append(Finding(line, error.field, error.message, file))
            else:
                self.omitted += 1
