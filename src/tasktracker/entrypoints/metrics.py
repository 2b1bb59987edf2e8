"""Metrics for Prometheus, of all worker processes together.

Each process writes its numbers into files of a shared folder, so that each process can answer for all. An environment
variable of `prometheus_client` names the folder. It must be set before `prometheus_client` is imported, so this module
imports the library late.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tasktracker.domain.deliveries.delivery import DeliveryState
from tasktracker.domain.jobs.job import JobKind
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import Unavailable
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.settings import Settings, SettingsError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Histogram
    from prometheus_client.core import Metric

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SAMPLE_SECONDS = 1.0
"""The time between two samples of the gauges of a process."""
MEDIA_TYPE = "text/plain; version=0.0.4"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

Gauges = Mapping[tuple[str, str], Callable[[], float]]
"""The numbers to sample, by the name of a metric and the value of its label `name`."""

_GAUGES = {
    "threads": "Threads of a pool.",
    "calls_running": "Calls that run on the threads of a pool.",
    "calls_waiting": "Calls that wait for a thread of a pool.",
    "open": "Event streams that are open, and connections to the database that are in use.",
}


def is_on(settings: Settings) -> bool:
    """Return whether metrics are collected."""
    return bool(settings.metrics_token or settings.metrics_port)


@contextmanager
def shared_folder(settings: Settings) -> Iterator[None]:
    """Provide the folder for processes that start meanwhile."""
    if not is_on(settings):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="tasktracker-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


class ProcessMetrics:
    """The metrics of this process."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Gauge, Histogram

        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "tasktracker_http_request_duration_seconds",
            "Time from the start of a request to the end of its response. Event streams last as long as they are open.",
            ("method", "route", "status"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._lateness = Histogram(
            "tasktracker_reminder_lateness_seconds",
            "Time from the moment of a reminder to its notification.",
            buckets=(*BUCKETS, 60, 600, 3600),
            registry=self.registry,
        )
        self._of: dict[tuple[str, str | None, int | None], Histogram] = {}
        self._gauges = {
            name: Gauge(f"tasktracker_{name}", text, ("name",), multiprocess_mode="livesum", registry=self.registry)
            for name, text in _GAUGES.items()
        }

    def observe(self, method: str, route: str | None, status: int | None, seconds: float) -> None:
        """Count a request. `route` is the template of its path, or None for an unknown path."""
        key = (method, route, status)
        found = self._of.get(key)
        if found is None:
            found = self._of[key] = self._requests.labels(*key)
        found.observe(seconds)

    def observe_fired(self, lateness: float) -> None:
        """Count a reminder that fired this number of seconds after its moment."""
        self._lateness.observe(lateness)

    def sample(self, gauges: Gauges) -> None:
        """Store the present numbers of this process."""
        for (metric, name), read in gauges.items():
            self._gauges[metric].labels(name).set(read())


class StoreCollector:
    """Reads metrics from the storage, when they are asked for."""

    def __init__(self, store: Storage, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the whole service. If the database does not answer, yield only that."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily("tasktracker", "The program.", {"version": version("tasktracker-server")})
        up = GaugeMetricFamily("tasktracker_database_up", "1 if the database answers.")
        jobs = GaugeMetricFamily("tasktracker_jobs", "Unfinished jobs.", labels=["kind"])
        age = GaugeMetricFamily("tasktracker_oldest_job_seconds", "Age of the oldest unfinished job.", labels=["kind"])
        mails = GaugeMetricFamily("tasktracker_deliveries", "Mails of the retention time.", labels=["state"])
        due = GaugeMetricFamily("tasktracker_oldest_due_delivery_seconds", "Age of the oldest mail that is due.")
        late = GaugeMetricFamily(
            "tasktracker_oldest_due_reminder_seconds", "Time since the moment of the first reminder that has not fired."
        )
        now = self._clock.now()
        try:
            with self._store.reading(SystemActor("metrics")) as work:
                summary = work.deliveries.summary()
                for state in DeliveryState:
                    count, oldest = summary.get(state, (0, now))
                    mails.add_metric([state], count)
                    if state is DeliveryState.DUE:
                        due.add_metric([], (now - oldest).total_seconds())
                moment = work.reminders.next_moment()
                late.add_metric([], max((now - (moment or now)).total_seconds(), 0))
                for kind in JobKind:
                    found = work.jobs.list(kind)
                    jobs.add_metric([kind], len(found))
                    oldest_job = min((job.created_at for job in found), default=now)
                    age.add_metric([kind], (now - oldest_job).total_seconds())
        except Unavailable:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield from (up, jobs, age, mails, due, late)


class SharedCollector:
    """Reads the metrics of all processes that share the folder."""

    def __init__(self) -> None:
        from prometheus_client.multiprocess import MultiProcessCollector

        self._all = MultiProcessCollector(None)  # type: ignore[no-untyped-call]

    def collect(self) -> Iterator[Metric]:
        """Yield the sums over all processes. The gauges of processes that have ended do not count."""
        from prometheus_client.multiprocess import mark_process_dead

        for file in Path(os.environ[FOLDER]).glob("gauge_live*.db"):
            pid = int(file.stem.rpartition("_")[2])
            if not _is_alive(pid):
                mark_process_dead(pid)  # type: ignore[no-untyped-call]
        yield from self._all.collect()  # type: ignore[no-untyped-call]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user now
        return False
    return True


def registry(process: ProcessMetrics | None, store: Storage, clock: Clock) -> CollectorRegistry:
    """Return the registry of all metrics, of one process or of all processes that share the folder."""
    from prometheus_client import CollectorRegistry

    found = CollectorRegistry()
    if FOLDER in os.environ:
        found.register(SharedCollector())
    elif process is not None:
        found.register(process.registry)
    found.register(StoreCollector(store, clock))
    return found


def serve(settings: Settings, of: CollectorRegistry) -> None:
    """Serve the metrics on a separate port, on threads that end with the process. Raises SettingsError."""
    from prometheus_client import start_http_server

    try:
        start_http_server(settings.metrics_port, settings.host, of)
    except OSError as error:
        where = f"port {settings.metrics_port} of {settings.host}"
        raise SettingsError(f"METRICS_PORT: cannot listen on {where}: {error.strerror}") from None


def page(of: CollectorRegistry) -> bytes:
    """Return the text that Prometheus reads."""
    from prometheus_client import generate_latest

    return generate_latest(of)
