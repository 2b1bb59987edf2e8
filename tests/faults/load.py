"""Load on a server, and the conditions under every fault: no write is lost, doubled or missing in a feed."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from tasktracker_client import Replica, SyncError
from tests.http import Person, Server, expect
from tests.integration.devices import require_in_sync
from tests.waiting import PATIENCE, wait_until

IS_FULL = os.environ.get("FAULTS") == "full"
"""Whether to repeat often and to measure. Other tests that run meanwhile would make measured times meaningless."""

WAIT_SECONDS = 2
SETTINGS = {"DATABASE_WAIT_SECONDS": str(WAIT_SECONDS)}
MAX_SECONDS = WAIT_SECONDS + 1
MAX_OTHERS_SECONDS = 0.25
MAX_LIVE_SECONDS = 0.1
MAX_MEMORY_MB = 250

LOST = "connection"
PAUSE_SECONDS = 0.03
INTERVAL_SECONDS = 0.05


class Latencies:
    """Durations of requests that are sent one after another."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def add(self, seconds: float) -> None:
        """Add a duration, and those of the requests that would have been sent meanwhile."""
        self.seconds.append(seconds)
        while (seconds := seconds - INTERVAL_SECONDS) > INTERVAL_SECONDS:
            self.seconds.append(seconds)


def percentile(percent: int, all_latencies: Iterable[Latencies]) -> float:
    """Return a percentile of durations."""
    return statistics.quantiles([each for some in all_latencies for each in some.seconds], n=100)[percent - 1]


class Worker(Thread):
    """A thread that repeats a step until it is asked to stop, and keeps its error."""

    def __init__(self, pause: float = PAUSE_SECONDS) -> None:
        super().__init__(daemon=True)
        self.stopping = Event()
        self.pause = pause
        self.error: BaseException | None = None

    def step(self) -> None:
        """Do the work once."""
        raise NotImplementedError

    def close(self) -> None:
        """Close its connections."""
        raise NotImplementedError

    def run(self) -> None:
        try:
            while not self.stopping.wait(self.pause):
                self.step()
        except BaseException as error:
            self.error = error

    def finish(self) -> None:
        """Stop after the current step. Raises its error."""
        self.stopping.set()
        self.join(PATIENCE)
        if self.error is not None:
            raise self.error
        assert not self.is_alive(), f"{self} hangs"


class Writer(Worker):
    """Creates, edits and reads tasks of a user, and repeats each request with its key until it succeeds."""

    def __init__(self, url: str, person: Person, tolerates: Collection[int | str], *, reads_only: bool = False) -> None:
        super().__init__()
        self._tolerated = tolerates
        self.person = person.through(httpx.Client(base_url=url, timeout=PATIENCE, verify=False))
        self.done = 0
        self.acknowledged: dict[str, tuple[str, int]] = {}
        self.failures: Counter[int | str] = Counter()
        self.latencies = Latencies()
        self._reads_only = reads_only

    def step(self) -> None:
        title = str(uuid4())
        if self._reads_only or self.done % 4 == 3:
            self._send("GET", "/api/tasks/", None)
        elif self.done % 4 == 2:
            latest = next(reversed(self.acknowledged))
            self._note(self._send("PATCH", f"/api/tasks/{latest}/", {"title": title}))
        else:
            self._note(self._send("POST", "/api/tasks/", {"title": title}))
        self.done += 1

    def close(self) -> None:
        self.person.client.close()

    def _note(self, task: dict[str, Any]) -> None:
        self.acknowledged[task["id"]] = (task["title"], task["version"])

    def _send(self, method: str, path: str, body: object) -> Any:
        headers = {"Idempotency-Key": str(uuid4())}
        for _ in range(PATIENCE * 10):
            started = time.perf_counter()
            answer: httpx.Response | None = None
            with suppress(httpx.TransportError):
                answer = self.person.request(method, path, json=body, headers=headers)
            self.latencies.add(time.perf_counter() - started)
            if answer is not None and answer.is_success:
                return answer.json()
            failure = LOST if answer is None else answer.status_code
            self.failures[failure] += 1
            assert failure in self._tolerated, f"{method} {path} fails with {failure}: {answer and answer.text}"
            time.sleep(INTERVAL_SECONDS)
        raise AssertionError(f"{method} {path} never succeeds: {self.failures}")


class Follower(Worker):
    """A device that pulls from its first cursor on, whatever happens to the server."""

    def __init__(self, file: Path, url: str, person: Person) -> None:
        super().__init__(pause=0.2)
        self._client = httpx.Client(timeout=PATIENCE, verify=False)
        self.replica = Replica(file, f"{url}/api", client=self._client, sleep=lambda _: time.sleep(INTERVAL_SECONDS))
        self.replica.login(person.username, person.password)
        self.replica.sync()

    def step(self) -> None:
        with suppress(SyncError):
            assert not self.replica.sync().started_over

    def close(self) -> None:
        self.replica.close()
        self._client.close()


class LiveProbe(Worker):
    """Asks at intervals on one connection whether the process is alive, and notes how late this thread itself is."""

    def __init__(self, url: str) -> None:
        super().__init__(pause=0)
        self.client = httpx.Client(base_url=url, timeout=PATIENCE, verify=False)
        self.latencies, self.lateness = Latencies(), Latencies()

    def step(self) -> None:
        started = time.perf_counter()
        time.sleep(PAUSE_SECONDS)
        woken = time.perf_counter()
        self.lateness.add(woken - started - PAUSE_SECONDS)
        with suppress(httpx.TransportError):
            expect(self.client.get("/health/live"), 200)
            self.latencies.add(time.perf_counter() - woken)
        time.sleep(INTERVAL_SECONDS)

    def close(self) -> None:
        self.client.close()


class Load:
    """Users who write and read at servers. At the end of the block, every acknowledged write is checked.

    `tolerates` are the statuses, or `LOST` for a lost connection, with which requests may fail. The writers begin at
    the first server, which is also watched, or at the proxy `url`.
    """

    def __init__(
        self, *servers: Server, url: str = "", writers: int = 4, tolerates: Collection[int | str] = (503,)
    ) -> None:
        self.servers = servers
        self.url = url or servers[0].url
        self.tolerated = tolerates
        self._files = TemporaryDirectory()
        people = [servers[0].register() for _ in range(writers)]
        urls = [self.url] if url else [each.url for each in servers]
        self.writers = [Writer(urls[number % len(urls)], each, tolerates) for number, each in enumerate(people)]
        self.victims: list[Writer] = []
        self.follower = Follower(Path(self._files.name) / "first", self.url, people[0])
        self.probe = LiveProbe(servers[0].url)

    def __enter__(self) -> Self:
        for worker in self._workers():
            worker.start()
        self.progress()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers():
            worker.stopping.set()
        try:
            if error is None:
                self.check()
        finally:
            for worker in self._workers():
                worker.join(PATIENCE if error is None else 10)
                worker.close()
            self._files.cleanup()

    def add_victims(self, person: Person, count: int) -> list[Writer]:
        """Start writers of a user who suffers from the fault. Their times have no limit."""
        added = [Writer(self.url, person, self.tolerated) for _ in range(count)]
        self.victims += added
        for writer in added:
            writer.start()
        return added

    def progress(self, steps: int = 8) -> None:
        """Wait until each writer has completed this number of further requests."""
        goals = [(writer, writer.done + steps) for writer in self.writers]
        self.until(lambda: all(writer.done >= goal for writer, goal in goals))

    def until_failing(self, *statuses: int | str) -> None:
        """Wait until a further request of some writer has failed in one of these ways."""
        seen = self._failed(statuses)
        self.until(lambda: self._failed(statuses) > seen)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition while the writers work."""
        wait_until(
            lambda: condition() or any(worker.error for worker in self._workers()),
            lambda: f"no progress: {[(each.done, dict(each.failures)) for each in self.writers]}",
        )

    def check(self) -> None:
        """Require what must hold under every fault."""
        everyone = [*self.writers, *self.victims]
        for worker in self._workers():
            worker.finish()
        if IS_FULL:
            self._check_times()
        memory = {pid: peak_memory(pid) for server in self.servers for pid in tree(server.process.pid)}
        assert max(memory.values()) < MAX_MEMORY_MB, memory
        self._check_writes(everyone)

    def report(self) -> str:
        """Describe the failures and times."""
        longest = max(max(each.latencies.seconds) for each in [*self.writers, *self.victims])
        lines = [f"{each.done} done, failures {dict(each.failures)}" for each in [*self.writers, *self.victims][:8]]
        p99 = percentile(99, (each.latencies for each in self.writers))
        return f"p99 {p99:.3f} s, longest {longest:.2f} s\n" + "\n".join(lines)

    def _check_times(self) -> None:
        late = max(self.probe.lateness.seconds)
        # There are only about a hundred samples, so the 99th percentile would be the longest one: a pause of the
        # machine.
        live = percentile(95, [self.probe.latencies])
        assert live < MAX_LIVE_SECONDS + late, f"/health/live takes {live:.3f} s, and a thread is {late:.3f} s late"
        longest = max(max(each.latencies.seconds) for each in [*self.writers, *self.victims])
        assert longest < MAX_SECONDS + late, f"a request took {longest:.2f} s; {self.report()}"

    def check_others(self) -> None:
        """Require short times for the writers who are not victims."""
        if IS_FULL:
            late = max(self.probe.lateness.seconds)
            times = percentile(99, (writer.latencies for writer in self.writers))
            assert times < MAX_OTHERS_SECONDS + late, f"other users wait {times:.3f} s; {self.report()}"

    def _check_writes(self, everyone: Collection[Writer]) -> None:
        people = {writer.person.id: writer.person for writer in everyone}
        for id_, person in people.items():
            acknowledged: dict[str, tuple[str, int]] = {}
            for writer in everyone:
                acknowledged |= writer.acknowledged if writer.person.id == id_ else {}
            stored = {task["id"]: (task["title"], task["version"]) for task in person.listed("/api/tasks/")}
            assert stored == acknowledged
            file = Path(self._files.name) / id_
            with Replica(file, f"{self.url}/api", token=person.access, client=person.client) as replica:
                replica.sync()
                require_in_sync(replica, person)
        self.follower.replica.sync()
        require_in_sync(self.follower.replica, self.writers[0].person)

    def _failed(self, statuses: Collection[int | str]) -> int:
        return sum(writer.failures[status] for writer in [*self.writers, *self.victims] for status in statuses)

    def _workers(self) -> list[Worker]:
        return [*self.writers, *self.victims, self.follower, self.probe]


def tree(pid: int) -> list[int]:
    """Return a process and all that it has started."""
    children = [int(each) for task in Path(f"/proc/{pid}/task").glob("*/children") for each in task.read_text().split()]
    return [pid, *(each for child in children for each in tree(child))]


def peak_memory(pid: int) -> float:
    """Return the largest resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
