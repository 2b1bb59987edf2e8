"""Databases of each kind that server processes can use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.http import migrated
from tests.postgres import DatabaseFactory


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'file.db'}"
    url: str = request.getfixturevalue("database_url")
    return url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url_factory: DatabaseFactory
) -> str:
    """The URL of a migrated database that the tests of a module share."""
    sqlite = f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/tasks.db"
    return migrated(sqlite if request.param == "sqlite" else postgres_url_factory.create_database())
