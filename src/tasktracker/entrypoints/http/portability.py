"""Exports and imports over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Response, get, post
from msgspec import Meta, Struct

from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import Busy, InvalidInput
from tasktracker.domain.portability.export_service import ExportService
from tasktracker.domain.portability.import_service import FileFormat, ImportService
from tasktracker.domain.portability.report import Counts, Finding, ImportReport
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request, media_type, query
from tasktracker.entrypoints.http.core.schemas import Query
from tasktracker.entrypoints.http.transfers import Transfers

NDJSON = "application/x-ndjson"
CSV = "text/csv"
FORMS = {NDJSON: FileFormat.NDJSON, CSV: FileFormat.TODOIST}


class ImportFile(Query):
    """How to import."""

    dry_run: Annotated[bool, Meta(description="Report the result without importing anything.")] = False


class TallyView(Struct):
    """Counts."""

    created: int
    unchanged: Annotated[int, Meta(description="Already existed, and were not changed.")]
    mapped: Annotated[int, Meta(description="How many of the created items got a new id because theirs was taken.")]


class FindingView(Struct):
    """A message about a line of the file."""

    line: int
    field: str
    message: str


class ImportView(Struct):
    """The result of an import, or of a dry run."""

    dry_run: bool
    categories: TallyView
    tasks: TallyView
    skipped: Annotated[int, Meta(description="How many lines were not imported. `errors` contains the reasons.")]
    errors: list[FindingView]
    notices: Annotated[list[FindingView], Meta(description="Changes that were necessary to import a line.")]
    omitted: Annotated[int, Meta(description="How many errors and notices are not included here.")]


def view_report(report: ImportReport) -> ImportView:
    """Return the representation of a report."""
    return ImportView(
        dry_run=report.dry_run,
        categories=_tally(report.categories),
        tasks=_tally(report.tasks),
        skipped=report.skipped,
        errors=_findings(report.errors),
        notices=_findings(report.notices),
        omitted=report.omitted,
    )


def _tally(tally: Counts) -> TallyView:
    return TallyView(tally.created, tally.unchanged, tally.mapped)


def _findings(findings: list[Finding]) -> list[FindingView]:
    return [FindingView(each.line, each.field, each.message) for each in findings]


class PortabilityController(Controller):
    """`/api/accounts/me/export/` and `/api/accounts/me/import/`."""

    path = "/api/accounts/me"
    tags = ("accounts",)

    exports: ExportService
    imports: ImportService
    transfers: Transfers
    clock: Clock

    @get(
        "/export",
        operation_id="exportAccount",
        summary="Export everything",
        opt=operation(Busy, access=Access.SESSION, headers=("Content-Disposition",), produces=NDJSON),
    )
    async def export_account(self, request: Request) -> Response[bytes]:
        """Everything that the caller owns, including the trash, as one JSON object per line.

        The export is a consistent snapshot. The last line has the type `end`; without it, the export is incomplete.
        """
        name = f"tasktracker-{self.clock.now():%Y-%m-%d}.ndjson"
        blocks = self.exports.export(request.session_actor)
        return await self.transfers.download(request.session_actor.user_id, blocks, NDJSON, name)

    @post(
        "/import",
        operation_id="importAccount",
        summary="Import a file",
        status_code=200,
        # Imports have their own limit, which is checked while the body is received.
        request_max_body_size=None,
        opt=operation(InvalidInput, Busy, access=Access.SESSION, query=ImportFile, consumes=tuple(FORMS)),
    )
    async def import_account(self, request: Request) -> ImportView:
        """Import a Task Tracker export or a Todoist CSV file.

        Existing items are not changed, so a file may be sent again. Invalid lines are skipped and reported. The other
        lines are committed in batches of a few hundred.
        """
        actor, filters, form = request.session_actor, query(ImportFile, request), _form(request)
        run = self.transfers.threads.run
        with self.transfers.slot(actor.user_id):
            await run(self.imports.admit, actor)
            async with self.transfers.upload(request) as file:
                report = await run(self.imports.import_file, actor, file, form, dry_run=filters.dry_run)
        return view_report(report)


def _form(request: Request) -> FileFormat:
    """Return the format of the body. Raises UnsupportedMediaType."""
    return FORMS[media_type(request, FORMS)]
