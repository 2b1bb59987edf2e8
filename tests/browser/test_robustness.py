"""What the browser app keeps when something goes wrong."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import tasktracker
from tasktracker_client import Replica
from tests.browser.conftest import PLAIN_HOST
from tests.browser.tab import Tab
from tests.http import PASSWORD, Person, Server, clean_environment, tasktracker_command
from tests.web import peer

pytestmark = pytest.mark.browser


def test_a_new_version_of_the_app_keeps_edits_that_were_not_sent(
    app: Tab, person: Person, server: Server, tmp_path: Path
) -> None:
    app.controlled()
    before = app.page.evaluate("document.querySelector('script').src")
    app.page.context.route("**/api/**", lambda route: route.abort())
    app.add("not sent")
    app.page.wait_for_selector(".status-line .waiting", state="attached")
    server.stop()
    packages = Path(tasktracker.__file__).parents[1]
    for name in ("tasktracker", "tasktracker_web"):
        shutil.copytree(packages / name, tmp_path / "new" / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "new" / "tasktracker_web" / "clock.js").open("a") as file:
        file.write("// A later version.\n")
    server.environment["PYTHONPATH"] = str(tmp_path / "new")
    with (tmp_path / "new.log").open("wb") as log:
        server.start(log)
    app.page.evaluate("navigator.serviceWorker.getRegistration().then((each) => each.update())")
    app.see("A new version is ready.")
    app.page.click(".toast button:has-text('Reload')")
    app.wait_for("before => document.querySelector('script').src !== before", before)
    app.expect("not sent")
    app.page.context.unroute("**/api/**")
    app.page.reload()
    app.synced()
    assert person.titles() == ["not sent"]


HOLD = """
const { addEventListener } = IDBRequest.prototype;
const released = new Promise((release) => (window.release = release));
IDBRequest.prototype.addEventListener = function (type, listener) {
    const isOpening = this instanceof IDBOpenDBRequest && type === "success";
    addEventListener.call(this, type, isOpening ? (event) => released.then(() => listener(event)) : listener);
};
const name = "tasktracker:first";
localStorage.setItem(name, localStorage.getItem(name).replace("read", "shown"));
"""
"""Opens the database only after `release` is called. Before that, the page cannot show the content of the copy."""


def test_the_first_tasks_are_shown_before_the_copy_is_read_and_edits_made_then_are_kept(
    app: Tab, person: Person
) -> None:
    app.add("read")
    app.synced()
    app.page.add_init_script(HOLD)
    app.page.reload()
    app.expect("shown")
    app.page.click("button[aria-label='Complete “shown”']")
    app.add("new")
    app.page.evaluate("release()")
    app.expect("new")
    app.undo()  # of the last edit
    app.expect()
    app.synced()
    assert [(each["title"], each["state"]) for each in person.listed("/api/tasks/")] == [("read", "done")]


def test_signing_out_removes_the_first_tasks(app: Tab) -> None:
    app.add("secret")
    app.synced()
    app.page.reload()
    stored = "Object.entries(localStorage).join()"
    assert "secret" in app.page.evaluate(stored)
    app.page.click("text=Sign out >> visible=true")
    app.page.wait_for_selector("#username")
    app.page.reload()
    assert "secret" not in app.page.evaluate(stored)


def test_a_device_without_space_says_so_and_loses_nothing(app: Tab, person: Person) -> None:
    app.add("before")
    app.synced()
    app.page.evaluate(
        """() => {
            const { put } = IDBObjectStore.prototype;
            IDBObjectStore.prototype.put = () => {
                throw new DOMException("The device is full.", "QuotaExceededError");
            };
            window.makeSpace = () => void (IDBObjectStore.prototype.put = put);
        }"""
    )
    app.add("no space")
    app.see("This device has no space left.")
    app.page.wait_for_selector(".status-line.no-space", state="attached")
    app.expect("before", "no space")
    app.page.evaluate("window.makeSpace()")
    app.synced()
    assert sorted(person.titles()) == ["before", "no space"]
    app.page.reload()
    app.expect("before", "no space")


def test_after_the_restoration_of_a_backup_nothing_vanishes_silently(
    app: Tab, person: Person, server: Server, tmp_path: Path
) -> None:
    def run(*arguments: str) -> None:
        command = [str(tasktracker_command()), *arguments]
        subprocess.run(command, env=clean_environment(server.environment), check=True, capture_output=True)

    app.add("in the backup")
    app.synced()
    run("backup", str(tmp_path / "backup"))
    app.add("after the backup")
    app.synced()
    server.stop()
    app.add("not sent")
    run("restore", str(tmp_path / "backup"), "--yes", "--api-tokens=revoke")
    server.start()
    app.page.wait_for_selector(".status-line.signed-out", state="attached")
    app.expect("after the backup", "in the backup", "not sent")
    app.page.locator(".status-line a:has-text('Sign in')").click()
    app.enter(person.username)
    app.page.wait_for_url(f"{app.url}/today")
    app.page.goto(f"{app.url}/all")
    app.see("The server no longer has your change of “after the backup”")
    app.expect("in the backup", "not sent")
    app.page.click(".issue button:has-text('Send again')")
    app.expect("after the backup", "in the backup", "not sent")
    app.synced()
    app.see("In sync. Compared with the server at")
    assert sorted(server.login(person).titles()) == ["after the backup", "in the backup", "not sent"]


def test_two_browsers_and_the_python_client_end_with_the_same_data(
    new_device: Callable[..., Tab], server: Server, person: Person, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
    print(f"SEED={seed}")  # noqa: T201
    chance = random.Random(seed)
    tabs = [new_device().open().enter(person.username) for _ in range(2)]
    for tab in tabs:
        tab.see("Nothing is due today.")
        tab.page.click(".side a[href='/all']")
        tab.see("No open tasks.")
        tab.synced()
    with Replica(tmp_path / "replica.db", f"{server.url}/api") as replica:
        replica.login(person.username, PASSWORD)
        for _ in range(40):
            tab = chance.choice(tabs)
            if chance.random() < 0.2:
                tab.page.context.set_offline(chance.random() < 0.5)
            edit(tab, chance)
            if chance.random() < 0.4:
                peer.edit(replica, chance)
            if chance.random() < 0.2:
                replica.sync()
        for tab in tabs:
            tab.page.context.set_offline(False)
        replica.sync()
        for tab in tabs:
            tab.synced()
        replica.sync()
        assert replica.verify().is_in_sync
        items = {task.id: task.title for task in replica.tasks()}
        opened = sorted(task.title for task in replica.tasks() if task.state in ("open", "in_progress"))
    for tab in tabs:
        tab.page.reload()
        tab.expect(*opened)
        tab.see("In sync. ")
        stored = tab.page.evaluate(TASKS)
        assert stored == items


def edit(tab: Tab, chance: random.Random) -> None:
    """Edit a task of the list as a person does. The task may be removed before the edit."""
    count = tab.page.locator(".row").count()
    word = f"{chance.choice('abcdefgh')} {chance.randrange(100)}"
    action = chance.choice(["add", "complete", "rename", "trash"]) if count else "add"
    at = chance.randrange(count or 1)
    if action == "add":
        tab.add(word)
    elif action == "complete":
        tab.page.evaluate("at => document.querySelectorAll('.row button.check')[at]?.click()", at)
    elif tab.page.evaluate("at => document.querySelectorAll('.row a')[at]?.click() === undefined", at):
        if action == "trash":
            tab.page.evaluate("document.querySelector('.pane footer .negative')?.click()")
        else:
            tab.page.evaluate(RENAME, word)
        tab.page.click(".side a[href='/all']")


RENAME = """word => {
    const title = document.querySelector(".pane textarea.title");
    if (title === null) return;
    title.select();
    document.execCommand("insertText", false, word);
    title.blur();
}"""

TASKS = """async () => {
    const assets = document.querySelector("script[type=module]").src.replace("main.js", "");
    const { account } = await import(`${assets}account.js`);
    return Object.fromEntries([...account.value.copy.tasks.peek().values()].map(({ id, title }) => [id, title]));
}"""


def test_other_sites_can_neither_frame_the_app_nor_use_its_cookie(app: Tab, person: Person, server: Server) -> None:
    app.add("mine")
    app.synced()
    evil = f"http://{PLAIN_HOST}:{server.port}/evil"
    form = f'<form method="post" action="{app.url}/api/accounts/logout/"></form>'
    content = f'<iframe src="{app.url}/today"></iframe>{form}'
    app.page.context.route(evil, lambda route: route.fulfill(body=content, content_type="text/html"))
    statuses: dict[str, int] = {}
    page = app.page.context.new_page()
    page.on("response", lambda each: statuses.update({each.url.removeprefix(app.url): each.status}))
    page.goto(evil)
    assert page.frames[1].url.startswith("chrome-error:")
    attack = """async (url) => {
        const ask = (path, options) => fetch(url + path, { method: "POST", credentials: "include", ...options });
        const headers = { "X-Session-Transport": "cookie" };
        const results = await Promise.allSettled([
            ask("/api/accounts/refresh/", { mode: "no-cors" }),
            ask("/api/accounts/refresh/", { headers }),
            ask("/api/accounts/logout/", { mode: "no-cors" }),
            ask("/api/accounts/logout/", { headers }),
        ]);
        return results.map(({ status }) => status);
    }"""
    assert page.evaluate(attack, app.url) == ["rejected"] * 4
    with page.expect_navigation():
        page.evaluate("document.forms[0].submit()")
    answers = {path: status for path, status in statuses.items() if "/accounts/" in path}
    assert answers
    assert all(status >= 400 for status in answers.values()), answers
    page.close()
    app.page.reload()
    app.expect("mine")
    app.add("still signed in")
    app.synced()
    assert sorted(person.titles()) == ["mine", "still signed in"]
