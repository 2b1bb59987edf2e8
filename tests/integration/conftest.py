"""Databases of each kind that server processes can use, and devices of the reference client in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tasktracker_client import Replica
from tests.http import Api, Person, migrated
from tests.integration.phones import URL, Add, Open, Phone
from tests.line import Line
from tests.postgres import DatabaseFactory


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'file.db'}"
    url: str = request.getfixturevalue("empty_database_url")
    return url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url_factory: DatabaseFactory
) -> str:
    """The URL of a migrated database that the tests of a module share."""
    sqlite = f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/tasks.db"
    return migrated(sqlite) if request.param == "sqlite" else postgres_url_factory.create_migrated_database()


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with Api("memory://") as api:
        yield api


@pytest.fixture
def ada(api: Api) -> Person:
    return api.register()


@pytest.fixture
def add(api: Api, ada: Person, tmp_path: Path) -> Iterator[Add]:
    """Creates another device of Ada or of another user."""
    phones: list[Phone] = []

    def add(person: Person = ada) -> Phone:
        phone = Phone(tmp_path / f"{len(phones)}.db", api)
        phones.append(phone)
        phone.login(person.username, person.password)
        phone.line.requests.clear()
        return phone

    yield add
    for phone in phones:
        phone.close()


@pytest.fixture
def phone(add: Add) -> Phone:
    return add()


@pytest.fixture
def laptop(add: Add) -> Phone:
    return add()


@pytest.fixture
def opened(api: Api) -> Iterator[Open]:
    """Opens files."""
    with ExitStack() as stack:

        def open_copy(path: Path, token: str | None = None, line: Line | None = None) -> Replica:
            client = httpx.Client(transport=line or Line(api.client))
            return stack.enter_context(Replica(path, URL, token=token, client=client))

        yield open_copy
