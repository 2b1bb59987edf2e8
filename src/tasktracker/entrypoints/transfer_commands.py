"""The `export` and `import` commands."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import click

from tasktracker.domain.portability.import_service import Form
from tasktracker.domain.portability.report import Finding, ImportReport
from tasktracker.entrypoints.container import Container

IN_MEMORY = 1024 * 1024


def export_to(container: Container, user: str, output: Path | None) -> None:
    """Write a user's export to a file or to standard output, with a progress bar on standard error."""
    # Without the bar when the export itself is printed to the terminal.
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
    # Renamed only when complete, so that the final name never holds a partial export.
    partial = output.with_name(f".{output.name}.partial")
    try:
        with partial.open("wb") as file:
            written = sum(file.write(block) for block in blocks)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    return written


def import_from(container: Container, user: str, source: BinaryIO, form: Form, *, dry_run: bool) -> ImportReport:
    """Import a file into a user's account, with a progress bar on standard error."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as spooled:
        if not source.seekable():
            shutil.copyfileobj(source, spooled)
            source = cast(BinaryIO, spooled)
        size = source.seek(0, 2)
        with click.progressbar(length=size, label="importing", file=sys.stderr) as bar:

            def progress(read: int) -> None:
                # Tasks that wait for their parent are read again; the bar must not go back.
                bar.update(max(0, read - bar.pos))

            return container.imports().bring_in_for(user, source, form, dry_run=dry_run, progress=progress)


def show(report: ImportReport) -> None:
    """Print a report: findings on standard error, counts on standard output."""
    for finding in report.errors:
        click.echo(_describe(finding), err=True)
    for finding in report.notices:
        click.echo(f"{_describe(finding)} (imported)", err=True)
    if report.omitted:
        click.echo(f"… and {report.omitted} more", err=True)
    verb = "would create" if report.dry_run else "created"
    for name, tally in (("categories", report.categories), ("tasks", report.tasks)):
        mapped = f", {tally.mapped} of them with a new id" if tally.mapped else ""
        click.echo(f"{name}: {verb} {tally.created}{mapped}; {tally.unchanged} already existed")
    click.echo(f"lines skipped: {report.skipped}")


def form_of(name: str, chosen: str | None) -> Form:
    """Return the chosen format, or the format that the file's name suggests."""
    if chosen:
        return Form(chosen)
    return Form.TODOIST if name.lower().endswith(".csv") else Form.NDJSON


def _describe(finding: Finding) -> str:
    return f"line {finding.line}: {finding.field} {finding.message}"
