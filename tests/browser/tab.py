"""A page of the browser app, used as a person uses it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from tests.http import PASSWORD
from tests.web.node_tools import PACKAGES

PATIENCE = 60
"""Seconds after which a page is taken to hang."""


class Tab:
    """A page of the app, used as a person uses it."""

    def __init__(self, page: Any, url: str) -> None:
        page.set_default_timeout(1000 * PATIENCE)
        self.page = page
        self.url = url

    def open(self, path: str = "/") -> Tab:
        self.page.goto(f"{self.url}{path}")
        return self

    def enter(self, username: str, *, button: str = "Sign in", **fields: str) -> Tab:
        """Send the form of a login or a registration."""
        for name, value in {"username": username, "password": PASSWORD, **fields}.items():
            self.page.fill(f"#{name}", value)
        self.page.click(f"button:has-text('{button}')")
        return self

    def add(self, title: str) -> None:
        self.page.fill(".add-box input", title)
        self.page.press(".add-box input", "Enter")

    def expect(self, *titles: str) -> None:
        """Wait until the list shows exactly these tasks, in any order."""
        self.wait_for(
            "titles => [...document.querySelectorAll('.row .title')].map((each) => each.textContent).sort().join('\\n')"
            " === titles.join('\\n')",
            sorted(titles),
        )

    def wait_for(self, expression: str, argument: object = None) -> None:
        """Wait until an expression is true. Playwright's `wait_for_function` would compile it in the page, whose policy
        forbids that.
        """
        from playwright.sync_api import Error  # installed for `make test-web` only

        for _ in range(PATIENCE * 20):
            with suppress(Error):  # a page that is being loaded
                if self.page.evaluate(expression, argument):
                    return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true in the page: {expression}")

    def controlled(self) -> None:
        """Load the page through the service worker. The first page may have none, because it was loaded before it."""
        self.wait_for("navigator.serviceWorker.ready.then(() => true)")
        self.page.reload()
        self.wait_for("navigator.serviceWorker.controller !== null")

    def see(self, text: str) -> None:
        self.page.get_by_text(text).locator("visible=true").first.wait_for()

    def row(self, title: str) -> Any:
        return self.page.locator(".row", has=self.page.locator(".title", has_text=title))

    def undo(self) -> None:
        self.page.click(".toast button:has-text('Undo')")

    def settle(self) -> None:
        """Wait until nothing moves."""
        self.page.evaluate("Promise.allSettled(document.getAnimations().map((each) => each.finished))")

    def mistakes(self) -> list[str]:
        """Return what axe-core finds wrong."""
        self.page.evaluate((PACKAGES / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
        self.settle()
        result = self.page.evaluate("axe.run(document)")
        assert result["passes"]
        found = result["violations"]
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary']}" for each in found for node in each["nodes"]
        ]

    def synced(self) -> None:
        """Wait until the server has all edits. Their number is shown after the next frame."""
        self.page.evaluate("new Promise((shown) => requestAnimationFrame(() => setTimeout(shown)))")
        self.page.wait_for_selector(".status-line.live", state="attached")
        self.page.wait_for_selector(".waiting", state="detached")
