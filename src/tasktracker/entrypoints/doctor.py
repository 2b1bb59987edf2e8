"""The command `doctor`: checks of the configuration and of all that the service needs, each with advice."""

from __future__ import annotations

import json
import os
import resource
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tasktracker.domain.backups import BackupRefused
from tasktracker.domain.deliveries.ports import NotSent
from tasktracker.domain.kernel.errors import StorageUnavailable
from tasktracker.domain.kernel.store import server_id
from tasktracker.entrypoints import settings
from tasktracker.entrypoints.container import Container, Schema
from tasktracker.entrypoints.settings import DOTENV, Settings, SettingsError

MAX_CLOCK_DIFFERENCE = timedelta(seconds=2)
MIN_FREE_BYTES = 1024**3
MIN_OPEN_FILES = 1024
MAX_BACKUP_AGE = timedelta(days=7)
ANSWER_SECONDS = 5
MAX_ANSWER_BYTES = 64 * 1024


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check: a finding, and advice for the operator."""

    level: Level
    subject: str
    text: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Yield the findings of all checks. A check is left out if it depends on a part that failed its own check."""
    for text in settings.misspelled():
        yield Finding(Level.WARNING, "settings", text, "Correct the name.")
    try:
        loaded = settings.load()
    except SettingsError as error:
        for line in str(error).splitlines():
            yield Finding(Level.ERROR, "settings", line, "docs/configuration.md describes all settings.")
        return
    yield from _settings(loaded)
    yield from _permissions(loaded)
    yield from _resources(loaded)
    yield from _database(loaded)
    yield _mail(loaded)
    yield from _backups(loaded)


def _settings(loaded: Settings) -> Iterator[Finding]:
    if loaded.is_production:
        yield Finding(Level.OK, "settings", "production")
    else:
        advice = "Set ENVIRONMENT=production and SECRET_KEYS on a server that others can reach."
        yield Finding(Level.WARNING, "settings", "development", advice)
    if loaded.is_production and not loaded.trusted_proxies and not loaded.unix_socket:
        yield Finding(
            Level.WARNING,
            "proxy",
            "TRUSTED_PROXIES is not set: behind a reverse proxy, all clients have the proxy's address",
            "Set it to the address of the proxy, unless clients connect without one.",
        )
    else:
        yield Finding(Level.OK, "proxy", ", ".join(loaded.trusted_proxies) or "none is trusted")


def _permissions(loaded: Settings) -> Iterator[Finding]:
    file = Schema(loaded).file
    found = [each for each in (DOTENV, loaded.secret_file, file) if each is not None and each.exists()]
    exposed = [each for each in found if stat.S_IMODE(each.stat().st_mode) & 0o077]
    for each in exposed:
        yield Finding(Level.WARNING, "permissions", f"other users can read {each}", f"chmod 600 {each}")
    if not exposed:
        yield Finding(Level.OK, "permissions", "files with secrets are readable by their owner only")
    folder = file.parent if file else loaded.data_folder
    if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
        advice = "Change its owner, or run this as the user of the server."
        yield Finding(Level.ERROR, "permissions", f"{folder} cannot be written to", advice)


def _resources(loaded: Settings) -> Iterator[Finding]:
    file = Schema(loaded).file
    data = (file.parent if file else loaded.data_folder).absolute()
    folder = next(each for each in (data, *data.parents) if each.exists())
    usage = shutil.disk_usage(folder)
    text = f"{usage.free / 1024**3:.1f} GiB of {usage.total / 1024**3:.1f} GiB are free at {folder}"
    if usage.free < MIN_FREE_BYTES:
        yield Finding(Level.WARNING, "disk", text, "Free some space: writes are refused when it is full.")
    else:
        yield Finding(Level.OK, "disk", text)
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= limit < MIN_OPEN_FILES:
        text = f"a process may open {limit} files, so the server accepts {max(limit - 256, 1)} connections"
        yield Finding(Level.WARNING, "open files", text, "Set LimitNOFILE in the unit, or ulimit -n.")
    else:
        yield Finding(Level.OK, "open files", f"{limit} for each process")


def _database(loaded: Settings) -> Iterator[Finding]:
    schema = Schema(loaded)
    try:
        current = schema.current()
    except StorageUnavailable as error:
        yield Finding(Level.ERROR, "database", error.detail, error.reason or "Check DATABASE_URL.")
        return
    if schema.head is None:
        yield Finding(Level.WARNING, "database", "in memory", "All data is lost with the process: set DATABASE_URL.")
        return
    is_new = schema.is_embedded and current is None
    yield Finding(Level.OK, "database", "the server will create it" if is_new else "answers")
    if current != schema.head:
        advice = "It is migrated when the server starts." if schema.is_embedded else "Run `tasktracker migrate`."
        text = f"revision {current or 'none'}, this version needs {schema.head}"
        yield Finding(Level.WARNING if schema.is_embedded else Level.ERROR, "schema", text, advice)
        return
    yield Finding(Level.OK, "schema", f"revision {current}")
    container = Container(settings=loaded)
    with closing(container.store()) as store:
        try:
            store.ready()
            yield Finding(Level.OK, "database", "accepts writes")
            yield _clock(container)
            yield from _public_url(loaded.public_url, container)
        except StorageUnavailable as error:
            yield Finding(Level.ERROR, "database", error.detail, error.reason or "")


def _public_url(url: str, container: Container) -> Iterator[Finding]:
    subject = "public url"
    if not url:
        yield Finding(Level.OK, subject, "not set: one-time links are shown without a host")
        return
    if url.startswith("http:") and container.settings().is_production:
        advice = "Let a reverse proxy terminate TLS, and set PUBLIC_URL to https://…: see docs/deployment.md."
        yield Finding(Level.WARNING, subject, f"{url} is without TLS: others on the network can read passwords", advice)
    try:
        found = _server_at(url)
    except _Unreachable as error:
        advice = "If the server runs: check PUBLIC_URL, the DNS, the certificate, and the upstream of the proxy."
        yield Finding(Level.WARNING, subject, f"{url} cannot be reached from this host: {error}", advice)
        return
    if found is None:
        advice = "Correct PUBLIC_URL, or let the proxy pass all paths under it to the server."
        yield Finding(Level.ERROR, subject, f"{url} answers, but is no Task Tracker", advice)
    elif found != str(server_id(container.store())):
        advice = "Correct PUBLIC_URL or the upstream of the proxy, or DATABASE_URL: links in mails would lead there."
        yield Finding(Level.ERROR, subject, f"{url} leads to a server with another database", advice)
    else:
        yield Finding(Level.OK, subject, f"{url} leads to this server")


class _Unreachable(Exception):
    """There is no answer, or only one of a proxy."""


def _server_at(url: str) -> str | None:
    """Return the id that the server under a URL states; None if it is another program. Raises _Unreachable."""
    try:
        with urlopen(f"{url}/api/", timeout=ANSWER_SECONDS) as response:  # noqa: S310 - the settings allow only HTTP
            read = json.loads(response.read(MAX_ANSWER_BYTES))
    except HTTPError as error:
        with error:
            if error.code < 500:
                return None
            raise _Unreachable(f"the answer is {error.code} {error.reason}") from None
    except URLError as error:
        raise _Unreachable(error.reason) from None
    except (OSError, HTTPException) as error:
        raise _Unreachable(error) from None
    except ValueError:
        return None
    found = read.get("server") if isinstance(read, dict) else None
    return found if isinstance(found, str) else None


def _clock(container: Container) -> Finding:
    before = container.clock().now()
    shared = container.shared_clock().now()
    after = container.clock().now()
    difference = max(before - shared, shared - after, timedelta())
    text = f"{difference.total_seconds():.1f} s from the clock of the database"
    if difference > MAX_CLOCK_DIFFERENCE:
        return Finding(
            Level.WARNING, "clock", text, "Set the clocks of both hosts by NTP (`timedatectl set-ntp true`)."
        )
    return Finding(Level.OK, "clock", text)


def _mail(loaded: Settings) -> Finding:
    mailer = Container(settings=loaded).mailer()
    if mailer is None:
        example = "MAIL_URL=smtp://tasks:password@mail.example.org MAIL_FROM=tasks@example.org PUBLIC_URL=https://tasks.example.org"
        text = "none is sent: administrators make one-time links by `tasktracker users`. To send mail, set for example:"
        return Finding(Level.OK, "mail", f"{text} {example}")
    try:
        return Finding(Level.OK, "mail", mailer.check())
    except NotSent as error:
        return Finding(Level.ERROR, "mail", str(error), "Check MAIL_URL, and that this host may connect to the relay.")
    finally:
        mailer.close()


def _backups(loaded: Settings) -> Iterator[Finding]:
    container = Container(settings=loaded)
    try:
        backups = container.backups()
    except BackupRefused:
        return
    missing = [name for name in backups.programs if shutil.which(name) is None]
    if missing:
        text = f"{', '.join(missing)} cannot be found"
        yield Finding(Level.WARNING, "backups", text, "Install PostgreSQL's client programs (postgresql-client).")
    folder = loaded.backup_folder
    files = [each for each in folder.glob(f"*{backups.suffix}") if each.is_file()] if folder.is_dir() else []
    now = container.clock().now()
    age = min((now.timestamp() - each.stat().st_mtime for each in files), default=None)
    if age is None or age > MAX_BACKUP_AGE.total_seconds():
        text = f"none in {folder}" if age is None else f"the newest one in {folder} is {int(age // 86400)} days old"
        yield Finding(Level.WARNING, "backups", text, "Run `tasktracker backup` each night, unless others are made.")
    else:
        yield Finding(Level.OK, "backups", f"the newest one in {folder} is {int(age // 3600)} hours old")
