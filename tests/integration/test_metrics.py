"""Metrics for Prometheus."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
import prometheus_client
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from tasktracker.domain.deliveries.delivery import DeliveryState
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.reminders.reminder import Reminder
from tasktracker.entrypoints import metrics
from tasktracker.entrypoints.settings import SettingsError, load
from tests.contracts.base import SECOND, Seed
from tests.contracts.http.test_reminders import remind_now
from tests.contracts.test_deliveries import new_delivery
from tests.fakes import SYSTEM, SequentialIds
from tests.http import Api, Server, bearer, expect, migrated
from tests.postgres_supervisor import free_port
from tests.waiting import wait_until

TOKEN = "a token for prometheus"
REQUESTS = "tasktracker_http_request_duration_seconds_count"


def metrics_of(response: httpx.Response) -> dict[str, float]:
    """Return the samples of a page, by their names and labels."""
    assert response.status_code == 200, response.text
    lines = [line for line in response.text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def total(found: dict[str, float], metric: str, /, **labels: str) -> float:
    """Return the sum of the samples that have these labels."""
    wanted = {f'{label}="{value}"' for label, value in labels.items()}
    return sum(
        value
        for key, value in found.items()
        if key.partition("{")[0] == metric and wanted <= set(re.findall(r'\w+="[^"]*"', key))
    )


def test_reminders_are_counted_by_their_lateness_in_seconds_and_gauges_have_the_last_number() -> None:
    process, numbers = metrics.ProcessMetrics(), iter([5.0, 7.0])
    for lateness in (0.02, 90.0):
        process.observe_fired(lateness)
        process.sample({("threads", "requests"): numbers.__next__})
    lines = prometheus_client.generate_latest(process.registry).decode().splitlines()
    found = {name: float(value) for name, _, value in (each.rpartition(" ") for each in lines if each[0] != "#")}
    late = "tasktracker_reminder_lateness_seconds"
    assert [
        total(found, f"{late}_bucket", le=most) for most in ("0.01", "0.025", "10.0", "60.0", "600.0", "3600.0")
    ] == [*(0, 1, 1, 1, 2, 2)]
    assert found[f"{late}_sum"] == 90.02
    assert total(found, "tasktracker_threads", name="requests") == 7


class TestPage:
    def test_requests_are_counted_by_method_route_and_status(self) -> None:
        started = time.monotonic()
        with Api("memory://", METRICS_TOKEN=TOKEN) as api:
            ada = api.register()
            tasks = [ada.task("a private title")["id"] for _ in range(3)]
            for each in (ada.id, tasks[0], ada.id):
                ada.get(f"/api/tasks/{each}/")
            api.get("/unknown/path")
            response = api.get("/metrics", headers=bearer(TOKEN))
        assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = metrics_of(response)
        assert total(found, REQUESTS, method="POST", route="/api/tasks", status="201") == 3
        assert total(found, REQUESTS, method="GET", route="/api/tasks/{id}", status="404") == 2
        assert total(found, REQUESTS, method="GET", route="/api/tasks/{id}", status="200") == 1
        assert 0 < total(found, REQUESTS.replace("count", "sum")) < time.monotonic() - started, "in seconds"
        assert total(found, REQUESTS, method="GET", route="None", status="404") == 1
        assert "private" not in response.text
        assert ada.id not in response.text

    def test_the_state_of_the_process_and_of_the_storage_is_shown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(metrics, "SAMPLE_SECONDS", 0.01)
        threads = set(threading.enumerate())
        with Api(migrated(f"sqlite:///{tmp_path}/tasks.db"), METRICS_TOKEN=TOKEN, DATABASE_CONNECTIONS="7") as api:
            streams, actor = api.app.services.subscriptions, SessionActor(uuid4(), uuid4(), 1)
            api.app.services.hashing_threads._pending = 2  # as if calls were running
            with streams.subscribed(actor), streams.subscribed(actor):
                wait_until(
                    lambda: 'tasktracker_open{name="streams"} 2' in api.get("/metrics", headers=bearer(TOKEN)).text,
                    "no numbers of the process",
                )
                found = metrics_of(api.get("/metrics", headers=bearer(TOKEN)))
            api.app.services.hashing_threads._pending = 0
            assert total(found, "tasktracker_threads", name="requests") == 7
            assert total(found, "tasktracker_calls_running", name="hashing") == 2
            assert total(found, "tasktracker_calls_waiting", name="hashing") == 0
            assert total(found, "tasktracker_open", name="database") >= 0
            assert found["tasktracker_database_up"] == 1
            assert total(found, "tasktracker_jobs", kind="purge-task") == 0
            Path(tmp_path / "tasks.db").unlink()
            found = metrics_of(api.get("/metrics", headers=bearer(TOKEN)))
            assert found["tasktracker_database_up"] == 0
        assert set(threading.enumerate()) <= threads, "the application ends all that it started"

    def test_reminders_that_fired_are_counted(self) -> None:
        with Api("memory://", METRICS_TOKEN=TOKEN) as api:
            ada = api.register()
            remind_now(api, ada, ada.task())
            wait_until(
                lambda: "lateness_seconds_count 1.0" in api.get("/metrics", headers=bearer(TOKEN)).text,
                "none is counted",
            )

    def test_the_age_of_what_waits_longest_is_shown(self) -> None:
        with Api("memory://", METRICS_TOKEN=TOKEN, RUN_WORKER="false") as api:
            seed = Seed(api.container.store(), api.clock, SequentialIds())
            user = seed.user()
            task = seed.task(user)
            with api.container.store().writing(SYSTEM) as work:
                for number in (1, 3, 2):
                    at = api.clock.now() - number * SECOND
                    job = Job(id=seed.id(), kind=JobKind.PURGE_TASK, subject=seed.id(), user_id=user.id, created_at=at)
                    work.jobs.add(job)
                    work.deliveries.add(new_delivery(seed, user_id=user.id, created_at=at))
                for number in (5, -9):
                    at = api.clock.now() - number * SECOND
                    work.reminders.add(
                        Reminder(id=seed.id(), task=task.id, user_id=user.id, at=at, fires_at=at, created_at=at)
                    )
                failed = new_delivery(seed, user_id=user.id, created_at=api.clock.now() - 9 * SECOND)
                work.deliveries.add(failed.ended(DeliveryState.FAILED, work.now, "no"))
            found = metrics_of(api.get("/metrics", headers=bearer(TOKEN)))
        assert total(found, "tasktracker_jobs", kind="purge-task") == 3
        assert total(found, "tasktracker_oldest_job_seconds", kind="purge-task") == 3
        assert total(found, "tasktracker_oldest_job_seconds", kind="remove-account") == 0
        assert [total(found, "tasktracker_deliveries", state=state) for state in ("due", "failed", "sent")] == [3, 1, 0]
        assert found["tasktracker_oldest_due_delivery_seconds"] == 3
        assert found["tasktracker_oldest_due_reminder_seconds"] == 5

    def test_it_needs_the_token(self) -> None:
        odd: list[Any] = [{"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer ü".encode()}]
        with Api("memory://", METRICS_TOKEN=TOKEN) as api:
            for headers in ({}, bearer("another token"), bearer(TOKEN[:-1]), *odd):
                expect(api.get("/metrics", headers=headers), 401)

    @pytest.mark.parametrize("settings", [{}, {"METRICS_PORT": "9464"}])
    def test_without_a_token_there_is_no_such_page(self, settings: dict[str, Any]) -> None:
        with Api("memory://", **settings) as api:
            expect(api.get("/metrics", headers=bearer("")), 404)


@pytest.mark.parametrize(("error", "is_alive"), [(None, True), (ProcessLookupError, False), (PermissionError, False)])
def test_a_process_of_another_user_is_not_one_of_the_server(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError] | None, is_alive: bool
) -> None:
    def kill(*_: int) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(os, "kill", kill)
    assert metrics._is_alive(1) is is_alive


@pytest.mark.parametrize(
    ("setting", "is_shared"), [({}, False), ({"METRICS_TOKEN": TOKEN}, True), ({"METRICS_PORT": "9464"}, True)]
)
def test_workers_share_a_folder_if_there_are_metrics(setting: dict[str, str], is_shared: bool) -> None:
    with metrics.shared_folder(load({"DATABASE_URL": "memory://", **setting}, None)):
        assert (metrics.FOLDER in os.environ) is is_shared
    assert metrics.FOLDER not in os.environ


def test_a_port_that_is_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = load({"DATABASE_URL": "memory://", "METRICS_PORT": str(port)}, None)
        with pytest.raises(SettingsError, match=f"METRICS_PORT: cannot listen on port {port} of 127.0.0.1: Address"):
            metrics.serve(settings, CollectorRegistry())


def test_the_port_is_that_of_the_host_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[object, ...]] = []
    monkeypatch.setattr(prometheus_client, "start_http_server", lambda *of: served.append(of))
    registry = CollectorRegistry()
    metrics.serve(load({"DATABASE_URL": "memory://", "HOST": "127.0.0.9", "METRICS_PORT": "9464"}, None), registry)
    assert served == [(9464, "127.0.0.9", registry)]


def test_of_a_process_that_has_ended_only_the_counters_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(metrics.FOLDER, str(tmp_path))
    monkeypatch.setattr(metrics, "_is_alive", lambda pid: pid == 1)
    for number, kind in enumerate(("counter", "gauge_livesum", "gauge_liveall", "gauge_livemax"), 2):
        for pid in (1, number):  # the process 1 runs
            values = cast(Any, MmapedDict)(str(tmp_path / f"{kind}_{pid}.db"))
            values.write_value(mmap_key(kind, kind, [], [], ""), pid, 0)
            values.close()
    found = {
        metric.name: sum(sample.value for sample in metric.samples) for metric in metrics.SharedCollector().collect()
    }
    assert found == {"counter": 3, "gauge_livesum": 1, "gauge_liveall": 1, "gauge_livemax": 1}


def test_each_page_is_of_all_workers_and_not_of_those_that_have_ended(tmp_path: Path) -> None:
    port = free_port()
    server = Server(
        tmp_path,
        DATABASE_URL=migrated(f"sqlite:///{tmp_path}/tasks.db"),
        WORKERS="2",
        METRICS_PORT=str(port),
        METRICS_TOKEN=TOKEN,
        DATABASE_CONNECTIONS="5",
    )
    # Its workers are new processes, as they are outside of tests.
    with ExitStack() as stack:
        stack.callback(server.__exit__, None, None, None)
        server.start(stack.enter_context((tmp_path / "log").open("wb")))

        page = httpx.Client(base_url=f"http://127.0.0.1:{port}", verify=False)  # the certificates take time
        stack.callback(page.close)

        def threads() -> float:
            return total(metrics_of(page.get("/metrics")), "tasktracker_threads", name="requests")

        wait_until(lambda: threads() == 10, lambda: f"{threads()} threads, not those of two workers", server.process)
        for _ in range(40):
            with httpx.Client(verify=False) as client:  # for any of the workers
                expect(client.get(f"{server.url}/health/live"), 200)
        of_a_worker = metrics_of(server.get("/metrics", headers=bearer(TOKEN)))
        assert total(of_a_worker, "tasktracker_threads", name="requests") == 10
        found = metrics_of(page.get("/metrics"))
        assert total(found, REQUESTS, route="/health/live", status="200") >= 40
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        workers = [pid for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
        os.kill(int(workers[0]), signal.SIGKILL)
        # uvicorn starts another one: the numbers of three would be 15.
        wait_until(lambda: threads() == 5, lambda: f"{threads()} threads, not those of one worker", server.process)
        wait_until(lambda: threads() == 10, lambda: f"{threads()} threads, not those of two workers", server.process)
