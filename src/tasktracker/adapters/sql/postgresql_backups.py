"""Backups of PostgreSQL databases, made by its own programs `pg_dump`, `pg_restore` and `psql`.

These programs must have the server's version or a newer one.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import IO

import psycopg
from psycopg.pq import Conninfo

from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.backups import KEY_ID, contents, new_file, revocations
from tasktracker.adapters.sql.engine import conninfo
from tasktracker.adapters.sql.violations import explain, unavailable
from tasktracker.domain.backups import BackupContents, BackupRefused, Progress

_SAVE_KEY = "INSERT INTO secrets (name, value) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
# The kind of a session is hidden from other roles. PostgreSQL's own processes have no role.
_OTHERS = (
    "SELECT DISTINCT coalesce(nullif(application_name, ''), 'a program') || ' of ' || usename FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL ORDER BY 1"
)
LEAVING_POLLS, LEAVING_PAUSE_SECONDS = 20, 0.1
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
# With `--verbose`, a program prints such a line for each table whose rows it reads or writes.
_TABLE = re.compile(r"dumping contents of table|processing data for table")
_ROWS = re.compile(r"^COPY \S*?(\w+) \([^\n]*\n(.*?)^\\\.$", re.MULTILINE | re.DOTALL)
MESSAGES = 3
"""The last lines of a program that failed, for the error's text."""


class PostgresBackups:
    """Implements Backups."""

    suffix = ".dump"
    programs: Sequence[str] = ("pg_dump", "pg_restore", "psql")

    def __init__(self, url: str) -> None:
        self._url = url
        self._conninfo = conninfo(url)

    def save(self, file: Path, key_id: str, progress: Progress) -> None:
        with self._connected() as connection:
            connection.execute(_SAVE_KEY, (KEY_ID, key_id.encode()))
            total = len(connection.execute(_TABLES).fetchall())
        with new_file(file) as partial:
            dump = ["pg_dump", "--format=custom", "--verbose", f"--file={partial}"]
            _Program(dump, _tables_done(total, progress), environment=self._environment()).finish()
            _Program(["pg_restore", f"--file={os.devnull}", str(partial)]).finish()  # reads all of it

    def contents(self, file: Path) -> BackupContents:
        with file.open("rb") as opened:
            begin = opened.read(5)
        if begin != b"PGDMP":
            raise BackupRefused(f"{file} is not a backup of a PostgreSQL database in the custom format of pg_dump.")
        tables = ("--table=alembic_version", "--table=secrets")
        text = _Program(["pg_restore", "--data-only", *tables, "--file=-", str(file)], stdout=subprocess.PIPE).read()
        found = {table: rows.splitlines() for table, rows in _ROWS.findall(text)}
        secrets = dict(row.split("\t") for row in found.get("secrets", ()))
        key = secrets.get(KEY_ID)
        revision = found.get("alembic_version")
        return contents(
            revision[0] if revision else None,
            bytes.fromhex(key.removeprefix("\\\\x")).decode() if key else None,
        )

    def restore(self, file: Path, *, keep_api_tokens: bool, progress: Progress) -> str | None:
        with self._connected() as connection:
            # The process of a connection ends a little after its client.
            for polls_left in reversed(range(LEAVING_POLLS)):
                others = ", ".join(name for (name,) in connection.execute(_OTHERS).fetchall())
                if not others:
                    break
                if not polls_left:
                    raise BackupRefused(f"Connected to the database: {others}. Stop all servers and programs first.")
                time.sleep(LEAVING_PAUSE_SECONDS)
            former = [name for (name,) in connection.execute(_TABLES).fetchall()]
        if former and "alembic_version" not in former:
            raise BackupRefused("The database belongs to another program: it has tables, but none of Task Tracker.")
        listed = _Program(["pg_restore", "--list", str(file)], stdout=subprocess.PIPE).read()
        tables = re.findall(r"^\d+; \S+ \S+ TABLE DATA \S+ (\w+) ", listed, re.MULTILINE)
        drops = [f'DROP TABLE "{name}" CASCADE;\n' for name in former]
        revoked = ["RESET search_path;\n"]  # the script of pg_restore empties it
        revoked += [f"{statement};\n" for statement in revocations(tables, keep_api_tokens=keep_api_tokens)]
        self._replay(file, drops, revoked, len(tables), progress)
        migrate.upgrade(self._url)
        return None

    def _replay(self, file: Path, before: Sequence[str], after: Sequence[str], total: int, progress: Progress) -> None:
        """Run statements, the backup's, and further statements in one transaction."""
        psql = _Program(
            [
                "psql",
                "--no-psqlrc",
                "--quiet",
                "--single-transaction",
                "--set=ON_ERROR_STOP=1",
                f"--output={os.devnull}",
            ],
            environment=self._environment(),
            stdin=subprocess.PIPE,
        )
        assert psql.stdin is not None
        with suppress(BrokenPipeError), psql.stdin:  # it is broken if psql has ended, with an error
            try:
                psql.stdin.write("".join(before).encode())
                psql.stdin.flush()
                script = ["pg_restore", "--no-owner", "--no-privileges", "--verbose", "--file=-", str(file)]
                _Program(script, _tables_done(total, progress), stdout=psql.stdin).finish()
                psql.stdin.write("".join(after).encode())
            except BaseException:
                psql.kill()  # otherwise it would commit what it has read
                raise
        psql.finish()

    def _environment(self) -> Mapping[str, str]:
        """Return the environment variables for a connection of libpq. Other users could read arguments of a process."""
        options = Conninfo.parse(self._conninfo.encode())
        return {each.envvar.decode(): each.val.decode() for each in options if each.envvar and each.val is not None}

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        try:
            with psycopg.connect(self._conninfo, autocommit=True) as connection:
                yield connection
        except psycopg.Error as error:
            raise unavailable(error, is_lost=False) or BackupRefused(explain(error)) from error


def _tables_done(total: int, progress: Progress) -> Callable[[str], None]:
    done = 0

    def note(line: str) -> None:
        nonlocal done
        if _TABLE.search(line):
            done += 1
            progress(min(done, total), total)

    return note


class _Program:
    """A running program of PostgreSQL. A thread reads its messages. Raises BackupRefused if the program is missing."""

    def __init__(
        self,
        command: Sequence[str],
        note: Callable[[str], None] = lambda _line: None,
        *,
        environment: Mapping[str, str] = {},
        stdin: int = subprocess.DEVNULL,
        stdout: IO[bytes] | int = subprocess.DEVNULL,
    ) -> None:
        self._name = command[0]
        self._note = note
        self._messages: deque[str] = deque(maxlen=MESSAGES)
        variables = {**os.environ, "LC_ALL": "C", **environment}
        try:
            self._process = subprocess.Popen(  # noqa: S603  # of fixed programs
                command, env=variables, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE
            )
        except FileNotFoundError:
            raise BackupRefused(
                f"{self._name} is missing: install PostgreSQL's client programs, of the server's version or a newer"
                " one (on Debian, the package postgresql-client)."
            ) from None
        self.stdin = self._process.stdin
        self._reader = Thread(target=self._read_messages, daemon=True)
        self._reader.start()

    def read(self) -> str:
        """Return what the program prints. Raises BackupRefused if it fails."""
        assert self._process.stdout is not None
        with self._process.stdout as printed:
            text = printed.read().decode()
        self.finish()
        return text

    def finish(self) -> None:
        """Wait for the program. Raises BackupRefused, with its last messages, if it failed."""
        status = self._process.wait()
        self._reader.join()
        if status == -signal.SIGPIPE:
            raise BrokenPipeError  # the program that reads what this one prints has ended
        if status:
            raise BackupRefused(f"{self._name} failed: {' '.join(self._messages)}")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _read_messages(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as messages:
            for line in messages:
                text = line.decode(errors="replace").strip()
                self._messages.append(text)
                self._note(text)
