"""The `backup` and `restore` commands."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import click

from tasktracker.domain.administration.statistics import Maintenance
from tasktracker.domain.backups import BackupRefused, Progress
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.errors import StorageUnavailable
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.settings import Settings

_NAME = re.compile(r"tasktracker-\d{8}T\d{6}Z")


def save(container: Container, loaded: Settings, file: Path | None, keep: int | None) -> None:
    """Write a backup. If `keep` is given, then delete all but this number of the newest backups in the folder."""
    backups = container.backups()
    default = loaded.backup_folder
    if file is None:
        default.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = file or default
    if folder.is_dir():
        file = folder / f"{_name(container.clock().now())}{backups.suffix}"
    elif file is None or keep is not None:
        raise BackupRefused("--keep needs a folder that exists, in which backups are named after the time.")
    with _progress("backing up") as progress:
        backups.save(file, container.keys().signing, progress)
    with suppress(StorageUnavailable):  # the schema may be of an earlier version, before an upgrade
        try:
            with container.store().writing(SystemActor("backup")) as work:
                work.statistics.mark(Maintenance.BACKUP, work.now)
        finally:
            container.store().close()
    click.echo(f"wrote {file} ({file.stat().st_size} bytes)")
    if keep is not None:
        named = sorted(
            each for each in folder.iterdir() if _NAME.fullmatch(each.stem) and each.suffix == backups.suffix
        )
        for old in named[:-keep]:
            old.unlink()
            click.echo(f"deleted {old}")


def _name(now: datetime) -> str:
    return f"tasktracker-{now:%Y%m%dT%H%M%SZ}"


def restore(container: Container, file: Path, *, yes: bool, other_key: bool, api_tokens: str | None) -> None:
    """Restore a backup, after asking what was not given."""
    backups = container.backups()
    found = backups.contents(file)
    if found.key_id is not None and found.key_id not in container.keys().ids and not other_key:
        raise BackupRefused(
            f"The backup was made with the key {found.key_id}, which SECRET_KEYS lacks. Add that key: without it, users"
            " with two-factor authentication can log in only with recovery codes. --other-key restores anyway."
        )
    if api_tokens is None:
        # Tokens that were revoked after the backup was made would be valid again.
        keeps = click.confirm("Keep the API tokens in the backup? Some may have been revoked since", default=False)
    else:
        keeps = api_tokens == "keep"
    if not yes:
        click.confirm("Replace all data of the database by the backup?", abort=True)
    with _progress("restoring") as progress:
        kept = backups.restore(file, keep_api_tokens=keeps, progress=progress)
    click.echo(f"restored {file}: all users have to log in again")
    if kept:
        click.echo(f"the former database is {kept}: delete it when you do not need it")


@contextmanager
def _progress(label: str) -> Iterator[Progress]:
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield progress
