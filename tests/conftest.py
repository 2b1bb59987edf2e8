"""Fixtures for all tests. See `tests.postgres` for how tests get a database."""

from __future__ import annotations

import tests.uncollected  # noqa: F401  # imports and collected tests leave no garbage

# isort: split
import gc
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

from tasktracker.domain.throttling.ports import RateLimiter
from tasktracker.domain.work import Storage
from tests import backends
from tests.backends import Backend
from tests.contracts.base import Seed
from tests.fakes import ManualClock, RecordingAuditLog, SequentialIds
from tests.http import migrated
from tests.postgres import (
    RUN_FOLDER_VARIABLE,
    URL_VARIABLE,
    DatabaseFactory,
    PrivatePostgres,
    ServerFolder,
    memory,
    shared_server,
)
from tests.strategies import THOROUGHNESS

RUN_FOLDER = pytest.StashKey[ServerFolder]()

# On a busy machine, an example may take long.
settings.register_profile(
    "patient", max_examples=25 * THOROUGHNESS, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Prepare the folder of the shared server, whose owner is the main process.

    The workers of pytest-xdist inherit the variable. The server itself starts when the first test asks for it. Without
    `--basetemp`, the files of tests are in memory, too, if the memory is large enough, because a commit to SQLite waits
    for the disk.
    """
    if not hasattr(config, "workerinput"):
        folder = ServerFolder()
        config.stash[RUN_FOLDER] = folder
        os.environ[RUN_FOLDER_VARIABLE] = str(folder.path)
        if config.option.basetemp is None and memory():
            config.option.basetemp = str(folder.path / "files")


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
    folder = None if os.environ.get(URL_VARIABLE) else Path(os.environ[RUN_FOLDER_VARIABLE])
    factory = DatabaseFactory(postgres_server, folder)
    yield factory
    factory.close()


@pytest.fixture
def database_url(postgres_url_factory: DatabaseFactory) -> Iterator[str]:
    """The URL of a migrated database for this test only."""
    url = postgres_url_factory.create_migrated_database()
    yield url
    postgres_url_factory.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database of each kind."""
    if request.param == "sqlite":
        return migrated(f"sqlite:///{tmp_path / 'file.db'}")
    url: str = request.getfixturevalue("database_url")
    return url


@pytest.fixture
def empty_database_url(postgres_url_factory: DatabaseFactory) -> Iterator[str]:
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
        with backends.postgresql(databases.create_migrated_database()) as backend:
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
    """An empty store. After the test, it must have counted what its users own, and have the histories of its tasks."""
    backend.reset()
    yield backend.store
    backend.check()


@pytest.fixture
def limiter(backend: Backend, store: Storage) -> RateLimiter:
    return backend.limiter


@pytest.fixture
def seed(store: Storage, clock: ManualClock) -> Seed:
    return Seed(store, clock, SequentialIds())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run each test of HTTP on one of its storages, which the test's name decides. `make test-thorough` uses all.

    Rules of storages have contracts that always run on every storage, so one storage is enough for a rule of HTTP.
    The longest tests start first.
    """
    variants: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "shared" in item.callspec.params:
            variants[item.nodeid.replace(str(item.callspec.params["shared"]), "")].append(item)
    if THOROUGHNESS == 1:
        kept = {id(group[crc32(name.encode()) % len(group)]) for name, group in variants.items()}
        left_out = [item for group in variants.values() for item in group if id(item) not in kept]
        config.hook.pytest_deselected(items=left_out)
        removed = set(map(id, left_out))
        items[:] = [item for item in items if id(item) not in removed]
    items.sort(key=lambda item: item.get_closest_marker("first") is None)


def pytest_collection_finish() -> None:
    """Exempt the loaded modules from garbage collection, which otherwise takes an eighth of the processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
