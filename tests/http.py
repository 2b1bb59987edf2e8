"""The application as its clients see it: in this process, and as a server process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import structlog
from litestar.testing import TestClient

from tasktracker.domain.accounts.ports import TokenSigner
from tasktracker.domain.accounts.token import TokenClaims
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import InvalidToken
from tasktracker.entrypoints.container import Container, Schema
from tasktracker.entrypoints.http.app import create_app
from tasktracker.entrypoints.settings import load
from tests.documentation import Documentation
from tests.fakes import SYSTEM, ManualClock

PASSWORD = "uH8#kq2Lx9"
OTHER_PASSWORD = "zT5!mw7Rb3"
SETTINGS = {
    "SECRET_KEYS": "tests sign with this and with nothing else",
    "ARGON2_MEMORY_KIB": "8",
    "ARGON2_PASSES": "1",
    "THROTTLE": "off",
}
JSON = {"Content-Type": "application/json"}

_numbers = count(1)

# As an operator would see it, rather than with the value of every variable.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


class Caller:
    """Sends requests; what `headers` says goes with each."""

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
        """Send these very bytes as JSON."""
        return self.request(method, path, content=body, headers=JSON, **more)

    def register(self, username: str | None = None, **more: Any) -> Person:
        """Create an account."""
        body = {"username": username or new_name(), "password": PASSWORD, **more}
        return self.person(expect(self.post("/api/accounts/register/", body), 201), body["password"])

    def login(self, person: Person, **more: Any) -> Person:
        """Log the person in on another device."""
        body = {"username": person.username, "password": person.password, **more}
        return self.person(expect(self.post("/api/accounts/login/", body), 200), person.password)

    def person(self, answer: Mapping[str, Any], password: str = PASSWORD) -> Person:
        """Return whoever got this answer to a registration or login."""
        return Person(self.client, answer, password)


class Person(Caller):
    """Somebody who is logged in."""

    def __init__(self, client: httpx.Client, answer: Mapping[str, Any], password: str) -> None:
        super().__init__(client, bearer(answer["access"]))
        self.answer = answer
        self.id: str = answer["user"]["id"]
        self.username: str = answer["user"]["username"]
        self.password = password
        self.access: str = answer["access"]
        self.refresh: str = answer["refresh"]

    def through(self, client: httpx.Client) -> Person:
        """The same person with the same tokens, by way of another server."""
        return Person(client, self.answer, self.password)

    def task(self, title: str = "something", **fields: Any) -> dict[str, Any]:
        """Create a task."""
        created: dict[str, Any] = expect(self.post("/api/tasks/", {"title": title, **fields}), 201)
        return created

    def category(self, name: str | None = None, **fields: Any) -> dict[str, Any]:
        """Create a category."""
        created: dict[str, Any] = expect(self.post("/api/categories/", {"name": name or new_name(), **fields}), 201)
        return created

    def share(self, task: Mapping[str, Any], other: Person, role: str = "editor") -> dict[str, Any]:
        """Share a task with somebody."""
        body = {"username": other.username, "role": role}
        shared: dict[str, Any] = expect(self.post(f"/api/tasks/{task['id']}/shares/", body), 201)
        return shared

    def titles(self, query: str = "") -> list[str]:
        """The titles of the tasks that a list shows, on all of its pages."""
        return [task["title"] for task in self.listed("/api/tasks/", query)]

    def listed(self, path: str, query: str = "") -> list[dict[str, Any]]:
        """Everything in a list, page after page."""
        found: list[dict[str, Any]] = []
        params = httpx.QueryParams(query)
        while True:
            page = expect(self.get(path, params=params), 200)
            found += page["results"]
            if page["next_cursor"] is None:
                return found
            params = params.merge({"cursor": page["next_cursor"]})


class Api(Caller):
    """The real application, and the clock it goes by, which stands still until a test moves it."""

    def __init__(self, database_url: str, *, beside: Api | None = None, **settings: str) -> None:
        """Build it, `beside` another one on the same storage and with the same clock."""
        self._url = database_url
        self.container = Container(settings=load({**SETTINGS, "DATABASE_URL": database_url, **settings}, None))
        # In the past, so that however far a test moves it the tokens do not come from the future.
        past = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1000)
        self.clock: ManualClock = beside.clock if beside else ManualClock(past)
        if beside:
            self.container.store.override(beside.container.store())
            self.container.limiter.override(beside.container.limiter())
        self.container.clock.override(self.clock)
        self.container.signer.override(ClockedSigner(self.container.signer(), self.clock))
        self.app = create_app(self.container)
        self.documentation = Documentation(self.app.litestar.state.openapi())
        client = TestClient(self.app, base_url="http://testserver.local", raise_server_exceptions=False)
        client.follow_redirects = False
        client.event_hooks["response"].append(self.documentation.check)
        super().__init__(client)

    def beside(self, **settings: str) -> Api:
        """Build another application with other settings on the same storage."""
        return Api(self._url, beside=self, **settings)

    def set_active(self, username: str, is_active: bool) -> None:
        """Let a user act, or not, as an administrator does by command."""
        with self.container.store().writing(SYSTEM) as work:
            self.container.accounts().set_active(work, username, is_active)

    def __enter__(self) -> Self:
        self.client.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.__exit__(kind, error, trace)


class ClockedSigner:
    """The real signer, but going by a clock of ours: the library it is made with asks the machine for the time."""

    LEEWAY = timedelta(seconds=5)

    def __init__(self, signer: TokenSigner, clock: Clock) -> None:
        self._signer = signer
        self._clock = clock

    def sign(self, claims: TokenClaims) -> str:
        return self._signer.sign(claims)

    def read(self, token: str, *, expired: bool = False) -> TokenClaims:
        claims = self._signer.read(token, expired=True)
        if not expired and claims.expires_at + self.LEEWAY <= self._clock.now():
            raise InvalidToken
        return claims


class Server(Caller):
    """`tasktracker serve` as a process, with nothing of this process's environment but what it is given."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {**SETTINGS, "PORT": str(self.port), **settings}
        self.command: Sequence[str | Path] = [tasktracker(), "serve"]
        self._log = folder / f"server-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None
        super().__init__(httpx.Client(base_url=self.url, timeout=30))

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
        """All it has said so far."""
        return self._log.read_text()

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=clean_environment(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                expect(httpx.get(f"{self.url}/health/live", timeout=5), 200)
                return
            except httpx.TransportError:
                assert self._process.poll() is None, f"the server ended: {self.log}"
                assert time.monotonic() < deadline, f"the server does not answer: {self.log}"
                time.sleep(0.05)

    def wait_for_log(self, text: str, times: int = 1) -> None:
        """Wait until it has said this so many times."""
        deadline = time.monotonic() + 30
        while self.log.count(text) < times:
            assert time.monotonic() < deadline, f"it does not say {text!r} {times} times: {self.log}"
            time.sleep(0.05)

    def terminate(self) -> None:
        """Ask it to stop."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = 20) -> int:
        """Wait until it has ended and return its status."""
        assert self._process is not None
        return self._process.wait(seconds)

    def stop(self) -> int:
        """Have it stop and return its status."""
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        """End it and its workers, like a crash."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)
            self._process = None


def migrated(database_url: str) -> str:
    """Bring the schema of a database up to date and return its URL."""
    Schema(load({**SETTINGS, "DATABASE_URL": database_url}, None)).upgrade()
    return database_url


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a `tasktracker` command to its end."""
    return subprocess.run(
        [tasktracker(), *arguments],
        cwd=folder,
        env=clean_environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def tasktracker() -> Path:
    """The installed command."""
    return Path(sysconfig.get_path("scripts")) / "tasktracker"


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """An environment with these settings and with none that happen to be set where the tests run."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
    return {**{name: os.environ[name] for name in kept if name in os.environ}, **settings}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def new_name() -> str:
    """A name that nothing has: of a user, say, or a category."""
    return f"name{next(_numbers)}-{os.getpid()}"


def bearer(token: str) -> dict[str, str]:
    """The header that presents a token."""
    return {"Authorization": f"Bearer {token}"}


def expect(response: httpx.Response, status: int) -> Any:
    """Return the body of a response, which must have this status."""
    assert response.status_code == status, f"{response.status_code}, not {status}: {response.text}"
    return response.json() if response.content else None
