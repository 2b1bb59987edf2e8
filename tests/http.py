"""The application as its clients see it: in this process, and as a separate server process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar
from uuid import UUID

import httpx
import structlog
from litestar.testing import TestClient

import tasktracker
from tasktracker.adapters.sql import urls
from tasktracker.adapters.sql.sqlite_file import SqliteFile
from tasktracker.domain.accounts.link_service import create_link
from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.container import Container, Schema
from tasktracker.entrypoints.http.app import Application, create_app
from tasktracker.entrypoints.settings import load
from tests import signatures
from tests.documentation import Documentation
from tests.fakes import SYSTEM, ManualClock
from tests.guarded_process import GuardedProcess
from tests.postgres_supervisor import free_port
from tests.preloaded import PreloadedProcess
from tests.waiting import PATIENCE, until_the_last, wait_until

PASSWORD = "uH8#kq2Lx9"
OTHER_PASSWORD = "zT5!mw7Rb3"
SETTINGS = {
    "SECRET_KEYS": "tests sign with this and with nothing else",
    "ARGON2_MEMORY_KIB": "8",
    "ARGON2_PASSES": "1",
    "THROTTLE": "off",
}
JSON = {"Content-Type": "application/json"}

Result = TypeVar("Result")

_numbers = count(1)

signatures.read_once()

# Tracebacks as an operator sees them, without the value of every variable.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


class Caller:
    """Sends requests, each with the same headers."""

    def __init__(self, client: httpx.Client, headers: Mapping[str, str] | None = None) -> None:
        self.client = client
        self.headers = dict(headers or {})

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        return self.client.request(method, path, headers={**self.headers, **(headers or {})}, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def head(self, path: str, **more: Any) -> httpx.Response:
        return self.request("HEAD", path, **more)

    def options(self, path: str, **more: Any) -> httpx.Response:
        return self.request("OPTIONS", path, **more)

    def post(self, path: str, json: object = None, **more: Any) -> httpx.Response:
        return self.request("POST", path, json=json, **more)

    def put(self, path: str, json: object = None, **more: Any) -> httpx.Response:
        return self.request("PUT", path, json=json, **more)

    def patch(self, path: str, json: object = None, **more: Any) -> httpx.Response:
        return self.request("PATCH", path, json=json, **more)

    def delete(self, path: str, **more: Any) -> httpx.Response:
        return self.request("DELETE", path, **more)

    def send(self, method: str, path: str, body: bytes, **more: Any) -> httpx.Response:
        """Send these bytes as JSON."""
        return self.request(method, path, content=body, headers=JSON, **more)

    def register(self, username: str | None = None, **more: Any) -> Person:
        """Create an account."""
        body = {"username": username or new_name(), "password": PASSWORD, **more}
        return self.person(expect(self.post("/api/accounts/register/", body), 201), body["password"])

    def login(self, person: Person, **more: Any) -> Person:
        """Log the user in on another device."""
        body = {"username": person.username, "password": person.password, **more}
        return self.person(expect(self.post("/api/accounts/login/", body), 200), person.password)

    def person(self, answer: Mapping[str, Any], password: str = PASSWORD) -> Person:
        """Return the user of an answer to a registration or login."""
        return Person(self.client, answer, password)


class Person(Caller):
    """A logged-in user."""

    def __init__(self, client: httpx.Client, answer: Mapping[str, Any], password: str) -> None:
        super().__init__(client, bearer(answer["access"]))
        self.answer = answer
        self.id: str = answer["user"]["id"]
        self.username: str = answer["user"]["username"]
        self.password = password
        self.access: str = answer["access"]
        self.refresh: str = answer["refresh"]

    def through(self, client: httpx.Client) -> Person:
        """Return the same user with the same tokens at another server."""
        return Person(client, self.answer, self.password)

    def task(self, title: str = "something", **fields: Any) -> dict[str, Any]:
        """Create a task."""
        created: dict[str, Any] = expect(self.post("/api/tasks/", {"title": title, **fields}), 201)
        return created

    def category(self, name: str | None = None, **fields: Any) -> dict[str, Any]:
        """Create a category."""
        created: dict[str, Any] = expect(self.post("/api/categories/", {"name": name or new_name(), **fields}), 201)
        return created

    def share(self, item: Mapping[str, Any], other: Person, role: str = "editor") -> dict[str, Any]:
        """Share a task or a category with another user."""
        kind, body = "tasks" if "title" in item else "categories", {"username": other.username, "role": role}
        shared: dict[str, Any] = expect(self.post(f"/api/{kind}/{item['id']}/shares/", body), 201)
        return shared

    def titles(self, query: str = "") -> list[str]:
        """Return the titles of the tasks on all pages of a list."""
        return [task["title"] for task in self.listed("/api/tasks/", query)]

    def listed(self, path: str, query: str = "") -> list[dict[str, Any]]:
        """Return the items on all pages of a list."""
        found: list[dict[str, Any]] = []
        params = httpx.QueryParams(query)
        for _ in until_the_last():
            page = expect(self.get(path, params=params), 200)
            found += page["results"]
            if page["next_cursor"] is None:
                break
            params = params.merge({"cursor": page["next_cursor"]})
        return found


class InProcess(httpx.BaseTransport):
    """Calls an application in the event loop of a test client, which itself takes a quarter longer for a request."""

    def __init__(self, app: Application) -> None:
        self.client = TestClient(app)
        called: Any = app  # httpx has other types of messages
        self._app = httpx.ASGITransport(called, raise_app_exceptions=False, client=("testclient", 50000))
        self._loop: asyncio.AbstractEventLoop | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()  # the body may be an iterator, which only this thread may read
        return self.run(self._answer(request))

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Wait for a coroutine in the event loop of the application."""
        assert self._loop is not None, "the application is not started"
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._app.handle_async_request(request)
        body = b"".join([part async for part in answer.aiter_raw()])
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body))

    def __enter__(self) -> Self:
        self._loop = self.client.__enter__().blocking_portal.call(asyncio.get_running_loop)
        return self

    def close(self) -> None:
        self.client.__exit__()


class Borrowed:
    """A store that another application closes. A closed one opens a connection for each unit of work."""

    def __init__(self, store: Storage) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def close(self) -> None:
        pass


class Api(Caller):
    """The real application in this process, with a clock that only the test moves."""

    def __init__(
        self, database_url: str, *, beside: Api | None = None, clock: ManualClock | None = None, **settings: str
    ) -> None:
        """Build it; `beside` another one, with the same storage and clock."""
        self.url = database_url
        self.container = Container(settings=load({**SETTINGS, "DATABASE_URL": database_url, **settings}, None))
        self.clock: ManualClock = beside.clock if beside else clock or ManualClock()
        if beside:
            self.container.store.override(Borrowed(beside.container.store()))
            self.container.limiter.override(beside.container.limiter())
        self.container.clock.override(self.clock)
        self.container.shared_clock.override(self.clock)
        self.app = create_app(self.container)
        self.documentation = _documentation(self.app, self.container.settings().public_url)
        self.process = InProcess(self.app)
        client = httpx.Client(
            transport=self.process,
            base_url="http://testserver.local",
            headers={"User-Agent": "testclient"},
            event_hooks={"response": [self.documentation.check]},
        )
        super().__init__(client)

    def beside(self, **settings: str) -> Api:
        """Build another application with other settings on the same storage."""
        return Api(self.url, beside=self, clock=None, **settings)

    def set_active(self, username: str, is_active: bool) -> None:
        """Enable or disable a user, as the command does."""
        with self.container.store().writing(SYSTEM) as work:
            administration = self.container.administration()
            administration.edit(work, administration.named(work, username), {"is_active": is_active})

    def promote(self, person: Person) -> None:
        """Make a user an administrator with a recent proof."""
        with self.container.store().writing(SYSTEM) as work:
            self.container.administration().edit(work, UUID(person.id), {"is_admin": True})
        expect(person.post("/api/accounts/me/confirm/", {"password": person.password}), 204)

    def __enter__(self) -> Self:
        self.client.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.__exit__(kind, error, trace)


_documented: dict[str, Documentation] = {}


def _documentation(app: Application, public_url: str) -> Documentation:
    """Return the document of an application. It depends on the handlers and the URL only, so applications share it."""
    if public_url not in _documented:
        _documented[public_url] = Documentation(app.litestar.state.openapi())
    return _documented[public_url]


def make_link(store: Storage, username: str, kind: LinkKind = LinkKind.RESET_PASSWORD) -> str:
    """Make a one-time link of a user, as an administrator does, and return its token."""
    with store.writing(SYSTEM) as work:
        found = work.users.find_by_login(username)
        user = work.users.find(found.id) if found else None
        assert user is not None
        return create_link(work, user, kind)


class Server(Caller):
    """`tasktracker serve` as a process, without the environment of this process. It ends with the tests."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {**SETTINGS, "PORT": str(self.port), **settings}
        self.command: Sequence[str] = [str(tasktracker_command()), "serve"]
        self._log = folder / f"server-{self.port}.log"
        self._process: GuardedProcess | PreloadedProcess | None = None
        # Reading the certificates of the system takes 25 ms of a processor.
        super().__init__(httpx.Client(base_url=self.url, timeout=PATIENCE, verify=False))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.kill()

    @property
    def log(self) -> str:
        """Everything it has logged."""
        return self._log.read_text()

    @property
    def process(self) -> GuardedProcess | PreloadedProcess:
        """The process of the last start."""
        assert self._process is not None
        return self._process

    def start(self, output: BinaryIO | None = None) -> None:
        """Start it and wait until it answers. `output` replaces the file of its log."""
        environment = clean_environment(self.environment)
        if output is None:
            self._process = PreloadedProcess(
                self.command, folder=self.folder, environment=environment, output=self._log
            )
        else:
            self._process = GuardedProcess(
                self.command, cwd=self.folder, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            wait_until(self._is_live, lambda: f"the server does not answer: {self.log}", self._process)
        except BaseException:
            self.kill()
            raise

    def _is_live(self) -> bool:
        try:
            expect(self.client.get("/health/live"), 200)
        except httpx.TransportError:
            return False
        return True

    def wait_for_log(self, text: str, times: int = 1) -> None:
        """Wait until the log contains the text this number of times."""
        wait_until(
            lambda: self.log.count(text) >= times,
            lambda: f"{text!r} is not {times} times in the log: {self.log}",
            self.process,
        )

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait until it has ended and return its status."""
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Stop it and return its status."""
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        """End it and its workers, like a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None


def migrated(database_url: str) -> str:
    """Bring the schema of a database up to date and return its URL. A missing SQLite file becomes a copy of another."""
    parsed = urls.database_url(database_url)
    path = Path(parsed.database or "")
    if parsed.drivername != urls.SQLITE or path.exists() or path.is_symlink():
        _upgrade(database_url)
    else:
        SqliteFile(str(path)).create()
        path.write_bytes(_sqlite_template())
    return database_url


@cache
def _sqlite_template() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder, "tasks.db")
        _upgrade(f"sqlite:///{file}")
        return file.read_bytes()


def _upgrade(database_url: str) -> None:
    Schema(load({**SETTINGS, "DATABASE_URL": database_url}, None)).upgrade()


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a `tasktracker` command to its end."""
    command = [str(tasktracker_command()), *arguments]
    with TemporaryDirectory() as name:
        output, errors = Path(name, "output"), Path(name, "errors")
        process = PreloadedProcess(
            command, folder=folder, environment=clean_environment(settings), output=output, errors=errors
        )
        status = process.wait(PATIENCE)
        return subprocess.CompletedProcess(command, status, output.read_text(), errors.read_text())


def tasktracker_command() -> Path:
    """Return the path of the installed command."""
    return Path(sysconfig.get_path("scripts")) / "tasktracker"


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with these settings only, in which Python imports the code under test."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
    code = f"{Path(tasktracker.__file__).parents[1]}{os.pathsep}{Path(__file__).parents[1]}"
    return {**{name: os.environ[name] for name in kept if name in os.environ}, "PYTHONPATH": code, **settings}


def until_answered(call: Callable[[], httpx.Response]) -> httpx.Response:
    """Repeat a request until the server is not too busy for it, and return the answer."""
    return wait_until(lambda: answer if (answer := call()).status_code != 503 else None, "the server is always busy")


def new_name() -> str:
    """Return an unused name for a user or a category."""
    return f"name{next(_numbers)}-{os.getpid()}"


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def expect(response: httpx.Response, status: int) -> Any:
    """Require the status of a response and return its JSON body."""
    assert response.status_code == status, f"{response.status_code}, not {status}: {response.text}"
    return response.json() if response.content else None
