"""Databases, and a server under load."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.load import SETTINGS
from tests.http import Server, migrated
from tests.postgres import PrivatePostgres


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder: `make test` leaves them to `make test-faults`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database."""
    if request.param == "sqlite":
        return migrated(f"sqlite:///{tmp_path / 'file.db'}")
    url: str = request.getfixturevalue("database_url")
    return migrated(url)


@pytest.fixture
def server(tmp_path: Path, url: str) -> Iterator[Server]:
    """A running server."""
    with Server(tmp_path, DATABASE_URL=url, **SETTINGS) as server:
        yield server


@pytest.fixture
def own_postgres(private_postgres: PrivatePostgres) -> PrivatePostgres:
    """A migrated PostgreSQL that the test may stop, freeze and kill."""
    migrated(private_postgres.url)
    return private_postgres


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 80 MB, which PostgreSQL may also use."""
    with TemporaryDirectory(prefix="tt-disk-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        mount = ["mount", "-t", "tmpfs", "-o", "size=80m,mode=777", "tmpfs", name]
        mounted = subprocess.run(mount, capture_output=True, text=True)
        assert mounted.returncode == 0, f"a small file system cannot be mounted (are you root?): {mounted.stderr}"
        yield folder
        subprocess.run(["umount", "--lazy", name], check=True)
