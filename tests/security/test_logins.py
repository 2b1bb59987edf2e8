"""Logins: information in refusals, and the effect of a flood of logins on other requests."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import httpx
import pytest

from tests.http import PASSWORD, Person, Server, expect, new_name, run
from tests.postgres import DatabaseFactory
from tests.security.conftest import NewPair
from tests.security.processes import PROXIED, REAL_HASHES, Pair, Visitor, Wire, at_once
from tests.waiting import PATIENCE

LOGIN = "/api/accounts/login/"
WRONG = "not the password"
SAMPLES = 100  # of each of three kinds
MAX_RATIO = 1.25  # of the medians. A login without a hash takes a tenth of the time.
MAX_SLOWDOWN = 10  # of the median of other requests. If they wait for hashes, it is over 1000.
FLOOD = 200
FLOOD_SECONDS = 2.5
MAX_MEMORY = 19 + 40  # MiB: one concurrent hash, and the rest of a flood


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, postgres_url_factory: DatabaseFactory
) -> Iterator[Callable[..., Server]]:
    """Starts a server with the default cost of password hashes."""
    started: list[Server] = []

    def start(**settings: str) -> Server:
        url = postgres_url_factory.create_migrated_database()
        folder = tmp_path_factory.mktemp("server")
        server = Server(folder, **{**PROXIED, **REAL_HASHES, "DATABASE_URL": url, **settings})
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.__exit__(None, None, None)


def disabled(person: Person, folder: Path, url: str) -> Person:
    result = run(folder, "disable-user", person.username, DATABASE_URL=url)
    assert result.returncode == 0, result.stderr
    return person


def test_a_refused_login_does_not_show_the_reason(pair: Pair, tmp_path: Path) -> None:
    known = pair.visitor().register(email=f"{new_name()}@example.org")
    gone = disabled(pair.visitor().register(), tmp_path, pair.url)
    answers = [
        pair.visitor(number).post(LOGIN, {"username": username, "password": password})
        for number in range(2)
        for username, password in [
            (new_name(), PASSWORD),
            (f"{new_name()}@example.org", PASSWORD),
            (known.username, WRONG),
            (known.answer["user"]["email"], WRONG),
            (gone.username, WRONG),
        ]
    ]
    shown = {(answer.status_code, answer.text, tuple(answer.headers)) for answer in answers}
    assert len(shown) == 1
    assert answers[0].status_code == 401


@pytest.mark.alone
def test_the_time_of_a_refused_login_does_not_show_the_reason(server: Callable[..., Server], tmp_path: Path) -> None:
    quick = server(THROTTLE="off")
    known = Visitor(quick.client).register()
    gone = disabled(Visitor(quick.client).register(), tmp_path, quick.environment["DATABASE_URL"])
    logins = {
        "unknown user": (new_name(), PASSWORD),
        "wrong password": (known.username, WRONG),
        "disabled user": (gone.username, PASSWORD),
    }
    # Other load on the machine may delay one kind of login more than another, but rarely in both measurements.
    measured = (medians_of(quick, logins).values() for _ in range(2))
    assert any(max(medians) / min(medians) <= MAX_RATIO for medians in measured)


def medians_of(server: Server, logins: dict[str, tuple[str, str]]) -> dict[str, float]:
    """Return the median time of each kind of login in milliseconds, measured in random order."""
    wire = Wire(server.port)
    taken: dict[str, list[float]] = {kind: [] for kind in logins}
    for _ in range(SAMPLES):
        for kind in random.sample(list(logins), len(logins)):
            username, password = logins[kind]
            started = time.perf_counter()
            status, _ = wire.send("POST", LOGIN, {"username": username, "password": password})
            taken[kind].append((time.perf_counter() - started) * 1000)
            assert status == (403 if kind == "disabled user" else 401)
    wire.close()
    medians = {kind: median(times) for kind, times in taken.items()}
    print("login medians, ms:", medians)  # noqa: T201  # shown when it fails, or with -s
    return medians


# This is a separate process with a low priority. Otherwise, it would slow down the measured requests on a machine with
# two cores.
ATTACK = """
import asyncio, collections, json, os, random, sys

port, clients, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
answers = collections.Counter()
without_retry_after = 0


async def attack(number, until):
    global without_retry_after
    body = json.dumps({"username": f"unknown{number}", "password": "not the password"}).encode()
    head = (
        "POST /api/accounts/login/ HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: application/json\\r\\n"
        f"X-Forwarded-For: 10.200.{number // 250}.{number % 250}\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (left := until - asyncio.get_running_loop().time()) > 0:
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\\r\\n\\r\\n")).decode().lower().split("\\r\\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        await reader.readexactly(int(fields["content-length"]))
        status = lines[0].split()[1]
        answers[status] += 1
        if status != "401":
            without_retry_after += "retry-after" not in fields
            # After several floods, Retry-After may be later than the end of this one.
            await asyncio.sleep(min(int(fields.get("retry-after", 1)) + random.random(), left))
    writer.close()


async def main():
    until = asyncio.get_running_loop().time() + seconds
    await asyncio.gather(*(attack(number, until) for number in range(clients)))


os.nice(19)
asyncio.run(main())
print(json.dumps({"answers": answers, "without_retry_after": without_retry_after}))
"""


@pytest.mark.alone
def test_a_flood_of_bad_logins_hardly_slows_other_requests(server: Callable[..., Server]) -> None:
    flooded = server()
    person = Visitor(flooded.client).register()
    expect(Visitor(flooded.client).post(LOGIN, {"username": new_name(), "password": WRONG}), 401)
    request_times(flooded, person, 0.5)
    before = memory(flooded)
    slowdowns = []
    for _ in range(3):
        idle = request_times(flooded, person, 1.5)
        with subprocess.Popen(
            [sys.executable, "-c", ATTACK, str(flooded.port), str(FLOOD), str(FLOOD_SECONDS + 0.5)],
            stdout=subprocess.PIPE,
        ) as attack:
            time.sleep(0.4)  # until it has started
            during = request_times(flooded, person, FLOOD_SECONDS)
            grown = memory(flooded) - before
            output, _ = attack.communicate(timeout=PATIENCE)
        seen = json.loads(output)
        assert seen["answers"].keys() <= {"401", "429", "503"}, seen
        assert seen["answers"]["401"] > 0, seen
        assert seen["answers"].get("503", 0) + seen["answers"].get("429", 0) > 0, seen
        assert seen["without_retry_after"] == 0, "an answer has no Retry-After"
        assert grown <= MAX_MEMORY
        slowdowns.append(median(during) / median(idle))
        if slowdowns[-1] <= MAX_SLOWDOWN:
            return
        # Other load on the machine may fall into one of the two measurements only.
    pytest.fail(f"the median of other requests, over its idle value: {slowdowns}")


def request_times(server: Server, person: Person, seconds: float) -> list[float]:
    """Return the times of requests that hash no password, in milliseconds."""
    wire = Wire(server.port)
    times = []
    until = time.perf_counter() + seconds
    while (started := time.perf_counter()) < until:
        assert wire.send("GET", "/api/accounts/me/", token=person.access)[0] == 200
        times.append((time.perf_counter() - started) * 1000)
        time.sleep(0.003)
    wire.close()
    return times


def memory(server: Server) -> float:
    """Return the memory of the server's process in MiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def test_many_valid_logins_at_once_all_succeed(pair: Pair) -> None:
    person = pair.visitor().register()
    address = "192.0.2.50"
    body = {"username": person.username, "password": PASSWORD}
    answers = at_once([partial(pair.visitor(number, address).post, LOGIN, body) for number in range(50)])
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh"] for answer in answers}) == 50


# Spellings of one name: upper case, ligatures, full width, the sharp and the long s.
SPELLINGS = [
    "stra\N{LATIN SMALL LETTER SHARP S}e.\N{LATIN SMALL LIGATURE FI}n{}",
    "STRASSE.FIN{}",
    "Strasse.Fin{}",
    "strasse.fin{}",
    "\N{FULLWIDTH LATIN SMALL LETTER S}trasse.fin{}",
    "\N{LATIN SMALL LIGATURE ST}rasse.fin{}",
    "stra\N{LATIN SMALL LETTER LONG S}se.fin{}",
    "strasse.\N{LATIN SMALL LIGATURE FI}n{}",
]


def test_one_of_parallel_registrations_of_one_name_succeeds(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage)
    number = random.randrange(10**6)
    names = [SPELLINGS[each % len(SPELLINGS)].format(number) for each in range(50)]
    answers: list[httpx.Response] = at_once(
        [
            partial(pair.visitor(each).post, "/api/accounts/register/", {"username": name, "password": PASSWORD})
            for each, name in enumerate(names)
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    assert {answer.json()["type"] for answer in answers if answer.status_code == 409} == {"/problems/username-taken"}
    who = next(answer.json()["user"]["id"] for answer in answers if answer.status_code == 201)
    for each, name in enumerate(SPELLINGS):
        login = {"username": name.format(number), "password": PASSWORD}
        assert expect(pair.visitor(each).post(LOGIN, login), 200)["user"]["id"] == who
