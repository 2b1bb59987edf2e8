"""What the settings change: each one reaches the service that it is for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta
from math import inf
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from tasktracker.adapters.events.local import LocalChangeNotifier
from tasktracker.adapters.events.polling import PollingChangeNotifier
from tasktracker.adapters.events.postgresql import PostgresChangeNotifier
from tasktracker.adapters.events.sqlite import SqliteChangeNotifier
from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.domain.jobs.job import JobKind
from tasktracker.entrypoints import container as composition
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http.app import _gauges
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tasktracker.entrypoints.settings import BACKGROUND_THREADS, HEALTH_THREADS, STREAM_THREADS, load
from tests.contracts.http.base import problem
from tests.fakes import ManualClock
from tests.http import Api, expect, new_name


def container(**settings: str) -> Container:
    return Container(settings=load({"DATABASE_URL": "memory://", **settings}, None))


@pytest.mark.parametrize(
    ("setting", "limit", "path", "body"),
    [
        ("TASKS_PER_USER", 1, "/api/tasks/", {"title": "12345678"}),
        ("CATEGORIES_PER_USER", 1, "/api/categories/", {"name": "first"}),
        ("BYTES_PER_USER", 15, "/api/tasks/", {"title": "12345678"}),
    ],
)
def test_a_quota_is_that_of_its_setting(setting: str, limit: int, path: str, body: dict[str, Any]) -> None:
    settings: dict[str, Any] = {setting: str(limit)}
    with Api("memory://", **settings) as api:
        ada = api.register()
        expect(ada.post(path, body), 201)
        other = {name: f"87654321{value[8:]}" for name, value in body.items()}
        assert problem(ada.post(path, other), 409, "quota-exceeded")["limit"] == limit
        expect(api.register().post(path, body), 201)


@pytest.mark.parametrize(("setting", "logged"), [("true", ["request"]), ("false", [])])
def test_requests_are_logged_unless_a_setting_turns_it_off(setting: str, logged: list[str]) -> None:
    with Api("memory://", REQUEST_LOG=setting) as api, capture_logs() as logs:
        api.get("/health/live")
    assert [each["event"] for each in logs] == logged


@pytest.mark.parametrize(("path", "status"), [("/health/live", "200"), ("/api/tasks/", "401"), ("/none", "404")])
def test_a_status_is_logged_as_a_number(path: str, status: str) -> None:
    with Api("memory://", REQUEST_LOG="true") as api, capture_logs() as logs:
        api.get(path)
    assert [repr(each["status"]) for each in logs] == [status]


def test_a_password_is_hashed_with_the_parameters_of_the_settings() -> None:
    settings = {"ARGON2_MEMORY_KIB": "24", "ARGON2_PASSES": "3", "ARGON2_LANES": "2", "HASHING_THREADS": "3"}
    hasher: Any = container(**settings).passwords()
    assert hasher.hash("secret").startswith("$argon2id$v=19$m=24,t=3,p=2$")
    assert hasher._executor._max_workers == 3


def test_a_response_is_kept_for_its_key_for_the_days_of_the_settings() -> None:
    with Api("memory://", WINDOW_DAYS="40", RUN_WORKER="false") as api:
        ada, key = api.register(), {"Idempotency-Key": new_name()}

        def repeat(days: int) -> Any:
            api.clock.advance(days=days)
            api.container.housekeeping().sweep()
            answer = api.login(ada).request("POST", "/api/tasks/", json={"title": "x"}, headers=key)
            expect(answer, 201)
            return answer.headers.get("idempotency-replayed")

        assert [repeat(0), repeat(39), repeat(10)] == [None, "true", None]


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, LocalChangeNotifier),
        ({"DATABASE_URL": "sqlite:///tasks.db"}, SqliteChangeNotifier),
        ({"DATABASE_URL": "postgresql://u@data/d"}, PostgresChangeNotifier),
        ({"DATABASE_URL": "postgresql://u@data/d", "DATABASE_PREPARED_STATEMENTS": "off"}, PollingChangeNotifier),
    ],
)
def test_the_kind_of_database_decides_how_changes_are_noticed(settings: dict[str, str], kind: type[object]) -> None:
    assert type(container(**settings).notifier()) is kind


@pytest.mark.parametrize("prepared", ["on", "off"])
def test_changes_are_listened_for_past_the_pooler(prepared: str) -> None:
    notifier = container(
        DATABASE_URL="postgresql://u@pooler/d",
        LISTEN_DATABASE_URL="postgresql://u@direct/d",
        DATABASE_PREPARED_STATEMENTS=prepared,
    ).notifier()
    assert isinstance(notifier, PostgresChangeNotifier)
    assert "direct" in notifier._conninfo


def test_each_pool_of_threads_has_the_limits_of_the_settings() -> None:
    settings: dict[str, Any] = {
        "DATABASE_CONNECTIONS": "10",
        "DATABASE_WAIT_SECONDS": "3",
        "HASHING_THREADS": "2",
        "HASHING_QUEUE": "7",
        "TRANSFERS": "4",
        "IMPORT_MAX_BYTES": "300000",
        "STREAMS_PER_USER": "9",
    }
    with Api("memory://", **settings) as api:
        services = api.app.services
        pools = {
            name: (len(each), each._free_for_writes, each._limit, each._limit_each, each._wait)
            for name, each in vars(services).items()
            if isinstance(each, ThreadRunner)
        }
        assert pools == {
            # Writes leave threads to reads, and one user leaves the queue to others.
            "threads": (10, 8, 1000, 250, 3),
            # A check does not wait behind requests.
            "health_threads": (1, 1, 1000, inf, 3),
            "hashing_threads": (4, 4, 9, inf, 3),
            "stream_threads": (2, 2, inf, inf, 3),
            "transfer_threads": (4, 4, inf, inf, inf),
        }
        assert (services.transfers._limit, services.transfers._import_bytes) == (4, 300_000)
        assert services.subscriptions._per_user == 9


class Pool(ThreadRunner):
    """Threads with given numbers of running and waiting calls."""

    def __init__(self, count: int, running: int, waiting: int) -> None:
        self._threads, self._calls = [Thread()] * count, (running, waiting)

    running = property(lambda self: self._calls[0])
    waiting = property(lambda self: self._calls[1])


def test_each_gauge_shows_the_pool_that_it_names() -> None:
    services = SimpleNamespace(threads=Pool(1, 2, 3), hashing_threads=Pool(4, 5, 6), subscriptions=[None] * 7)
    tested = SimpleNamespace(storage=lambda: "sql", database=lambda: SimpleNamespace(in_use=8))
    assert {name: read() for name, read in _gauges(cast(Any, tested), cast(Any, services)).items()} == {
        ("open", "streams"): 7,
        ("open", "database"): 8,
        ("threads", "requests"): 1,
        ("calls_running", "requests"): 2,
        ("calls_waiting", "requests"): 3,
        ("threads", "hashing"): 4,
        ("calls_running", "hashing"): 5,
        ("calls_waiting", "hashing"): 6,
    }


@pytest.mark.parametrize("name", ["jobs", "courier", "housekeeping", "import_jobs"])
def test_what_hosts_do_together_has_the_clock_of_the_database(name: str) -> None:
    tested, shared = container(), ManualClock()
    tested.shared_clock.override(shared)
    assert getattr(tested, name)()._clock is shared


@pytest.mark.parametrize(
    ("setting", "field", "seconds"),
    [
        ("ACCESS_TOKEN_SECONDS", "access", 800),
        ("SESSION_IDLE_SECONDS", "idle", 1000),
        ("SESSION_ABSOLUTE_SECONDS", "absolute", 2000),
        ("REFRESH_GRACE_SECONDS", "grace", 31),
    ],
)
def test_each_time_of_a_session_is_that_of_its_setting(setting: str, field: str, seconds: int) -> None:
    policy = container(**{setting: str(seconds)}).session_policy()
    assert getattr(policy, field) == timedelta(seconds=seconds)


MAIL = {"MAIL_FROM": "Tasks <tasks@example.org>", "PUBLIC_URL": "https://example.org/tasks"}


@pytest.mark.parametrize(
    ("settings", "read", "value"),
    [
        ({"MEMBERS_PER_TASK": "7"}, lambda its: (its.sharing()._limit, its.category_sharing()._limit), (7, 7)),
        ({"API_TOKENS_PER_USER": "7"}, lambda its: its.api_tokens()._limit, 7),
        ({"SESSIONS_PER_USER": "7"}, lambda its: its.session_policy().max_sessions, 7),
        ({"HASHING_THREADS": "3"}, lambda its: its.passwords()._executor._max_workers, 3),
        ({"WINDOW_DAYS": "7"}, lambda its: {each()._retention for each in (its.sync, its.pushing, its.housekeeping)},
         {timedelta(days=7)}),
        ({"THROTTLE": "off"}, lambda its: its.throttle()._limiter, None),
        ({}, lambda its: its.throttle()._limiter is its.limiter(), True),
        ({"REGISTRATION": "invite"}, lambda its: its.registration_mode().is_fixed, True),
        ({}, lambda its: its.registration_mode().is_fixed, False),
        (MAIL, lambda its: (its.mailer(), its.mail_folder(), its.outbox().is_on), (None, None, False)),
        ({**MAIL, "MAIL_URL": "smtp://h:26"}, lambda its: (its.mailer()._relay.port, its.mail_folder()), (26, None)),
        ({**MAIL, "MAIL_URL": "folder:x"}, lambda its: (its.mailer()._folder, its.mail_folder()._folder),
         (Path("x"), Path("x"))),
        ({**MAIL, "MAIL_URL": "smtp://relay"}, lambda its: its.outbox()._mail_domain, "example.org"),
        (
            {**MAIL, "MAIL_URL": "smtp://relay"},
            lambda its: (its.mailer()._composer._sender.display_name, its.mailer()._composer._public_url),
            ("Tasks", "https://example.org/tasks"),
        ),
    ],
)  # fmt: skip
def test_a_setting_reaches_its_service(settings: dict[str, str], read: Callable[[Any], object], value: object) -> None:
    assert read(container(**settings)) == value


def test_each_thread_has_its_connection_and_its_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, object]] = []
    monkeypatch.setattr(composition, "open_database", lambda url, **options: opened.append((url, options)))
    url = "postgresql://u@data/d"
    numbers = {"DATABASE_CONNECTIONS": "100", "HASHING_THREADS": "20", "TRANSFERS": "3", "DATABASE_WAIT_SECONDS": "9"}
    for prepared in ("on", "off"):
        container(DATABASE_URL=url, DATABASE_PREPARED_STATEMENTS=prepared, **numbers).database()
    size = 100 + 2 * 20 + 3 + STREAM_THREADS + BACKGROUND_THREADS + HEALTH_THREADS
    assert opened == [(url, {"pool_size": size, "wait_seconds": 9, "pooler": pooler}) for pooler in (False, True)]


def test_each_kind_of_mail_and_of_job_is_prepared_by_its_own_function() -> None:
    tested = container()
    letters = tested.letters()
    own: dict[DeliveryKind, Any] = {
        DeliveryKind.VERIFY_EMAIL: letters.verify_email,
        DeliveryKind.RESET_PASSWORD: letters.reset_password,
        DeliveryKind.INVITATION: letters.invitation,
        DeliveryKind.SHARE_INVITATION: tested.acceptance().prepare,
        DeliveryKind.REMINDER: tested.reminder_letters().reminder,
        DeliveryKind.DAILY_SUMMARY: tested.reminder_letters().summary,
    }
    assert dict(tested.courier()._preparations) == {kind: own.get(kind, letters.notice) for kind in DeliveryKind}
    assert set(tested.jobs()._steps) == set(JobKind)


def test_what_is_added_wakes_the_work_of_this_process() -> None:
    for url in ("memory://", "sqlite:///tasks.db"):
        tested = container(DATABASE_URL=url)
        store = tested.store()
        assert (store._jobs_added, store._deliveries_added) == (tested.jobs_added(), tested.deliveries_added())


def test_ids_are_sorted_by_time_and_the_clock_is_of_utc() -> None:
    ids = [container().ids().new() for _ in range(50)]
    assert ids == sorted(set(ids)), "so inserts stay local in an index"
    assert {each.version for each in ids} == {7}
    assert container().clock().now().tzinfo is UTC
