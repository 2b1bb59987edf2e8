"""The `export` and `import` commands."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import click

from tasktracker.domain.portability.import_service import FileFormat
from tasktracker.domain.portability.project import project_of
from tasktracker.domain.portability.report import Finding, ImportReport
from tasktracker.entrypoints import files
from tasktracker.entrypoints.container import Container

IN_MEMORY = 1024 * 1024


def export_to(container: Container, user: str, output: Path | None) -> None:
    """Write a user's export to a file or to standard output, with a progress bar on standard error."""
    # No bar is shown if the export itself is printed to the terminal.
    to_terminal = output is None and sys.stdout.isatty()
    bar = click.progressbar(length=1, label="exporting", file=sys.stderr, hidden=to_terminal)

    def progress(done: int, total: int) -> None:
        bar.length = total
        bar.update(done - bar.pos)

    blocks = container.exports().export_of(user, progress=progress)
    with bar:
        written = _print(blocks) if output is None else _write(blocks, output)
    if output is not None:
        click.echo(f"wrote {written} bytes to {output}", err=True)


def _print(blocks: Iterator[bytes]) -> int:
    written = sum(sys.stdout.buffer.write(block) for block in blocks)
    sys.stdout.buffer.flush()
    return written


def _write(blocks: Iterator[bytes], output: Path) -> int:
    with files.writing(output) as file:
        return sum(file.write(block) for block in blocks)


def import_from(
    container: Container,
    user: str,
    source: BinaryIO,
    form: str | None,
    *,
    project: str | None,
    restore: bool,
    dry_run: bool,
) -> ImportReport:
    """Import a file into a user's account, with a progress bar on standard error."""
    chosen = form_of(source.name, form)
    if project is None and chosen is FileFormat.TODOIST and source.name.lower().endswith(".csv"):
        project = project_of(source.name)
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as spooled:
        if not source.seekable():
            shutil.copyfileobj(source, spooled)
            source = cast(BinaryIO, spooled)
        size = source.seek(0, 2)
        with click.progressbar(length=size, label="importing", file=sys.stderr) as bar:

            def progress(read: int) -> None:
                # Tasks that wait for their parent are read again, but the bar must not go back.
                bar.update(max(0, read - bar.pos))

            return container.imports().import_file_for(
                user, source, chosen, project=project, restore=restore, dry_run=dry_run, progress=progress
            )


def show(report: ImportReport) -> None:
    """Print a report: findings on standard error, counts on standard output."""
    for finding in report.errors:
        click.echo(_describe(finding), err=True)
    for finding in report.notices:
        click.echo(f"{_describe(finding)} (notice)", err=True)
    if report.omitted:
        click.echo(f"… and {report.omitted} more", err=True)
    verb = "would create" if report.dry_run else "created"
    for name, tally in (("categories", report.categories), ("tasks", report.tasks)):
        mapped = f", {tally.mapped} of them with a new id" if tally.mapped else ""
        click.echo(f"{name}: {verb} {tally.created}{mapped}; {tally.unchanged} already existed")
        if tally.passed_over:
            click.echo(f"{name} of other users that were left out: {tally.passed_over}")
    if report.tasks.restored:
        click.echo(f"tasks {'that would be restored' if report.dry_run else 'restored'}: {report.tasks.restored}")
    if report.tasks.in_trash:
        click.echo(f"tasks left in the trash: {report.tasks.in_trash} (--restore brings them back)")
    click.echo(f"lines skipped: {report.skipped}")


def form_of(name: str, chosen: str | None) -> FileFormat:
    """Return the chosen format, or the format that the file's name suggests."""
    if chosen:
        return FileFormat(chosen)
    return {f".{form}": form for form in FileFormat}.get(Path(name).suffix.lower(), FileFormat.NDJSON)


def _describe(finding: Finding) -> str:
    file = f"{finding.file}: " if finding.file else ""
    return f"{file}line {finding.line}: {finding.field} {finding.message}"
