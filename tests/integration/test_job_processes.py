"""Jobs whose process is killed are finished by the next one."""

from __future__ import annotations

import random
import time
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.studies.removal import fill, id_of, is_left
from tasktracker.adapters.sql.urls import database_url
from tests.http import Server, expect
from tests.waiting import wait_until

TASKS = 1000
KILLS = 3


def test_an_account_is_removed_by_processes_of_which_each_is_killed(tmp_path: Path, migrated_url: str) -> None:
    url = migrated_url
    chance = random.Random(url)
    with Server(tmp_path, DATABASE_URL=url) as server:
        owner, member = server.register(), server.register()
        own = member.task()
        fill(url, id_of(owner), id_of(member), TASKS)
        assert len(member.listed("/api/tasks/")) == TASKS // 10 + 1
        expect(owner.post("/api/accounts/me/delete/", {"password": owner.password}), 204)
        assert is_left(url)
        killed_in_between = 0
        for _ in range(KILLS):
            time.sleep(chance.uniform(0, 0.15))
            server.kill()
            killed_in_between += is_left(url)
            # As if the lease of the killed process had ended.
            rows(url, "UPDATE jobs SET leased_until = NULL")
            server.start()
            assert [task["id"] for task in member.listed("/api/tasks/")] == [own["id"]]
        assert killed_in_between, "the job was done before a process was killed"
        wait_until(lambda: not is_left(url), lambda: server.log, server.process)
        changes = expect(member.get("/api/sync/"), 200)["changes"]
        assert [change["id"] for change in changes if change["op"] == "upsert"] == [own["id"]]
    assert rows(url, "SELECT count(*) FROM users") == 1
    assert rows(url, "SELECT count(*) FROM tasks") == 1
    assert rows(url, "SELECT count(*) FROM task_entries") == 1
    assert rows(url, "SELECT count(*) FROM feed_items WHERE op = 'delete'") == TASKS // 10


def rows(url: str, statement: str) -> int:
    """Run a statement and return its result, or the number of rows that it changed."""
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        found = int(result.scalar_one()) if result.returns_rows else result.rowcount
    engine.dispose()
    return found
