"""Fixtures of server processes. Tests with the same settings share them, because they start slowly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.http import migrated
from tests.postgres import DatabaseFactory
from tests.security.processes import Pair

NewPair = Callable[..., Pair]


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory, postgres_url_factory: DatabaseFactory) -> Iterator[NewPair]:
    """Start the pair of servers of a storage with these settings on first use, and return it.

    At the end, no secret that its clients sent or received may be in a database or a log.
    """
    known: dict[object, Pair] = {}
    with ExitStack() as stack:

        def pair_of(storage: str, **settings: str) -> Pair:
            key = (storage, *sorted(settings.items()))
            if key not in known:
                folder = tmp_path_factory.mktemp("servers")
                sqlite = f"sqlite:///{folder}/tasks.db"
                url = migrated(sqlite) if storage == "sqlite" else postgres_url_factory.create_migrated_database()
                known[key] = stack.enter_context(Pair(folder, url, ENVIRONMENT="production", **settings))
            return known[key]

        yield pair_of
        assert [leak for pair in known.values() for leak in pair.leaks()] == []


@pytest.fixture(params=["postgresql", "sqlite"])
def storage(request: pytest.FixtureRequest) -> str:
    """Each kind of database that processes can share."""
    name: str = request.param
    return name


@pytest.fixture
def pair(pairs: NewPair) -> Pair:
    """Two processes on PostgreSQL with the default settings."""
    return pairs("postgresql")
