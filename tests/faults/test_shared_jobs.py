"""Jobs on shared categories whose processes are killed: the outcome is the same as without kills."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.studies import sharing
from tests.faults.load import IS_FULL
from tests.faults.losing import delete_account
from tests.faults.rows import Rows, opened
from tests.faults.seeing import forms_of_id, require_right_viewers
from tests.http import expect
from tests.security.processes import Pair
from tests.waiting import wait_until

TASKS = 2000 if IS_FULL else 600
KILLS = 10 if IS_FULL else 3
MAX_MILLISECONDS = 250
PEOPLE = 5 if IS_FULL else 2


@pytest.fixture
def pair(tmp_path: Path, url: str) -> Iterator[Pair]:
    with Pair(tmp_path, url, THROTTLE="off") as pair:
        yield pair


def test_lists_are_refreshed_by_processes_that_are_killed(pair: Pair) -> None:
    owner, *people = (pair.visitor().register() for _ in range(PEOPLE + 1))
    category = owner.category()["id"]
    sharing.fill(pair.url, owner, category, TASKS)
    with opened(pair.url) as rows:
        sharing.share_all(owner, category, people, pair.servers)
        kill_some(pair, rows)
        assert require_right_viewers(rows, [owner, *people], pair.servers[0].port) == TASKS * (PEOPLE + 1)
        sharing.unshare_all(owner, category, people[1:], pair.servers)
        kill_some(pair, rows)
        assert require_right_viewers(rows, [owner, *people], pair.servers[0].port) == TASKS * 2


def test_an_account_with_a_shared_category_is_deleted_by_processes_that_are_killed(pair: Pair) -> None:
    owner, heir, viewer = (pair.visitor().register() for _ in range(3))
    category = owner.category()
    sharing.fill(pair.url, owner, category["id"], TASKS)
    with opened(pair.url) as rows:
        for person, role in ((heir, "editor"), (viewer, "viewer")):
            owner.share(category, person, role)
        rows.wait_for_jobs()
        private = owner.task("private")["id"]
        delete_account(owner)
        kill_some(pair, rows)
        require_right_viewers(rows, [heir, viewer], pair.servers[0].port)
        assert {(owner, version) for owner, version in rows.select("SELECT owner, version FROM tasks")} == {
            (heir.id, 2)
        }
        assert len(rows.select("SELECT id FROM tasks")) == TASKS
        assert not rows.select("SELECT id FROM users WHERE id IN (:one, :two)", **forms_of_id(owner))
        assert private not in {id_ for (id_,) in rows.select("SELECT id FROM tasks")}
        shown = expect(heir.get(f"/api/categories/{category['id']}/"), 200)
        assert (shown["owner"], shown["role"], shown["members"]) == (
            heir.id,
            "owner",
            [{"user_id": viewer.id, "role": "viewer"}],
        )


def test_other_users_do_not_wait_while_a_category_is_shared(tmp_path: Path, url: str) -> None:
    processes = 1 if url.startswith("sqlite") else 2
    figures = sharing.measure(url, tmp_path, tasks=TASKS, people=PEOPLE, processes=processes, kills=0)
    if IS_FULL:
        for name in ("sharing", "unsharing"):
            assert figures[f"{name} request"] < MAX_MILLISECONDS, figures
            assert figures[f"{name} effective"] < MAX_MILLISECONDS, figures
            assert figures[f"{name} longest"] < MAX_MILLISECONDS, figures


def kill_some(pair: Pair, rows: Rows) -> None:
    """Kill both processes in turn while jobs are left, and wait until the jobs are done."""
    chance = random.Random(pair.url.partition(":")[0])
    killed = 0
    for number in range(KILLS):
        if number:  # a fast machine needs little time for the jobs
            time.sleep(chance.uniform(0, 0.3))
        server = pair.servers[number % 2]
        server.kill()
        killed += rows.has_jobs()
        # As if the lease of the killed process had ended.
        rows.change("UPDATE jobs SET leased_until = NULL")
        server.start()
    assert killed, "the jobs were done before a process was killed"
    wait_until(lambda: not rows.has_jobs(), "the jobs do not end")
