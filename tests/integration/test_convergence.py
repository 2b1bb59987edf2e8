"""Eleven devices of four users reach the state of the server, and lose no edit, over a bad network.

Two devices use one API token, and one file is copied. A server process is killed, a backup is restored, and one of the
users deletes the account. All random choices depend on a seed, which a failure prints.
"""

from __future__ import annotations

import json
import random
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tasktracker.entrypoints.worker.worker import Worker
from tasktracker_client import LoginRequired, Unavailable, stream
from tests.dying_server import COMMAND
from tests.http import Api, Person
from tests.integration.devices import require_in_sync
from tests.integration.phones import api_token
from tests.integration.random_devices import Device, Follower
from tests.integration.worlds import InProcess, InProcesses, World
from tests.security.processes import Pair
from tests.strategies import THOROUGHNESS

USERS, DEVICES = 3, 9
STEPS = 60 if THOROUGHNESS == 1 else 120


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


def share(owner: Person, path: str, member: Person, role: str) -> None:
    """Share a task or a category, or remove its member. The server may refuse, as for an item of another user."""
    with suppress(httpx.TransportError):
        if role == "none":
            owner.delete(f"{path}shares/{member.id}/")
        else:
            owner.post(f"{path}shares/", {"username": member.username, "role": role})


def undo_completion(person: Person, task: str) -> None:
    """Undo the last change of a task, if that has only completed or reopened it."""
    with suppress(httpx.TransportError):
        history = person.get(f"/api/tasks/{task}/history/?limit=1")
        # There is none for a member who came after the last change.
        last = next(iter(history.json()["results"]), None) if history.status_code == 200 else None
        if last and last["fields"].keys() <= {"state", "completed_at", "recurrence", "next"}:
            person.post(f"/api/tasks/{task}/undo/", {"change": last["id"]})


def sync(device: Device, world: World) -> None:
    """Sync. A category that has only just passed to the user can be deleted only after its jobs."""
    try:
        device.sync()
    except Unavailable:
        world.finish_jobs()
        device.sync()


def delete_account(person: Person, others: Sequence[Person], chance: random.Random) -> None:
    """Delete an account. Its shared categories pass to a random user if that is allowed, or to the default user."""
    path, body = "/api/accounts/me/delete/", {"password": person.password}
    chosen = person.post(path, body | {"transfer_to": chance.choice(others).id}) if chance.random() < 0.5 else None
    if chosen is None or chosen.status_code == 400:
        chosen = person.post(path, body)
    assert chosen.status_code == 204, chosen.text


def converge(world: World, folder: Path, seed: int) -> None:
    """Make random edits on all devices, and require that all devices agree in the end."""
    chance = random.Random(seed)
    folder = Path(tempfile.mkdtemp(dir=folder))  # Hypothesis repeats a failure
    users = [world.register() for _ in range(USERS)]
    leaver = world.register()
    people = [*users, leaver]
    with ExitStack() as stack:
        token = api_token(users[0])  # of two devices
        devices = [
            stack.enter_context(
                Device(
                    folder / f"{number}.db",
                    world,
                    users[number % USERS],
                    chance,
                    token if number in (USERS, 2 * USERS) else None,
                )
            )
            for number in range(DEVICES)
        ]
        leaving = stack.enter_context(Device(folder / "leaving.db", world, leaver, chance))
        devices.append(leaving)
        for device in devices:
            if device not in (devices[USERS], devices[2 * USERS]):
                device.login(device.person.username, device.person.password)
        followers = [
            stack.enter_context(Follower(folder / f"{person.id}.db", world.streams_url, person))
            for person in users
            if world.streams_url
        ]
        for device in (*devices[:USERS], leaving):
            for _ in range(4):
                device.edit_something()
                device.create_category(name=device.word())
                device.create_task(title=device.word())
                device.create_recurring_task()
            device.try_to_sync()
        away = chance.sample(devices, 2)
        for category in leaving.categories():
            for member in chance.sample(users, 2):
                share(leaver, f"/api/categories/{category.id}/", member, chance.choice(["viewer", "editor", "editor"]))
        received: list[tuple[Device, dict[str, tuple[int, str]]]] = []
        removed: Sequence[str] = ()  # the histories of tasks that go with the account
        world.finish_jobs()  # one that the backup has leased would wait for the end of that lease
        world.back_up()
        for step in range(STEPS):
            device = chance.choice(devices)
            if chance.random() < 0.2:
                world.run_piece()
            for each in away:
                each.is_away = STEPS // 5 < step < 4 * STEPS // 5
            if step == STEPS // 4:
                copied = Device(copy_of(devices[0].path), world, users[0], chance)
                copied.deleted = list(devices[0].deleted)
                copied.deleted_categories = list(devices[0].deleted_categories)
                devices.append(stack.enter_context(copied))
            elif step == STEPS // 3:
                world.crash()
            elif step == 2 * STEPS // 3:
                recover(world, devices)
            elif step == 3 * STEPS // 4:
                require_applied_once(devices, world.histories())
                staying = [each for each in devices if each is not leaving and each._local.get("complete_at")]
                received = [(each, each.titles_received()) for each in staying]
                world.restore_backup()
                for each in devices:
                    each.line.done.clear()
                    each.line.acknowledged.clear()
            elif step == 7 * STEPS // 8:
                removed = world.histories()
                delete_account(leaver, users, chance)
                people.remove(leaver)
                devices.remove(leaving)
                leaving.line.is_up, leaving.line.is_bad = True, False
                with pytest.raises(LoginRequired):
                    leaving.sync()
            elif chance.random() < 0.6:
                for _ in range(3):
                    device.edit_something()
            elif chance.random() < 0.85:
                device.try_to_sync()
            elif chance.random() < 0.3:
                undo_completion(device.person, device.a_completed_occurrence())
            elif chance.random() < 0.6:
                owner, member = chance.sample(people, 2)
                own = [each.id for each in device.categories() if each.owner == owner.id]
                role = chance.choice(["viewer", "editor", "editor", "none"])
                share(owner, f"/api/categories/{chance.choice(own or ['none'])}/", member, role)
            else:
                owner, member = chance.sample(people, 2)
                shown = [each for each in devices if each.person is owner]
                task = chance.choice(shown).a_task()
                share(owner, f"/api/tasks/{task}/", member, chance.choice(["viewer", "editor", "none"]))
        for device in devices:
            device.line.is_up, device.line.is_bad = True, False
            sync(device, world)
        for device, owner in zip(devices, users, strict=False):
            for category in device.categories():
                for member in (each for each in users if each.id in category.members):
                    share(owner, f"/api/categories/{category.id}/", member, "none")
                    break
        for device in devices:
            sync(device, world)
            device.require_no_lost_category()  # whatever jobs have not done yet
        world.finish_jobs()
        for device in devices * 2:
            device.sync()
        for device in devices:
            require_in_sync(device, device.person)
            device.require_issues()
            device.require_nothing_of(leaver)
        histories = sorted({*removed, *world.histories()})
        require_applied_once([*devices, leaving], histories)
        for device, titles in received:
            device.require_titles(titles, " ".join(histories))
        for device in devices:
            device.resend_everything()
            device.sync()
        world.finish_jobs()
        for device in devices * 2:
            device.sync()
        everything = " ".join([*removed, *world.histories()])
        for device in devices:
            require_in_sync(device, device.person)
            device.require_resent(everything)
        for follower, device in zip(followers, devices, strict=False):
            follower.catch_up(device)
        for follower in followers:
            assert follower.verify().is_in_sync


def require_applied_once(devices: Sequence[Device], histories: Sequence[str]) -> None:
    """Require that each edit that the service has acknowledged is in the histories once.

    It may also be in the history of the next occurrence of the task, to which it was carried over. Next occurrences and
    their subtasks are created with the values of the tasks before them.
    """
    acknowledged: dict[str, dict[str, Any]] = {}
    for device in devices:
        acknowledged.update(device.line.acknowledged)
        assert not [id_ for id_, times in device.line.done.items() if times > 1], "an edit was applied twice"
    assert len(acknowledged) > STEPS / 8, "too few edits were acknowledged"
    everything = " ".join(histories)
    for mutation in acknowledged.values():
        has_next = str(uuid5(UUID(mutation["target"]), "next")) in everything
        for word in words_in(mutation):
            found = [change for change in histories if word in change]
            edits = sum(is_after(change, word) for change in found)
            if mutation["op"] == "create":
                assert edits == 0, f"{mutation} was applied as an edit"
                assert any(is_creation(change, word) for change in found), f"{mutation} was not applied"
            else:
                assert 1 <= edits <= 1 + has_next, f"{mutation} was applied {edits} times"


def words_in(mutation: dict[str, Any]) -> Iterator[str]:
    """Return the words that only this mutation of a task contains."""
    if mutation["type"] == "task":
        yield from (str(value) for value in (mutation.get("data") or {}).values() if str(value).startswith("word-"))


def is_after(change: str, word: str) -> bool:
    """Return whether a change is to a value, not from it, and not the creation of a task with this value."""
    try:
        fields = json.loads(change)
    except ValueError:
        return f"after='{word}'" in change and not is_creation(change, word)
    return any(after == word and before is not None for before, after in fields.values())


def is_creation(change: str, word: str) -> bool:
    """Return whether a change is the creation of a task with this value."""
    try:
        fields = json.loads(change)
    except ValueError:
        return f"before=None, after='{word}'" in change
    return any(after == word and before is None for before, after in fields.values())


def few(number: int) -> settings:
    return settings(
        max_examples=number * THOROUGHNESS,
        phases=[Phase.explicit, Phase.generate],
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


seeds = st.integers(0, 2**31)


@given(seed=seeds)
@few(1)
def test_devices_converge_on_memory(tmp_path: Path, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "_run", lambda _: None)  # jobs run when the test runs them
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
