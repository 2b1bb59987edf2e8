"""A demonstration of syncing: two devices of one user, network failures, and a final comparison."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx

from tasktracker.entrypoints.settings import Settings
from tasktracker_client import Offline, Replica, SyncError

START_SECONDS = 60
STOP_SECONDS = 15
FOLLOW_SECONDS = 30

Say = Callable[[str], object]


class DemoFailed(Exception):
    """A step of the demonstration failed."""


def show(url: str | None, say: Say) -> None:
    """Run the demonstration with the server at a URL, or with a temporary server. Raises DemoFailed."""
    with tempfile.TemporaryDirectory(prefix="tasktracker-demo-") as name, ExitStack() as stack:
        folder = Path(name)
        if url is None:
            say("A temporary server with a new database; a laptop and a phone of one user.")
            url = stack.enter_context(_server(folder))
        else:
            say("A laptop and a phone of a new user, whose account is deleted at the end.")
        api_url = f"{url.rstrip('/').removesuffix('/api')}/api"
        try:
            username, password = stack.enter_context(_user(api_url))
            laptop = stack.enter_context(_Device("laptop", folder, api_url))
            phone = stack.enter_context(_Device("phone", folder, api_url))
            for device in (laptop, phone):
                device.login(username, password, device=device.name)
            for step in (_edit_concurrently, _follow, _merge, _lose_a_response, _conflict, _verify):
                step(laptop, phone, say)
        except SyncError as error:
            raise DemoFailed(str(error)) from error


class _Network(httpx.BaseTransport):
    """A transport that can be offline, and can lose a response."""

    def __init__(self) -> None:
        self._transport = httpx.HTTPTransport()
        self.is_online = True
        self.loses_next_response = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self.is_online:
            raise httpx.ConnectError("the network is down", request=request)
        response = self._transport.handle_request(request)
        if self.loses_next_response:
            self.loses_next_response = False
            response.read()
            raise httpx.ReadError("the response is lost", request=request)
        return response

    def close(self) -> None:
        self._transport.close()


class _Device(Replica):
    """A local copy with its own network connection."""

    def __init__(self, name: str, folder: Path, api_url: str) -> None:
        self.name = name
        self.network = _Network()
        self._client = httpx.Client(transport=self.network, timeout=30)
        super().__init__(folder / f"{name}.db", api_url, client=self._client)

    def close(self) -> None:
        super().close()
        self._client.close()

    @property
    def titles(self) -> Sequence[str]:
        return sorted(task.title for task in self.tasks())

    def id_of(self, title: str) -> str:
        return next(task.id for task in self.tasks() if task.title == title)


# ------------------------------------------------------------------------------ steps


def _edit_concurrently(laptop: _Device, phone: _Device, say: Say) -> None:
    say("\n1. Both devices create tasks")
    say('   laptop  creates "Buy milk" in a new category "Home"')
    say('   phone   creates "Call the bank"')
    laptop.create_task(title="Buy milk", category=laptop.create_category(name="Home"))
    phone.create_task(title="Call the bank")
    for device in (laptop, phone, laptop):
        _require(device.sync().is_clean, "the server accepts every edit")
    for device in (laptop, phone):
        _require(device.titles == ["Buy milk", "Call the bank"], "both devices have both tasks")
    say(f"   both have {_listed(laptop.titles)}")


def _follow(laptop: _Device, phone: _Device, say: Say) -> None:
    say("\n2. Changes arrive at once")
    stop, following = threading.Event(), threading.Event()

    def on_sync(_: object) -> None:
        following.set()
        if "Water the plants" in phone.titles:
            stop.set()

    thread = threading.Thread(target=phone.follow, args=(stop, on_sync, 0.5), daemon=True)
    thread.start()
    _require(following.wait(FOLLOW_SECONDS), "the phone follows the server")
    say('   phone   follows the server; laptop creates "Water the plants"')
    laptop.create_task(title="Water the plants")
    laptop.sync()
    thread.join(FOLLOW_SECONDS)
    _require("Water the plants" in phone.titles, "the phone receives the change")
    say('   phone   receives "Water the plants"')


def _merge(laptop: _Device, phone: _Device, say: Say) -> None:
    say("\n3. Offline edits of different fields merge")
    milk = laptop.id_of("Buy milk")
    for device in (laptop, phone):
        device.network.is_online = False
    say("   both are offline")
    laptop.edit_task(milk, priority=4)
    phone.edit_task(milk, title="Buy oat milk")
    say('   laptop  makes "Buy milk" urgent')
    say('   phone   renames it to "Buy oat milk"')
    try:
        laptop.sync()
    except Offline:
        say("   laptop  cannot reach the server, and keeps its edit")
    _require([edit.target for edit in laptop.pending] == [milk], "the laptop keeps the edit")
    for device in (laptop, phone):
        device.network.is_online = True
    say("   both are online again, and sync")
    _require(laptop.sync().applied == 1, "the first edit is applied")
    _require(phone.sync().merged == 1, "the second edit is merged")
    laptop.sync()
    for device in (laptop, phone):
        task = device.task(milk)
        _require((task.title, task.priority) == ("Buy oat milk", 4), "both devices have both edits")
    say('   both have "Buy oat milk", urgent')


def _lose_a_response(laptop: _Device, phone: _Device, say: Say) -> None:
    say("\n4. A retry applies nothing twice")
    cat = phone.create_task(title="Feed the cat")
    phone.network.loses_next_response = True
    say('   phone   creates "Feed the cat"; the server stores it, but its response is lost')
    try:
        phone.sync()
    except Offline:
        _require([edit.target for edit in phone.pending] == [cat], "the phone keeps the edit")
    report = phone.sync()
    _require((report.duplicates, report.applied) == (1, 0), "the server recognizes the edit")
    laptop.sync()
    _require(list(laptop.titles).count("Feed the cat") == 1, "the task exists once")
    say("   phone   sends it again; the server recognizes its id and applies it only once")


def _conflict(laptop: _Device, phone: _Device, say: Say) -> None:
    say("\n5. A conflict is reported")
    bank = laptop.id_of("Call the bank")
    laptop.edit_task(bank, title="Call the bank on Monday")
    phone.edit_task(bank, title="Write to the bank")
    say('   laptop  renames "Call the bank" to "Call the bank on Monday", and syncs first')
    say('   phone   renames it to "Write to the bank"')
    _require(laptop.sync().applied == 1, "the first edit is applied")
    conflicts = phone.sync().conflicts
    _require(len(conflicts) == 1 and list(conflicts[0].conflicts) == ["title"], "the title is in conflict")
    title = conflicts[0].conflicts["title"]
    values = (title.base, title.yours, title.theirs)
    _require(values == ("Call the bank", "Write to the bank", "Call the bank on Monday"), "base, yours and theirs")
    say("   phone   gets a conflict in the title")
    for name, value in zip(("base", "yours", "theirs"), values, strict=True):
        say(f'           {name:6}  "{value}"')
    _require(phone.task(bank).title == title.theirs, "the phone has the other title")
    _require(list(phone.issues()) == conflicts, "the phone keeps its edit for the user to decide")
    say("   phone   shows theirs, and keeps its own edit until the user decides")


def _verify(laptop: _Device, phone: _Device, say: Say) -> None:
    say("\n6. Both devices are in sync")
    for device in (laptop, phone):
        found = device.verify()
        _require(found.is_in_sync and not device.pending, f"the {device.name} is in sync")
        say(f"   {device.name:6}  {found.count} items; the digest equals that of the server")
    _require(laptop.tasks() == phone.tasks(), "both have the same tasks")
    _require(laptop.categories() == phone.categories(), "both have the same categories")


def _listed(titles: Sequence[str]) -> str:
    return " and ".join(f'"{title}"' for title in titles)


def _require(condition: bool, expectation: str) -> None:
    if not condition:
        raise DemoFailed(f"expected, but not true: {expectation}")


# ------------------------------------------------------------------------------ set-up


@contextmanager
def _user(api_url: str) -> Iterator[tuple[str, str]]:
    """Yield the name and password of a new user; delete the account at the end."""
    username, password = f"demo-{secrets.token_hex(6)}", secrets.token_urlsafe(18)
    with httpx.Client(timeout=30) as client:
        try:
            answer = client.post(f"{api_url}/accounts/register/", json={"username": username, "password": password})
            access = answer.json().get("access")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError) as error:
            raise DemoFailed(f"{api_url} cannot be used: {error}") from error
        if access is None:
            raise DemoFailed(f"{api_url} refuses to register a user: {answer.text}")
        try:
            yield username, password
        finally:
            headers = {"Authorization": f"Bearer {access}"}
            with suppress(httpx.HTTPError):
                client.post(f"{api_url}/accounts/me/delete/", json={"password": password}, headers=headers)


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Yield the URL of a server process with its data in a folder. The server gets no settings of this process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", "from tasktracker.entrypoints.cli import main; main()", "serve"],
            cwd=folder,
            env={**os.environ, **dict.fromkeys(map(str.upper, Settings.__struct_fields__), ""), "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise DemoFailed(f"the server did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live", timeout=5).is_success
    except httpx.TransportError:
        return False
