"""Fixtures for all tests. See `tests.postgres` for how tests get a database."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tasktracker.domain.throttling.ports import RateLimiter
from tasktracker.domain.work import Storage
from tests import backends
from tests.backends import Backend
from tests.contracts.base import Seed
from tests.fakes import ManualClock, RecordingAuditLog, SequentialIds
from tests.postgres import RUN_FOLDER_VARIABLE, DatabaseFactory, PrivatePostgres, ServerFolder, shared_server
from tests.strategies import THOROUGHNESS

RUN_FOLDER = pytest.StashKey[ServerFolder]()

# On a busy machine, an example may take long.
settings.register_profile(
    "patient", max_examples=40 * THOROUGHNESS, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the folder of the shared server, whose owner is the main process.

    The workers of pytest-xdist inherit the variable. The server itself starts
    when the first test asks for it.
    """
    if not hasattr(config, "workerinput"):
        folder = ServerFolder()
        config.stash[RUN_FOLDER] = folder
        os.environ[RUN_FOLDER_VARIABLE] = str(folder.path)


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(RUN_FOLDER, None)
    if folder is not None:
        folder.release()


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of the shared server, as a user who may create databases."""
    return shared_server()


@pytest.fixture(scope="session")
def postgres_url_factory(postgres_server: str) -> Iterator[DatabaseFactory]:
    """Creates and drops databases on the shared server."""
    factory = DatabaseFactory(postgres_server)
    yield factory
    factory.close()


@pytest.fixture
def database_url(postgres_url_factory: DatabaseFactory) -> Iterator[str]:
    """The URL of an empty database for this test only."""
    url = postgres_url_factory.create_database()
    yield url
    postgres_url_factory.drop_database(url)


@pytest.fixture
def private_postgres() -> Iterator[PrivatePostgres]:
    """A running server that this test may stop and start."""
    with PrivatePostgres() as server:
        yield server


# ------------------------------------------------------------------- storages


@pytest.fixture(scope="session", params=backends.NAMES)
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Each storage in turn. A test that uses it, or `store`, is a contract."""
    if request.param == "memory":
        yield backends.memory()
    elif request.param == "sqlite":
        with backends.sqlite(tmp_path_factory.mktemp("sqlite") / "tasks.db") as backend:
            yield backend
    else:
        databases: DatabaseFactory = request.getfixturevalue("postgres_url_factory")
        with backends.postgresql(databases.create_database()) as backend:
            yield backend


@pytest.fixture
def clock(backend: Backend) -> ManualClock:
    """The clock of the store."""
    return backend.clock


@pytest.fixture
def audit_log(backend: Backend) -> RecordingAuditLog:
    """The log to which the store writes events."""
    return backend.audit_log


@pytest.fixture
def store(backend: Backend) -> Iterator[Storage]:
    """An empty store. After the test, it must have counted what its users own."""
    backend.reset()
    yield backend.store
    backend.check_usage()


@pytest.fixture
def limiter(backend: Backend, store: Storage) -> RateLimiter:
    return backend.limiter


@pytest.fixture
def seed(store: Storage, clock: ManualClock) -> Seed:
    return Seed(store, clock, SequentialIds())


def pytest_collection_finish() -> None:
    """Exempt the loaded modules from garbage collection, which otherwise takes an eighth of the processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
