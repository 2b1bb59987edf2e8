"""Event streams, from server processes that share a database."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tasktracker.domain.feed.ports import EPOCH
from tests.contracts.http.base import invalid, problem
from tests.http import OTHER_PASSWORD, PASSWORD, Caller, Person, bearer, expect, migrated, run
from tests.postgres import DatabaseFactory, PrivatePostgres, database_name, with_database
from tests.security.events import PATH, Follower
from tests.security.processes import THIS_CODE, Pair

SETTINGS = {"THROTTLE": "off", "STREAMS_PER_USER": "3"}


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url_factory: DatabaseFactory
) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("streams")
    url = f"sqlite:///{folder}/tasks.db" if request.param == "sqlite" else postgres_url_factory.create_database()
    with Pair(folder, migrated(url), **SETTINGS) as pair:
        yield pair


@pytest.fixture
def here(pair: Pair) -> Person:
    return pair.visitor().register()


@pytest.fixture
def there(pair: Pair, here: Person) -> Person:
    return pair.beside(here)


def latest(person: Person) -> str:
    """The cursor of a device that has everything."""
    params: dict[str, str] = {}
    while True:
        page = expect(person.get("/api/sync/", params=params), 200)
        params = {"cursor": page["next_cursor"]}
        if not page["has_more"]:
            return str(page["next_cursor"])


def renew_epoch(pair: Pair) -> None:
    """As after a backup was restored."""
    store = SqlStore(open_database(pair.url), SystemClock(), Uuid7Generator())
    store.rotate_secret(EPOCH)
    store.close()


def told(task: dict[str, Any], op: str = "upsert", version: int | None = None) -> dict[str, Any]:
    return {"type": "task", "id": task["id"], "op": op, "version": version or task["version"]}


def test_what_happens_at_one_process_is_recorded_at_the_other(here: Person, there: Person) -> None:
    with Follower(there) as stream:
        task = here.task()
        assert stream.next().data == told(task)
        expect(here.patch(f"/api/tasks/{task['id']}/", {"title": "other"}), 200)
        assert stream.next().data == told(task, version=2)
        expect(here.delete(f"/api/tasks/{task['id']}/"), 204)
        assert stream.next().data == told(task, "delete", 3)
        category = here.category()
        assert stream.next().data == {"type": "category", "id": category["id"], "op": "upsert", "version": 1}
        assert stream.is_quiet()


def test_a_stream_says_that_it_must_not_be_kept_or_held_back(here: Person) -> None:
    with Follower(here) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-accel-buffering"] == "no"


def test_what_is_shared_is_told_to_all_who_take_part(pair: Pair, here: Person) -> None:
    friend = pair.visitor(1).register()
    task = here.task()
    with Follower(friend) as stream:
        expect(here.post(f"/api/tasks/{task['id']}/shares/", {"username": friend.username, "role": "viewer"}), 201)
        assert stream.next().data == told(task, version=2)
        expect(here.delete(f"/api/tasks/{task['id']}/shares/{friend.id}/"), 204)
        assert stream.next().data == told(task, "delete", 3)
        here.patch(f"/api/tasks/{task['id']}/", {"title": "nobody else's"})
        assert stream.is_quiet()


def test_a_stream_goes_on_where_it_was_left(here: Person, there: Person) -> None:
    with Follower(here) as stream:
        first = here.task()
        assert stream.next().data == told(first)
        left_at = stream.last_id
    missed = [here.task() for _ in range(3)]
    assert left_at is not None
    headers = {**there.headers, "Last-Event-ID": left_at}
    for caller, cursor in ((there, left_at), (Caller(there.client, headers), None)):
        with Follower(caller, cursor) as stream:
            assert stream.data(3) == [told(task) for task in missed]
    page = expect(here.get("/api/sync/", params={"cursor": stream.last_id}), 200)
    assert page["changes"] == []


def test_every_event_has_a_cursor_to_go_on_from(here: Person) -> None:
    cursor = latest(here)
    tasks = [here.task() for _ in range(4)]
    with Follower(here, cursor) as stream:
        ids = [stream.next().id for _ in tasks]
    for number, id_ in enumerate(ids):
        changes = expect(here.get("/api/sync/", params={"cursor": id_}), 200)["changes"]
        assert [change["id"] for change in changes] == [task["id"] for task in tasks[number + 1 :]]


def test_a_cursor_that_cannot_be_continued_from_is_told(pair: Pair, here: Person) -> None:
    here.task()
    cursor = latest(here)
    renew_epoch(pair)
    with Follower(here, cursor) as stream:
        event = stream.next()
        assert (event.kind, event.data) == ("resync", {})
        task = here.task()
        assert stream.next().data == told(task)
    problem(here.get("/api/sync/", params={"cursor": cursor}), 410, "cursor-expired")
    assert expect(here.get("/api/sync/", params={"cursor": event.id}), 200)["changes"][0]["id"] == task["id"]


def test_what_is_no_cursor_of_ones_own_is_refused(pair: Pair, here: Person) -> None:
    for odd in ("", "nonsense", f"{latest(here)}="):
        invalid(here.get(PATH, params={"cursor": odd}), "cursor")
    other = pair.visitor().register()
    invalid(here.get(PATH, headers={"Last-Event-ID": latest(other)}), "cursor")


def test_a_ticket_opens_one_stream_on_any_process(pair: Pair, here: Person) -> None:
    answer = expect(here.post("/api/events/tickets/"), 201)
    assert answer["expires_in"] == 60
    nobody = pair.visitor(1)
    with Follower(nobody, ticket=answer["ticket"]) as stream:
        task = here.task()
        assert stream.next().data == told(task)
    for visitor in (pair.visitor(0), pair.visitor(1)):
        assert visitor.get(PATH, params={"ticket": answer["ticket"]}).status_code == 401
    assert nobody.get(PATH).status_code == 401
    assert nobody.get(PATH, params={"ticket": "nonsense"}).status_code == 401


def test_a_ticket_goes_with_its_session(pair: Pair, here: Person) -> None:
    ticket = expect(here.post("/api/events/tickets/"), 201)["ticket"]
    expect(here.post("/api/accounts/logout/"), 204)
    assert pair.visitor(1).get(PATH, params={"ticket": ticket}).status_code == 401


def test_streams_end_soon_after_what_they_were_opened_by(
    pair: Pair, here: Person, there: Person, tmp_path: Path
) -> None:
    phone = pair.visitor().login(here)
    body = {"name": "a script", "scopes": ["tasks:read"]}
    token, kept = (expect(phone.post("/api/accounts/tokens/", body), 201) for _ in range(2))
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
        assert run(tmp_path, "disable-user", disabled.username, **THIS_CODE, DATABASE_URL=pair.url).returncode == 0
        began = time.monotonic()
        expect(visitor.post("/api/accounts/logout/"), 204)
        expect(phone.delete(f"/api/accounts/tokens/{token['id']}/"), 204)
        password = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
        expect(phone.post("/api/accounts/me/password/", password), 204)
        assert [stream.has_ended(began + 10 - time.monotonic()) for stream in ending] == [True] * 4
        assert time.monotonic() - began < 5.5
        poll.result(10)
        task = phone.task()
        assert [stream.next().data for stream in staying] == [told(task)] * 2


def test_only_so_many_streams_are_open(here: Person) -> None:
    with Follower(here), Follower(here), Follower(here):
        problem(here.get(PATH), 409, "too-many-streams")
    # Hanging up makes room, as soon as the server hears of it.
    deadline = time.monotonic() + 10
    while here.head(PATH).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_requests_that_were_given_up_make_room(here: Person) -> None:
    cursor = latest(here)
    for _ in range(6):
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(
                f"{here.client.base_url}/api/sync/",
                params={"cursor": cursor, "wait": 60},
                headers=here.headers,
                timeout=httpx.Timeout(10, read=0.3),
            )
    deadline = time.monotonic() + 10
    while here.get("/api/sync/", params={"cursor": cursor, "wait": 1}).status_code != 200:
        assert time.monotonic() < deadline


def test_head_is_answered_at_once(here: Person) -> None:
    answer = here.head(PATH)
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_server_with_open_streams_stops_at_once(pair: Pair, here: Person) -> None:
    one = pair.servers[0]
    with Follower(here) as stream:
        began = time.monotonic()
        one.terminate()
        assert stream.has_ended(5)
        one.wait(10)
        assert time.monotonic() - began < 5
    one.start()


class Writer:
    """Creates tasks one after the other, each until it is there, as long as it is not told to stop."""

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
        self._thread.join(60)
        assert not self._thread.is_alive()

    def wait_for(self, more: int) -> None:
        """Wait until it has made so many more."""
        enough, deadline = len(self.made) + more, time.monotonic() + 60
        while len(self.made) < enough:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _write(self) -> None:
        while not self._stop.is_set():
            body, headers = {"title": f"{len(self.made)}"}, {"Idempotency-Key": str(uuid4())}
            while (answer := self._person.post("/api/tasks/", body, headers=headers)).status_code == 503:
                self.refused += 1
                time.sleep(0.02)
            self.made.append(expect(answer, 201))


def test_streams_outlive_a_restart_of_the_database(tmp_path: Path, private_postgres: PrivatePostgres) -> None:
    """Whatever is committed before, meanwhile or after, every stream tells of it once, and in its order."""
    url = private_postgres.url
    with Pair(tmp_path, migrated(url), **SETTINGS) as pair:
        here = pair.visitor().register()
        with Follower(here) as beside_it, Follower(pair.beside(here)) as elsewhere:
            with Writer(here) as writer:
                for mode in ("fast", "immediate"):
                    writer.wait_for(20)
                    private_postgres.stop(mode)
                    time.sleep(0.2)
                    private_postgres.start()
                    writer.wait_for(20)
                assert writer.refused, "it has noticed"
            for stream in (beside_it, elsewhere):
                assert [stream.next(20).data for _ in writer.made] == [told(task) for task in writer.made]
                assert stream.is_quiet()


def test_what_happens_while_nobody_listens_is_told_later(tmp_path: Path, database_url: str) -> None:
    with Pair(tmp_path, migrated(database_url), **SETTINGS) as pair:
        here = pair.visitor().register()
        with Follower(here) as beside_it, Follower(pair.beside(here)) as elsewhere:
            first = here.task()
            assert [stream.next().data for stream in (beside_it, elsewhere)] == [told(first)] * 2
            with nobody_let_in(database_url):
                assert stop_listening(database_url) == 2
                while (answer := here.post("/api/tasks/", {"title": "unheard of"})).status_code == 503:
                    time.sleep(0.1)
                assert elsewhere.is_quiet()
            task = expect(answer, 201)
            assert [stream.next(8).data for stream in (beside_it, elsewhere)] == [told(task)] * 2
            assert elsewhere.is_quiet()


@contextmanager
def nobody_let_in(url: str) -> Iterator[None]:
    """Have a database take no new connections; those that there are go on."""
    name = sql.Identifier(database_name(url))
    with psycopg.connect(with_database(url, "postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        try:
            yield
        finally:
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def stop_listening(url: str) -> int:
    """Have the database hang up on all who listen, and return how many those were."""
    with psycopg.connect(with_database(url, "postgres")) as admin:
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'tasktracker events'",
            [database_name(url)],
        )
        return len(ended.fetchall())


def test_beside_a_pooler_it_is_listened_to_directly(tmp_path: Path, database_url: str) -> None:
    direct = {"DATABASE_PREPARED_STATEMENTS": "off", "LISTEN_DATABASE_URL": database_url}
    with Pair(tmp_path, migrated(database_url), **SETTINGS, **direct) as pair:
        here = pair.visitor().register()
        with Follower(pair.beside(here)) as stream:
            stream.is_quiet(1.2)  # until whoever asks every second would have done so
            began = time.monotonic()
            times = []
            for _ in range(3):
                task = here.task()
                assert stream.next(5).data == told(task)
                times.append(time.monotonic() - began)
                began = time.monotonic()
            assert min(times) < 0.5


def test_without_anybody_to_hear_streams_are_told_all_the_same(tmp_path: Path, database_url: str) -> None:
    """Behind a pooler nothing can be listened to: feeds are asked now and then."""
    with Pair(tmp_path, migrated(database_url), **SETTINGS, DATABASE_PREPARED_STATEMENTS="off") as pair:
        here = pair.visitor().register()
        with Follower(pair.beside(here)) as stream:
            task = here.task()
            assert stream.next(5).data == told(task)


def test_a_client_that_does_not_hang_up_properly_is_let_go(here: Person) -> None:
    for _ in range(5):
        with (
            httpx.Client(base_url=here.client.base_url) as client,
            client.stream("GET", PATH, headers=here.headers) as response,
        ):
            assert response.status_code == 200
        time.sleep(0.2)
