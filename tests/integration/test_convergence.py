"""Nine devices of three users, a bad network, and a server that is killed: in the end all have what the server has.

What is drawn at random is drawn from a seed, which a failure prints.
"""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from tasktracker.adapters.sql.engine import database_url
from tasktracker_client import Replica, SyncError, UnknownItem
from tests.contracts.http.line import Line
from tests.http import Api, Person, migrated
from tests.postgres import DatabaseFactory
from tests.security.processes import Pair

USERS, DEVICES = 3, 9
STEPS = 120
DONE = {"applied", "merged", "duplicate"}


class World(Protocol):
    """A service, and ways to it."""

    url: str
    streams_url: str | None

    def somebody(self) -> Person:
        """Register somebody."""
        ...

    def way(self, chance: random.Random) -> Any:
        """Return what passes requests on to one of the processes."""
        ...

    def crash(self) -> None:
        """Kill a process, if there is another."""
        ...

    def recover(self) -> None:
        """Start it again."""
        ...

    def histories(self) -> Sequence[str]:
        """Return what is told of each change of a task, as text."""
        ...


class InProcess:
    """The application in this process, on memory."""

    url = "http://testserver.local"
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

    def histories(self) -> Sequence[str]:
        store: Any = self._api.container.store()
        return [str(change.fields) for change in store._data.changes.rows()]


class InProcesses:
    """Two server processes on one database."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.url = pair.servers[0].url
        self.streams_url: str | None = pair.servers[1].url

    def somebody(self) -> Person:
        return self._pair.visitor().register()

    def way(self, chance: random.Random) -> EitherWay:
        return EitherWay([server.client for server in self._pair.servers], chance)

    def crash(self) -> None:
        self._pair.servers[1].kill()

    def recover(self) -> None:
        self._pair.servers[1].start()

    def histories(self) -> Sequence[str]:
        engine = create_engine(database_url(self._pair.url))
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT fields FROM task_changes")).scalars().all()
        engine.dispose()
        return [str(row) for row in rows]


class EitherWay:
    """Sends each request to one process or the other."""

    def __init__(self, clients: Sequence[httpx.Client], chance: random.Random) -> None:
        self._clients = clients
        self._chance = chance

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._chance.choice(self._clients).request(method, path, **more)


class Witness(Line):
    """A network that fails now and then, and remembers what devices were told."""

    def __init__(self, way: Any, chance: random.Random) -> None:
        super().__init__(way)
        self._chance = chance
        self.is_bad = True
        self.acknowledged: dict[str, dict[str, Any]] = {}
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
        self.line = Witness(world.way(chance), chance)
        super().__init__(path, f"{world.url}/api", client=httpx.Client(transport=self.line), sleep=lambda _: None)

    def edit_something(self) -> None:
        """Make an edit, if there is anything to edit."""
        actions: Sequence[Callable[[], object]] = [
            lambda: self.create_task(title=self.word(), category=self._chance.choice([None, self._a_category()])),
            lambda: self.create_task(title=self.word(), parent=self.a_task()),
            lambda: self.edit_task(self.a_task(), title=self.word()),
            lambda: self.edit_task(self.a_task(), description=self.word(), priority=self._chance.randint(1, 4)),
            lambda: self.complete(self.a_task()),
            lambda: self.delete(self.a_task()),
            lambda: self.restore(self.a_task()),
            lambda: self.create_category(name=self.word()),
            lambda: self.edit_category(self._a_category(), name=self.word()),
            lambda: self.delete_category(self._a_category()),
        ]
        with suppress(UnknownItem):
            self._chance.choice(actions)()

    def try_to_sync(self) -> None:
        """Sync on a network that may fail anywhere."""
        self.line.is_up = self._chance.random() < 0.85
        with suppress(SyncError):
            self.sync()

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
        for step in range(STEPS):
            device = chance.choice(devices)
            if step == STEPS // 3:
                world.crash()
            elif step == 2 * STEPS // 3:
                world.recover()
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
        max_examples=number,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


seeds = st.integers(0, 2**31)


@given(seed=seeds)
@few(6)
def test_on_memory(tmp_path: Path, seed: int) -> None:
    with Api("memory://") as api:
        converge(InProcess(api), tmp_path, seed)


@pytest.fixture(params=["postgresql", "sqlite"], scope="module")
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url_factory: DatabaseFactory
) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("converging")
    url = f"sqlite:///{folder}/tasks.db" if request.param == "sqlite" else postgres_url_factory.create_database()
    with Pair(folder, migrated(url), THROTTLE="off") as pair:
        yield pair


@given(seed=seeds)
@few(4)
def test_on_two_processes(pair: Pair, tmp_path: Path, seed: int) -> None:
    converge(InProcesses(pair), tmp_path, seed)
