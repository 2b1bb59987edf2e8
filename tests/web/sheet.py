"""Take a picture of each view and state of the browser app, and one of all pictures: `make web-sheet`."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pyotp
from playwright.sync_api import sync_playwright

from tests.browser.tab import Tab
from tests.http import PASSWORD, Person, Server, expect, migrated
from tests.web.node_tools import REPOSITORY

FOLDER = REPOSITORY / "build" / "web-sheet"
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
NDJSON = {"Content-Type": "application/x-ndjson", "Prefer": "respond-async"}
LONG = "Ask the neighbours who looks after the plants, the cat and the letterbox while everybody is away in August"
NOTES = "Bring **the contract**, and ask about\n\n- the deposit\n- the keys\n\n> Only in the morning."


def main() -> None:
    """Write the pictures."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        mail = {"MAIL_URL": f"folder:{folder}/mails", "MAIL_FROM": "a@example.org", "PUBLIC_URL": "http://127.0.0.1"}
        Path(folder, "mails").touch()  # no folder: mails stay due
        with Server(Path(folder), DATABASE_URL=migrated(f"sqlite:///{folder}/tasks.db"), **mail) as server:
            for scheme in ("light", "dark"):
                for size, (width, height) in SIZES.items():
                    options: Any = {"color_scheme": scheme, "viewport": {"width": width, "height": height}}
                    language = "de-AT" if scheme == "dark" else "en-GB"
                    context = browser.new_context(locale=language, has_touch=size == "phone", **options)
                    url = f"http://127.0.0.1:{server.port}"
                    _Sheet(Tab(context.new_page(), url), server, f"{size}-{scheme}").fill()
                    context.close()
        page = browser.new_page(viewport={"width": 1800, "height": 1000})
        names = sorted(path.name for path in FOLDER.glob("*.png"))
        figures = "".join(f"<figure><img src='{name}'><figcaption>{name}</figcaption></figure>" for name in names)
        style = "figure { display: inline-block; margin: 8px; width: 280px; vertical-align: top } img { width: 100% }"
        (FOLDER / "index.html").write_text(f"<style>{style} body {{ font: 12px sans-serif }}</style>{figures}")
        page.goto((FOLDER / "index.html").as_uri())
        page.screenshot(path=FOLDER / "index.png", full_page=True)
        browser.close()
    click.echo(f"{len(names)} pictures are in {FOLDER}")


class _Sheet:
    """The pictures of one size and one color scheme."""

    def __init__(self, tab: Tab, server: Server, name: str) -> None:
        self._tab, self._page, self._server, self._name = tab, tab.page, server, name
        self._number = 0

    def _shoot(self, state: str) -> None:
        self._number += 1
        self._tab.settle()
        size = self._page.viewport_size
        whole = self._page.evaluate("document.documentElement.scrollHeight")
        if state.startswith(("settings", "admin")):
            self._page.set_viewport_size({**size, "height": min(max(whole, size["height"]), 2000)})
        self._page.screenshot(path=FOLDER / f"{self._name}-{self._number:02}-{state}.png")
        self._page.set_viewport_size(size)

    def _view(self, path: str, seen: str, state: str, then: Callable[[], object] = lambda: None) -> None:
        self._tab.open(path)
        self._page.locator(f"{seen} >> visible=true").first.wait_for()
        then()
        self._shoot(state)

    def fill(self) -> None:
        page, person = self._page, self._server.register()
        friend = self._server.register(f"maximiliane.von.hohenstein-{person.username}")
        self._view("/signin", "#username", "sign-in")
        page.fill("#username", person.username)
        page.click("button.main")
        page.wait_for_selector(".error")
        self._shoot("sign-in-wrong")
        self._view("/forgot", "input[name=username]", "forgot")
        page.fill("input[name=username]", person.username)
        page.click("button.main")
        page.wait_for_selector(".entry > [role=status]")
        self._shoot("forgot-sent")
        self._view("/no/such/path", "h1", "no-such-path")
        self._view("/link/reset-password?token=x", "h1", "link-dead")
        self._view(
            "/register", "#username", "register", lambda: (page.click("button.main"), page.wait_for_timeout(500))
        )
        self._tab.open("/signin")
        page.route("**/api/sync?*", lambda route: page.wait_for_timeout(0) if route.request.method == "GET" else None)
        self._sign_in(person)
        page.locator("main .empty").first.wait_for()
        self._shoot("loading")
        page.unroute_all(behavior="ignoreErrors")
        for path in ("today", "upcoming", "all", "board", "shared", "done", "trash"):
            self._view(f"/{path}", ".board .empty" if path == "board" else "main .empty .icon", f"empty-{path}")
        tasks = _seed(person, friend)
        self._tab.open("/all")
        page.wait_for_selector(f"[data-id='{tasks['contract']}']")
        for path in ("today", "upcoming", "all", "shared", "done"):
            self._view(f"/{path}", "main .row", path)
        self._view("/board", ".card", "board")
        self._view(f"/list/{tasks['category']}", "main .row", "category")
        self._view(f"/list/{tasks['work']}", "main .row", "category-sharing", self._share_list)
        self._view(f"/list/{tasks['empty']}", "main .empty .icon", "category-empty")
        self._view("/list/unknown", "main .empty", "category-missing")
        self._view("/trash", ".trash li", "trash")
        self._view("/trash", ".trash li", "trash-question", lambda: page.click(".trash .negative"))
        self._view("/all", "main .row", "no-match", lambda: page.fill("input[type=search]", "nothing like this"))
        self._view("/all", "main .row", "selected", self._select)
        self._view("/all", "main .row", "writing", lambda: page.fill("main .add-box input", self._repeating()))
        page.fill("main .add-box input", "")
        self._view("/all", "main .row", "capture", self._capture)
        page.fill("dialog .add-box input", "")
        self._view("/all", "main .row", "keys", self._show_keys)
        self._view(f"/task/{tasks['contract']}", ".people li", "task")
        self._view(f"/task/{tasks['contract']}", ".people li", "task-history", self._open_history)
        self._reminders(tasks["contract"])
        self._view(f"/task/{tasks['read']}", ".people li", "task-read-only")
        self._view(f"/task/{tasks['plain']}", ".pane textarea", "task-long")
        self._view(f"/task/{tasks['plain']}", ".pane textarea", "task-notes", lambda: page.click(".notes button"))
        self._view(f"/task/{tasks['bare']}", ".pane textarea", "task-bare")
        self._view(f"/task/{tasks['rent']}", ".repeat li", "task-repeats")
        self._view(f"/task/{tasks['rent']}", ".repeat li", "task-rule", self._choose_rule)
        self._view(f"/task/{tasks['unlucky']}", ".repeat li", "task-other-rule")
        self._view("/task/unknown", ".pane .empty", "task-missing")
        self._view("/today", "main .row", "toast", lambda: page.click(".row .check"))
        if page.viewport_size["width"] < 800:
            self._view("/today", "main .row", "menu", lambda: page.click(".top button"))
        self._view(f"/task/{tasks['contract']}", ".people li", "sharing", self._share)
        self._settings(person)
        self._administration(person)
        self._two_factor()
        self._conflict(person, friend, tasks)

    def _sign_in(self, person: Person) -> None:
        self._page.fill("#username", person.username)
        self._page.fill("#password", person.password)
        self._page.click("button.main")

    def _repeating(self) -> str:
        is_german = self._page.evaluate("navigator.language.startsWith('de')")
        return f"Buy bread {'jeden Mo und Do um' if is_german else 'every mon, thu at'} 9 !4"

    def _select(self) -> None:
        for index in (1, 3):
            self._page.locator(".row a").nth(index).press("x")

    def _capture(self) -> None:
        self._page.focus(".row a")
        self._page.keyboard.press("q")
        self._page.keyboard.type("Buy bread 17:00 #Ho")

    def _show_keys(self) -> None:
        self._page.focus(".row a")
        self._page.keyboard.press("?")
        self._page.wait_for_selector("dialog.keys[open]")

    def _open_history(self) -> None:
        self._page.click(".history summary")
        self._page.locator(".history li").nth(2).wait_for()
        self._page.locator(".pane").evaluate("pane => pane.scrollTo(0, 10000)")

    def _choose_rule(self) -> None:
        self._page.select_option("#repeat", "other")
        self._page.select_option("#repeat-unit", "WEEKLY")
        self._page.select_option("#repeat-ends", "until")

    def _share(self) -> None:
        self._page.click(".people .share")
        self._page.wait_for_selector(".members li")

    def _share_list(self) -> None:
        self._page.click("main .share")
        self._page.wait_for_selector(".members li >> nth=2")

    def _reminders(self, task: str) -> None:
        page = self._page
        self._view(f"/task/{task}", ".reminders li >> nth=3", "task-reminders", self._add_reminder)
        self._view(f"/task/{task}", ".reminders li", "task-reminder-before", lambda: self._write_reminder(0))
        self._view(f"/task/{task}", ".reminders li", "task-reminder-at", lambda: self._write_reminder(1))
        self._view("/notifications", ".notices .unread", "notifications")
        page.locator(".notices .acts button[aria-expanded]").first.click()
        self._shoot("notifications-snooze")

    def _add_reminder(self) -> None:
        self._page.click(".reminders > button")
        self._page.locator(".reminders .choices").last.scroll_into_view_if_needed()

    def _write_reminder(self, number: int) -> None:
        self._add_reminder()
        self._page.locator(".reminders .choices").nth(number).locator("button").last.click()
        if number == 0:
            self._page.fill(".reminders [name=count]", "0")
            self._page.click(".reminders form button.main")
        self._page.locator(".reminders form").scroll_into_view_if_needed()

    def _settings(self, person: Person) -> None:
        page = self._page
        address = {"email": f"{person.username}@example.org", "password": PASSWORD}
        expect(person.patch("/api/accounts/me/", address), 200)
        file = b'{"type": "header", "format": "tasktracker", "version": 1}\n' + b'{"type": "task", "id": 1}\n' * 3
        expect(person.request("POST", "/api/accounts/me/import/", content=file, headers=NDJSON), 202)
        for section in ("profile", "notifications", "devices", "tokens", "data", "activity", "account", "help"):
            self._view(f"/settings/{section}", ".panel section", f"settings-{section}", self._loaded)
        self._view("/settings/tokens", ".panel section", "settings-proof", self._make_token)
        page.fill("dialog[open] [name=password]", PASSWORD)
        page.click("dialog[open] button.main")
        page.wait_for_selector(".copied")
        self._shoot("settings-token")

    def _make_token(self) -> None:
        self._loaded()
        self._page.fill(".form [name=name]", "Nightly backup")
        self._page.click(".form button.main")
        self._page.wait_for_selector("dialog[open]")

    def _two_factor(self) -> None:
        page = self._page
        start = ".panel section:nth-of-type(2) > .buttons button"
        self._view("/settings/security", start, "settings-security")
        page.click(start)
        page.wait_for_selector(".qr")
        self._shoot("settings-two-factor")
        page.fill(".form [name=code]", pyotp.TOTP(page.input_value(".copied input")).now())
        page.click(".form:has([name=code]) button")
        page.wait_for_selector(".codes")
        self._shoot("settings-codes")

    def _invite(self) -> None:
        self._loaded()
        self._page.fill(".form [name=note]", "For the neighbours")
        self._page.click(".form button.main")
        self._page.wait_for_selector(".copied")

    def _administration(self, person: Person) -> None:
        with sqlite3.connect(self._server.folder / "tasks.db") as database:
            database.execute("UPDATE users SET is_admin = 1 WHERE username = ?", (person.username,))
            _count_days(database)
        self._view("/settings", ".panel section", "settings-admin", self._loaded)
        for view in ("overview", "users", f"users/{person.id}", "invites", "deliveries", "activity", "settings"):
            name = view.split("/")[0] if "/" not in view else "user"
            self._view(f"/admin/{view}", ".panel section", f"admin-{name}", self._loaded)
        self._view("/admin/invites", ".panel section", "admin-invited", self._invite)
        invitation = self._page.input_value(".copied input").partition("127.0.0.1")[2]
        self._page.route("**/api/admin/overview", lambda route: route.abort())
        self._view("/admin", ".panel .empty button", "admin-error")
        self._page.unroute_all()
        self._view(invitation, "input", "link-invitation")

    def _loaded(self) -> None:
        self._page.wait_for_selector(".panel [role=status].empty", state="detached")

    def _conflict(self, person: Person, friend: Person, tasks: dict[str, str]) -> None:
        page = self._page
        self._tab.open(f"/task/{tasks['contract']}")
        page.wait_for_selector(".status-line.live", state="attached")
        page.context.set_offline(True)
        self._rename("Sign the rental contract on Friday")
        page.select_option("#priority", "2")
        expect(person.patch(f"/api/tasks/{tasks['contract']}/", {"title": "Sign the contract", "priority": 3}), 200)
        page.click(".pane .close")
        page.click(f"[data-id='{tasks['tomatoes']}'] a")
        self._rename("Water the tomatoes twice")
        expect(friend.delete(f"/api/categories/{tasks['garden']}/shares/{person.id}"), 204)
        page.click(".pane .close")
        page.wait_for_selector(".status-line.offline", state="attached")
        self._shoot("offline")
        if page.viewport_size["width"] < 800:
            page.click(".top button")
        page.click(".account button")
        self._shoot("sign-out")
        page.click("dialog[open] button")
        page.keyboard.press("Escape")
        page.context.set_offline(False)
        page.wait_for_selector(".issue >> nth=1")
        page.evaluate("scrollTo(0, 0)")
        self._shoot("conflict")

    def _rename(self, title: str) -> None:
        self._page.fill(".pane textarea.title", title)
        self._page.press(".pane textarea.title", "Enter")


def _count_days(database: sqlite3.Connection) -> None:
    """Count something on each of the last days."""
    today = datetime.now(UTC).date()
    for kind, factor in {"registrations": 1, "logins": 7, "failures": 2, "tasks_created": 13, "tasks_done": 11}.items():
        rows = [(str(today - timedelta(days=day)), kind, factor * ((day * 7 + 3) % 10)) for day in range(30)]
        database.executemany("INSERT OR IGNORE INTO daily_counts (day, kind, count) VALUES (?, ?, ?)", rows)


def _seed(person: Person, friend: Person) -> dict[str, str]:
    """Fill an account, and return the ids of some items."""
    now = datetime.now(UTC).replace(hour=21, minute=0, second=0, microsecond=0)

    def due(days: int) -> str:
        return (now + timedelta(days=days)).isoformat()

    home = person.category("Home", color="#2f855a")
    work = person.category("Work on the new website and its shop", color="#c05621")
    garden = friend.category("Garden", color="#6b46c1")
    friend.share(garden, person)
    person.share(work, friend)
    invited = {"username": "somebody.with.a.long.name@example.org", "role": "viewer"}
    expect(person.post(f"/api/categories/{work['id']}/shares/", invited), 202)
    person.task(LONG, due_date=due(-2), priority=4, category=home["id"], description=NOTES)
    contract = person.task(
        "Sign the rental contract", due_date=due(0), priority=3, category=work["id"], description=NOTES
    )
    for title, state in {
        "Read it": "done",
        "Ask about the deposit": "open",
        "Call the landlord": "in_progress",
    }.items():
        person.task(title, parent=contract["id"], state=state, due_date=due(1))
    expect(friend.patch(f"/api/tasks/{contract['id']}/", {"title": "Sign the contract for the flat"}), 200)
    expect(
        person.patch(f"/api/tasks/{contract['id']}/", {"title": "Sign the rental contract", "due_date": due(0)}), 200
    )
    for number, title in enumerate(
        ("Buy milk", "Call mum", "Renew the passport", "Book a train", "Back up the laptop")
    ):
        person.task(title, due_date=due(number), state="in_progress" if number == 2 else "open")
    for title in (
        "Learn to bake bread",
        "Sort old photos",
        "Plan the summer holiday",
        "Fix the bicycle",
        "Tidy the cellar",
    ):
        person.task(title, category=home["id"])
    plain = person.task(LONG.replace("Ask", "Please ask") + " and in September", description=NOTES * 4)
    bare = person.task("Water the plants")
    today = now.date()
    rent, unlucky = (
        person.task(title, due_on=f"{today + timedelta(days=3)}", recurrence={"rule": rule, "time_zone": "UTC"})
        for title, rule in {
            "Transfer the rent": "FREQ=MONTHLY;BYMONTHDAY=1",
            "Check the lottery ticket": "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
        }.items()
    )
    for title in ("Pay the rent", "Clean the windows", "Return the library books"):
        person.task(title, state="done")
    person.task("Cancelled trip", state="cancelled")
    for title in ("Old note", LONG):
        expect(person.delete(f"/api/tasks/{person.task(title)['id']}/"), 204)
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    later = (now + timedelta(days=3)).isoformat()
    for reminder in ({"before": "PT0M"}, {"before": "P1D"}, {"at": soon}, {"at": later}):
        expect(person.post(f"/api/tasks/{contract['id']}/reminders/", reminder), 201)
    tomatoes = friend.task("Water the tomatoes", category=garden["id"], due_date=due(0))
    friend.task("Mow the lawn", category=garden["id"], priority=3)
    read = friend.task("Read the minutes of the meeting", description="They are *short*.")
    friend.share(read, person, "viewer")
    found = {"category": home, "work": work, "empty": person.category("Recipes"), "garden": garden}
    found |= {"tomatoes": tomatoes, "contract": contract, "read": read, "plain": plain, "bare": bare}
    found |= {"rent": rent, "unlucky": unlucky}
    return {name: item["id"] for name, item in found.items()}


if __name__ == "__main__":
    main()
