"""The interactive documentation, in a real Chromium."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http import Server

pytestmark = pytest.mark.browser


def test_the_example_of_a_registration_is_accepted_and_authorizes_the_next_requests(
    chromium: Any, server: Server
) -> None:
    page = chromium.new_page()
    page.goto(f"{server.url}/docs")

    def try_out(operation: str, tag: str) -> str:
        block = page.locator(f"[id='operations-{tag}-{operation}']")
        block.locator(".opblock-summary-control").click()
        block.locator(".try-out__btn").click()
        block.locator(".execute").click()
        return str(block.locator(".live-responses-table .response .response-col_status").inner_text()).split()[0]

    assert try_out("register", "accounts") == "201"
    assert try_out("getProfile", "accounts") == "200"
    page.close()
