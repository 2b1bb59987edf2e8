"""Takes the pictures of the README from the running app, with the sample account of `make demo`."""

from __future__ import annotations

import shutil
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.http import Server, migrated
from tests.web import demo
from tests.web.node_tools import REPOSITORY

FOLDER = REPOSITORY / "docs" / "pictures"
WINDOW = {"width": 560, "height": 400}
STYLE = """
body { display: grid; grid-template-columns: auto auto; gap: 12px 20px; width: max-content; margin: 0; padding: 16px;
    background: #e3e6ec; font: 600 15px system-ui, sans-serif; color: #1c2230 }
img { display: block; margin-top: 6px; border: 1px solid #b9c0cc; border-radius: 8px }
"""


def main() -> None:
    """Write the pictures."""
    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(exist_ok=True)
    with (
        TemporaryDirectory() as folder,
        Server(Path(folder), DATABASE_URL=migrated(f"sqlite:///{folder}/tasks.db")) as server,
        sync_playwright() as playwright,
    ):
        _, task = demo.fill(server)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        app = _signed_in(browser, server, "alice", {"width": 1280, "height": 720})
        app.click(".side a:has-text('Upcoming')")
        app.click(".row a:has-text('Write the quarterly report')")
        app.mouse.move(0, 0)
        app.locator(".pane :text('Collect the figures')").first.wait_for()
        (FOLDER / "app.png").write_bytes(_shot(app))
        _take_merge(browser, [_signed_in(browser, server, name, WINDOW) for name in ("alice", "ben")], task)
        browser.close()


def _signed_in(browser: Any, server: Server, name: str, size: dict[str, int]) -> Any:
    page = browser.new_context(viewport=size, locale="en-GB", timezone_id="Europe/Vienna").new_page()
    page.goto(server.url)
    page.fill("#username", name)
    page.fill("#password", demo.PASSWORD)
    page.click("button.main")
    page.locator(".side .count").first.wait_for(state="attached")
    _wait_until_synced(page)
    return page


def _wait_until_synced(page: Any) -> None:
    page.wait_for_selector(".status-line.live:has-text('In sync')", state="attached")


def _take_merge(browser: Any, pages: list[Any], task: str) -> None:
    """Show two windows: Alice edits without a connection, Ben edits the same task, and both windows get both edits."""
    alice, ben = pages
    for page in pages:
        page.evaluate("path => history.pushState(null, '', path)", f"/task/{task}")
        page.evaluate("dispatchEvent(new PopStateEvent('popstate'))")
        page.wait_for_selector(".pane textarea.title")
    alice.context.set_offline(True)
    alice.fill(".pane textarea.title", "Choose a Saturday for the party")
    alice.press(".pane textarea.title", "Enter")
    alice.wait_for_selector(".waiting", state="attached")
    ben.select_option("#priority", label="Urgent")
    _wait_until_synced(ben)
    for page in pages:
        page.click(".toast button[aria-label='Close']")
    shots = [("Alice, offline, changes the title", _shot(alice)), ("Ben makes the task urgent", _shot(ben))]
    alice.context.set_offline(False)
    ben.wait_for_function("() => document.querySelector('.pane textarea.title').value.includes('Saturday')")
    alice.wait_for_function("() => document.querySelector('#priority').value === '4'")
    shots += [("Alice, online again", _shot(alice)), ("Ben, a moment later", _shot(ben))]
    figures = "".join(
        f'<div>{text}<img src="data:image/png;base64,{b64encode(image).decode()}"></div>' for text, image in shots
    )
    page = browser.new_page(viewport={"width": 1180, "height": 400})
    page.set_content(f"<style>{STYLE}</style>{figures}")
    page.screenshot(path=FOLDER / "merge.png", full_page=True)


def _shot(page: Any) -> bytes:
    page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
    image: bytes = page.screenshot()
    return image


if __name__ == "__main__":
    main()
