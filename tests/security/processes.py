"""Server processes that share a database, their clients, and the search for secrets in database and log."""

from __future__ import annotations

import json
from base64 import b32decode, urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from threading import Barrier
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from sqlalchemy import MetaData, create_engine, select

from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.sql.urls import database_url
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tasktracker.domain.feed.ports import EPOCH
from tests.http import Caller, Person, Server, bearer
from tests.waiting import PATIENCE

Result = TypeVar("Result")

# Tests send `X-Forwarded-For` like a trusted proxy: each client has its own address and rate limits.
PROXIED = {"THROTTLE": "on", "TRUSTED_PROXIES": "127.0.0.1"}
REAL_HASHES = {"ARGON2_MEMORY_KIB": "", "ARGON2_PASSES": ""}  # blank: as if unset

SECRET_REQUESTS = {"password", "password2", "current_password", "new_password"}
SECRET_ANSWERS = {"access", "refresh", "token", "ticket", "secret", "provisioning_uri", "recovery_codes"}
SHORTEST_SECRET, LONGEST_SECRET = 8, 2048

_addresses = count(1)


class Visitor(Caller):
    """A client with its own address, as a proxy forwards it. Its users keep the address."""

    def __init__(self, client: httpx.Client, address: str | None = None) -> None:
        super().__init__(client, {"X-Forwarded-For": address or new_address()})

    def person(self, answer: Mapping[str, Any], password: str = "") -> Person:
        person = super().person(answer, password)
        person.headers.update(self.headers)
        return person


class Pair:
    """Two server processes on one database. Records every secret that its clients send or receive."""

    def __init__(self, folder: Path, url: str, **settings: str) -> None:
        self.url = url
        self.secrets: set[str] = set()
        self.servers = [Server(folder, **{**PROXIED, "DATABASE_URL": url, **settings}) for _ in range(2)]
        for server in self.servers:
            server.client.event_hooks["request"].append(self._note_request)
            server.client.event_hooks["response"].append(self._note_answer)

    def __enter__(self) -> Self:
        at_once([server.start for server in self.servers])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self.servers:
            server.__exit__(kind, error, trace)

    @property
    def logs(self) -> str:
        """The logs of both."""
        return "".join(server.log for server in self.servers)

    def visitor(self, number: int = 0, address: str | None = None) -> Visitor:
        """Return a new client of one of the two."""
        return Visitor(self.servers[number % 2].client, address)

    def beside(self, person: Person) -> Person:
        """Return the same user with the same tokens at the other process."""
        first, second = (server.client for server in self.servers)
        other = person.through(second if person.client is first else first)
        other.headers = dict(person.headers)
        return other

    def renew_epoch(self) -> None:
        """Make all cursors expire, as after a restored backup."""
        store = SqlStore(open_database(self.url), SystemClock(), Uuid7Generator())
        store.rotate_secret(EPOCH)
        store.close()

    def leaks(self) -> list[str]:
        """Return the secrets that are in the database or in a log, and where."""
        places = {"a log": self.logs.encode(), "the database": dump(self.url)}
        return [
            f"{secret!r} in {name}" for name, text in places.items() for secret in self.secrets if found(secret, text)
        ]

    def _note_request(self, request: httpx.Request) -> None:
        self._note(SECRET_REQUESTS, request.content)

    def _note_answer(self, response: httpx.Response) -> None:
        self._note(SECRET_ANSWERS, response.read())

    def _note(self, names: set[str], body: bytes) -> None:
        try:
            read = json.loads(body)
        except ValueError:
            return
        for name in names & read.keys() if isinstance(read, dict) else ():
            self.secrets.update(text for text in _texts(read[name]) if _is_secret(text))


class Wire:
    """A lightweight client for thousands of requests."""

    def __init__(self, port: int, address: str | None = None) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._headers = {"X-Forwarded-For": address or new_address(), "Content-Type": "application/json"}

    def send(
        self, method: str, path: str, body: object = None, token: str | None = None, **more: str
    ) -> tuple[int, Any]:
        """Send a request and return the status and the JSON of its answer."""
        headers = {**self._headers, **({} if token is None else bearer(token)), **more}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        read = response.read()
        return response.status, json.loads(read) if read else None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def at_once(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """Make all calls concurrently, each on its own thread, and return their results."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Result]) -> Result:
        barrier.wait(PATIENCE)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def new_address() -> str:
    """Return an unused address."""
    number = next(_addresses)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def dump(url: str) -> bytes:
    """Return the values of all tables of a database as bytes."""
    engine = create_engine(database_url(url))
    tables = MetaData()
    with engine.connect() as connection:
        tables.reflect(connection)
        rows = [tuple(row) for table in tables.sorted_tables for row in connection.execute(select(table))]
    engine.dispose()
    assert rows, "the database is empty"
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


def found(secret: str, text: bytes) -> bool:
    """Return whether a text contains a secret, raw or decoded. Of a token, its signature or secret is enough."""
    return any(form in text for form in _forms(secret))


def _forms(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    if secret.count(".") == 2:  # a JWT
        signature = secret.rpartition(".")[2]
        yield signature.encode()
        yield _decoded(signature)
    elif secret.startswith("tt_"):
        yield _decoded(secret.removeprefix("tt_"))[-24:]
    elif secret.count("-") == 3:  # a recovery code
        yield secret.replace("-", "").encode()
    elif len(secret) == 32 and secret.isupper():  # of a TOTP generator
        yield b32decode(secret)


def _is_secret(text: str) -> bool:
    """Return whether a text is worth searching for. Some tests send values that are no password and no token."""
    return SHORTEST_SECRET <= len(text) <= LONGEST_SECRET and text.isascii() and len(set(text)) > 4


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
