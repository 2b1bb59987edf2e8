"""Chromium, and a server with a new database."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.tab import Tab
from tests.http import Person, Server, migrated

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


@pytest.fixture
def violations() -> Iterator[list[str]]:
    """The refusals by the policy of the page, and errors of scripts. No test may have any."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def new_device(chromium: Any, server: Server, violations: list[str]) -> Iterator[Callable[..., Tab]]:
    contexts = []

    def new(host: str = "127.0.0.1", **options: Any) -> Tab:
        context = chromium.new_context(**{"locale": "en-GB", **options})
        contexts.append(context)
        context.on("weberror", lambda each: violations.append(str(each.error)))
        context.on("console", lambda each: violations.append(each.text) if "Policy" in each.text else None)
        return Tab(context.new_page(), f"http://{host}:{server.port}")

    yield new
    for context in contexts:
        context.close()


@pytest.fixture
def person(server: Server) -> Person:
    return server.register()


@pytest.fixture
def app(new_device: Callable[..., Tab], person: Person) -> Tab:
    """The app of a user who has logged in."""
    tab = new_device().open().enter(person.username)
    tab.see("Nothing is due today.")
    tab.page.goto(f"{tab.url}/all")
    tab.see("No open tasks.")
    return tab
