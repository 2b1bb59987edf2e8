"""Mails through a relay that refuses, defers, delays, drops and ends, by workers that are killed while they send."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pytest

from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKind
from tests.contracts.base import Seed
from tests.fakes import SYSTEM, SequentialIds
from tests.faults.load import IS_FULL
from tests.faults.rows import Rows, opened
from tests.guarded_process import GuardedProcess
from tests.http import SETTINGS, clean_environment, tasktracker_command
from tests.mail import PASSWORD, PUBLIC_URL, USER, Inbox, Relay, certificate
from tests.waiting import wait_until

MAILS = 2000 if IS_FULL else 40
KILLS = 10 if IS_FULL else 1
DROPS = 10 if IS_FULL else 0
"""Each drop stops a worker for the pause after a failure of the relay, too long for the short form."""


class Faults(Inbox):
    """A relay of which some recipients are refused for good, some at first, and some messages are late or dropped."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self._seen: Counter[str] = Counter()
        self.dropped_after = 0
        self.drops_left = DROPS
        self.delay = 0.05
        self.on_recipient = self._answer
        self.on_message = self._take

    def wait_for(self, number: int) -> None:
        """Wait until the relay has taken over so many mails."""
        wait_until(lambda: len(self.received) >= number, "the workers send nothing")

    def _answer(self, address: str) -> str | None:
        self._seen[address] += 1
        if address.startswith("refused"):
            return "550 5.1.1 no such user"
        if address.startswith("later") and self._seen[address] == 1:
            return "451 4.7.1 greylisted, try later"
        return None

    async def _take(self, mail: EmailMessage) -> str | None:
        if self._chance.random() < 0.1:
            await asyncio.sleep(self.delay)
        if self.drops_left and self._chance.random() < 0.02:
            self.drops_left -= 1
            if self._chance.random() < 0.5:
                self.dropped_after += 1
                self.received.append(mail)  # but the worker gets no answer
            return ""
        return None


@contextmanager
def workers(folder: Path, url: str, relay: Relay, pem: Path, number: int) -> Iterator[list[GuardedProcess]]:
    """Start workers, which end with the test."""
    secret = quote(PASSWORD, safe="")
    environment = clean_environment(
        {
            **SETTINGS,
            "DATABASE_URL": url,
            "MAIL_URL": f"smtp://{USER}:{secret}@127.0.0.1:{relay.port}",
            "MAIL_FROM": "Task Tracker <tasks@mail.example.org>",
            "PUBLIC_URL": PUBLIC_URL,
            "SSL_CERT_FILE": str(pem),
        }
    )
    with ExitStack() as stack:
        started = []
        for each in range(number):
            log = stack.enter_context((folder / f"worker-{each}-{time.monotonic_ns()}.log").open("wb"))
            process = GuardedProcess(
                [str(tasktracker_command()), "worker"], cwd=folder, env=environment, stdout=log, stderr=log
            )
            stack.callback(end, process)
            started.append(process)
        yield started


def end(process: GuardedProcess) -> None:
    process.kill()
    process.wait()


def add_deliveries(url: str) -> None:
    store = SqlStore(open_database(url), SystemClock(), Uuid7Generator())
    user = Seed(store, SystemClock(), SequentialIds()).user("grace")
    ids = Uuid7Generator()
    kinds = ["refused", "later", *["grace"] * 8]
    with store.writing(SYSTEM) as work:
        for number in range(MAILS):
            address = f"{kinds[number % len(kinds)]}{number}@example.net"
            work.deliveries.add(
                Delivery.of(
                    DeliveryKind.ADDRESS_CHANGED,
                    ids.new(),
                    work.now,
                    mail_domain="mail.example.org",
                    user_id=user.id,
                    address=address,
                )
            )
    store.close()


def due(rows: Rows) -> int:
    return int(rows.select("SELECT count(*) FROM deliveries WHERE state = 'due'")[0][0])


def let_time_pass(rows: Rows) -> None:
    """As if the pauses before further attempts had passed."""
    rows.change(
        "UPDATE deliveries SET next_attempt_at = created_at"
        " WHERE state = 'due' AND leased_until IS NULL AND next_attempt_at > created_at"
    )


@pytest.mark.timeout(1800)
def test_every_mail_is_sent_at_least_once_and_twice_only_under_one_message_id(tmp_path: Path, url: str) -> None:
    chance = random.Random(15)
    inbox = Faults(chance)
    pem = certificate(tmp_path)
    relay = Relay(inbox, pem)
    relay.start()
    running: list[GuardedProcess] = []
    add_deliveries(url)
    killed = 0
    with ExitStack() as stack:
        rows = stack.enter_context(opened(url))
        running += stack.enter_context(workers(tmp_path, url, relay, pem, 2))
        begin, first = time.monotonic(), 0.0
        while killed < KILLS:
            wanted = 7 * MAILS // 10 * (killed + 1) // KILLS
            inbox.wait_for(wanted // 2 if KILLS == 1 else wanted)
            first = first or len(inbox.received) / (time.monotonic() - begin)
            inbox.delay, before = 0.5, inbox.delay
            time.sleep(chance.uniform(0, 0.1))
            end(running.pop(0))
            inbox.delay = before
            killed += 1
            if IS_FULL:
                running += stack.enter_context(workers(tmp_path, url, relay, pem, 1))
            if IS_FULL and killed == KILLS // 2:
                port = relay.port
                relay.stop()
                time.sleep(3)
                relay = Relay(inbox, pem, port=port)
                relay.start()

        def is_done() -> bool:
            let_time_pass(rows)
            left = due(rows)
            if left <= killed and not IS_FULL:  # as if the leases of killed workers had ended
                rows.change("UPDATE deliveries SET leased_until = NULL WHERE state = 'due'")
            return left == 0

        wait_until(is_done, lambda: f"{due(rows)} mails are due: {logs(tmp_path)}")
        seconds = time.monotonic() - begin
        found = rows.select("SELECT address, message_id, state, problem FROM deliveries")
        for process in running:
            process.terminate()
        assert [process.wait(30) for process in running] == [0] * len(running)
    relay.stop()
    ids = Counter(str(mail["Message-ID"]) for mail in inbox.received)
    assert len(found) == MAILS
    for address, message_id, state, problem in found:
        if str(address).startswith("refused"):
            assert (state, problem) == ("failed", "the relay answered 550 5.1.1 no such user")
        else:
            assert (state, ids[str(message_id)] >= 1) == ("sent", True), address
    by_recipient = {(str(mail["To"]), str(mail["Message-ID"])) for mail in inbox.received}
    assert len(by_recipient) == len(ids) == MAILS * 9 // 10
    duplicates = len(inbox.received) - len(ids)
    assert duplicates <= 2 * killed + inbox.dropped_after
    if IS_FULL:
        note(
            f"{url.partition(':')[0]}: {MAILS} mails in {seconds:.1f} s, {first:.0f}/s at first, {duplicates} twice;"
            f" {killed} workers killed, {DROPS} connections dropped, {inbox.dropped_after} of them after the message\n"
        )


def note(line: str) -> None:
    """Write a measurement."""
    sys.stderr.write(line)


def logs(folder: Path) -> str:
    return "\n".join(path.read_text()[-1500:] for path in folder.glob("worker-*.log"))
