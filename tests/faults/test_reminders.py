"""Reminders that are due together, fired by processes that are killed, and mailed through a relay that refuses."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tasktracker.domain.reminders.reminder import Reminder
from tests.contracts.base import Seed
from tests.fakes import START, SYSTEM
from tests.faults.load import IS_FULL
from tests.faults.load import SETTINGS as LOADED
from tests.faults.rows import Rows, opened
from tests.faults.test_mail import Faults, due, end, let_time_pass, logs, note, workers
from tests.guarded_process import GuardedProcess
from tests.http import Person, Server, expect
from tests.mail import Relay, certificate
from tests.waiting import wait_until

USERS, EACH = (200, 10) if IS_FULL else (8, 5)
REMINDERS = USERS * EACH
WINDOW = timedelta(seconds=30 if IS_FULL else 4)
KILL_SECONDS = 4.0 if IS_FULL else 2.0
LEAD = timedelta(seconds=45 if IS_FULL else 6)
"""The time to add the reminders."""

MAX_RATIO = 3
"""How many times its idle value the 99th percentile of other requests may be."""


def add_reminders(url: str, chance: random.Random, begin: datetime) -> dict[str, datetime]:
    """Add reminders with moments in the window, and return the moment of each by its task."""
    store = SqlStore(open_database(url), SystemClock(), Uuid7Generator())
    seed = Seed(store, SystemClock(), Uuid7Generator())
    moments = {}
    kinds = ["later", *["grace"] * 9]
    for number in range(USERS):
        address = f"{kinds[number % len(kinds)]}{number}@example.net"
        user = seed.user(email=address, email_verified_at=START)
        tasks = [seed.new_task(user, f"task {number}.{each}") for each in range(EACH)]
        with store.writing(SYSTEM) as work:
            for task in tasks:
                moment = begin + WINDOW * chance.random()
                moments[task.id.hex] = moment
                work.tasks.add(task)
                fields: dict[str, Any] = {"at": moment, "fires_at": moment, "created_at": begin}
                work.reminders.add(Reminder(id=seed.id(), task=task.id, user_id=user.id, **fields))
    store.close()
    return moments


class Probe:
    """A user who edits a task again and again. `p99` is that of the edits since the last call, in seconds."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._path = f"/api/tasks/{person.task()['id']}/"
        self._seconds: list[float] = []
        self._stopped = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def p99(self) -> float:
        seconds, self._seconds = sorted(self._seconds), []
        return seconds[len(seconds) * 99 // 100] if seconds else 0.0

    def _run(self) -> None:
        number = 0
        while not self._stopped.wait(0.02):
            number += 1
            begin = time.perf_counter()
            expect(self._person.patch(self._path, {"title": f"title {number}"}), 200)
            self._seconds.append(time.perf_counter() - begin)


def fired(rows: Rows) -> int:
    return int(rows.select("SELECT count(*) FROM notifications WHERE kind = 'reminder'")[0][0])


def moment_of(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


@pytest.mark.timeout(1800)
def test_every_reminder_fires_once_and_in_time_while_processes_are_killed(tmp_path: Path, url: str) -> None:
    chance = random.Random(18)
    inbox = Faults(chance)
    inbox.drops_left = 0
    pem = certificate(tmp_path)
    relay = Relay(inbox, pem)
    relay.start()
    running: list[GuardedProcess] = []
    killed = 0
    with ExitStack() as stack:
        rows = stack.enter_context(opened(url))
        running += stack.enter_context(workers(tmp_path, url, relay, pem, 2))
        begin = SystemClock().now() + LEAD
        moments = add_reminders(url, chance, begin)
        assert fired(rows) == 0, "a reminder fired before its moment"
        while SystemClock().now() < begin + WINDOW:
            time.sleep(KILL_SECONDS * chance.uniform(0.5, 1))
            end(running.pop(chance.randrange(len(running))))
            killed += 1
            running += stack.enter_context(workers(tmp_path, url, relay, pem, 1))
        wait_until(lambda: fired(rows) >= REMINDERS, lambda: f"{fired(rows)} have fired: {logs(tmp_path)}")

        def is_done() -> bool:
            let_time_pass(rows)
            if due(rows) <= killed:  # as if the leases of killed workers had ended
                rows.change("UPDATE deliveries SET leased_until = NULL WHERE state = 'due'")
            return due(rows) == 0

        wait_until(is_done, lambda: f"{due(rows)} mails are due: {logs(tmp_path)}")
        seconds = (SystemClock().now() - begin).total_seconds()
        found = rows.select("SELECT task, moment, created_at FROM notifications WHERE kind = 'reminder'")
        sent = rows.select("SELECT message_id, state FROM deliveries")
        waiting = rows.select("SELECT count(*) FROM reminders WHERE fires_at IS NOT NULL")[0][0]
        for process in running:
            process.terminate()
        stopped = {process.wait(30) for process in running}
        assert stopped <= {0, -signal.SIGTERM}, "the last one may still have been starting"
    relay.stop()
    lateness = []
    for task, moment, created_at in found:
        assert moment_of(moment) == moments.pop(str(task).replace("-", "")), "it fires at its moment, and once"
        lateness.append((moment_of(created_at) - moment_of(moment)).total_seconds())
    assert (moments, waiting) == ({}, 0)
    assert min(lateness) >= 0
    ids = Counter(str(mail["Message-ID"]) for mail in inbox.received)
    assert {str(message_id): state for message_id, state in sent} == dict.fromkeys(ids, "sent")
    assert len(ids) == REMINDERS
    duplicates = len(inbox.received) - len(ids)
    assert duplicates <= killed, "a worker that ends may have sent one mail without recording it"
    p99 = sorted(lateness)[len(lateness) * 99 // 100]
    if IS_FULL:
        note(
            f"{url.partition(':')[0]}: {REMINDERS} reminders of {USERS} users in {WINDOW.seconds} s, {killed} workers"
            f" killed: p99 of the lateness {p99:.2f} s, last mail after {seconds:.0f} s, {duplicates} twice\n"
        )


@pytest.mark.timeout(600)
def test_requests_stay_fast_while_reminders_fire(tmp_path: Path, url: str) -> None:
    with (
        Server(tmp_path, DATABASE_URL=url, **LOADED) as server,
        Probe(server.register()) as probe,
        opened(url) as rows,
    ):
        begin = SystemClock().now() + LEAD
        add_reminders(url, random.Random(18), begin)
        probe.p99()
        time.sleep(max(2.0, (begin - SystemClock().now()).total_seconds() - 1))
        idle = probe.p99()
        wait_until(lambda: fired(rows) >= REMINDERS, lambda: f"{fired(rows)} have fired")
        busy = probe.p99()
    assert idle
    assert busy
    if IS_FULL:
        note(
            f"{url.partition(':')[0]}: {REMINDERS} reminders in {WINDOW.seconds} s: p99 of edits {1000 * busy:.0f} ms,"
            f" {1000 * idle:.0f} ms before\n"
        )
        assert busy < MAX_RATIO * idle
