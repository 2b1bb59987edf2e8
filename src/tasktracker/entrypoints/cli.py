"""The `tasktracker` command."""

from __future__ import annotations

import errno
import json
import os
import secrets
import signal
import socket
import sys
from pathlib import Path
from threading import Event
from typing import BinaryIO

import click
from msgspec.structs import replace

from tasktracker.domain.feed.ports import EPOCH
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.portability.import_service import FileFormat
from tasktracker.entrypoints import (
    admin_commands,
    backup_commands,
    delivery_commands,
    logging,
    settings,
    transfer_commands,
)
from tasktracker.entrypoints.command_support import load_settings, opened_container, report_errors, require_database
from tasktracker.entrypoints.container import Container, Schema
from tasktracker.entrypoints.doctor import Level, examine


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tasktracker-server", prog_name="tasktracker")
def main() -> None:
    """Task Tracker: a self-hosted task service.

    Settings are environment variables, or lines of a .env file in the current folder; docs/configuration.md
    lists them. By default, the data is in an SQLite database in the folder `data`.
    """


def _listening_port(loaded: settings.Settings) -> int:
    """Return the port to listen on. For 0, return a free port. Raises ClickException if the server could not listen."""
    from tasktracker.entrypoints import server

    failure: OSError | None = None
    try:
        # In this order, the server tries them, too.
        found = socket.getaddrinfo(loaded.host, loaded.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for *_, address in found:
            try:
                with server.listen(str(address[0]), loaded.port) as listening:
                    return int(listening.getsockname()[1])
            except OSError as error:
                failure = error
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    break
    except OSError as error:
        failure = error
    number = failure.errno if failure else None
    # A socket's message repeats the address, so only the reason is used. Errors of names have no number of the system.
    reason = os.strerror(number) if number and number > 0 else failure and failure.strerror
    raise click.ClickException(f"cannot listen on port {loaded.port} of {loaded.host}: {reason}")


@main.command()
@click.option("--host", help="Address to listen on.  [default: HOST, else 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [default: PORT, else 8000]")
@click.option("--workers", type=int, help="Server processes.  [default: WORKERS, else 1]")
@report_errors
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Serve the API.

    An SQLite database is created and migrated automatically. For PostgreSQL, run `tasktracker migrate` first:
    the server does not start if the schema is outdated.
    """
    for name, value in {"HOST": host, "PORT": port, "WORKERS": workers}.items():
        if value is not None:
            os.environ[name] = str(value)  # the worker processes read the environment
    loaded = load_settings()
    logging.configure(loaded)
    container = Container(settings=loaded)
    container.keys()  # creates the development key once, before the workers start
    require_database(container)
    container.store().close()
    if loaded.unix_socket:
        click.echo(f"Task Tracker on the socket {loaded.unix_socket}", err=True)
    else:
        loaded = replace(loaded, port=_listening_port(loaded))
        host = f"[{loaded.host}]" if ":" in loaded.host else loaded.host
        click.echo(f"Task Tracker on http://{host}:{loaded.port}/ (documentation of the API at /docs)", err=True)
    from tasktracker.entrypoints import server

    server.serve(loaded)


@main.command()
@report_errors
def worker() -> None:
    """Run jobs, fire reminders, send mails and sweep, until the process is asked to stop.

    Servers do this themselves, unless RUN_WORKER is false. Any number of workers and servers may run, on any hosts.
    """
    from tasktracker.entrypoints.worker.background import Background

    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with opened_container() as container:
        background = Background(container)
        background.start()
        click.echo("Task Tracker worker is running", err=True)
        stopping.wait()
        background.stop()


@main.command()
@click.option("--check", is_flag=True, help="Only check; exit with status 1 if the schema is outdated.")
@report_errors
def migrate(check: bool) -> None:
    """Upgrade the database schema to this version.

    Requires only DATABASE_URL. Several hosts may run it concurrently, and it may be run again.
    """
    schema = Schema(load_settings(serving=False))
    before = schema.current()
    if not check:
        schema.upgrade()
    after = schema.current()
    click.echo(f"schema: {before or 'none'} -> {after or 'none'}" if before != after else f"schema: {after or 'none'}")
    if after != schema.head:
        click.echo(f"outdated: this version needs {schema.head}", err=True)
        sys.exit(1)


@main.command()
@click.option(
    "--limit", "--most", "limit", type=click.IntRange(min=1), help="Maximum number of items of each kind to remove."
)
@report_errors
def sweep(limit: int | None) -> None:
    """Remove trash, histories, authentication events, imports and stored responses older than WINDOW_DAYS.

    This removes small batches and may run beside a server. Servers also do this themselves.
    """
    with opened_container() as container:
        count = container.housekeeping().sweep(limit)
        container.jobs().run_all()
    click.echo(f"removed {count}")


for command in (*admin_commands.COMMANDS, delivery_commands.deliveries):
    main.add_command(command)


@main.group()
def limits() -> None:
    """Manage the limits on logins and other operations that allow guessing."""


@limits.command("clear")
@report_errors
def clear_limits() -> None:
    """Make all attempts available again, for all users and addresses.

    Networks from which users have logged in stay exempt from the limits of other networks.
    """
    with opened_container() as container:
        count = container.limiter().clear()
    click.echo(f"cleared {count} limits")


@main.group()
def epoch() -> None:
    """Manage the epoch, which all sync cursors belong to."""


@epoch.command("new")
@report_errors
def new_epoch() -> None:
    """Start a new epoch. Run this after restoring a backup.

    Mails that are due are skipped, because they may have been sent after the backup.

    The sync cursors of all devices become invalid, so every device fetches the full state again. An old cursor
    may point past the end of the restored data.
    """
    with opened_container() as container:
        container.store().rotate_secret(EPOCH)
        with container.store().writing(SystemActor("skip deliveries")) as work:
            work.deliveries.skip_due(work.now)
    click.echo("A new epoch has started: devices will fetch the full state again.")


@main.command("doctor")
@report_errors
def doctor() -> None:
    """Check the settings, the database, and all that the service needs. Print advice for each problem.

    This changes nothing. It ends with status 1 if the server cannot work in this state.
    """
    colours = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red"}
    is_fit = True
    for finding in examine():
        is_fit = is_fit and finding.level is not Level.ERROR
        level = click.style(f"{finding.level:<8}", fg=colours[finding.level])
        click.echo(f"{level} {finding.subject}: {finding.text}")
        if finding.advice:
            click.echo(f"{'':8} {finding.advice}")
    if not is_fit:
        sys.exit(1)


@main.command("backup")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(min=1), help="Afterwards, keep this many backups in the folder.")
@report_errors
def backup(file: Path | None, keep: int | None) -> None:
    """Back up the whole database, while servers may run.

    FILE is a new file or a folder. The default is the folder `backups` in DATA_FOLDER. In a folder, the file is named
    after the time. The backup has a consistent state of all data, and is checked. PostgreSQL's programs pg_dump and
    pg_restore must be installed for a PostgreSQL database.
    """
    loaded = load_settings(serving=False)
    backup_commands.save(Container(settings=loaded), loaded, file, keep)


@main.command("restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Replace the data without asking.")
@click.option("--other-key", is_flag=True, help="Restore although SECRET_KEYS lacks the key of the backup.")
@click.option("--api-tokens", type=click.Choice(["keep", "revoke"]), help="API tokens in the backup.  [default: ask]")
@report_errors
def restore(file: Path, yes: bool, other_key: bool, api_tokens: str | None) -> None:
    """Replace all data by that of a backup. Stop all servers first.

    All sessions end, and the devices of users fetch the full state after they log in. The schema is upgraded.
    """
    container = Container(settings=load_settings(serving=False))
    backup_commands.restore(container, file, yes=yes, other_key=other_key, api_tokens=api_tokens)


@main.command("export")
@click.argument("user")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write.  [default: standard output]",
)
@report_errors
def export(user: str, output: Path | None) -> None:
    """Export everything that a user owns, as one JSON object per line.

    USER is a username or an e-mail address.
    """
    with opened_container() as container:
        transfer_commands.export_to(container, user, output)


@main.command("import")
@click.argument("user")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Report the result without importing anything.")
@click.option("--restore", is_flag=True, help="Restore tasks of the file that are in the trash.")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in FileFormat]),
    help="File format.  [default: by its name]",
)
@click.option("--project", help="Project that a CSV file of Todoist contains.  [default: the name before .csv]")
@report_errors
def import_(user: str, file: BinaryIO, dry_run: bool, restore: bool, form: str | None, project: str | None) -> None:
    """Import a Task Tracker export, a CSV file of Todoist, or a ZIP file of such CSV files, into a user's account.

    USER is a username or an e-mail address. The FILE `-` is standard input. Existing items are not changed, so a file
    may be imported again. Invalid lines are skipped and reported.
    """
    with opened_container() as container:
        report = transfer_commands.import_from(
            container, user, file, form, project=project, restore=restore, dry_run=dry_run
        )
    transfer_commands.show(report)
    if report.skipped:
        sys.exit(1)


@main.command("sync-demo")
@click.option("--url", help="Server to use; the demo deletes its account at the end.  [default: a temporary server]")
@report_errors
def sync_demo(url: str | None) -> None:
    """Show how two devices stay in sync.

    Shows concurrent edits, live updates, the merge of offline edits, the retry after a lost response, a conflict,
    and a final comparison with the server. Exits with status 1 if a step fails.
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
    except demo.DemoFailed as error:
        raise click.ClickException(str(error)) from None


@main.command()
@report_errors
def openapi() -> None:
    """Print the OpenAPI 3.1 document of the API."""
    from tasktracker.entrypoints.http.app import create_app

    unconnected = settings.load({"DATABASE_URL": "memory://", "SECRET_KEYS": "not used to sign anything at all"}, None)
    app = create_app(Container(settings=unconnected))
    click.echo(json.dumps(app.litestar.state.openapi(), indent=2))


@main.group()
def keys() -> None:
    """Manage the secret keys for signing and encryption."""


@keys.command("reencrypt")
@report_errors
def reencrypt() -> None:
    """Encrypt stored secrets again with the first key in SECRET_KEYS.

    Run this before removing another key from SECRET_KEYS.
    """
    with opened_container() as container:
        reencrypted = container.reencryption().run()
    click.echo(f"re-encrypted {reencrypted.done} secrets")
    if reencrypted.lost:
        raise click.ClickException(
            f"no key in SECRET_KEYS decrypts {reencrypted.lost} secrets: put the missing key back,"
            " or their users can log in only with recovery codes"
        )


@keys.command("new")
@report_errors
def new_key() -> None:
    """Print a new key for SECRET_KEYS."""
    click.echo(secrets.token_urlsafe(48))
