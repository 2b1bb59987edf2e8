"""The floor that the server is measured against does the same: it answers alike, and leaves the same behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar.testing import TestClient
from sqlalchemy import create_engine, select

from benchmarks.check import alike, differences
from benchmarks.floor import Floor
from benchmarks.processes import SECRET
from benchmarks.workloads import Data, fill
from tasktracker.adapters.sql.engine import database_url
from tasktracker.adapters.sql.schema import metadata
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http.app import create_app
from tasktracker.entrypoints.settings import Settings, load
from tests.http import SETTINGS
from tests.postgres import DatabaseFactory

FEW = Data(url="", readers=1, writers=1, refreshers=1, tasks=30)


@pytest.fixture(params=["postgresql", "sqlite"])
def copies(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Data, Data]]:
    """The same data in two databases."""
    if request.param == "sqlite":
        data = fill(replace(FEW, url=f"sqlite:///{tmp_path}/template.db"))
        urls = [f"sqlite:///{shutil.copy(tmp_path / 'template.db', tmp_path / name)}" for name in ("one", "other")]
        yield replace(data, url=urls[0]), replace(data, url=urls[1])
        return
    factory: DatabaseFactory = request.getfixturevalue("postgres_url_factory")
    url = factory.create_database()
    data = fill(replace(FEW, url=url))
    urls = [factory.create_database(url) for _ in range(2)]
    yield replace(data, url=urls[0]), replace(data, url=urls[1])
    for each in (url, *urls):
        factory.drop_database(each)


def configured(data: Data) -> Settings:
    return load({**SETTINGS, "SECRET_KEYS": SECRET, "DATABASE_URL": data.url}, None)


@contextmanager
def serving_floor(data: Data) -> Iterator[httpx.Client]:
    made: list[Floor] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not made:
            made.append(Floor(configured(data)))  # within the event loop
        await made[0](scope, receive, send)

    with TestClient(app, base_url="http://testserver.local") as client:
        yield client


@contextmanager
def serving(data: Data) -> Iterator[httpx.Client]:
    app = create_app(Container(settings=configured(data)))
    with TestClient(app, base_url="http://testserver.local") as client:
        yield client


def rows(data: Data) -> dict[str, list[str]]:
    """All that is stored."""
    engine = create_engine(database_url(data.url))
    with engine.connect() as connection:
        found = {
            table.name: [alike(msgspec.json.encode(list(row)).decode()) for row in connection.execute(select(table))]
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


def test_it_answers_as_the_server_does_and_leaves_the_same_behind(copies: tuple[Data, Data]) -> None:
    mine, its = copies
    before = rows(mine)
    with serving(mine) as server, serving_floor(its) as floor:
        assert differences(server, floor, mine, its) == []
    after = rows(mine)
    assert {name for name in after if after[name] != before[name]} >= {"tasks", "task_changes", "feeds", "sessions"}
    for name, stored in rows(its).items():
        assert sorted(stored) == sorted(after[name]), name
