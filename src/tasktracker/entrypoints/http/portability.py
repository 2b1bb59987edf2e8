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
from tasktracker.entrypoints.http.core.request import Request, UnsupportedMediaType, query
from tasktracker.entrypoints.http.core.schemas import Query
from tasktracker.entrypoints.http.transfers import Transfers

NDJSON = "application/x-ndjson"
CSV = "text/csv"
FORMS = {NDJSON: FileFormat.NDJSON, CSV: FileFormat.TODOIST}


class ImportFile(Query):
    """How to import."""

    dry_run: Annotated[bool, Meta(description="Report what would be done, and do nothing.")] = False


class TallyView(Struct):
    """Counts."""

    created: int
    unchanged: Annotated[int, Meta(description="Existed already, and were not changed.")]
    mapped: Annotated[int, Meta(description="Of those created, how many got another id because theirs is taken.")]


class FindingView(Struct):
    """A message about a line of the file."""

    line: int
    field: str
    message: str


class ImportView(Struct):
    """What an import did, or would do."""

    dry_run: bool
    categories: TallyView
    tasks: TallyView
    skipped: Annotated[int, Meta(description="How many lines were refused, for the reasons in `errors`.")]
    errors: list[FindingView]
    notices: Annotated[list[FindingView], Meta(description="Changes that were made to lines to import them.")]
    omitted: Annotated[int, Meta(description="How many errors and notices are not listed.")]


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
        """All that the caller owns, the trash included, as one JSON object a line.

        It is all of one moment. The last line is of the type `end`; without it, the export is not complete.
        """
        name = f"tasktracker-{self.clock.now():%Y-%m-%d}.ndjson"
        blocks = self.exports.export(request.person)
        return await self.transfers.download(request.person.user_id, blocks, NDJSON, name)

    @post(
        "/import",
        operation_id="importAccount",
        summary="Import a file",
        status_code=200,
        # The limit is one of its own, and checked as the body comes in.
        request_max_body_size=None,
        opt=operation(InvalidInput, Busy, access=Access.SESSION, query=ImportFile, consumes=tuple(FORMS)),
    )
    async def import_account(self, request: Request) -> ImportView:
        """Import an export of this service, or a CSV file of Todoist.

        What is there already stays as it is, so a file may be sent again. Lines that are refused are reported; the
        others come in, some hundred at a time.
        """
        person, filters, form = request.person, query(ImportFile, request), _form(request)
        run = self.transfers.threads.run
        with self.transfers.turn(person.user_id):
            await run(self.imports.admit, person)
            async with self.transfers.upload(request) as file:
                report = await run(self.imports.import_file, person, file, form, dry_run=filters.dry_run)
        return view_report(report)


def _form(request: Request) -> FileFormat:
    """Return what the body is written in. Raises UnsupportedMediaType."""
    sent, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    name, _, charset = parameters.strip().partition("=")
    if sent.strip() not in FORMS or (name == "charset" and charset.strip('"') not in ("utf-8", "utf8", "us-ascii")):
        raise UnsupportedMediaType(f"The body must be sent as {' or '.join(FORMS)}, in UTF-8.")
    return FORMS[sent.strip()]
