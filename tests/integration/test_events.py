"""Event streams, from server processes that share a database."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg import sql
from structlog.testing import capture_logs

from tasktracker.adapters.events import sqlite
from tasktracker.adapters.events.sqlite import SqliteChangeNotifier
from tests.contracts.http.base import invalid, problem
from tests.http import OTHER_PASSWORD, PASSWORD, Caller, Person, bearer, expect, migrated, run, until_answered
from tests.postgres import PrivatePostgres, database_name, with_database
from tests.security.events import PATH, Follower
from tests.security.processes import Pair
from tests.waiting import PATIENCE, wait_until

SETTINGS = {"THROTTLE": "off", "STREAMS_PER_USER": "3"}


@pytest.fixture(scope="module")
def pair(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with Pair(tmp_path_factory.mktemp("streams"), shared_url, **SETTINGS) as pair:
        yield pair


@pytest.fixture
def here(pair: Pair) -> Person:
    return pair.visitor().register()


@pytest.fixture
def there(pair: Pair, here: Person) -> Person:
    return pair.beside(here)


def latest(person: Person) -> str:
    """Return the cursor of a device that has every change."""
    params: dict[str, str] = {}
    while True:
        page = expect(person.get("/api/sync/", params=params), 200)
        params = {"cursor": page["next_cursor"]}
        if not page["has_more"]:
            return str(page["next_cursor"])


def event_of(task: dict[str, Any], op: str = "upsert", version: int | None = None) -> dict[str, Any]:
    return {"type": "task", "id": task["id"], "op": op, "version": version or task["version"]}


def test_a_change_at_one_process_reaches_a_stream_of_the_other(here: Person, there: Person) -> None:
    with Follower(there) as stream:
        task = here.task()
        assert stream.next().data == event_of(task)
        expect(here.patch(f"/api/tasks/{task['id']}/", {"title": "other"}), 200)
        assert stream.next().data == event_of(task, version=2)
        expect(here.delete(f"/api/tasks/{task['id']}/"), 204)
        assert stream.next().data == event_of(task, "delete", 3)
        category = here.category()
        assert stream.next().data == {"type": "category", "id": category["id"], "op": "upsert", "version": 1}
        assert stream.is_quiet()


def test_a_stream_must_not_be_stored_or_buffered(here: Person) -> None:
    with Follower(here) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-accel-buffering"] == "no"


def test_members_get_the_changes_of_a_shared_task(pair: Pair, here: Person) -> None:
    friend = pair.visitor(1).register()
    task = here.task()
    with Follower(friend) as stream:
        expect(here.post(f"/api/tasks/{task['id']}/shares/", {"username": friend.username, "role": "viewer"}), 201)
        assert stream.next().data == event_of(task, version=2)
        expect(here.delete(f"/api/tasks/{task['id']}/shares/{friend.id}/"), 204)
        assert stream.next().data == event_of(task, "delete", 3)
        here.patch(f"/api/tasks/{task['id']}/", {"title": "private"})
        assert stream.is_quiet()


def test_a_stream_continues_after_the_last_event_id(here: Person, there: Person) -> None:
    with Follower(here) as stream:
        first = here.task()
        assert stream.next().data == event_of(first)
        last_seen = stream.last_id
    missed = [here.task() for _ in range(3)]
    assert last_seen is not None
    headers = {**there.headers, "Last-Event-ID": last_seen}
    for caller, cursor in ((there, last_seen), (Caller(there.client, headers), None)):
        with Follower(caller, cursor) as stream:
            assert stream.data(3) == [event_of(task) for task in missed]
    page = expect(here.get("/api/sync/", params={"cursor": stream.last_id}), 200)
    assert page["changes"] == []


def test_the_id_of_each_event_is_a_cursor(here: Person) -> None:
    cursor = latest(here)
    tasks = [here.task() for _ in range(4)]
    with Follower(here, cursor) as stream:
        ids = [stream.next().id for _ in tasks]
    for number, id_ in enumerate(ids):
        changes = expect(here.get("/api/sync/", params={"cursor": id_}), 200)["changes"]
        assert [change["id"] for change in changes] == [task["id"] for task in tasks[number + 1 :]]


def test_an_expired_cursor_gives_a_resync_event(pair: Pair, here: Person) -> None:
    here.task()
    cursor = latest(here)
    pair.renew_epoch()
    with Follower(here, cursor) as stream:
        event = stream.next()
        assert (event.kind, event.data) == ("resync", {})
        task = here.task()
        assert stream.next().data == event_of(task)
    problem(here.get("/api/sync/", params={"cursor": cursor}), 410, "cursor-expired")
    assert expect(here.get("/api/sync/", params={"cursor": event.id}), 200)["changes"][0]["id"] == task["id"]


def test_a_cursor_of_another_user_is_refused(pair: Pair, here: Person) -> None:
    for odd in ("", "nonsense", f"{latest(here)}="):
        invalid(here.get(PATH, params={"cursor": odd}), "cursor")
    other = pair.visitor().register()
    invalid(here.get(PATH, headers={"Last-Event-ID": latest(other)}), "cursor")


def test_a_ticket_opens_one_stream_on_any_process(pair: Pair, here: Person) -> None:
    answer = expect(here.post("/api/events/tickets/"), 201)
    assert answer["expires_in"] == 60
    anonymous = pair.visitor(1)
    with Follower(anonymous, ticket=answer["ticket"]) as stream:
        task = here.task()
        assert stream.next().data == event_of(task)
    for visitor in (pair.visitor(0), pair.visitor(1)):
        assert visitor.get(PATH, params={"ticket": answer["ticket"]}).status_code == 401
    assert anonymous.get(PATH).status_code == 401
    assert anonymous.get(PATH, params={"ticket": "nonsense"}).status_code == 401


def test_head_uses_up_no_ticket(pair: Pair, here: Person) -> None:
    ticket = expect(here.post("/api/events/tickets/"), 201)["ticket"]
    anonymous = pair.visitor(1)
    assert [anonymous.head(PATH, params={"ticket": ticket}).status_code for _ in range(2)] == [200, 200]
    assert anonymous.head(PATH, params={"ticket": "nonsense"}).status_code == 401
    with Follower(anonymous, ticket=ticket) as stream:
        task = here.task()
        assert stream.next().data == event_of(task)
    assert anonymous.head(PATH, params={"ticket": ticket}).status_code == 401


def test_a_ticket_ends_with_its_session(pair: Pair, here: Person) -> None:
    ticket = expect(here.post("/api/events/tickets/"), 201)["ticket"]
    expect(here.post("/api/accounts/logout/"), 204)
    assert pair.visitor(1).get(PATH, params={"ticket": ticket}).status_code == 401


def test_streams_end_soon_after_a_revocation(pair: Pair, here: Person, there: Person, tmp_path: Path) -> None:
    phone = pair.visitor().login(here)
    body = {"name": "a script", "scopes": ["tasks:read"]}
    token, kept = (expect(phone.post("/api/accounts/tokens/", {**body, "password": PASSWORD}), 201) for _ in range(2))
    script, other_script = Caller(there.client, bearer(token["token"])), Caller(here.client, bearer(kept["token"]))
    disabled, visitor = pair.visitor(1).register(), pair.visitor(1).register()
    with ExitStack() as stack:
        ending = [
            stack.enter_context(stream)
            for stream in (
                Follower(there),
                Follower(script),
                Follower(disabled),
                Follower(pair.visitor(1), ticket=expect(visitor.post("/api/events/tickets/"), 201)["ticket"]),
            )
        ]
        staying = [stack.enter_context(Follower(caller)) for caller in (phone, other_script)]
        poll = stack.enter_context(ThreadPoolExecutor(1)).submit(
            there.get, "/api/sync/", params={"cursor": latest(there), "wait": 30}
        )
        assert run(tmp_path, "disable-user", disabled.username, DATABASE_URL=pair.url).returncode == 0
        expect(visitor.post("/api/accounts/logout/"), 204)
        expect(phone.delete(f"/api/accounts/tokens/{token['id']}/"), 204)
        password = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
        expect(phone.post("/api/accounts/me/password/", password), 204)
        # Without the check of subscriptions, they end with the heartbeat after 20 seconds.
        assert [stream.has_ended(15) for stream in ending] == [True] * 4
        poll.result(PATIENCE)
        task = phone.task()
        assert [stream.next().data for stream in staying] == [event_of(task)] * 2


def test_the_number_of_streams_is_limited(here: Person) -> None:
    with Follower(here), Follower(here), Follower(here):
        problem(here.get(PATH), 409, "too-many-streams")
    wait_until_admitted(here)


def wait_until_admitted(person: Person) -> None:
    """Wait until the server has noticed that streams of the user were closed."""
    wait_until(lambda: person.head(PATH).status_code == 200, "closed streams still count")


def test_abandoned_requests_do_not_count(here: Person) -> None:
    cursor = latest(here)
    for _ in range(6):
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(
                f"{here.client.base_url}/api/sync/",
                params={"cursor": cursor, "wait": 60},
                headers=here.headers,
                timeout=httpx.Timeout(PATIENCE, read=0.3),
            )
    began = time.monotonic()
    params: dict[str, str | int] = {"cursor": cursor, "wait": 1}
    wait_until(lambda: here.get("/api/sync/", params=params).status_code == 200, "abandoned requests still count")
    assert time.monotonic() - began < 40, "each counted until its wait of 60 seconds ended"


def test_a_server_ends_its_streams_to_stop(pair: Pair, here: Person) -> None:
    one = pair.servers[0]
    with Follower(here) as stream:
        one.stop()
        assert stream.has_ended()
    assert "timeout graceful shutdown exceeded" not in one.log
    one.start()


class Writer:
    """Creates tasks one after the other until it is stopped. Repeats a request while the database is unavailable."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.made: list[dict[str, Any]] = []
        self.refused = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def wait_for(self, more: int) -> None:
        """Wait until it has created this number of further tasks."""
        enough = len(self.made) + more
        wait_until(lambda: len(self.made) >= enough, lambda: f"{len(self.made)} tasks, not {enough}")

    def _write(self) -> None:
        while not self._stop.is_set():
            body, headers = {"title": f"{len(self.made)}"}, {"Idempotency-Key": str(uuid4())}
            while (answer := self._person.post("/api/tasks/", body, headers=headers)).status_code == 503:
                self.refused += 1
                time.sleep(0.02)
            self.made.append(expect(answer, 201))


def test_streams_survive_a_restart_of_the_database(tmp_path: Path, private_postgres: PrivatePostgres) -> None:
    """Every stream sends each committed change once, and in order."""
    url = private_postgres.url
    with Pair(tmp_path, migrated(url), **SETTINGS) as pair:
        here = pair.visitor().register()
        with Follower(here) as beside_it, Follower(pair.beside(here)) as elsewhere:
            with Writer(here) as writer:
                for mode in ("fast", "immediate"):
                    writer.wait_for(20)
                    refused = writer.refused
                    private_postgres.stop(mode)
                    wait_until(lambda before=refused: writer.refused > before, "no request was refused")  # type: ignore[misc]
                    private_postgres.start()
                    writer.wait_for(20)
            for stream in (beside_it, elsewhere):
                assert [stream.next().data for _ in writer.made] == [event_of(task) for task in writer.made]
                assert stream.is_quiet()


def test_changes_arrive_after_a_lost_connection_to_the_database(tmp_path: Path, database_url: str) -> None:
    with Pair(tmp_path, migrated(database_url), **SETTINGS) as pair:
        here = pair.visitor().register()
        with Follower(here) as beside_it, Follower(pair.beside(here)) as elsewhere:
            first = here.task()
            assert [stream.next().data for stream in (beside_it, elsewhere)] == [event_of(first)] * 2
            with connections_refused(database_url):
                assert len(listeners(database_url, "pg_terminate_backend(pid, 10000)")) == 2
                answer = until_answered(lambda: here.post("/api/tasks/", {"title": "unnotified"}))
                assert elsewhere.is_quiet()
            task = expect(answer, 201)
            assert [stream.next().data for stream in (beside_it, elsewhere)] == [event_of(task)] * 2
            assert elsewhere.is_quiet()


@contextmanager
def connections_refused(url: str) -> Iterator[None]:
    """Make a database refuse new connections. Open ones stay open."""
    name = sql.Identifier(database_name(url))
    with psycopg.connect(with_database(url, "postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        try:
            yield
        finally:
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def listeners(url: str, column: str = "pid") -> list[Any]:
    """Return an expression about each connection that listens to a database."""
    with psycopg.connect(with_database(url, "postgres")) as admin:
        query = f"SELECT {column} FROM pg_stat_activity WHERE datname = %s AND application_name = 'tasktracker events'"
        return admin.execute(query.encode(), [database_name(url)]).fetchall()


def test_with_a_pooler_the_servers_listen_on_a_direct_connection(tmp_path: Path, database_url: str) -> None:
    direct = {"DATABASE_PREPARED_STATEMENTS": "off", "LISTEN_DATABASE_URL": database_url}
    with Pair(tmp_path, migrated(database_url), **SETTINGS, **direct) as pair:
        here = pair.visitor().register()
        with Follower(pair.beside(here)) as stream:
            wait_until(lambda: len(listeners(database_url)) == 2, "the servers do not listen")
            task = here.task()
            assert stream.next().data == event_of(task)


def test_with_only_a_pooler_the_servers_poll(tmp_path: Path, database_url: str) -> None:
    with Pair(tmp_path, migrated(database_url), **SETTINGS, DATABASE_PREPARED_STATEMENTS="off") as pair:
        here = pair.visitor().register()
        with Follower(pair.beside(here)) as stream:
            task = here.task()
            assert stream.next().data == event_of(task)
        assert listeners(database_url) == []


def test_changes_are_seen_after_a_time_without_a_database(tmp_path: Path) -> None:
    file = tmp_path / "Tasks.DB"  # names of files have capitals
    file.write_bytes(b"this is no database" * 100)
    notifier = SqliteChangeNotifier(str(file))
    changed = threading.Event()
    own: list[Collection[UUID] | None] = []
    with capture_logs() as logs:
        notifier.open(lambda user_ids: changed.set() if user_ids is None else own.append(user_ids))
        wait_until(lambda: logs, "the error is not logged")
        notifier.publish([user_id := uuid4()])
        assert own == [[user_id]], "what this process changes needs no database"
        file.write_bytes(b"")  # an empty database
        try:
            assert changed.wait(PATIENCE)
        finally:
            notifier.close()
    notifier.publish([uuid4()])
    assert len(own) == 1, "a closed notifier calls nothing"
    assert notifier._thread is not None
    assert not notifier._thread.is_alive()


def test_a_commit_of_another_process_is_seen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "POLL_SECONDS", 0)
    notifier, versions = SqliteChangeNotifier(""), [1, 1, 2, 2]
    heard: list[Collection[UUID] | None] = []

    class Connection:
        def execute(self, _: str) -> Any:
            version = versions.pop(0)
            if not versions:
                notifier._closing.set()
            return SimpleNamespace(fetchone=lambda: (version,))

        def close(self) -> None:
            pass

    monkeypatch.setattr(sqlite, "connect", lambda *_, **__: Connection())
    notifier.open(heard.append)
    assert notifier._thread is not None
    notifier._thread.join(PATIENCE)
    assert heard == [None, None]


def test_a_connection_that_is_reset_does_not_count(here: Person) -> None:
    for _ in range(5):
        wait_until_admitted(here)
        with (
            httpx.Client(base_url=here.client.base_url) as client,
            client.stream("GET", PATH, headers=here.headers) as response,
        ):
            assert response.status_code == 200
