"""Several server processes on one PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier
from typing import Any, Literal

import httpx
import psycopg
import pytest

from tests.contracts.http.base import everything, problem
from tests.http import OTHER_PASSWORD, PASSWORD, Person, Server, bearer, expect, migrated, new_name, run
from tests.postgres import DatabaseFactory, PrivatePostgres
from tests.waiting import PATIENCE

NewServer = Callable[..., Server]
THREADS = 16


@pytest.fixture(scope="module")
def database(postgres_url_factory: DatabaseFactory) -> Iterator[str]:
    url = postgres_url_factory.create_migrated_database()
    yield url
    postgres_url_factory.drop_database(url)


@pytest.fixture(scope="module")
def new_server(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[NewServer]:
    """Starts another server on the same database."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("servers")
        yield lambda **settings: stack.enter_context(Server(folder, DATABASE_URL=database, **settings))


@pytest.fixture(scope="module")
def one(new_server: NewServer) -> Server:
    return new_server()


@pytest.fixture(scope="module")
def other(new_server: NewServer) -> Server:
    return new_server()


@pytest.fixture
def alice(one: Server) -> Person:
    """A user who is logged in at one server."""
    return one.register()


def at_once(times: int, call: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    """Call this many times concurrently, each with another number."""
    barrier = Barrier(THREADS)

    def call_some(number: int) -> list[httpx.Response]:
        barrier.wait(PATIENCE)
        return [call(each) for each in range(number, times, THREADS)]

    with ThreadPoolExecutor(THREADS) as threads:
        return [answer for answers in threads.map(call_some, range(THREADS)) for answer in answers]


def statuses(answers: list[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


class TestRevocation:
    """A session ends on every process at once: the next request with its token is refused."""

    @pytest.fixture
    def there(self, alice: Person, other: Server) -> Person:
        """Alice at the other server, which has accepted her token."""
        there = alice.through(other.client)
        expect(there.get("/api/tasks/"), 200)
        expect(there.post("/api/tasks/", {"title": "x"}), 201)
        return there

    def require_logged_out(
        self, there: Person, other: Server, refused: tuple[int, str] = (401, "session-ended")
    ) -> None:
        problem(there.get("/api/tasks/"), 401, "session-ended")
        problem(there.post("/api/tasks/", {"title": "x"}), 401, "session-ended")
        problem(other.post("/api/accounts/refresh/", {"refresh": there.refresh}), *refused)
        problem(other.post("/api/accounts/verify/", {"token": there.access}), 401, "session-ended")

    def test_logging_out_ends_the_session(self, alice: Person, there: Person, other: Server) -> None:
        expect(alice.post("/api/accounts/logout/"), 204)
        self.require_logged_out(there, other)

    def test_disabling_the_user_ends_the_session(
        self, there: Person, other: Server, one: Server, database: str
    ) -> None:
        result = run(one.folder, "disable-user", there.username, **{**one.environment, "DATABASE_URL": database})
        assert result.returncode == 0, result.stderr
        self.require_logged_out(there, other, (403, "account-disabled"))
        body = {"username": there.username, "password": PASSWORD}
        problem(other.post("/api/accounts/login/", body), 403, "account-disabled")

    def test_deleting_the_account_ends_the_session(self, alice: Person, there: Person, other: Server) -> None:
        expect(alice.post("/api/accounts/me/delete/", {"password": PASSWORD}), 204)
        self.require_logged_out(there, other)

    def test_changing_the_password_ends_other_sessions(self, one: Server, there: Person, other: Server) -> None:
        phone = one.login(there)
        expect(
            phone.post("/api/accounts/me/password/", {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}),
            204,
        )
        self.require_logged_out(there, other)
        expect(phone.through(other.client).get("/api/tasks/"), 200)

    def test_ending_other_sessions_keeps_this_one(self, one: Server, there: Person, other: Server) -> None:
        phone = one.login(there)
        expect(phone.delete("/api/accounts/sessions/"), 204)
        self.require_logged_out(there, other)

    def test_replaying_a_refresh_token_ends_the_session(self, one: Server, there: Person, other: Server) -> None:
        second = expect(one.post("/api/accounts/refresh/", {"refresh": there.refresh}), 200)
        third = expect(other.post("/api/accounts/refresh/", {"refresh": second["refresh"]}), 200)
        problem(one.post("/api/accounts/refresh/", {"refresh": there.refresh}), 401, "session-ended")
        for access in (there.access, second["access"], third["access"]):
            problem(other.get("/api/tasks/", headers=bearer(access)), 401, "session-ended")

    def test_no_process_accepts_a_request_after_a_logout(self, alice: Person, there: Person) -> None:
        def ask(number: int) -> httpx.Response:
            return (alice, there)[number % 2].post("/api/tasks/", {"title": "x"})

        assert statuses(at_once(THREADS, ask)) == [201] * THREADS
        expect(alice.post("/api/accounts/logout/"), 204)
        assert statuses(at_once(THREADS, ask)) == [401] * THREADS


class TestAgreement:
    """Every process gives the same answer."""

    def test_each_process_reads_the_writes_of_the_other(self, alice: Person, other: Server) -> None:
        there = alice.through(other.client)
        task = alice.task(category=there.category("home")["id"])
        changed = expect(there.patch(f"/api/tasks/{task['id']}/", {"state": "done", "version": 1}), 200)
        assert everything(alice)["tasks"] == [changed] == everything(there)["tasks"]
        problem(alice.patch(f"/api/tasks/{task['id']}/", {"title": "x", "version": 1}), 412, "stale-version")

    def test_concurrent_requests_get_their_own_profile(self, one: Server, other: Server) -> None:
        users = [one.register().through(at.client) for at in (one, other) for _ in range(4)]
        answers = at_once(
            64, lambda n: users[n % 8].get("/api/accounts/me/", headers={"X-Request-ID": users[n % 8].id})
        )
        for answer in answers:
            assert expect(answer, 200)["id"] == answer.headers["x-request-id"]

    def test_a_list_can_be_continued_at_the_other_process(self, alice: Person, other: Server) -> None:
        for number in range(3):
            alice.task(f"{number}")
        page = expect(alice.get("/api/tasks/?limit=2"), 200)
        rest = expect(alice.through(other.client).get(f"/api/tasks/?cursor={page['next_cursor']}"), 200)
        assert [task["title"] for task in page["results"] + rest["results"]] == ["2", "1", "0"]

    def test_one_of_many_registrations_of_a_name_succeeds(self, one: Server, other: Server) -> None:
        name = new_name()
        spellings = [name, name.upper(), name.title(), f" {name}", f"\uff4e{name[1:]}"]

        def register(number: int) -> httpx.Response:
            email = f"{new_name()}@example.org"
            body = {"username": spellings[number % 5], "password": PASSWORD, "email": email}
            return (one, other)[number % 2].post("/api/accounts/register/", body)

        answers = at_once(20, register)
        assert statuses(answers) == [201] + [409] * 19
        for answer in answers:
            if answer.status_code == 409:
                problem(answer, 409, "username-taken")
        (winner,) = [answer.json()["user"] for answer in answers if answer.status_code == 201]
        login = expect(one.post("/api/accounts/login/", {"username": name, "password": PASSWORD}), 200)
        assert login["user"] == winner

    def test_one_of_many_registrations_of_an_email_address_succeeds(self, one: Server, other: Server) -> None:
        email = f"{new_name()}@example.org"

        def register(number: int) -> httpx.Response:
            body = {"username": new_name(), "password": PASSWORD, "email": (email, email.upper())[number // 2 % 2]}
            return (one, other)[number % 2].post("/api/accounts/register/", body)

        answers = at_once(20, register)
        assert statuses(answers) == [201] + [409] * 19
        for answer in answers:
            if answer.status_code == 409:
                problem(answer, 409, "email-taken")

    def test_one_of_many_categories_with_one_name_is_created(self, alice: Person, other: Server) -> None:
        both = (alice, alice.through(other.client))
        spellings = ("Work", "WORK", "\uff37ork")
        answers = at_once(24, lambda n: both[n % 2].post("/api/categories/", {"name": spellings[n % 3]}))
        assert statuses(answers) == [201] + [409] * 23
        assert len(alice.listed("/api/categories/")) == 1

    def test_one_of_many_changes_to_one_version_succeeds(self, alice: Person, other: Server) -> None:
        both = (alice, alice.through(other.client))
        path = f"/api/tasks/{alice.task()['id']}/"
        answers = at_once(32, lambda n: both[n % 2].patch(path, {"title": f"{n}"}, headers={"If-Match": '"1"'}))
        assert statuses(answers) == [200] + [412] * 31
        (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert winner["version"] == 2
        assert all(answer.json()["current"] == winner for answer in answers if answer.status_code == 412)

    def test_no_change_is_lost(self, alice: Person, other: Server) -> None:
        both = (alice, alice.through(other.client))
        path = f"/api/tasks/{alice.task()['id']}/"
        answers = at_once(32, lambda n: both[n % 2].patch(path, {"description": f"{n}"}))
        assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 34))
        (last,) = [answer.json() for answer in answers if answer.json()["version"] == 33]
        assert expect(both[1].get(path), 200) == last

    def test_a_deleted_category_has_no_tasks_after_concurrent_edits(self, alice: Person, other: Server) -> None:
        both = (alice, alice.through(other.client))
        category = alice.category()["id"]
        tasks = [alice.task(f"{number}")["id"] for number in range(15)]

        def file_or_delete(number: int) -> httpx.Response:
            if number == 15:
                return both[1].delete(f"/api/categories/{category}/")
            return both[number % 2].patch(f"/api/tasks/{tasks[number]}/", {"category": category})

        answers = at_once(16, file_or_delete)
        assert {answer.status_code for answer in answers} <= {200, 204, 400}
        assert statuses(answers).count(204) == 1
        assert {task["category"] for task in alice.listed("/api/tasks/")} == {None}


class TestRefreshing:
    """Fifty concurrent requests with one refresh token."""

    def answers(self, one: Server, other: Server, token: str) -> list[httpx.Response]:
        return at_once(50, lambda n: (one, other)[n % 2].post("/api/accounts/refresh/", {"refresh": token}))

    def test_within_the_grace_all_get_the_one_successor(self, one: Server, other: Server, alice: Person) -> None:
        answers = self.answers(one, other, alice.refresh)
        assert statuses(answers) == [200] * 50
        successors = {(answer.json()["access"], answer.json()["refresh"]) for answer in answers}
        assert len(successors) == 1
        ((access, refresh),) = successors
        for server in (one, other):
            expect(server.get("/api/tasks/", headers=bearer(access)), 200)
        expect(other.post("/api/accounts/refresh/", {"refresh": refresh}), 200)

    def test_without_grace_one_gets_it_and_the_session_ends(self, new_server: NewServer) -> None:
        one, other = (new_server(REFRESH_GRACE_SECONDS="0") for _ in range(2))
        person = one.register()
        answers = self.answers(one, other, person.refresh)
        assert statuses(answers) == [200] + [401] * 49
        (successor,) = [answer.json() for answer in answers if answer.status_code == 200]
        problem(other.get("/api/tasks/", headers=bearer(successor["access"])), 401, "session-ended")
        for server in (one, other):
            server.kill()


class TestSchema:
    """A server works with exactly one revision of the schema."""

    def test_an_outdated_schema_is_refused(self, tmp_path: Path, empty_database_url: str) -> None:
        refused = run(tmp_path, "serve", DATABASE_URL=empty_database_url)
        assert refused.returncode == 1
        assert refused.stderr.startswith("Error: the database schema is at revision none, this version needs ")
        assert refused.stderr.endswith(": run `tasktracker migrate` first\n")
        checked = run(tmp_path, "migrate", "--check", DATABASE_URL=empty_database_url)
        assert (checked.returncode, checked.stdout) == (1, "schema: none\n")
        migrated(empty_database_url)
        with Server(tmp_path, DATABASE_URL=empty_database_url) as server:
            expect(server.get("/health/ready"), 200)
            with psycopg.connect(empty_database_url) as connection:
                connection.execute("UPDATE alembic_version SET version_num = '0000'")
            problem(server.get("/health/ready"), 503, "storage-unavailable")
            expect(server.get("/health/live"), 200)

    def test_concurrent_migrations_succeed(self, tmp_path: Path, empty_database_url: str) -> None:
        with ThreadPoolExecutor(2) as threads:
            results = list(threads.map(lambda _: run(tmp_path, "migrate", DATABASE_URL=empty_database_url), range(2)))
        assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]


class TestOutage:
    """The database stops and starts again."""

    def require_unavailable(self, server: Server, person: Person) -> None:
        requests: list[tuple[str, str, Any]] = [
            ("GET", "/api/tasks/", None),
            ("POST", "/api/tasks/", {"title": "x"}),
            ("POST", "/api/accounts/login/", {"username": person.username, "password": PASSWORD}),
            ("POST", "/api/accounts/refresh/", {"refresh": person.refresh}),
            ("POST", "/api/accounts/logout/", None),
            ("GET", "/health/ready", None),
        ]
        for method, path, body in requests:
            response = person.request(method, path, json=body)
            problem(response, 503, "storage-unavailable")
            assert int(response.headers["retry-after"]) >= 1
            assert "127.0.0.1" not in response.text
        expect(server.get("/health/live"), 200)

    def test_an_outage_is_answered_with_503_until_it_ends(
        self, tmp_path: Path, private_postgres: PrivatePostgres
    ) -> None:
        migrated(private_postgres.url)
        with Server(tmp_path, DATABASE_URL=private_postgres.url) as server:
            person = server.register()
            before = [person.task()]
            modes: tuple[Literal["fast", "immediate"], ...] = ("fast", "immediate")
            for mode in modes:
                at_once(THREADS, lambda _: person.get("/api/tasks/"))  # fills the pool
                private_postgres.stop(mode)
                self.require_unavailable(server, person)
                private_postgres.start()
                assert person.listed("/api/tasks/") == before, "the first request after the outage failed"
                expect(server.get("/health/ready"), 200)
                before = [person.task(), *before]
            expect(server.post("/api/accounts/refresh/", {"refresh": person.refresh}), 200)
            assert private_postgres.url.split("@")[0].split(":")[-1] not in server.log, "the password is in the log"

    def test_a_server_does_not_start_without_the_database(
        self, tmp_path: Path, private_postgres: PrivatePostgres
    ) -> None:
        migrated(private_postgres.url)
        private_postgres.stop()
        refused = run(tmp_path, "serve", DATABASE_URL=private_postgres.url)
        assert refused.returncode == 1
        assert refused.stderr.startswith("Error: The database is not available. connection failed: ")
