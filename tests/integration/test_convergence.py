"""Ten devices of three users reach the state of the server, over a bad network and with a server that is killed.

All random choices depend on a seed, which a failure prints.
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from tasktracker.adapters.sql.urls import database_url
from tasktracker.domain.feed.ports import EPOCH
from tasktracker_client import Replica, SyncError, UnknownItem, stream
from tests.dying_server import COMMAND, DIE
from tests.http import Api, Person
from tests.integration.devices import require_in_sync
from tests.integration.phones import api_token
from tests.line import Line
from tests.security.processes import Pair
from tests.strategies import THOROUGHNESS
from tests.waiting import PATIENCE, wait_until

USERS, DEVICES = 3, 9
STEPS = 120
DONE = {"applied", "merged", "duplicate"}


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
        """Make a process die during the next push that it receives, if there is another process."""
        ...

    def recover(self) -> None:
        """Start the process again."""
        ...

    def back_up(self) -> None:
        """Keep the data as it is now, if this service can."""
        ...

    def renew_epoch(self) -> None:
        """Make all cursors expire, and restore the backup, if there is one."""
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

    def renew_epoch(self) -> None:
        store: Any = self._api.container.store()
        store._data = self._backup.copy()
        store.rotate_secret(EPOCH)

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
        """Do nothing: the epoch is renewed without a loss."""

    def renew_epoch(self) -> None:
        self._pair.renew_epoch()

    def histories(self) -> Sequence[str]:
        engine = create_engine(database_url(self._pair.url))
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT fields FROM task_changes")).scalars().all()
        engine.dispose()
        return [str(row) for row in rows]


class RandomProcess:
    """Sends each request to a random process. A doomed process dies after the commit of a push, before the answer."""

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
    """A network that fails sometimes, and records the answers to pushes."""

    def __init__(self, client: Any, chance: random.Random) -> None:
        super().__init__(client)
        self._chance = chance
        self.is_bad = True
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.done: Counter[str] = Counter()
        """How often the service has answered that it applied an edit, including lost answers."""
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
    """Makes random edits."""

    def __init__(
        self,
        path: Path,
        world: World,
        person: Person,
        chance: random.Random,
        names: Iterator[int],
        token: str | None = None,
    ) -> None:
        self.path = path
        self.person = person
        self._chance = chance
        self._names = names
        self._deleted: list[str] = []
        self.is_away = False
        self.line = Witness(world.client(chance), chance)
        client = httpx.Client(transport=self.line)
        super().__init__(path, f"{world.url}/api", token=token, client=client, sleep=lambda _: None)

    def edit_something(self) -> None:
        """Make a random edit, if the chosen item exists."""
        actions: Sequence[Callable[[], object]] = [
            lambda: self.create_task(title=self.word(), category=self._chance.choice([None, self._a_category()])),
            lambda: self.create_task(title=self.word(), parent=self.a_task()),
            lambda: self.edit_task(self.a_task(), title=self.word()),
            lambda: self.edit_task(self.a_task(), description=self.word(), priority=self._chance.choice([1, 2, 3, 4])),
            lambda: self.edit_task(self.a_task(), parent=self._chance.choice([None, self.a_task()])),
            lambda: self.edit_task(self.a_task(), category=self._chance.choice([None, self._a_category()])),
            lambda: self.complete(self.a_task()),
            lambda: self._delete(self.a_task()),
            lambda: self.restore(self._chance.choice(self._deleted or [self.a_task()])),
            lambda: self.create_category(name=self._chance.choice(["Work", "work", "WORK", self.word()])),
            lambda: self.edit_category(self._a_category(), name=self._chance.choice(["Home", self.word()])),
            lambda: self.delete_category(self._a_category()),
        ]
        with suppress(UnknownItem):
            self._chance.choice(actions)()

    def try_to_sync(self) -> None:
        """Sync over a network that may fail at any point."""
        self.line.is_up = not self.is_away and self._chance.random() < 0.85
        with suppress(SyncError):
            self.sync()

    def resend_everything(self) -> None:
        """Send each issue again, a category under another name."""
        for issue in self.issues():
            self.resend(issue, {"name": self.word()} if "name" in issue.data else None)

    def _delete(self, task: str) -> None:
        self.delete(task)
        self._deleted.append(task)

    def a_task(self) -> str:
        return self._chance.choice([task.id for task in self.tasks()] or ["none"])

    def _a_category(self) -> str:
        return self._chance.choice([category.id for category in self.categories()] or ["none"])

    def word(self) -> str:
        """Return a unique word."""
        return f"word-{next(self._names)}-"


class Follower(Replica):
    """Follows the stream of one process, and edits nothing. The stream breaks when that process dies."""

    def __init__(self, path: Path, url: str, person: Person) -> None:
        super().__init__(path, f"{url}/api")
        self.person = person
        self.login(person.username, person.password)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.follow, args=(self._stop,), daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Stop following."""
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def catch_up(self, other: Replica) -> None:
        """Wait until the stream has delivered everything that another copy has."""
        wait_until(
            lambda: self.tasks() == other.tasks() and self.categories() == other.categories(),
            "the stream has not delivered every change",
        )


def recover(world: World, devices: Sequence[Device]) -> None:
    """Push until the doomed process has died, and start it again."""
    while world.is_doomed:
        device = next(each for each in devices if not each.is_away)
        device.create_task(title=device.word())
        device.try_to_sync()
    world.recover()


def copy_of(path: Path) -> Path:
    """Copy the file of a device."""
    copied = path.with_suffix(".copy")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copied)) as target:
        source.backup(target)
    return copied


def share(owner: Person, task: str, member: Person, role: str) -> None:
    """Share a task or remove its member. The server may refuse: it may be deleted, a subtask, or of another user."""
    path = f"/api/tasks/{task}/shares/"
    with suppress(httpx.TransportError):
        if role == "none":
            owner.delete(f"{path}{member.id}/")
        else:
            owner.post(path, {"username": member.username, "role": role})


def converge(world: World, folder: Path, seed: int) -> None:
    """Make random edits on all devices, and require that all devices agree in the end."""
    chance = random.Random(seed)
    folder = Path(tempfile.mkdtemp(dir=folder))  # Hypothesis repeats a failure
    names = iter(range(seed * 10_000, (seed + 1) * 10_000))
    users = [world.register() for _ in range(USERS)]
    with ExitStack() as stack:
        token = api_token(users[0])  # of two devices
        devices = [
            stack.enter_context(
                Device(
                    folder / f"{number}.db",
                    world,
                    users[number % USERS],
                    chance,
                    names,
                    token if number in (USERS, 2 * USERS) else None,
                )
            )
            for number in range(DEVICES)
        ]
        for device in devices:
            if device not in (devices[USERS], devices[2 * USERS]):
                device.login(device.person.username, device.person.password)
        followers = [
            stack.enter_context(Follower(folder / f"{person.id}.db", world.streams_url, person))
            for person in users
            if world.streams_url
        ]
        for device in devices[:USERS]:
            for _ in range(4):
                device.edit_something()
                device.create_category(name=device.word())
                device.create_task(title=device.word())
            device.try_to_sync()
        away = chance.sample(devices, 2)
        world.back_up()
        for step in range(STEPS):
            device = chance.choice(devices)
            for each in away:
                each.is_away = STEPS // 5 < step < 4 * STEPS // 5
            if step == STEPS // 4:
                copied = Device(copy_of(devices[0].path), world, users[0], chance, names)
                devices.append(stack.enter_context(copied))
            elif step == STEPS // 3:
                world.crash()
            elif step == 2 * STEPS // 3:
                recover(world, devices)
            elif step == STEPS // 2 and chance.random() < 0.5:
                world.renew_epoch()
                for each in devices:
                    each.line.done.clear()
                    each.line.acknowledged.clear()
            elif chance.random() < 0.6:
                for _ in range(3):
                    device.edit_something()
            elif chance.random() < 0.85:
                device.try_to_sync()
            else:
                owner, member = chance.sample(users, 2)
                shown = [each for each in devices if each.person is owner]
                share(owner, chance.choice(shown).a_task(), member, chance.choice(["viewer", "editor", "none"]))
        for device in devices:
            device.line.is_up, device.line.is_bad = True, False
        for device in devices * 2:
            device.sync()
        acknowledged: dict[str, dict[str, Any]] = {}
        for device in devices:
            require_in_sync(device, device.person)
            acknowledged.update(device.line.acknowledged)
            assert not [id_ for id_, times in device.line.done.items() if times > 1], "an edit was applied twice"
        histories = world.histories()
        for device in devices:
            device.resend_everything()
            device.sync()
        for device in devices * 2:
            device.sync()
        for device in devices:
            require_in_sync(device, device.person)
        for follower, device in zip(followers, devices, strict=False):
            follower.catch_up(device)
        for follower in followers:
            follower.finish()
            assert follower.verify().is_in_sync
    assert len(acknowledged) > STEPS / 3, "too few edits were acknowledged"
    for mutation in acknowledged.values():
        for word in words_in(mutation):
            times = sum(is_after(change, word) for change in histories if word in change)
            assert times == 1, f"{mutation} was applied {times} times"


def words_in(mutation: dict[str, Any]) -> Iterator[str]:
    """Return the words that only this mutation of a task contains."""
    if mutation["type"] == "task":
        yield from (str(value) for value in (mutation.get("data") or {}).values() if str(value).startswith("word-"))


def is_after(change: str, word: str) -> bool:
    """Return whether a change is to a value, not from it."""
    try:
        fields = json.loads(change)
    except ValueError:
        return f"after='{word}'" in change
    return any(after == word for _, after in fields.values())


def few(number: int) -> settings:
    return settings(
        max_examples=number * THOROUGHNESS,
        phases=[Phase.explicit, Phase.generate],
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


seeds = st.integers(0, 2**31)


@given(seed=seeds)
@few(3)
def test_devices_converge_on_memory(tmp_path: Path, seed: int) -> None:
    with Api("memory://") as api:
        converge(InProcess(api), tmp_path, seed)


@pytest.fixture(autouse=True, scope="module")
def impatient() -> Iterator[None]:
    """Make followers reconnect soon after a restart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "LONGEST_DELAY", 0.5)
        patch.setattr(stream, "FIRST_DELAY", 0.1)
        yield


@pytest.fixture(scope="module")
def pair(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("converging"), shared_url, THROTTLE="off")
    pair.servers[1].command = COMMAND
    with pair:
        yield pair


@given(seed=seeds)
@few(1)
def test_devices_converge_on_two_processes(pair: Pair, tmp_path: Path, seed: int) -> None:
    converge(InProcesses(pair), tmp_path, seed)
