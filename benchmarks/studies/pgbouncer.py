"""Run PgBouncer in transaction mode in front of a PostgreSQL, configured as in docs/deployment.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.rows import dict_row

from benchmarks.processes import free_ports, used
from tests import postgres_supervisor as supervisor

# Debian installs it in /usr/sbin, which is not on every PATH.
FOLDERS = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
MISSING = "PgBouncer is missing. On Debian or Ubuntu: apt-get install pgbouncer"
START_SECONDS = 10

SETTINGS: Mapping[str, object] = {
    "listen_addr": "127.0.0.1",
    "unix_socket_dir": "",
    "auth_type": "scram-sha-256",
    "pool_mode": "transaction",
    "default_pool_size": 4,
    "max_client_conn": 500,
    # As long as requests wait for a connection in the server.
    "query_wait_timeout": 5,
    # Reconnect soon after PostgreSQL was unavailable.
    "server_login_retry": 1,
}


def program() -> str | None:
    """Return the path of PgBouncer if it is installed."""
    return shutil.which("pgbouncer", path=FOLDERS)


class PgBouncer:
    """A PgBouncer in front of one PostgreSQL. `url` leads through it to the database of the given URL."""

    def __init__(self, folder: Path, behind: str, settings: Mapping[str, object] = {}) -> None:
        found = program()
        if found is None:
            raise FileNotFoundError(MISSING)
        self._program = found
        self._folder = folder / "pgbouncer"
        self._behind = urlsplit(behind)
        self._port = free_ports(1)[0]
        self._settings = {**SETTINGS, "listen_port": self._port, **settings}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of the database through PgBouncer."""
        return self._through(self._behind.path)

    @property
    def version(self) -> tuple[int, ...]:
        """Its version."""
        result = subprocess.run([self._program, "--version"], capture_output=True, text=True, check=True)  # noqa: S603
        return tuple(map(int, re.findall(r"\d+", result.stdout.partition("\n")[0])))

    def pool(self) -> Mapping[str, Any]:
        """Return the number of connections of the pool: `cl_…` from clients, `sv_…` to PostgreSQL."""
        for row in self.show("POOLS"):
            if row["database"] == self._behind.path.removeprefix("/"):
                return row
        return {}

    def show(self, what: str) -> list[dict[str, Any]]:
        """Return the rows of a SHOW command of its console."""
        with psycopg.connect(self._through("/pgbouncer"), autocommit=True, row_factory=dict_row) as console:
            return console.execute(f"SHOW {what}".encode()).fetchall()

    def used(self) -> float:
        """Return the seconds of processor time that it has used."""
        return used([self._process.pid]) if self._process else 0.0

    @property
    def log(self) -> str:
        """Its log so far."""
        return (self._folder / "log").read_text()

    def __enter__(self) -> Self:
        self._folder.mkdir()
        user, password = (unquote(each or "") for each in (self._behind.username, self._behind.password))
        database = f"host={self._behind.hostname} port={self._behind.port}"
        self._write("users.txt", f'"{user}" "{password}"\n')
        settings = {**self._settings, "auth_file": self._folder / "users.txt", "admin_users": user}
        lines = ["[databases]", f"* = {database}", "[pgbouncer]", *(f"{k} = {v}" for k, v in settings.items())]
        self._write("pgbouncer.ini", "\n".join(lines) + "\n")
        with (self._folder / "log").open("wb") as log:
            # Like PostgreSQL it does not run as root.
            self._process = subprocess.Popen(  # noqa: S603  # found by its name
                [self._program, str(self._folder / "pgbouncer.ini")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **supervisor.unprivileged_user(),
            )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.show("VERSION")
                return
            except psycopg.OperationalError as error:
                if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PgBouncer does not start:\n{self.log}") from error
                time.sleep(0.05)

    def _through(self, path: str) -> str:
        who = f"{self._behind.username}:{self._behind.password}"
        return f"postgresql://{who}@127.0.0.1:{self._port}{path}"

    def _write(self, name: str, text: str) -> None:
        path = self._folder / name
        path.write_text(text)
        path.chmod(0o600)
        supervisor.give_away(path)
