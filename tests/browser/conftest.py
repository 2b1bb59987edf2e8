"""Chromium, and a server with a new database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http import Server, migrated

PLAIN_HOST = "tasks.test"
"""A name of this host for which browsers do not make the exceptions of localhost."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    assert path, "Chromium is missing. On Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1"]
        )
        yield browser
        browser.close()


@pytest.fixture
def settings() -> dict[str, str]:
    return {}


@pytest.fixture
def server(tmp_path: Path, settings: dict[str, str]) -> Iterator[Server]:
    with Server(tmp_path, DATABASE_URL=migrated(f"sqlite:///{tmp_path}/tasks.db"), **settings) as server:
        yield server
