"""Changing the secret that everything is signed with, while people are at work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from threading import Condition, Event, Thread
from typing import Any

import jwt
import pyotp
import pytest

from tasktracker.adapters.security.keys import key_id
from tests.http import PASSWORD, Server, bearer, expect, migrated, new_name, run
from tests.postgres import DatabaseFactory
from tests.security.processes import THIS_CODE, Pair, Wire

OLD = "the secret that has served its time and that somebody may have seen"
NEW = "the secret that follows it and that nobody has seen as yet"
CLIENTS = 2
REFRESH_EVERY, REQUESTS_AT_ONCE = 20, 2


class Balancer:
    """Sends requests to servers in turn, and to none that is being restarted."""

    def __init__(self, servers: list[Server]) -> None:
        self._in_use = dict.fromkeys(servers, 0)
        self._out: set[Server] = set()
        self._changed = Condition()

    @contextmanager
    def server(self) -> Iterator[Server]:
        """Use one that serves."""
        with self._changed:
            chosen = min((each for each in self._in_use if each not in self._out), key=self._in_use.__getitem__)
            self._in_use[chosen] += 1
        try:
            yield chosen
        finally:
            with self._changed:
                # Least used first, and the one used last comes last.
                self._in_use[chosen] -= 1
                self._in_use[chosen] = self._in_use.pop(chosen)
                self._changed.notify_all()

    def restart(self, server: Server, secret_keys: str) -> None:
        """Restart a server with another ring of keys."""
        with self._changed:
            self._out.add(server)
            self._changed.wait_for(lambda: not self._in_use[server])
        assert server.stop() in (0, -SIGTERM)
        server.environment["SECRET_KEYS"] = secret_keys
        server.start()
        with self._changed:
            self._out.remove(server)


class Client(Thread):
    """Somebody at work, all the time, in a session that must never break."""

    def __init__(self, balancer: Balancer) -> None:
        super().__init__()
        self._balancer = balancer
        self.failures: list[str] = []
        self.requests = 0
        self.told_to_stop = Event()
        body = {"username": new_name(), "password": PASSWORD}
        answer = self._send("POST", "/api/accounts/register/", body, expected=201)
        self.access, self.refresh = answer["access"], answer["refresh"]

    @property
    def key(self) -> str:
        """Which key has signed its newest token."""
        kid: str = jwt.get_unverified_header(self.refresh)["kid"]
        return kid

    def run(self) -> None:
        while not self.told_to_stop.is_set():
            self._send("GET", "/api/accounts/me/", token=self.access)
            self._send("POST", "/api/tasks/", {"title": "something"}, token=self.access, expected=201)
            time.sleep(0.02)
            if self.requests % REFRESH_EVERY < REQUESTS_AT_ONCE:
                answer = self._send("POST", "/api/accounts/refresh/", {"refresh": self.refresh})
                if answer:
                    self.access, self.refresh = answer["access"], answer["refresh"]

    def _send(self, method: str, path: str, body: object = None, token: str | None = None, expected: int = 200) -> Any:
        with self._balancer.server() as server:
            wire = Wire(server.port)
            try:
                status, answer = wire.send(method, path, body, token)
            except OSError as error:
                status, answer = 0, repr(error)
            wire.close()
        self.requests += 1
        if status != expected:
            self.failures.append(f"{method} {path}: {status} {answer}")
            return None
        return answer


@pytest.fixture
def rotated(tmp_path: Path, postgres_url_factory: DatabaseFactory) -> Iterator[Pair]:
    with Pair(tmp_path, migrated(postgres_url_factory.create_database()), SECRET_KEYS=OLD) as pair:
        yield pair


def test_no_request_fails_while_keys_are_rotated(rotated: Pair, tmp_path: Path) -> None:
    balancer = Balancer(rotated.servers)
    clients = [Client(balancer) for _ in range(CLIENTS)]
    idle = rotated.visitor().register()  # one who does nothing until it is too late
    guarded = rotated.visitor().register()
    generator = pyotp.TOTP(expect(guarded.post("/api/accounts/me/totp/", {"password": PASSWORD}), 200)["secret"])
    expect(guarded.post("/api/accounts/me/totp/confirm/", {"code": generator.now()}), 200)
    for client in clients:
        client.start()
    try:
        for ring in (f"{OLD},{NEW}", f"{NEW},{OLD}"):
            for server in rotated.servers:
                balancer.restart(server, ring)
        wait_until_all_use(clients, key_id(NEW))
        # What the old key has signed is good until the old key is retired.
        expect(rotated.visitor(1).get("/api/accounts/me/", headers=bearer(idle.access)), 200)
        result = run(tmp_path, "keys", "reencrypt", **THIS_CODE, DATABASE_URL=rotated.url, SECRET_KEYS=f"{NEW},{OLD}")
        assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "re-encrypted 1 secrets"), result.stderr
        for server in rotated.servers:
            balancer.restart(server, NEW)
    finally:
        for client in clients:
            client.told_to_stop.set()
        for client in clients:
            client.join(30)
    assert [failure for client in clients for failure in client.failures] == []
    assert all(client.requests > 50 for client in clients)
    for number in range(2):
        visitor = rotated.visitor(number)
        expect(visitor.get("/api/accounts/me/", headers=bearer(idle.access)), 401)
        expect(visitor.post("/api/accounts/refresh/", {"refresh": idle.refresh}), 401)
        expect(visitor.post("/api/accounts/logout/", {"refresh": idle.refresh}), 401)
    login = {"username": guarded.username, "password": PASSWORD}
    assert expect(rotated.visitor().post("/api/accounts/login/", login), 401)["type"] == "/problems/code-required"
    coming = generator.at(int(time.time()), counter_offset=1)
    expect(rotated.visitor(1).post("/api/accounts/login/", {**login, "code": coming}), 200)
    assert rotated.leaks() == []


def wait_until_all_use(clients: list[Client], key: str) -> None:
    deadline = time.monotonic() + 10
    while any(client.key != key for client in clients):
        assert time.monotonic() < deadline, [client.failures for client in clients]
        time.sleep(0.02)
