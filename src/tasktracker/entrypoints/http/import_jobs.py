"""Reports of imports, and imports that run after the response to their request, over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, cast
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import ImportNotFound
from tasktracker.domain.portability.import_job import ImportedLine, ImportJob, JobKey, JobState, LineOutcome
from tasktracker.domain.portability.job_service import ImportJobService
from tasktracker.domain.portability.report import Finding, ImportReport
from tasktracker.entrypoints.http.core.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.problems import FieldProblem, Problem
from tasktracker.entrypoints.http.core.request import Request, identifier, query
from tasktracker.entrypoints.http.core.schemas import Listed, Moment, PagedQuery
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread

PATH = "/api/accounts/me/imports"


class TallyView(Struct):
    """Counts."""

    created: int
    unchanged: Annotated[int, Meta(description="Already existed, and were not changed.")]
    mapped: Annotated[
        int, Meta(description="How many of the created items got a new id, because the id in the file was taken.")
    ]
    passed_over: Annotated[
        int, Meta(description="How many items belonged to other users at the export. They were not imported.")
    ]


class TaskTallyView(TallyView):
    """Counts of tasks."""

    in_trash: Annotated[int, Meta(description="How many tasks are in the trash, and were left there.")]
    restored: Annotated[int, Meta(description="Were in the trash, and were restored.")]


FileName = Annotated[str, Meta(description="The file with this line, if the import was a ZIP file.")]


class FindingView(Struct):
    """A message about a line of the file."""

    line: int
    field: str
    message: str
    file: FileName | UnsetType = UNSET


class ImportView(Struct):
    """The result of an import, or of a dry run."""

    dry_run: bool
    categories: TallyView
    tasks: TaskTallyView
    skipped: Annotated[int, Meta(description="How many lines were not imported. `errors` contains the reasons.")]
    errors: list[FindingView]
    notices: Annotated[list[FindingView], Meta(description="Changes that were necessary to import a line.")]
    omitted: Annotated[int, Meta(description="How many errors and notices are not included here.")]


def view_report(report: ImportReport) -> ImportView:
    """Return the representation of a report."""
    return ImportView(
        dry_run=report.dry_run,
        categories=TallyView(**asdict(report.categories)),
        tasks=TaskTallyView(**asdict(report.tasks)),
        skipped=report.skipped,
        errors=_findings(report.errors),
        notices=_findings(report.notices),
        omitted=report.omitted,
    )


def _findings(findings: list[Finding]) -> list[FindingView]:
    return [
        FindingView(each.line, each.field, each.message, UNSET if each.file is None else each.file) for each in findings
    ]


class ImportJobView(Struct):
    """An import that runs after the response to its request. Sizes are in bytes."""

    id: UUID
    state: JobState
    dry_run: bool
    size: Annotated[int, Meta(description="The size of the file.")]
    read: Annotated[int, Meta(description="How much of the file was read. It may be read several times.")]
    lines: Annotated[int, Meta(description="How many lines have an outcome.")]
    created_at: Moment
    updated_at: Moment
    report: Annotated[ImportView | None, Meta(description="The result; null unless the import is done.")]
    problem: Annotated[Problem | None, Meta(description="Why the import failed; null otherwise.")]


class ImportedLineView(Struct):
    """The result of a line of the file. In a dry run, the result that it would have."""

    line: int
    type: Annotated[ItemType | None, Meta(description="Null if the line could not be read.")]
    outcome: LineOutcome
    id: Annotated[UUID | None, Meta(description="The id of the item. It may differ from the id in the file.")]
    errors: list[FieldProblem]
    notices: list[FieldProblem]
    file: FileName | UnsetType = UNSET


class LinesQuery(PagedQuery):
    """Which lines to return."""

    outcome: Annotated[LineOutcome, Meta(description="Only lines with this outcome.")] | UnsetType = UNSET


def view_job(job: ImportJob) -> ImportJobView:
    """Return the representation of an import job."""
    return ImportJobView(
        id=job.id,
        state=job.state,
        dry_run=job.dry_run,
        size=job.size,
        read=job.read,
        lines=job.lines,
        created_at=job.created_at,
        updated_at=job.updated_at,
        report=None if job.report is None else _stored_report(job.report),
        problem=None if job.problem is None else cast(Problem, msgspec.Raw(job.problem)),
    )


def _stored_report(report: bytes) -> ImportView:
    """Return a report as stored at the end of its job. Counts that earlier releases did not store are added."""
    stored = msgspec.json.decode(report)
    for counts in (stored["categories"], stored["tasks"]):
        counts.setdefault("passed_over", 0)
    return cast(ImportView, stored)


def view_line(line: ImportedLine) -> ImportedLineView:
    """Return the representation of a line."""
    errors, notices = ([FieldProblem(each.field, each.message) for each in of] for of in (line.errors, line.notices))
    file = UNSET if line.file is None else line.file
    return ImportedLineView(line.number, line.type, line.outcome, line.item, errors, notices, file)


class ImportJobController(Controller):
    """`/api/accounts/me/imports/`."""

    path = PATH
    tags = ("accounts",)

    import_jobs: ImportJobService
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner

    @get(
        "/",
        operation_id="listImports",
        summary="List imports",
        opt=operation(access=Access.SESSION, query=PagedQuery, headers=("Link",)),
    )
    @on_thread
    def list_imports(self, request: Request) -> Response[Listed[ImportJobView]]:
        """The imports of the last weeks that were requested with `Prefer: respond-async`, newest first."""
        filters = query(PagedQuery, request)
        cursor = ListCursor(self.cursors, request, filters, JobKey)
        page = self.import_jobs.list(request.session_actor, cursor.after, filters.limit)
        return cursor.answer(page, [view_job(job) for job in page.items], self.clock.now())

    @get(
        "/{id:str}",
        operation_id="readImport",
        summary="Read an import",
        opt=operation(ImportNotFound, access=Access.SESSION),
    )
    @on_thread
    def read_import(self, request: Request, id: FromPath[str]) -> ImportJobView:
        """The state of an import, its progress, and its report.

        An import whose server process ended is `interrupted` after a few minutes. In this case, send the same file
        again. Items that were already imported are then `unchanged`.
        """
        return view_job(self.import_jobs.find(request.session_actor, identifier(id)))

    @get(
        "/{id:str}/lines",
        operation_id="listImportedLines",
        summary="List the lines of an import",
        opt=operation(ImportNotFound, access=Access.SESSION, query=LinesQuery, headers=("Link",)),
    )
    @on_thread
    def list_lines(self, request: Request, id: FromPath[str]) -> Response[Listed[ImportedLineView]]:
        """List the result of each line, in the order of the file.

        Lines without an item, such as the header, are left out. While the import is running,
        later lines are missing, and so are tasks whose parent follows later in the file.
        """
        filters = query(LinesQuery, request)
        cursor = ListCursor(self.cursors, request, filters, int)
        outcome = None if filters.outcome is UNSET else filters.outcome
        page = self.import_jobs.lines(request.session_actor, identifier(id), outcome, cursor.after, filters.limit)
        return cursor.answer(page, [view_line(line) for line in page.items], self.clock.now())
