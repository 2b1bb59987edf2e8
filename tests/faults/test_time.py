"""Clocks that differ, and a retention that changes. The machine's clock is never set: see faketime(1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.load import SETTINGS, Load
from tests.http import Server, expect, run

DAY = 86_400


def shifted(seconds: int, **settings: str) -> dict[str, str]:
    """Return the environment of a process whose clock differs by this number of seconds."""
    libraries = list(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert libraries, "faketime is not installed: apt-get install faketime"
    faked = {"LD_PRELOAD": str(libraries[0]), "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return {**SETTINGS, **faked, **settings}


def test_hosts_whose_clocks_differ_by_90_seconds_serve_the_same_users(tmp_path: Path, url: str) -> None:
    with (
        Server(tmp_path, DATABASE_URL=url, **SETTINGS) as one,
        Server(tmp_path, DATABASE_URL=url, **shifted(90)) as other,
    ):
        for servers in ((one, other), (other, one)):
            with Load(*servers, tolerates=()) as load:
                load.progress(40)


@pytest.mark.parametrize(("first", "second"), [("1", "30"), ("30", "1")])
def test_no_cursor_is_answered_with_a_gap_when_the_retention_changes(
    tmp_path: Path, url: str, first: str, second: str
) -> None:
    """The server sweeps with the first retention, and answers with the second."""
    with Server(tmp_path, DATABASE_URL=url, **shifted(-10 * DAY)) as server:
        alice = server.register()
        kept, removed = alice.task("kept"), alice.task("removed")
        cursor = expect(alice.get("/api/sync/"), 200)["next_cursor"]
        expect(alice.delete(f"/api/tasks/{removed['id']}/"), 204)
    for days in (first, second):
        settings = {**SETTINGS, "WINDOW_DAYS": days}
        with Server(tmp_path, DATABASE_URL=url, **settings) as server:
            swept = run(tmp_path, "sweep", **{**server.environment, "DATABASE_URL": url})
            assert swept.returncode == 0, swept.stderr
            page = server.login(alice.through(server.client)).get("/api/sync/", params={"cursor": cursor})
            if page.status_code != 410:
                changes = {change["id"]: change["op"] for change in expect(page, 200)["changes"]}
                assert changes == {removed["id"]: "delete"}, f"with {days} days, the page lacks a deletion"
    with Server(tmp_path, DATABASE_URL=url, **SETTINGS) as server:
        full = expect(server.login(alice.through(server.client)).get("/api/sync/"), 200)
        assert [change["id"] for change in full["changes"] if change["op"] == "upsert"] == [kept["id"]]
