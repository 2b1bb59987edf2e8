"""Two people with one list, each in a browser of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from tests.browser.tab import Tab
from tests.http import Person, Server

pytestmark = pytest.mark.browser

WATCH = """
window.seen = new Promise((see) => {
    const look = () => window.isShown() && see(Date.now());
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
});
undefined; // `evaluate` would wait for the promise
"""
ACT = "for (const kind of ['keydown', 'click']) addEventListener(kind, () => (window.acted = Date.now()), true)"


@pytest.fixture
def friend(server: Server) -> Person:
    return server.register()


@pytest.fixture
def friends_app(new_device: Callable[..., Tab], friend: Person) -> Tab:
    tab = new_device().open().enter(friend.username)
    tab.see("Nothing is due today.")
    return tab


def share_by_name(app: Tab, category: str, name: str) -> None:
    """Create a category, and share it in the dialog."""
    app.page.fill(".side .new-category input", category)
    app.page.press(".side .new-category input", "Enter")
    app.page.wait_for_selector(f"h1:text-is('{category}')")
    app.synced()
    app.page.click("main button:text-is('Share')")
    app.page.fill("dialog[open] [name=username]", name)
    app.page.click("dialog[open] button.main")
    app.see(f"Shared with {name}")
    app.page.click("dialog[open] button:text-is('Close')")


def unshare(app: Tab, name: str, left: int = 1) -> None:
    app.page.click("main .list > header button.share")
    app.page.click(f"button[aria-label='Remove: {name}']")
    app.page.wait_for_selector(f".members li >> nth={left}", state="detached")
    app.page.click("dialog[open] button:text-is('Close')")


@pytest.fixture
def shared(app: Tab, friends_app: Tab, friend: Person) -> tuple[Tab, Tab]:
    """The apps of two people, each with the list that they share."""
    share_by_name(app, "Shopping", friend.username)
    friends_app.page.click(".side a:has-text('Shopping')")
    friends_app.page.wait_for_selector("h1:text-is('Shopping')")
    return app, friends_app


def watch(here: Tab, there: Tab, expected: str) -> None:
    """Note when a key or a click comes here, and when an expression becomes true there."""
    there.page.evaluate(f"window.isShown = () => {expected}")
    there.page.evaluate(WATCH)
    here.page.evaluate(ACT)


def delay(here: Tab, there: Tab) -> float:
    """Return the seconds between both."""
    seen: int = there.page.evaluate("seen")
    acted: int = here.page.evaluate("acted")
    return (seen - acted) / 1000


def test_what_one_person_adds_and_ticks_off_is_seen_by_the_other_within_a_second(shared: tuple[Tab, Tab]) -> None:
    delays = []
    for here, there in (shared, shared[::-1]):
        for title in [f"item {number}" for number in range(10)]:
            check = f"button[aria-label='Complete “{title}”']"
            watch(here, there, f"document.querySelector(`{check}`) !== null")
            here.add(title)
            delays.append(delay(here, there))
            watch(here, there, f"document.querySelector(`{check}`) === null")
            here.page.click(check)
            delays.append(delay(here, there))
    print(f"seen after {median(delays):.3f} s (median), {max(delays):.3f} s at most")  # noqa: T201
    assert median(delays) < 1


def test_what_was_edited_offline_arrives_later(shared: tuple[Tab, Tab]) -> None:
    app, friends = shared
    app.add("Milk")
    friends.expect("Milk")
    friends.page.context.set_offline(True)
    friends.add("Bread")
    friends.page.click("button[aria-label='Complete “Milk”']")
    friends.page.wait_for_selector(".waiting:has-text('2 changes waiting')", state="attached")
    app.add("Butter")
    app.synced()
    app.expect("Butter", "Milk")
    friends.expect("Bread")
    friends.page.context.set_offline(False)
    for each in shared:
        each.expect("Bread", "Butter")


def test_who_loses_access_sees_nothing_of_the_list_but_the_own_unsent_edits(
    shared: tuple[Tab, Tab], friend: Person
) -> None:
    app, friends = shared
    for title in ("Milk", "Bread"):
        app.add(title)
    friends.expect("Bread", "Milk")
    friends.page.click(".row a:has-text('Milk')")
    friends.page.click(".history summary")  # the device keeps it
    friends.see("Added")
    friends.page.click(".row a:has-text('Bread')")
    friends.page.context.set_offline(True)
    friends.page.fill(".pane textarea.title", "Rye bread")
    friends.page.press(".pane textarea.title", "Enter")
    friends.page.click(".pane .close")
    friends.add("Cake")
    friends.page.wait_for_selector(".waiting:has-text('2 changes waiting')", state="attached")
    unshare(app, friend.username)
    friends.expect("Cake", "Milk", "Rye bread")
    friends.page.context.set_offline(False)
    friends.see("The server did not accept a change of “Rye bread”")
    friends.see("The server did not accept a change of “Cake”")
    friends.see("It no longer exists, or is no longer shared with you.")
    friends.see("This category is no longer shared with you.")
    friends.page.wait_for_selector(".side a:has-text('Shopping')", state="detached")
    assert "Milk" not in friends.page.evaluate(STORED)
    app.synced()
    app.expect("Bread", "Milk")
    assert app.page.locator(".issue").count() == 0
    friends.page.click("text=Sign out >> visible=true")
    friends.see("Sign out and lose 2 changes?")
    friends.page.click("dialog[open] button:text-is('Cancel')")
    assert friends.mistakes() == []
    friends.page.click(".issue:has-text('Cake') button:text-is('Keep it as mine')")
    friends.page.click(".issue:has-text('Rye bread') button:text-is('Discard my change')")
    friends.page.wait_for_selector(".issue", state="detached")
    friends.page.click(".side a:has-text('All tasks')")
    friends.expect("Cake")
    friends.synced()
    assert friend.titles() == ["Cake"]
    app.expect("Bread", "Milk")


def test_who_loses_access_while_online_sees_the_list_vanish_at_once(shared: tuple[Tab, Tab], friend: Person) -> None:
    app, friends = shared
    app.add("Milk")
    friends.expect("Milk")
    friends.page.click(".row a:has-text('Milk')")
    friends.page.fill(".pane textarea.title", "Oat milk")  # and not left
    app.page.click("main .list > header button.share")
    app.page.wait_for_selector(f"button[aria-label='Remove: {friend.username}']")
    watch(app, friends, "!document.querySelector(\".row, .side a[href^='/list/']\")")
    app.page.click(f"button[aria-label='Remove: {friend.username}']")
    seconds = delay(app, friends)
    print(f"unshared after {seconds:.3f} s")  # noqa: T201
    assert seconds < 5
    friends.page.wait_for_selector(".issue:has-text('a change of “Milk”') dd:has-text('Oat milk')")
    friends.page.reload()
    friends.page.wait_for_selector(".issue:has-text('a change of “Milk”') dd:has-text('Oat milk')")
    app.page.click("dialog[open] button:text-is('Close')")
    app.expect("Milk")


class TestWithMail:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> dict[str, str]:
        mail = {"MAIL_URL": f"folder:{tmp_path}/mails", "MAIL_FROM": "tasks@example.org"}
        return {**mail, "PUBLIC_URL": "http://127.0.0.1"}

    def test_a_list_shows_its_members_and_what_one_of_them_has_just_done(
        self, shared: tuple[Tab, Tab], person: Person, friend: Person, server: Server
    ) -> None:
        app, friends = shared
        names = [person.username, friend.username]
        for each, you in zip(shared, names, strict=True):
            each.page.wait_for_selector(f".members-line li:has-text('{you} (you)')")
        [shopping] = person.listed("/api/categories/")
        viewer = server.register()
        person.share(shopping, viewer, "viewer")
        app.page.wait_for_selector(f".members-line li:has-text('{person.username}'):has-text('Owner')")
        app.page.wait_for_selector(f".members-line li:has-text('{friend.username}'):has-text('Can edit')")
        app.page.wait_for_selector(f".members-line li:has-text('{viewer.username}'):has-text('Can view')")
        app.page.click("main button:text-is('Share')")
        app.page.fill("dialog[open] [name=username]", "grace@example.org")
        app.page.click("dialog[open] button.main")
        app.see("grace@example.org is invited by mail")
        app.page.click("dialog[open] button:text-is('Close')")
        app.page.wait_for_selector(".members-line li:has-text('grace@example.org'):has-text('Invited')")
        friends.page.wait_for_selector(".members-line li:has-text('Can view')")
        assert friends.page.locator(".members-line li").count() == 3
        app.add("Milk")
        friends.page.wait_for_selector(f".members-line p:has-text('{person.username} added “Milk”')")
        friends.page.click("button[aria-label='Complete “Milk”']")
        app.page.wait_for_selector(f".members-line p:has-text('{friend.username} completed “Milk”')")
        assert friends.page.locator(".members-line p:has-text('completed')").count() == 0
        for each in shared:
            each.page.set_viewport_size({"width": 390, "height": 800})
            assert each.page.evaluate("document.documentElement.scrollWidth") <= 390
            assert each.mistakes() == []
        app.page.set_viewport_size({"width": 1100, "height": 700})
        unshare(app, friend.username, left=3)
        app.page.wait_for_selector(f".members-line li:has-text('{friend.username}')", state="detached")


STORED = """async () => {
    const [{ name }] = (await indexedDB.databases()).filter(({ name }) => name.includes(":"));
    const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const database = await done(indexedDB.open(name));
    const names = [...database.objectStoreNames];
    const transaction = database.transaction(names);
    const all = await Promise.all(names.map((each) => done(transaction.objectStore(each).getAll())));
    database.close();
    return JSON.stringify(all);
}"""
"""Everything that the device keeps."""
