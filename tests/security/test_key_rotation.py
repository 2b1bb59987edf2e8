"""Replacing the signing key while clients send requests."""

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
from tests.http import PASSWORD, Server, bearer, expect, new_name, run
from tests.postgres import DatabaseFactory
from tests.security.processes import Pair, Wire
from tests.waiting import PATIENCE, wait_until

OLD = "the old secret that another person may have seen"
NEW = "the new secret that no other person has seen"
CLIENTS = 2
REFRESH_EVERY, REQUESTS_AT_ONCE = 20, 2


class Balancer:
    """Sends requests to servers in turn, except to one that is restarting."""

    def __init__(self, servers: list[Server]) -> None:
        self._in_use = dict.fromkeys(servers, 0)
        self._out: set[Server] = set()
        self._changed = Condition()

    @contextmanager
    def server(self) -> Iterator[Server]:
        """Use a server that is not restarting."""
        with self._changed:
            chosen = min((each for each in self._in_use if each not in self._out), key=self._in_use.__getitem__)
            self._in_use[chosen] += 1
        try:
            yield chosen
        finally:
            with self._changed:
                # Moved to the end: of equally used servers, the next request takes the other one.
                self._in_use[chosen] -= 1
                self._in_use[chosen] = self._in_use.pop(chosen)
                self._changed.notify_all()

    def restart(self, server: Server, secret_keys: str) -> None:
        """Restart a server with other keys."""
        with self._changed:
            self._out.add(server)
            self._changed.wait_for(lambda: not self._in_use[server])
        assert server.stop() in (0, -SIGTERM)
        server.environment["SECRET_KEYS"] = secret_keys
        server.start()
        with self._changed:
            self._out.remove(server)


class Client(Thread):
    """Sends requests all the time, in a session that must not break."""

    def __init__(self, balancer: Balancer) -> None:
        super().__init__()
        self._balancer = balancer
        self.failures: list[str] = []
        self.requests = 0
        self.stopping = Event()
        body = {"username": new_name(), "password": PASSWORD}
        answer = self._send("POST", "/api/accounts/register/", body, expected=201)
        self.access, self.refresh = answer["access"], answer["refresh"]

    @property
    def key(self) -> str:
        """The id of the key that signed its newest token."""
        kid: str = jwt.get_unverified_header(self.refresh)["kid"]
        return kid

    def run(self) -> None:
        while not self.stopping.is_set():
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
    with Pair(tmp_path, postgres_url_factory.create_migrated_database(), SECRET_KEYS=OLD) as pair:
        yield pair


def test_no_request_fails_while_keys_are_rotated(rotated: Pair, tmp_path: Path) -> None:
    balancer = Balancer(rotated.servers)
    clients = [Client(balancer) for _ in range(CLIENTS)]
    idle = rotated.visitor().register()  # sends nothing until the old key is retired
    guarded = rotated.visitor().register()
    generator = pyotp.TOTP(expect(guarded.post("/api/accounts/me/totp/", {"password": PASSWORD}), 200)["secret"])
    expect(guarded.post("/api/accounts/me/totp/confirm/", {"code": generator.now()}), 200)
    for client in clients:
        client.start()
    try:
        for ring in (f"{OLD},{NEW}", f"{NEW},{OLD}"):
            for server in rotated.servers:
                balancer.restart(server, ring)
        wait_until(
            lambda: all(client.key == key_id(NEW) for client in clients),
            lambda: f"the clients use another key: {[client.failures for client in clients]}",
        )
        # Tokens signed with the old key are valid until the key is retired.
        expect(rotated.visitor(1).get("/api/accounts/me/", headers=bearer(idle.access)), 200)
        result = run(tmp_path, "keys", "reencrypt", DATABASE_URL=rotated.url, SECRET_KEYS=f"{NEW},{OLD}")
        assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "re-encrypted 1 secrets"), result.stderr
        for server in rotated.servers:
            balancer.restart(server, NEW)
        wait_until(lambda: all(client.requests > 50 for client in clients), "the clients send too few requests")
    finally:
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join(PATIENCE)
    assert [failure for client in clients for failure in client.failures] == []
    for number in range(2):
        visitor = rotated.visitor(number)
        expect(visitor.get("/api/accounts/me/", headers=bearer(idle.access)), 401)
        expect(visitor.post("/api/accounts/refresh/", {"refresh": idle.refresh}), 401)
        expect(visitor.post("/api/accounts/logout/", {"refresh": idle.refresh}), 401)
    login = {"username": guarded.username, "password": PASSWORD}
    assert expect(rotated.visitor().post("/api/accounts/login/", login), 401)["type"] == "/problems/code-required"
    next_code = generator.at(int(time.time()), counter_offset=1)
    expect(rotated.visitor(1).post("/api/accounts/login/", {**login, "code": next_code}), 200)
    assert rotated.leaks() == []
