"""Exports and imports over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from litestar import Controller, Response, get, post
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import Busy, InvalidInput
from tasktracker.domain.portability.export_service import ExportService
from tasktracker.domain.portability.import_service import FileFormat, ImportService
from tasktracker.domain.portability.report import Finding, ImportReport
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request, UnsupportedMediaType, query
from tasktracker.entrypoints.http.core.schemas import Query
from tasktracker.entrypoints.http.transfers import Transfers

NDJSON = "application/x-ndjson"
CSV = "text/csv"
ZIP = "application/zip"
FORMS = {NDJSON: FileFormat.NDJSON, CSV: FileFormat.TODOIST, ZIP: FileFormat.ZIP}


class ImportFile(Query):
    """How to import."""

    project: (
        Annotated[
            str,
            Meta(
                description="The project of Todoist that a CSV file contains. It is the category of tasks without a"
                " section, and distinguishes equal tasks of several projects."
            ),
        ]
        | UnsetType
    ) = UNSET
    restore: Annotated[bool, Meta(description="Restore tasks of the file that are in the trash.")] = False
    dry_run: Annotated[bool, Meta(description="Report the result without importing anything.")] = False


class TallyView(Struct):
    """Counts."""

    created: int
    unchanged: Annotated[int, Meta(description="Already existed, and were not changed.")]
    mapped: Annotated[int, Meta(description="How many of the created items got a new id because theirs was taken.")]


class TaskTallyView(TallyView):
    """Counts of tasks."""

    in_trash: Annotated[int, Meta(description="Are in the trash, and were left there.")]
    restored: Annotated[int, Meta(description="Were in the trash, and were restored.")]


class FindingView(Struct):
    """A message about a line of the file."""

    line: int
    field: str
    message: str
    file: Annotated[str, Meta(description="The file with this line, if the import was a ZIP file.")] | UnsetType = UNSET


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
        """Import a Task Tracker export, or a CSV file of Todoist or a ZIP file of several.

        Existing items are not changed, so a file may be sent again. Invalid lines are skipped and reported. The other
        lines are committed in batches of a few hundred.
        """
        actor, filters, form = request.session_actor, query(ImportFile, request), _form(request)
        run = self.transfers.threads.run
        with self.transfers.slot(actor.user_id):
            await run(self.imports.admit, actor)
            async with self.transfers.upload(request) as file:
                report = await run(
                    self.imports.import_file,
                    actor,
                    file,
                    form,
                    project=None if filters.project is UNSET else filters.project,
                    restore=filters.restore,
                    dry_run=filters.dry_run,
                )
        return view_report(report)


def _form(request: Request) -> FileFormat:
    """Return the format of the body. Raises UnsupportedMediaType."""
    sent, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    name, _, charset = parameters.strip().partition("=")
    if sent.strip() not in FORMS or (name == "charset" and charset.strip('"') not in ("utf-8", "utf8", "us-ascii")):
        raise UnsupportedMediaType(f"The body must be sent as {' or '.join(FORMS)}, in UTF-8.")
    return FORMS[sent.strip()]
