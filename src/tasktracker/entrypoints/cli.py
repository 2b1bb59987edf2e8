"""The `tasktracker` command."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO

import click

from tasktracker.domain.accounts.user import UserFields
from tasktracker.domain.feed.ports import EPOCH
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.errors import DomainError, InvalidInput
from tasktracker.domain.portability.import_service import Form
from tasktracker.entrypoints import logging, settings, transfer_commands
from tasktracker.entrypoints.container import Container, Schema


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tasktracker-server", prog_name="tasktracker")
def main() -> None:
    """Task Tracker: the task backend that you host yourself.

    Settings come from the environment and from a .env file in the current folder; the documentation lists
    them all. Without any, everything runs on an SQLite database in the folder `data`.
    """


def _reporting(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command end with a message and status 1, not a traceback, where its user can do something about it."""

    @wraps(command)
    def reported(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except settings.SettingsError as error:
            raise click.ClickException(f"the configuration cannot be used:\n{error}") from None
        except InvalidInput as error:
            raise click.ClickException("\n".join(f"{each.field} {each.message}" for each in error.errors)) from None
        except DomainError as error:
            raise click.ClickException(error.detail) from None
        except OSError as error:
            raise click.ClickException(str(error)) from None

    return reported


@contextmanager
def _container() -> Iterator[Container]:
    loaded = settings.load()
    logging.configure(loaded, sys.stderr)  # standard output is for what was asked for
    _require_schema(loaded)
    container = Container(settings=loaded)
    try:
        yield container
    finally:
        container.store().close()


def _require_schema(loaded: settings.Settings) -> None:
    """Bring an embedded database up to date, and refuse any other that is not."""
    schema = Schema(loaded)
    if schema.current() == schema.head:
        return
    if schema.is_embedded:
        schema.upgrade()
    else:
        raise click.ClickException(
            f"the database schema is at revision {schema.current() or 'none'}, this version needs {schema.head}:"
            " run `tasktracker migrate` first"
        )


@main.command()
@click.option("--host", help="Address to listen on.  [default: HOST, else 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [default: PORT, else 8000]")
@click.option("--workers", type=int, help="Server processes.  [default: WORKERS, else 1]")
@_reporting
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Serve the API.

    An SQLite database is created and migrated first. On PostgreSQL run `tasktracker migrate` before: a server
    whose schema is behind says so and does not start.
    """
    for name, value in {"HOST": host, "PORT": port, "WORKERS": workers}.items():
        if value is not None:
            os.environ[name] = str(value)  # the workers read the same environment
    loaded = settings.load()
    logging.configure(loaded)
    container = Container(settings=loaded)
    container.keys()  # makes the development key, once, before the workers look for it
    _require_schema(loaded)
    click.echo(f"Task Tracker on http://{loaded.host}:{loaded.port} (interactive docs at /docs)", err=True)
    from tasktracker.entrypoints import server

    server.serve(loaded)


@main.command()
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when the schema is behind.")
@_reporting
def migrate(check: bool) -> None:
    """Bring the database schema up to date.

    Needs DATABASE_URL alone. May be run by several hosts at once, and again: the work is done once.
    """
    schema = Schema(settings.load(serving=False))
    before = schema.current()
    if not check:
        schema.upgrade()
    after = schema.current()
    click.echo(f"schema: {before or 'none'} -> {after or 'none'}" if before != after else f"schema: {after or 'none'}")
    if after != schema.head:
        click.echo(f"behind: this version needs {schema.head}", err=True)
        sys.exit(1)


@main.command("create-admin")
@click.argument("username")
@click.option("--email", help="E-mail address.")
@click.password_option(envvar="TASKTRACKER_PASSWORD", help="Asked for when not given.  [env: TASKTRACKER_PASSWORD]")
@_reporting
def create_admin(username: str, email: str | None, password: str) -> None:
    """Create a user who may administer the service."""
    with _container() as container:
        user = container.registration().create_admin(UserFields(username=username, email=email), password)
    click.echo(f"created administrator {user.username}")


@main.command("disable-user")
@click.argument("login")
@_reporting
def disable_user(login: str) -> None:
    """End all sessions of a user, by username or e-mail address, and let them log in no more."""
    _set_active(login, False)


@main.command("enable-user")
@click.argument("login")
@_reporting
def enable_user(login: str) -> None:
    """Let a disabled user log in again."""
    _set_active(login, True)


def _set_active(login: str, is_active: bool) -> None:
    with _container() as container, container.store().writing(SystemActor("administration")) as work:
        user = container.accounts().set_active(work, login, is_active)
    click.echo(f"{'enabled' if is_active else 'disabled'} {user.username}")


@main.command()
@click.option("--most", type=click.IntRange(min=1), help="Remove at most so many things of each kind.")
@_reporting
def sweep(most: int | None) -> None:
    """Remove what has passed the window: old trash, histories, and answers to idempotency keys.

    Done a little at a time, beside a running server. The server does the same by itself now and then.
    """
    with _container() as container:
        count = container.housekeeping().sweep(most)
    click.echo(f"removed {count}")


@main.group()
def epoch() -> None:
    """Manage what the cursors of devices count from."""


@epoch.command("new")
@_reporting
def new_epoch() -> None:
    """Begin a new epoch: run this after a backup was restored.

    Devices then fetch everything anew, rather than go on from a place that the restored data has never reached.
    """
    with _container() as container:
        container.store().rotate_secret(EPOCH)
    click.echo("A new epoch has begun: devices will fetch everything anew.")


@main.command("export")
@click.argument("user")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it there.  [default: standard output]",
)
@_reporting
def export(user: str, output: Path | None) -> None:
    """Export all that a user owns, by username or e-mail address, as one JSON object a line."""
    with _container() as container:
        transfer_commands.export_to(container, user, output)


@main.command("import")
@click.argument("user")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Report what would be done, and do nothing.")
@click.option(
    "--format", "form", type=click.Choice([form.value for form in Form]), help="[default: by the name of the file]"
)
@_reporting
def import_(user: str, file: BinaryIO, dry_run: bool, form: str | None) -> None:
    """Import an export of this service, or a CSV file of Todoist, into a user's account.

    What is there already stays as it is, so a file may be imported again. Lines that are refused are reported, and the
    others come in. The FILE `-` is the standard input.
    """
    with _container() as container:
        chosen = transfer_commands.form_of(file.name, form)
        report = transfer_commands.import_from(container, user, file, chosen, dry_run=dry_run)
    transfer_commands.show(report)
    if report.skipped:
        sys.exit(1)


@main.command("sync-demo")
@click.option(
    "--url", help="Use the server there, and an account that is removed afterwards.  [default: one of its own]"
)
@_reporting
def sync_demo(url: str | None) -> None:
    """Show two devices keeping in sync.

    Edits cross, offline edits merge, a lost answer does nothing twice, a conflict is reported, and both devices prove
    that they have what the server has. Ends with 1 when anything is not as it should be.
    """
    try:
        from tasktracker.entrypoints import sync_demo as demo
    except ModuleNotFoundError as error:
        if error.name != "tasktracker_client":
            raise
        raise click.ClickException(
            "sync-demo needs the package tasktracker-client. Install it, or tasktracker-server[sync-demo]."
        ) from None

    try:
        demo.show(url, click.echo)
    except demo.NotAsExpected as error:
        raise click.ClickException(str(error)) from None


@main.command()
def openapi() -> None:
    """Print the OpenAPI 3.1 document of the API."""
    from tasktracker.entrypoints.http.app import create_app

    nowhere = settings.load({"DATABASE_URL": "memory://", "SECRET_KEYS": "not used to sign anything at all"}, None)
    app = create_app(Container(settings=nowhere))
    click.echo(json.dumps(app.litestar.state.openapi(), indent=2))


@main.group()
def keys() -> None:
    """Manage the keys that tokens are signed with."""


@keys.command("reencrypt")
@_reporting
def reencrypt() -> None:
    """Encrypt what is stored encrypted under the first key of SECRET_KEYS.

    To be run before another key is taken out of the ring.
    """
    with _container() as container:
        reencrypted = container.reencryption().run()
    click.echo(f"encrypted {reencrypted.done} anew")
    if reencrypted.lost:
        raise click.ClickException(
            f"{reencrypted.lost} are encrypted under none of the keys in SECRET_KEYS: put that key back into the ring,"
            " or their users can log in by recovery codes only"
        )


@keys.command("new")
def new_key() -> None:
    """Print a fresh key for SECRET_KEYS."""
    click.echo(secrets.token_urlsafe(48))
