"""Databases of earlier versions are upgraded, with all their data.

Each file in `fixtures/upgrades` is a database that a server of that version has filled through its API.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.engine import conninfo
from tests.http import PASSWORD, Api, Person, expect
from tests.postgres import DatabaseFactory

DUMPS = Path(__file__).parents[1] / "fixtures" / "upgrades"
VERSIONS = sorted({path.name.removesuffix(".sqlite.sql") for path in DUMPS.glob("*.sqlite.sql")})


def sqlite_file(script: str, folder: Path, _: pytest.FixtureRequest) -> str:
    with closing(sqlite3.connect(folder / "tasks.db")) as database:
        database.executescript(script)
    return f"sqlite:///{folder / 'tasks.db'}"


def postgresql(script: str, _: Path, request: pytest.FixtureRequest) -> str:
    databases: DatabaseFactory = request.getfixturevalue("postgres_url_factory")
    url = databases.create_database()
    request.addfinalizer(lambda: databases.drop_database(url))
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute(script.encode())
    return url


Load = Callable[[str, Path, pytest.FixtureRequest], str]


@pytest.mark.parametrize("load", [sqlite_file, postgresql])
@pytest.mark.parametrize("version", VERSIONS)
def test_everything_is_there_after_the_upgrade(
    tmp_path: Path, request: pytest.FixtureRequest, version: str, load: Load
) -> None:
    script = (DUMPS / f"{version}.{'sqlite' if load is sqlite_file else 'postgresql'}.sql").read_text(encoding="utf-8")
    url = load(script, tmp_path, request)
    migrate.upgrade(url)
    is_first = version == "0.1.0"  # without sharing, trash and subtasks
    with Api(url) as api:

        def login(name: str) -> Person:
            body = {"username": f"{name}@example.org", "password": PASSWORD}
            return api.person(expect(api.post("/api/accounts/login/", body), 200))

        ada, bob = login("ada"), login("bob")
        (category,) = ada.listed("/api/categories/")
        assert (category["name"], category["description"], category["color"]) == ("Home", "indoors", "#aabbcc")
        found = {task["title"]: task for task in ada.listed("/api/tasks/")}
        assert set(found) == {"Straße; it's done", "shared and edited"} | (set() if is_first else {"below"})
        done = found["Straße; it's done"]
        assert (done["description"], done["priority"], done["state"]) == ("line 1\nline 2", 4, "done")
        assert (done["due_date"], done["category"]) == ("2026-12-24T17:00:00Z", category["id"])
        assert done["completed_at"] is not None
        assert done["owner"] == ada.id
        assert [task["id"] for task in ada.listed("/api/tasks/", "q=strasse")] == [done["id"]]
        if not is_first:
            assert found["below"]["parent"] == done["id"]
            assert [task["title"] for task in ada.listed("/api/trash/")] == ["deleted"]
            assert bob.titles() == ["shared and edited"]
            history = ada.listed(f"/api/tasks/{found['shared and edited']['id']}/history/")
            edit = next(change for change in history if "title" in change["fields"])
            assert edit["actor"]["username"] == "bob"
            assert edit["fields"]["title"] == {"before": "shared", "after": "shared and edited"}
        # What is written now is seen by devices that begin now.
        shared = found["shared and edited"]
        expect(ada.patch(f"/api/tasks/{shared['id']}/", {"priority": 1}), 200)
        pulled = {change["id"]: change for change in expect(ada.get("/api/sync/"), 200)["changes"]}
        assert pulled[shared["id"]]["data"]["priority"] == 1
        assert set(pulled) == {task["id"] for task in found.values()} | {category["id"]}


def test_each_version_of_the_changelog_has_a_dump() -> None:
    changelog = (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
    released = {line.split("]")[0].removeprefix("## [") for line in changelog.splitlines() if line.startswith("## [")}
    assert released - {"Unreleased"} <= set(VERSIONS)
    for version in VERSIONS:
        assert (DUMPS / f"{version}.postgresql.sql").exists()
