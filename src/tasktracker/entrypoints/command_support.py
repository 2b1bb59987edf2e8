"""The common parts of the commands: errors as messages, the settings, and the container."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import click

from tasktracker.domain.backups import BackupRefused
from tasktracker.domain.kernel.errors import DomainError, InvalidInput, StorageUnavailable
from tasktracker.entrypoints import logging, settings
from tasktracker.entrypoints.container import Container, Schema


def report_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn the errors that a user can correct into a message and exit status 1, instead of a traceback."""

    @wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        for name, value in kwargs.items():
            # Python keeps bytes that are not UTF-8 as characters that cannot be encoded.
            if isinstance(value, str) and not _is_encodable(value):
                raise click.ClickException(f"{name} must be text in UTF-8")
        try:
            command(*args, **kwargs)
        except settings.SettingsError as error:
            raise click.ClickException(f"the configuration is not valid:\n{error}") from None
        except InvalidInput as error:
            raise click.ClickException("\n".join(f"{each.field} {each.message}" for each in error.errors)) from None
        except StorageUnavailable as error:
            raise click.ClickException(" ".join(filter(None, (error.detail, error.reason)))) from None
        except DomainError as error:
            raise click.ClickException(error.detail) from None
        except BrokenPipeError:  # click ends in silence, as when the output goes to `head`
            raise
        except (BackupRefused, OSError) as error:
            raise click.ClickException(str(error)) from None

    return wrapper


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def load_settings(*, serving: bool = True) -> settings.Settings:
    """Read the settings, and warn of names that are not settings. Raises SettingsError."""
    for warning in settings.misspelled():
        click.echo(f"Warning: {warning}", err=True)
    return settings.load(serving=serving)


def show_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows with tabs between their columns; for a person at a terminal, print aligned columns with titles."""
    if sys.stdout.isatty():
        table = [titles, *rows]
        widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
        for row in table:
            click.echo("  ".join(map(str.ljust, row, widths)).rstrip())
    else:
        for row in rows:
            click.echo("\t".join(row))


@contextmanager
def opened_container() -> Iterator[Container]:
    """Open the storage, and close it at the end. Migrates an embedded database."""
    loaded = load_settings()
    logging.configure(loaded, sys.stderr)  # standard output is for the result of the command
    container = Container(settings=loaded)
    try:
        require_database(container)
        yield container
    finally:
        container.store().close()


def require_database(container: Container) -> None:
    """Migrate an embedded database. Refuse any other without the current schema, and a read-only database."""
    schema = Schema(container.settings())
    found = schema.current()
    if found != schema.head:
        if not schema.is_embedded:
            raise click.ClickException(
                f"the database schema is at revision {found or 'none'}, this version needs {schema.head}:"
                " run `tasktracker migrate` first"
            )
        schema.upgrade()
    container.store().ready()
