"""The application on each storage, and two of its users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from tests import backends
from tests.contracts.http.base import NewApi
from tests.fakes import ManualClock
from tests.http import Api, Person, migrated
from tests.postgres import DatabaseFactory


@pytest.fixture(scope="session", params=backends.NAMES)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The application on each storage. Tests share it, and each registers its own users."""
    url = "memory://"
    if request.param == "sqlite":
        url = migrated(f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/tasks.db")
    elif request.param == "postgresql":
        databases: DatabaseFactory = request.getfixturevalue("postgres_url_factory")
        url = databases.create_migrated_database()
    with Api(url) as api:
        yield api


@pytest.fixture
def api(shared: Api) -> Api:
    """The application, with its clock at the next whole second after the previous test."""
    shared.clock.set(shared.clock.now().replace(microsecond=0) + timedelta(seconds=1))
    return shared


@pytest.fixture
def new_api(api: Api) -> Iterator[NewApi]:
    """Creates another application on the same storage, with other settings: `new_api(REFRESH_GRACE_SECONDS="0")`."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(api.beside(**settings))


@pytest.fixture
def clock(api: Api) -> ManualClock:
    """The clock of the application."""
    return api.clock


@pytest.fixture
def alice(api: Api) -> Person:
    return api.register()


@pytest.fixture
def bob(api: Api) -> Person:
    """A user without access to data of alice."""
    return api.register()
