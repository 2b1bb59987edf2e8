"""Services that devices use, which can crash and be restored from a backup: on memory, SQLite and PostgreSQL."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import httpx
import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tasktracker.adapters.sql.urls import database_url
from tasktracker.domain.feed.ports import EPOCH
from tasktracker.domain.jobs.job import LEASE
from tests.backends import TABLES
from tests.dying_server import DIE
from tests.http import SETTINGS, Api, Person, run
from tests.security.processes import Pair, at_once
from tests.waiting import wait_until


class World(Protocol):
    """A service under test."""

    url: str
    streams_url: str | None
    is_doomed: bool

    def register(self) -> Person:
        """Register a user."""
        ...

    def client(self, chance: random.Random) -> Any:
        """Return a client that sends each request to a random process."""
        ...

    def crash(self) -> None:
        """Make a process end during the next push that it receives, if there is another process."""
        ...

    def recover(self) -> None:
        """Start the process again."""
        ...

    def back_up(self) -> None:
        """Keep the data as it is now."""
        ...

    def restore_backup(self) -> None:
        """Restore the backup, and begin a new epoch, so that all cursors expire."""
        ...

    def run_piece(self) -> None:
        """Do one piece of a job, whose process ends then, if the test decides when jobs run."""
        ...

    def finish_jobs(self) -> None:
        """Do all jobs, or wait until they are done."""
        ...

    def histories(self) -> Sequence[str]:
        """Return the stored fields of each change of a task, as text."""
        ...


class InProcess:
    """The application in this process, on memory."""

    url = "http://testserver.local"
    is_doomed = False
    streams_url: str | None = None  # the client in this process cannot read a stream

    def __init__(self, api: Api) -> None:
        self._api = api
        self._backup: Any = None

    def register(self) -> Person:
        return self._api.register()

    def client(self, _: random.Random) -> httpx.Client:
        return self._api.client

    def crash(self) -> None:
        """Do nothing: there is no other process."""

    def recover(self) -> None:
        """Do nothing."""

    def back_up(self) -> None:
        store: Any = self._api.container.store()
        self._backup = store._data.copy()

    def restore_backup(self) -> None:
        store: Any = self._api.container.store()
        store._data = self._backup.copy()
        store.rotate_secret(EPOCH)

    def run_piece(self) -> None:
        pieces = iter((False,))
        self._api.container.jobs().run_next(lambda: next(pieces, True))
        self._api.clock.advance(LEASE)

    def finish_jobs(self) -> None:
        self._api.container.jobs().run_all()

    def histories(self) -> Sequence[str]:
        store: Any = self._api.container.store()
        return [str(change.fields) for change in store._data.changes.rows()]


class InProcesses:
    """Two server processes on one database. The second one can be made to die."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.is_doomed = False
        self.url = pair.servers[0].url
        self.streams_url: str | None = pair.servers[1].url

    def register(self) -> Person:
        return self._pair.visitor().register()

    def client(self, chance: random.Random) -> RandomProcess:
        return RandomProcess(self, [server.client for server in self._pair.servers], chance)

    def crash(self) -> None:
        self.is_doomed = True

    def recover(self) -> None:
        assert not self.is_doomed, "the process has received no push"
        assert self._pair.servers[1].wait() == -signal.SIGKILL
        self._pair.servers[1].start()

    def back_up(self) -> None:
        self._backup = Backup(self._pair.url, self._pair.servers[0].folder)

    def restore_backup(self) -> None:
        assert not self.is_doomed
        for server in self._pair.servers:
            server.kill()
        self._backup.restore()
        settings = {**SETTINGS, "DATABASE_URL": self._pair.url}
        result = run(self._pair.servers[0].folder, "epoch", "new", **settings)
        assert result.returncode == 0, result.stderr
        at_once([server.start for server in self._pair.servers])

    def run_piece(self) -> None:
        """Do nothing: the processes run jobs, and one of them dies."""

    def finish_jobs(self) -> None:
        wait_until(lambda: not self._select("SELECT id FROM jobs"), "the jobs do not end")

    def histories(self) -> Sequence[str]:
        return self._select("SELECT fields FROM task_changes")

    def _select(self, statement: str) -> Sequence[str]:
        engine = create_engine(database_url(self._pair.url))
        with engine.connect() as connection:
            rows = connection.execute(text(statement)).scalars().all()
        engine.dispose()
        return [str(row) for row in rows]


class RandomProcess:
    """Sends each request to a random process. A marked process ends after the commit of a push, before the answer."""

    def __init__(self, world: InProcesses, clients: Sequence[httpx.Client], chance: random.Random) -> None:
        self._world = world
        self._clients = clients
        self._chance = chance

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        client = self._chance.choice(self._clients)
        if self._world.is_doomed and client is self._clients[1] and (method, path) == ("POST", "/api/sync/"):
            self._world.is_doomed = False
            more["headers"] = {**more["headers"], DIE: "now"}
        return client.request(method, path, **more)


class Backup:
    """The data of a database at one moment. It can be restored while no server runs."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._file = folder / "backup.db"
        self._tables: dict[str, bytes] = {}
        if url.startswith("sqlite:"):
            self._file.unlink(missing_ok=True)
            with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(self._file)) as target:
                source.backup(target)
        else:
            with psycopg.connect(url) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                for table in TABLES:
                    with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as rows:
                        self._tables[table] = b"".join(rows)

    @property
    def _path(self) -> Path:
        return Path(make_url(self._url).database or "")

    def restore(self) -> None:
        """Put the data of that moment in place of the current data."""
        if self._tables:
            with psycopg.connect(self._url) as connection:
                connection.execute(f"TRUNCATE {', '.join(TABLES)}".encode())
                for table in reversed(TABLES):
                    with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as rows:
                        rows.write(self._tables[table])
        else:
            for ending in ("-wal", "-shm"):
                self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
            shutil.copyfile(self._file, self._path)
