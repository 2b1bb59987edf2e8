"""`make demo`: the sample account, and its conflict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import pytest

from tests.browser.tab import Tab
from tests.http import Server
from tests.web import demo

pytestmark = pytest.mark.browser


def test_the_sample_account_shows_a_conflict(
    new_device: Callable[..., Tab], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben, task = demo.fill(server)
    tab = new_device().open().enter("alice", password=demo.PASSWORD)
    tab.page.locator(".row .title", has_text="Water the plants").wait_for()
    tab.open(f"/task/{task}")
    tab.page.wait_for_selector(".pane textarea.title")
    tab.synced()

    def edit(*_: Any, **__: Any) -> None:
        tab.page.fill(".pane textarea.title", "Choose a Saturday")
        tab.page.press(".pane textarea.title", "Enter")
        tab.page.wait_for_selector(".status-line.offline .waiting", state="attached")

    monkeypatch.setattr(click, "prompt", edit)
    demo.conflict(server, ben, task)
    tab.see("“Choose a Sunday for the party” was also changed elsewhere")
    assert tab.page.locator(".issue .value").all_text_contents() == [
        demo.CONFLICT,
        "Choose a Sunday for the party",
        "Choose a Saturday",
    ]
