"""Measure the browser app with many tasks on a slow processor: `make bench-web` prints the figures."""

from __future__ import annotations

import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from benchmarks import web_users
from tasktracker.entrypoints.http.web_files import WebFiles, asset
from tests.http import PASSWORD, Person, Server, expect, migrated

BATCH = 100
PAUSE_MS = 300
"""Time between edits, in which the last one reaches the server."""
PATIENCE_MS = 120_000

ARRIVAL = """
window.arrival = new Promise((arrive) => {
    new MutationObserver(() => document.querySelector(".row .title") && arrive(performance.now()))
        .observe(document, { subtree: true, childList: true });
});
"""
"""When the first task is there, in milliseconds after the beginning of the navigation."""
WATCH = """
window.delays = [];
let pressed;
addEventListener("keydown", (event) => event.key === "Enter" && (pressed = event.timeStamp), true);
new MutationObserver(() => {
    if (pressed === undefined || !window.isShown()) return;
    window.delays.push(performance.now() - pressed);
    pressed = undefined;
}).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
"""


@click.command()
@click.option("--tasks", default=10_000, show_default=True, help="The number of tasks; 0 to leave them out.")
@click.option("--edits", default=30, show_default=True, help="How many tasks to add, and to complete.")
@click.option("--slower", default=4, show_default=True, help="By how much to slow down the processor.")
@click.option(
    "--users",
    default=10_000,
    show_default=True,
    help="The number of users in the administration, without slowing down; 0 to leave them out.",
)
def main(tasks: int, edits: int, slower: int, users: int) -> None:
    """Print the size of the app and the times that a user waits."""
    from playwright.sync_api import sync_playwright

    _print("shell, compressed", _shell() / 1000, "KB")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--enable-precise-memory-info"]
        )
        if tasks:
            url = migrated(f"sqlite:///{folder}/tasks.db")
            with Server(Path(folder), DATABASE_URL=url) as server:
                person = server.register()
                _fill(person, tasks)
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.set_default_timeout(PATIENCE_MS)
                page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
                _measure(page, server.url, person, edits)
                page.close()
        for name, value in web_users.measure(browser, Path(folder), users) if users else ():
            _print(name, value, "ms")
        browser.close()


def _measure(page: Any, url: str, person: Person, edits: int) -> None:
    page.goto(url)
    page.fill("#username", person.username)
    page.fill("#password", PASSWORD)
    begin = time.monotonic()
    page.click("button.main")
    page.wait_for_selector(".status-line.live", state="attached")
    _print("first sync", time.monotonic() - begin, "s")
    page.wait_for_selector(".status-line:has-text('compared')", state="attached")
    page.add_init_script(ARRIVAL)
    page.goto(f"{url}/all")
    _print("first view", page.evaluate("arrival"), "ms")
    page.wait_for_selector(".status-line.live", state="attached")
    page.wait_for_timeout(10 * PAUSE_MS)
    page.evaluate(WATCH)
    titles = [f"new {number}" for number in range(edits)]
    for title in titles:
        page.fill(".add-box input", title)
        _press(page, ".add-box input", f"=== '{title}'")
    for title in reversed(titles):
        _press(page, f"button[aria-label='Complete “{title}”']", f"!== '{title}'")
    delays = page.evaluate("delays")
    _print("edit, from key to DOM, p50", statistics.median(delays), "ms")
    _print("edit, from key to DOM, p95", statistics.quantiles(delays, n=20)[18], "ms")
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    _print("heap", page.evaluate("performance.memory.usedJSHeapSize") / 1e6, "MB")


def _press(page: Any, selector: str, expected: str) -> None:
    """Press Enter, and wait until the title of the first task is as expected, and then some time."""
    page.evaluate(f"window.isShown = () => document.querySelector('.row .title')?.textContent {expected}")
    before = page.evaluate("delays.length")
    page.press(selector, "Enter")
    page.wait_for_function("before => delays.length > before", arg=before, polling=50)
    page.wait_for_timeout(PAUSE_MS)


def _shell() -> int:
    """Return the size of the page and of all files that it names: scripts, styles and icons."""
    files = WebFiles("")
    names = re.findall(rf'"/assets/{files.version}/([^"]+)"', files.page.content.decode())
    return sum(len(each.compressed or each.content) for each in [files.page, *map(asset, names)])


def _fill(person: Person, tasks: int) -> None:
    """Create open tasks, of which few are due, so that a new one is shown first."""
    for start in range(0, tasks, BATCH):
        mutations = [_creation(number) for number in range(start, min(tasks, start + BATCH))]
        expect(person.post("/api/sync/", {"mutations": mutations}), 200)


def _creation(number: int) -> dict[str, Any]:
    data = {"title": f"task {number}", "priority": 1 + number % 2}
    return {"id": str(uuid4()), "type": "task", "op": "create", "target": str(uuid4()), "data": data}


def _print(name: str, value: float, unit: str) -> None:
    click.echo(f"{name:<30}{value:>9.1f} {unit}")


if __name__ == "__main__":
    main()
