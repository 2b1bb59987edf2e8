"""The module for browsers in docs/sync.md, in a real Chromium: tabs share one event stream, which survives."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.browser.tab import PATIENCE
from tests.http import Person, Server, expect

pytestmark = pytest.mark.browser

GUIDE = Path(__file__).parents[2] / "docs" / "sync.md"
PAGE = Path(__file__).parent / "page.html"


class Browser:
    """A browser of one user, whose tabs show the page."""

    def __init__(self, chromium: Any, server: Server, answer: Mapping[str, Any]) -> None:
        self._answer = answer
        self._url = f"{server.url}/tabs/"
        (module,) = re.findall(r"```js\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
        self._files = {
            self._url: (PAGE.read_text(encoding="utf-8"), "text/html"),
            f"{self._url}module.js": (module, "text/javascript"),
        }
        self.context = chromium.new_context()
        self.context.route(f"{self._url}**", self._serve)
        self.streams: list[str] = []
        self.context.on("request", lambda each: self.streams.append(each.url) if "/events" in each.url else None)

    def tab(self) -> Tab:
        """Open a tab; the first one logs in."""
        page = self.context.new_page()
        page.goto(self._url)
        page.wait_for_function("window.app")
        if len(self.context.pages) == 1:
            page.evaluate("answer => app.signIn(answer)", self._answer)
        return Tab(page)

    def _serve(self, route: Any) -> None:
        body, media_type = self._files[route.request.url]
        route.fulfill(body=body, content_type=media_type)


class Tab:
    """A tab that shows the page."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def wait_for(self, expression: str, argument: object = None, seconds: float = PATIENCE) -> None:
        """Wait until an expression is true in the tab."""
        self.page.wait_for_function(expression, arg=argument, timeout=1000 * seconds, polling=50)

    def wait_for_titles(self, *titles: str) -> None:
        """Wait until the tab shows these tasks."""
        self.wait_for("titles => JSON.stringify(app.titles) === JSON.stringify(titles)", sorted(titles))

    def get(self, expression: str) -> Any:
        """Return the value of an expression in the tab."""
        return self.page.evaluate(expression)


@pytest.fixture
def phone(server: Server) -> Person:
    """Another device of the user."""
    return server.register()


@pytest.fixture
def browser(chromium: Any, server: Server, phone: Person) -> Iterator[Browser]:
    browser = Browser(chromium, server, server.login(phone).answer)
    yield browser
    browser.context.close()


def test_many_tabs_share_one_stream_and_leave_connections_for_other_requests(browser: Browser, phone: Person) -> None:
    tabs = [browser.tab() for _ in range(8)]
    phone.task("from the phone")
    for tab in tabs:
        tab.wait_for_titles("from the phone")
    tabs[5].get("app.create('from a tab')")
    for tab in tabs:
        tab.wait_for_titles("from a tab", "from the phone")
    assert len(browser.streams) == 1


def test_another_tab_opens_the_stream_when_the_tab_with_it_is_closed(browser: Browser, phone: Person) -> None:
    first, second = browser.tab(), browser.tab()
    second.wait_for_titles()
    first.page.close()
    phone.task("after it was closed")
    second.wait_for_titles("after it was closed")
    assert len(browser.streams) == 2


def test_tabs_stay_live_over_a_restart_of_the_server_and_the_end_of_another_device(
    browser: Browser, phone: Person, server: Server
) -> None:
    tabs = [browser.tab(), browser.tab()]
    other = server.login(phone)
    server.stop()
    server.start()
    other.task("after the restart")
    for tab in tabs:
        tab.wait_for_titles("after the restart")
    expect(other.post("/api/accounts/logout/"), 204)
    time.sleep(5)  # within which streams of an ended session end
    phone.task("after the logout")
    for tab in tabs:
        tab.wait_for_titles("after the logout", "after the restart")
        assert not tab.get("app.asksForLogin")


class TestWithShortTokens:
    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"ACCESS_TOKEN_SECONDS": "3"}

    def test_tabs_stay_live_when_tokens_expire(self, browser: Browser, phone: Person, server: Server) -> None:
        tabs = [browser.tab(), browser.tab()]
        for number in range(3):
            time.sleep(3)  # the token's lifetime
            server.login(phone).task(f"task {number}")
            for tab in tabs:
                tab.wait_for_titles(*[f"task {each}" for each in range(number + 1)])
        assert [tab.get("app.asksForLogin || app.errors.length") for tab in tabs] == [False, False]
        assert len(browser.streams) > 3


def test_tabs_of_a_revoked_session_ask_for_a_login_within_5_seconds_and_keep_unsent_edits(
    browser: Browser, phone: Person, server: Server
) -> None:
    tabs = [browser.tab(), browser.tab()]
    phone.task("before")
    for tab in tabs:
        tab.wait_for_titles("before")
    time.sleep(1.5)  # a stream that ends at once would be opened again with a delay
    expect(phone.delete("/api/accounts/sessions/"), 204)
    began = time.monotonic()
    for tab in tabs:
        tab.wait_for("app.asksForLogin", seconds=5)
    assert time.monotonic() - began < 5
    tabs[1].get("app.create('not sent')")
    assert len(tabs[1].get("app.outbox()")) == 1
    tabs[1].page.evaluate("answer => app.signIn(answer)", server.login(phone).answer)
    for tab in tabs:
        tab.wait_for_titles("before", "not sent")
        assert not tab.get("app.asksForLogin")
    assert tabs[1].get("app.outbox()") == []
