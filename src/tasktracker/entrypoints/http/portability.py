"""Exports and imports over HTTP."""

from __future__ import annotations

from codecs import BOM_UTF8
from contextlib import AsyncExitStack
from functools import partial
from os import SEEK_END
from typing import Annotated, BinaryIO, cast

import msgspec
from litestar import Controller, Response, get, post
from msgspec import UNSET, Meta, UnsetType

from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import Busy, InvalidInput, QuotaExceeded
from tasktracker.domain.portability.export_service import ExportService
from tasktracker.domain.portability.import_service import FileFormat, ImportService
from tasktracker.domain.portability.job_service import ImportJobService
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.problems import explain
from tasktracker.entrypoints.http.core.request import RESPOND_ASYNC, Request, header, media_type, prefers_async, query
from tasktracker.entrypoints.http.core.responses import BINARY, JsonResponse
from tasktracker.entrypoints.http.core.schemas import Query
from tasktracker.entrypoints.http.import_jobs import PATH, ImportJobView, ImportView, view_job, view_report
from tasktracker.entrypoints.http.transfers import Transfers

NDJSON = "application/x-ndjson"
CSV = "text/csv"
ZIP = "application/zip"
FORMS = {NDJSON: FileFormat.NDJSON, CSV: FileFormat.TODOIST, ZIP: FileFormat.ZIP}
EXAMPLE = """TYPE,CONTENT
task,Buy milk
"""


class ImportFile(Query):
    """How to import."""

    project: (
        Annotated[
            str,
            Meta(
                description=(
                    "The name of the Todoist project in a CSV file. Tasks without a section get a category with this "
                    "name. Equal tasks of different projects remain separate tasks."
                )
            ),
        ]
        | UnsetType
    ) = UNSET
    restore: Annotated[bool, Meta(description="Restore tasks of the file that are in the trash.")] = False
    dry_run: Annotated[bool, Meta(description="Report the result without importing anything.")] = False


class PortabilityController(Controller):
    """`/api/accounts/me/export/` and `/api/accounts/me/import/`."""

    path = "/api/accounts/me"
    tags = ("accounts",)

    exports: ExportService
    imports: ImportService
    import_jobs: ImportJobService
    transfers: Transfers
    clock: Clock

    @get(
        "/export",
        operation_id="exportAccount",
        summary="Export everything",
        opt=operation(Busy, access=Access.SESSION, headers=("Content-Disposition",), produces=(NDJSON, BINARY)),
    )
    async def export_account(self, request: Request) -> Response[bytes]:
        """Everything that the caller owns, including the trash, as one JSON object per line.

        The export is a consistent snapshot. The last line has the type `end`; without it, the export is incomplete.
        With `Accept: application/octet-stream`, the export is sent as a file of that type.
        """
        name = f"tasktracker-{self.clock.now():%Y-%m-%d}.ndjson"
        blocks = self.exports.export(request.session_actor)
        form = BINARY if header(request, "Accept") == BINARY else NDJSON
        return await self.transfers.download(request.session_actor.user_id, blocks, form, name)

    @post(
        "/import",
        operation_id="importAccount",
        summary="Import a file",
        status_code=200,
        # Imports have their own limit, which is checked while the body is received.
        request_max_body_size=None,
        opt=operation(
            QuotaExceeded,
            InvalidInput,
            Busy,
            access=Access.SESSION,
            query=ImportFile,
            consumes=EXAMPLE,
            accepted=ImportJobView,
            asynchronous=True,
        ),
    )
    async def import_account(self, request: Request) -> Response[ImportView]:
        """Import a Task Tracker export, a CSV file of Todoist, or a ZIP file of such CSV files.

        The type of the body may also be `application/x-ndjson`, `text/csv` or `application/zip`. With
        `application/octet-stream`, the first bytes of the file show its type. Existing items are not changed, so a file
        may be sent again. Invalid lines are skipped and reported. The other lines are committed in batches of a few
        hundred. With `Prefer: respond-async`, the response is sent when the file has arrived. Its `Location` header is
        the path of the progress and the report.
        """
        actor, filters = request.session_actor, query(ImportFile, request)
        sent = media_type(request, {*FORMS, BINARY})
        run = self.transfers.threads.run
        async with AsyncExitStack() as held:
            held.enter_context(self.transfers.slot(actor.user_id))
            await run(self.imports.admit, actor)
            file = await held.enter_async_context(self.transfers.upload(request))
            form = FORMS[sent] if sent in FORMS else await run(_recognized, file)
            do = partial(
                self.imports.import_file,
                actor,
                file,
                form,
                project=None if filters.project is UNSET else filters.project,
                restore=filters.restore,
                dry_run=filters.dry_run,
            )
            if not prefers_async(request):
                return JsonResponse(view_report(await run(do)))
            size = await run(file.seek, 0, SEEK_END)
            job = await run(self.import_jobs.start, actor, size, dry_run=filters.dry_run)
            running = partial(
                self.import_jobs.run,
                job,
                do,
                view=lambda report: msgspec.json.encode(view_report(report)),
                explain=lambda error: msgspec.json.encode(explain(error)),
                is_stopping=self.transfers.is_stopping,
            )
            self.transfers.continue_with(running, held.pop_all())
        headers = {"Location": f"{PATH}/{job.id}/", "Preference-Applied": RESPOND_ASYNC}
        return cast(Response[ImportView], JsonResponse(view_job(job), status_code=202, headers=headers))


def _recognized(file: BinaryIO) -> FileFormat:
    """Return the format of a file by its first bytes: `PK` begins a ZIP file, a brace JSON, anything else CSV."""
    file.seek(0)
    begin = file.read(100).removeprefix(BOM_UTF8).lstrip()
    return FileFormat.ZIP if begin[:2] == b"PK" else FileFormat.NDJSON if begin[:1] == b"{" else FileFormat.TODOIST
