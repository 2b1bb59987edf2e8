"""Measure the list of users in the administration of the browser app: a part of `make bench-web`."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import AuthEvent, Kind
from tasktracker.domain.kernel.actors import SystemActor
from tests.http import PASSWORD, Person, Server, migrated

LOGINS = 3
"""Logins of each user, by which users are sorted."""
ROUNDS = 10
PATIENCE = 500
"""How often to look for the result of an action."""
FIRST = ".panel .entries li a"
SHOWN = f"[...document.querySelectorAll('{FIRST}')].slice(0, 5).map((each) => each.textContent).join()"
WATCH = """
window.delays = [];
let begun;
for (const kind of ["keydown", "change", "click"]) {
    addEventListener(kind, (event) => (begun = event.timeStamp), true);
}
new MutationObserver(() => {
    if (begun === undefined || !window.isShown()) return;
    window.delays.push(performance.now() - begun);
    begun = undefined;
}).observe(document.body, { subtree: true, childList: true, characterData: true });
"""


def measure(browser: Any, folder: Path, users: int) -> Iterator[tuple[str, float]]:
    """Return the names of figures, and milliseconds from the key or click to the DOM, with a server on SQLite."""
    url = migrated(f"sqlite:///{folder}/users.db")
    with Server(folder, DATABASE_URL=url) as server:
        admin = server.register()
        _fill(url, users, UUID(admin.id))
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
        _open(page, server.url, admin)
        for name, act in {"opened": _open_list, "searched": _search, "sorted": _sort}.items():
            delays = [act(page, number) for number in range(ROUNDS)]
            yield f"users {name}, p50", statistics.median(delays)
            yield f"users {name}, longest", max(delays)


def _open(page: Any, url: str, admin: Person) -> None:
    page.goto(url)
    page.fill("#username", admin.username)
    page.fill("#password", PASSWORD)
    page.click("button.main")
    page.wait_for_selector(".status-line.live", state="attached")
    page.goto(f"{url}/admin/users")
    page.wait_for_selector(FIRST)
    page.evaluate(WATCH)


def _open_list(page: Any, _: int) -> float:
    page.click(".panel nav >> text=Registration")
    page.wait_for_selector(FIRST, state="detached")
    return _delay(page, "!== ''", lambda: page.click(".panel nav >> text=Users"))


def _search(page: Any, number: int) -> float:
    page.fill(".panel input[type=search]", "")
    page.wait_for_selector(f"{FIRST} >> nth=40")
    page.type(".panel input[type=search]", f"user-{1 + number % 9}")
    page.wait_for_timeout(1000)
    return _delay(page, f"=== 'user-{1 + number % 9}234'", lambda: page.keyboard.type("234"))


def _sort(page: Any, number: int) -> float:
    if number == 0:
        page.fill(".panel input[type=search]", "")
        page.wait_for_selector(f"{FIRST} >> nth=40")
    order = ["-created_at", "-last_seen_at", "-tasks", "username"][number % 4]
    shown = page.evaluate(SHOWN)
    select = page.locator(".panel select").nth(1)
    return _delay(page, f"!== '{shown}'", lambda: select.select_option(order))


def _delay(page: Any, expected: str, act: Callable[[], object]) -> float:
    """Act, and return the time until the first users are as expected."""
    page.evaluate(f"delays.length = 0; window.isShown = () => {SHOWN} {expected}; undefined")
    act()
    for _ in range(PATIENCE):
        if page.evaluate("delays.length"):
            delay: float = page.evaluate("delays[0]")
            return delay
        page.wait_for_timeout(20)
    raise AssertionError(f"never {expected}: {page.evaluate(SHOWN)}")


def _fill(url: str, users: int, admin: UUID) -> None:
    """Create users who have logged in at different times, and make the first user an administrator."""
    clock, ids = SystemClock(), Uuid7Generator()
    store = SqlStore(open_database(url, pool_size=1), clock, ids)
    with store.writing(SystemActor("fill a database")) as work:
        for number in range(users):
            moment = work.now - timedelta(minutes=number * 7919 % 40_000)
            name = f"user-{number}"
            user = User(id=ids.new(), username=name, email=f"{name}@example.org", password_hash="", created_at=moment)
            work.users.add(user)
            for login in range(LOGINS):
                at = moment - timedelta(hours=login)
                work.activity.add(AuthEvent(id=ids.new(), at=at, kind=Kind.LOGIN, user_id=user.id))
        found = work.users.find(admin)
        assert found is not None
        work.users.save(found.promoted(True))
    store.close()
