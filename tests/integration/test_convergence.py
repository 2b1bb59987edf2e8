"""Nine devices of three users, a bad network, and a server that is killed: in the end all have what the server has.

What is drawn at random is drawn from a seed, which a failure prints.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

import tests
from tasktracker.adapters.sql.engine import database_url, open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tasktracker.domain.feed.ports import EPOCH
from tasktracker_client import Replica, SyncError, UnknownItem, stream
from tests.dying_server import DIE
from tests.http import Api, Person, migrated
from tests.line import Line
from tests.postgres import DatabaseFactory
from tests.security.processes import THIS_CODE, Pair
from tests.strategies import THOROUGHNESS

USERS, DEVICES = 3, 9
STEPS = 120
DONE = {"applied", "merged", "duplicate"}


class World(Protocol):
    """A service, and ways to it."""

    url: str
    streams_url: str | None
    is_doomed: bool

    def somebody(self) -> Person:
        """Register somebody."""
        ...

    def way(self, chance: random.Random) -> Any:
        """Return what passes requests on to one of the processes."""
        ...

    def crash(self) -> None:
        """Have a process killed amid the next edits that it is sent, if there is another process."""
        ...

    def recover(self) -> None:
        """Start it again."""
        ...

    def renew_epoch(self) -> None:
        """Make all cursors expire."""
        ...

    def histories(self) -> Sequence[str]:
        """Return what is told of each change of a task, as text."""
        ...


class InProcess:
    """The application in this process, on memory."""

    url = "http://testserver.local"
    is_doomed = False
    streams_url: str | None = None  # they cannot be had in this process

    def __init__(self, api: Api) -> None:
        self._api = api

    def somebody(self) -> Person:
        return self._api.register()

    def way(self, _: random.Random) -> httpx.Client:
        return self._api.client

    def crash(self) -> None:
        """There is no other."""

    def recover(self) -> None:
        """Nothing happened."""

    def renew_epoch(self) -> None:
        self._api.container.store().rotate_secret(EPOCH)

    def histories(self) -> Sequence[str]:
        store: Any = self._api.container.store()
        return [str(change.fields) for change in store._data.changes.rows()]


class InProcesses:
    """Two server processes on one database, of which the second can be made to die."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.is_doomed = False
        self.url = pair.servers[0].url
        self.streams_url: str | None = pair.servers[1].url

    def somebody(self) -> Person:
        return self._pair.visitor().register()

    def way(self, chance: random.Random) -> EitherWay:
        return EitherWay(self, [server.client for server in self._pair.servers], chance)

    def crash(self) -> None:
        self.is_doomed = True

    def recover(self) -> None:
        assert not self.is_doomed, "nobody has sent it anything"
        assert self._pair.servers[1].wait() == -signal.SIGKILL
        self._pair.servers[1].start()

    def renew_epoch(self) -> None:
        store = SqlStore(open_database(self._pair.url), SystemClock(), Uuid7Generator())
        store.rotate_secret(EPOCH)
        store.close()

    def histories(self) -> Sequence[str]:
        engine = create_engine(database_url(self._pair.url))
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT fields FROM task_changes")).scalars().all()
        engine.dispose()
        return [str(row) for row in rows]


class EitherWay:
    """Sends each request to one process or the other. One that is doomed dies after what it does, before it answers."""

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


class Witness(Line):
    """A network that fails now and then, and remembers what devices were told."""

    def __init__(self, way: Any, chance: random.Random) -> None:
        super().__init__(way)
        self._chance = chance
        self.is_bad = True
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.done: Counter[str] = Counter()
        """How often the service has said that it did an edit, whether that arrived or not."""
        self._seen: dict[tuple[str, str], int] = defaultdict(int)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if self.is_bad and path == "/api/sync/":
            self.lose = [path] if self._chance.random() < 0.15 else []
            self.twice = [path] if self._chance.random() < 0.15 else []
        else:
            self.lose = self.twice = []
        response = super().handle_request(request)
        if path == "/api/sync/" and response.status_code == 200:
            self._note(request, response.json())
        return response

    def _pass(self, request: httpx.Request, content: bytes) -> httpx.Response:
        response = super()._pass(request, content)
        if request.method == "POST" and request.url.path == "/api/sync/" and response.status_code == 200:
            results = response.json()["results"]
            self.done.update(result["id"] for result in results if result["status"] in ("applied", "merged"))
        return response

    def _note(self, request: httpx.Request, answer: dict[str, Any]) -> None:
        if request.method == "POST":
            sent = {each["id"]: each for each in json.loads(request.content)["mutations"]}
            done = [result["id"] for result in answer["results"] if result["status"] in DONE]
            self.acknowledged.update({id_: sent[id_] for id_ in done})
        elif "cursor" not in request.url.params:
            self._seen.clear()
        for change in answer["changes"] if request.method == "GET" else ():
            key = (change["type"], change["id"])
            assert change["version"] >= self._seen[key], f"{key} goes back to {change['version']}"
            self._seen[key] = change["version"]


class Device(Replica):
    """Does what comes to mind."""

    def __init__(self, path: Path, world: World, person: Person, chance: random.Random, names: Iterator[int]) -> None:
        self.person = person
        self._chance = chance
        self._names = names
        self._deleted: list[str] = []
        self.is_away = False
        self.line = Witness(world.way(chance), chance)
        super().__init__(path, f"{world.url}/api", client=httpx.Client(transport=self.line), sleep=lambda _: None)

    def edit_something(self) -> None:
        """Make an edit, if there is anything to edit."""
        actions: Sequence[Callable[[], object]] = [
            lambda: self.create_task(title=self.word(), category=self._chance.choice([None, self._a_category()])),
            lambda: self.create_task(title=self.word(), parent=self.a_task()),
            lambda: self.edit_task(self.a_task(), title=self.word()),
            lambda: self.edit_task(self.a_task(), description=self.word(), priority=self._chance.randint(1, 4)),
            lambda: self.edit_task(self.a_task(), parent=self._chance.choice([None, self.a_task()])),
            lambda: self.edit_task(self.a_task(), category=self._chance.choice([None, self._a_category()])),
            lambda: self.complete(self.a_task()),
            lambda: self._delete(self.a_task()),
            lambda: self.restore(self._chance.choice(self._deleted or [self.a_task()])),
            lambda: self.create_category(name=self.word()),
            lambda: self.edit_category(self._a_category(), name=self.word()),
            lambda: self.delete_category(self._a_category()),
        ]
        with suppress(UnknownItem):
            self._chance.choice(actions)()

    def try_to_sync(self) -> None:
        """Sync on a network that may fail anywhere."""
        self.line.is_up = not self.is_away and self._chance.random() < 0.85
        with suppress(SyncError):
            self.sync()

    def _delete(self, task: str) -> None:
        self.delete(task)
        self._deleted.append(task)

    def a_task(self) -> str:
        return self._chance.choice([task.id for task in self.tasks()] or ["none"])

    def _a_category(self) -> str:
        return self._chance.choice([category.id for category in self.categories()] or ["none"])

    def word(self) -> str:
        """A word that nobody else says."""
        return f"word-{next(self._names)}-"


class Follower(Replica):
    """Follows the stream of one process, and edits nothing. The stream is cut when that process dies."""

    def __init__(self, path: Path, url: str, person: Person) -> None:
        super().__init__(path, f"{url}/api")
        self.person = person
        self.login(person.username, person.password)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.follow, args=(self._stop,), daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Leave, with the next thing that is told."""
        self._stop.set()
        self.person.task()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def catches_up(self, with_: Replica) -> bool:
        """Whether the stream alone brings everything, in a while."""
        deadline = time.monotonic() + 20
        while self.tasks() != with_.tasks() or self.categories() != with_.categories():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def recover(world: World, devices: Sequence[Device]) -> None:
    """Have everything run again, once what was to crash has crashed."""
    while world.is_doomed:
        device = next(each for each in devices if not each.is_away)
        device.create_task(title=device.word())
        device.try_to_sync()
    world.recover()


def share(owner: Person, task: str, member: Person, role: str) -> None:
    """Let somebody take part in a task, or no longer; it may be gone, or be part of another, or not be theirs."""
    path = f"/api/tasks/{task}/shares/"
    with suppress(httpx.TransportError):
        if role == "none":
            owner.delete(f"{path}{member.id}/")
        else:
            owner.post(path, {"username": member.username, "role": role})


def converge(world: World, folder: Path, seed: int) -> None:
    """Let everybody do what they like, and require that they agree in the end."""
    chance = random.Random(seed)
    folder = Path(tempfile.mkdtemp(dir=folder))  # as a failure is tried again
    names = iter(range(seed * 10_000, (seed + 1) * 10_000))
    people = [world.somebody() for _ in range(USERS)]
    with ExitStack() as stack:
        devices = [
            stack.enter_context(Device(folder / f"{number}.db", world, people[number % USERS], chance, names))
            for number in range(DEVICES)
        ]
        for device in devices:
            device.login(device.person.username, device.person.password)
        followers = [
            stack.enter_context(Follower(folder / f"{person.id}.db", world.streams_url, person))
            for person in people
            if world.streams_url
        ]
        for device in devices[:USERS]:
            for _ in range(4):
                device.edit_something()
                device.create_category(name=device.word())
                device.create_task(title=device.word())
            device.try_to_sync()
        away = chance.sample(devices, 2)
        for step in range(STEPS):
            device = chance.choice(devices)
            for each in away:
                each.is_away = STEPS // 5 < step < 4 * STEPS // 5
            if step == STEPS // 3:
                world.crash()
            elif step == 2 * STEPS // 3:
                recover(world, devices)
            elif step == STEPS // 2 and chance.random() < 0.5:
                world.renew_epoch()
            elif chance.random() < 0.6:
                for _ in range(3):
                    device.edit_something()
            elif chance.random() < 0.85:
                device.try_to_sync()
            else:
                owner, member = chance.sample(people, 2)
                shown = [each for each in devices if each.person is owner]
                share(owner, chance.choice(shown).a_task(), member, chance.choice(["viewer", "editor", "none"]))
        for device in devices:
            device.line.is_up, device.line.is_bad = True, False
        for device in devices * 2:
            device.sync()
        acknowledged: dict[str, dict[str, Any]] = {}
        for device in devices:
            assert not device.pending
            assert device.verify().is_in_sync
            require_equal(device)
            acknowledged.update(device.line.acknowledged)
            assert not [id_ for id_, times in device.line.done.items() if times > 1], "it was done again"
        for follower, device in zip(followers, devices, strict=False):
            assert follower.catches_up(device)
        for follower in followers:
            follower.finish()
            assert follower.verify().is_in_sync
    assert len(acknowledged) > STEPS / 3, "there was something to lose"
    histories = world.histories()
    for mutation in acknowledged.values():
        for word in words_in(mutation):
            times = sum(is_after(told, word) for told in histories if word in told)
            assert times == 1, f"{mutation} was done {times} times"


def words_in(mutation: dict[str, Any]) -> Iterator[str]:
    """What only this mutation of a task said."""
    if mutation["type"] == "task":
        yield from (str(value) for value in (mutation.get("data") or {}).values() if str(value).startswith("word-"))


def is_after(told: str, word: str) -> bool:
    """Whether a change is to a value, rather than from it."""
    try:
        fields = json.loads(told)
    except ValueError:
        return f"after='{word}'" in told
    return any(after == word for _, after in fields.values())


def require_equal(device: Device) -> None:
    """Require that a device shows exactly what the server does."""
    for path, items in (("/api/tasks/", device.tasks()), ("/api/categories/", device.categories())):
        told = {each["id"]: each for each in device.person.listed(path)}
        for each in told.values():
            each.pop("is_overdue", None)
        assert {item.id: dict(item.data) for item in items} == told


def few(number: int) -> settings:
    return settings(
        max_examples=number * THOROUGHNESS,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


seeds = st.integers(0, 2**31)


@given(seed=seeds)
@few(4)
def test_on_memory(tmp_path: Path, seed: int) -> None:
    with Api("memory://") as api:
        converge(InProcess(api), tmp_path, seed)


@pytest.fixture(autouse=True, scope="module")
def impatient() -> Iterator[None]:
    """Have followers come back soon, however long a process was gone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "LONGEST_DELAY", 0.5)
        patch.setattr(stream, "FIRST_DELAY", 0.1)
        yield


@pytest.fixture(params=["postgresql", "sqlite"], scope="module")
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url_factory: DatabaseFactory
) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("converging")
    url = f"sqlite:///{folder}/tasks.db" if request.param == "sqlite" else postgres_url_factory.create_database()
    code = f"{Path(tests.__file__).parents[1]}{os.pathsep}{THIS_CODE['PYTHONPATH']}"
    pair = Pair(folder, migrated(url), THROTTLE="off", PYTHONPATH=code)
    pair.servers[1].command = [sys.executable, "-m", "tests.dying_server"]
    with pair:
        yield pair


@given(seed=seeds)
@few(2)
def test_on_two_processes(pair: Pair, tmp_path: Path, seed: int) -> None:
    converge(InProcesses(pair), tmp_path, seed)
