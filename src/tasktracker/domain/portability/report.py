"""What has become of a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tasktracker.domain.kernel.errors import FieldError

MAX_FINDINGS = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a line that its owner should know."""

    line: int
    field: str
    message: str


@dataclass(slots=True)
class Tally:
    """How many were created, were there already, and could not keep their id."""

    created: int = 0
    unchanged: int = 0
    mapped: int = 0

    def add(self, other: Tally) -> None:
        """Count more."""
        self.created += other.created
        self.unchanged += other.unchanged
        self.mapped += other.mapped


@dataclass(slots=True)
class ImportReport:
    """What was done, or in a dry run would be, with each line of a file.

    `errors` are of lines that were skipped, `notices` of lines that came in with something about them changed. Of each
    the first are told; `omitted` says how many more there were.
    """

    dry_run: bool
    categories: Tally = field(default_factory=Tally)
    tasks: Tally = field(default_factory=Tally)
    skipped: int = 0
    errors: list[Finding] = field(default_factory=list)
    notices: list[Finding] = field(default_factory=list)
    omitted: int = 0

    def skip(self, line: int, errors: Iterable[FieldError]) -> None:
        """Note that a line was left out, and why."""
        self.skipped += 1
        self._tell(self.errors, line, errors)

    def notice(self, line: int, notices: Iterable[FieldError]) -> None:
        """Note what was changed about a line."""
        self._tell(self.notices, line, notices)

    def _tell(self, told: list[Finding], line: int, errors: Iterable[FieldError]) -> None:
        for error in errors:
            if len(told) < MAX_FINDINGS:
                told.append(Finding(line, error.field, error.message))
            else:
                self.omitted += 1
