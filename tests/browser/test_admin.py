"""The administration in a real Chromium."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.tab import Tab
from tests.browser.test_settings import prove
from tests.http import PASSWORD, Person, Server, expect
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

VIEWS = ("", "users", "invites", "deliveries", "activity", "settings")


def set_admin(server: Server, person: Person, is_admin: bool) -> None:
    with sqlite3.connect(server.folder / "tasks.db") as database:
        database.execute("UPDATE users SET is_admin = ? WHERE username = ?", (is_admin, person.username))


def set_registration(server: Server, mode: str) -> None:
    with sqlite3.connect(server.folder / "tasks.db") as database:
        database.execute("UPDATE service_settings SET value = ? WHERE name = 'registration'", (mode,))


@pytest.fixture
def admin(server: Server, person: Person) -> Person:
    set_admin(server, person, True)
    return person


@pytest.fixture
def opened(new_device: Callable[..., Tab], admin: Person) -> Callable[..., Tab]:
    """The app of an administrator, with a view of the administration."""

    def opened(view: str = "", **options: Any) -> Tab:
        tab = new_device(**options).open().enter(admin.username)
        tab.page.wait_for_selector("main .list")
        tab.open(f"/admin/{view}".rstrip("/"))
        tab.page.wait_for_selector(".panel section")
        return tab

    return opened


def test_a_user_gets_nothing_of_the_administration(app: Tab) -> None:
    app.page.context.on("request", lambda each: loaded.append(each.url))
    loaded: list[str] = []
    app.open("/settings").see("Profile")
    assert app.page.locator("text=Administration").count() == 0
    app.open("/admin/users")
    app.page.wait_for_url("**/today")
    assert [url for url in loaded if url.endswith(("admin.js", "users.js", "admin.css"))] == []


CALL = """async ([method, path]) => {
    const assets = document.querySelector("script[type=module]").src.replace("main.js", "");
    const { account } = await import(`${assets}account.js`);
    return account.value.copy.request(method, path).then(() => "allowed", ({ slug }) => slug);
}"""


def test_a_user_who_calls_operations_by_hand_gets_nothing(app: Tab, person: Person, server: Server) -> None:
    operations = [
        (method.upper(), path.removeprefix("/api").replace("{id}", person.id))
        for path, methods in expect(server.get("/schema/openapi.json"), 200)["paths"].items()
        for method in methods
        if path.startswith("/api/admin/")
    ]
    assert len(operations) > 15
    answers = {operation: app.page.evaluate(CALL, list(operation)) for operation in operations}
    assert answers == dict.fromkeys(operations, "admin-required")
    for view in (*VIEWS, f"users/{person.id}"):
        app.open(f"/admin/{view}".rstrip("/"))
        app.page.wait_for_url("**/today")
    expect(person.get("/api/accounts/me/"), 200)


def test_every_action_is_in_the_activity_with_who_did_what_to_whom(
    opened: Callable[..., Tab], admin: Person, server: Server
) -> None:
    grace = server.register()
    tab = opened(f"users/{grace.id}")
    page = tab.page
    page.click("text=Link for a new password")
    prove(tab)
    page.get_by_label("Link", exact=True).wait_for()
    for action, badge in {
        "Make administrator": ".badge:text-is('Administrator')",
        "Disable": ".badge.negative",
    }.items():
        page.click(f".panel button:text-is('{action}')")
        page.click(f"dialog[open] button:text-is('{action}')")
        page.wait_for_selector(badge)
    page.click(".panel button:text-is('Remove administrator role')")
    page.click("dialog[open] button.negative")
    page.click(".panel button:text-is('Enable')")
    page.click(".panel button:text-is('Sign out everywhere')")
    page.click("dialog[open] button.main")
    tab.see("All sessions have ended")
    page.get_by_label("E-mail address").fill("grace@example.org")
    page.locator("form", has_text="E-mail").locator("button").click()
    page.get_by_label("Tasks").fill("5")
    page.locator("form", has_text="Bytes of").locator("button").click()
    tab.wait_for(
        "[...document.querySelectorAll('[role=status]')].filter((each) => each.textContent === 'Saved.').length === 2"
    )
    page.click(".panel button:text-is('Delete account')")
    page.click("dialog[open] button:text-is('Delete account')")
    page.wait_for_url("**/admin/users")
    page.get_by_label("Username", exact=True).fill("ada")
    page.click("text=Create account")
    tab.see("Created.")
    tab.open("/admin/invites")
    page.click("button:text-is('Invite')")
    page.click("button:text-is('Revoke')")
    page.click("dialog[open] button.negative")
    tab.see("There are no invitations.")
    tab.open("/admin/settings")
    page.get_by_label("Who can create").select_option("closed")
    page.click("button:text-is('Save')")
    tab.see("Saved.")
    tab.open(f"/admin/activity/{grace.id}")
    tab.page.wait_for_selector(f".entries li:has-text('Account deleted'):has-text('{grace.username}')")
    tab.open("/admin/activity")
    tab.see("Settings changed")
    page.get_by_label("Also what administrators looked at").check()
    page.wait_for_selector(".entries li:has-text('Users listed')")
    rows = page.locator(".entries li").all_inner_texts()
    of_grace = (
        *("Account deleted", "Quotas changed", "Username or address changed", "Session ended", "Account enabled"),
        *("No longer an administrator", "Account disabled", "Made an administrator", "Link for a new password made"),
    )
    for action in of_grace:
        assert [row for row in rows if action in row and f"by {admin.username}" in row], action
    for action, whom in {
        "Account deleted": grace.username,
        "Account created": "ada",
        "Invitation made": "id: ",
    }.items():
        assert [row for row in rows if action in row and whom in row and f"by {admin.username}" in row], action
    for action in ("Settings changed", "Invitation revoked", "User read", "Users listed", "Invitations listed"):
        assert [row for row in rows if action in row and f"by {admin.username}" in row], action


def test_who_loses_the_role_leaves_at_the_next_request(
    opened: Callable[..., Tab], admin: Person, server: Server
) -> None:
    tab = opened()
    set_admin(server, admin, False)
    tab.page.click(".panel nav >> text=Users")
    tab.page.wait_for_url("**/today")
    tab.see("You are not an administrator any more.")
    tab.open("/settings").see("Profile")
    tab.page.wait_for_selector("text=Administration", state="detached")


def test_who_loses_the_role_changes_nothing_and_leaves(
    opened: Callable[..., Tab], admin: Person, server: Server
) -> None:
    grace = server.register()
    tab = opened(f"users/{grace.id}")
    set_admin(server, admin, False)
    tab.page.click(".panel button:text-is('Disable')")
    tab.page.click("dialog[open] button.negative")
    tab.page.wait_for_url("**/today")
    tab.see("You are not an administrator any more.")
    assert tab.page.locator(f"text={grace.username}").count() == 0
    expect(grace.get("/api/accounts/me/"), 200)


def test_an_account_is_created_found_changed_and_deleted(
    opened: Callable[..., Tab], admin: Person, server: Server
) -> None:
    tab = opened("users")
    page = tab.page
    page.click("button:text-is('New user')")  # above all accounts
    page.keyboard.type("grace")
    page.click("text=Create account")
    prove(tab)
    assert "/link/set-password?token=" in page.get_by_label("Link", exact=True).input_value()
    page.get_by_label("Search for").fill("GRA")
    page.wait_for_selector(".entries li >> nth=1", state="detached")
    page.click(".entries a:text-is('grace')")
    page.click("text=Link for a new password")
    assert "/link/reset-password?token=" in page.get_by_label("Link", exact=True).input_value()
    tab.see("The service sets no limit.")
    page.get_by_label("Tasks").fill("-1")
    page.locator("form", has_text="Bytes of").locator("button").click()
    tab.see("Use a whole number from 0 on.")
    page.get_by_label("Tasks").fill("5")
    page.locator("form", has_text="Bytes of").locator("button").click()
    tab.see("Saved.")
    page.get_by_label("E-mail address").fill("grace@example.org")
    page.locator("form", has_text="E-mail").locator("button").click()
    tab.see("grace@example.org")
    for action, badge in {"Make administrator": "Administrator", "Disable": "Disabled"}.items():
        page.click(f".panel button:text-is('{action}')")
        page.click(f"dialog[open] button:text-is('{action}')")
        page.wait_for_selector(f".badge:text-is('{badge}')")
    assert page.locator("text=Link for a new password").count() == 0
    [grace] = admin.listed("/api/admin/users/", "q=grace")
    assert (grace["is_admin"], grace["is_active"], grace["max_tasks"]) == (True, False, 5)
    page.click(".panel button:text-is('Delete account')")
    page.click("dialog[open] button:text-is('Delete account')")
    page.wait_for_url("**/admin/users")
    assert [each["username"] for each in admin.listed("/api/admin/users/")] == [admin.username]
    tab.open(f"/admin/users/{grace['id']}").see("This account no longer exists.")
    assert page.locator("text=Try again").count() == 0


def test_the_page_says_what_becomes_of_shared_categories(
    opened: Callable[..., Tab], admin: Person, server: Server
) -> None:
    grace, bob, carl = (server.register() for _ in range(3))
    home, wall = grace.category("home"), grace.category("wall")
    for person in (bob, carl):
        grace.share(home, person)
    tab = opened(f"users/{grace.id}")
    tab.see(f"One shared category passes to {bob.username}")
    tab.page.get_by_label("New owner of").select_option(carl.username)
    tab.page.click(".panel button:text-is('Delete account')")
    tab.page.wait_for_selector(f"dialog[open]:has-text('passes to {carl.username}')")
    tab.page.click("dialog[open] button:text-is('Cancel')")
    grace.share(wall, bob, "viewer")
    tab.open(f"/admin/users/{grace.id}").see("One shared category has no editor")
    assert tab.page.get_by_label("New owner of").count() == 0
    assert not {"home", "wall"} & set(tab.page.locator("main").inner_text().split())


def test_the_last_administrator_stays_one(opened: Callable[..., Tab], admin: Person) -> None:
    tab = opened(f"users/{admin.id}")
    tab.see("Only another administrator can disable it")
    for action in ("Remove administrator role", "Disable"):
        assert tab.page.locator(f".panel button:text-is('{action}')").count() == 0
    tab.page.click(".panel button:text-is('Delete account')")
    tab.page.click("dialog[open] button:text-is('Delete account')")
    prove(tab)
    tab.see("The last active administrator cannot be")


def test_registration_is_by_invitation(opened: Callable[..., Tab], server: Server) -> None:
    tab = opened("settings")
    page = tab.page
    page.get_by_label("Who can create").select_option("invite")
    page.click("button:text-is('Save')")
    prove(tab)
    tab.see("Saved.")
    page.click(".panel nav >> text=Invitations")
    tab.see("There are no invitations.")
    page.get_by_label("Note").fill("for Grace")
    page.click("button:text-is('Invite')")
    token = page.get_by_label("Link", exact=True).input_value().partition("token=")[2]
    expect(server.post("/api/accounts/register/", {"username": "x-y-z", "password": PASSWORD}), 400)
    server.register(invite=token)
    revoke = page.locator("button[aria-label='Revoke: for Grace']")
    with sqlite3.connect(server.folder / "tasks.db") as database:
        tab.open("/admin/invites").see("Used up")
        assert revoke.count() == 0
        until = database.execute("SELECT expires_at FROM invites").fetchone()
        database.execute("UPDATE invites SET uses_left = 1, expires_at = created_at")
        database.commit()
        tab.open("/admin/invites").see("Expired: ")
        assert revoke.count() == 0
        database.execute("UPDATE invites SET expires_at = ?", until)
        database.commit()
    tab.open("/admin/invites")
    revoke.click()
    page.click("dialog[open] button.negative")
    tab.see("There are no invitations.")


def test_the_page_for_new_accounts_says_what_they_need(new_device: Callable[..., Tab], server: Server) -> None:
    set_registration(server, "invite")
    tab = new_device().open("/register")
    tab.page.get_by_label("Invitation code, at the end of the link").wait_for()
    tab.see("You need an invitation.")
    set_registration(server, "closed")
    tab.open("/register").see("This server accepts no new accounts.")
    assert tab.page.locator("form").count() == 0


def test_the_overview_says_as_of_when_it_counts(opened: Callable[..., Tab]) -> None:
    page = opened().page
    page.wait_for_selector("h2:has-text('30 days') + .hint:is(:has-text('As of'), :has-text('Nothing is counted yet'))")
    facts = " ".join(page.locator(".facts").all_inner_texts())
    for fact in (
        "Users\n1\n",
        "None waiting",
        "Devices connected now, to this process",
        "Mail\nNot set up.",
        "backup” makes one",
    ):
        assert fact in facts


def test_administrators_get_there_from_the_sidebar_and_back_to_the_settings(
    opened: Callable[..., Tab], admin: Person, server: Server
) -> None:
    tab = opened("invites")
    page = tab.page
    page.click(".sidebar a:text-is('Administration')")
    page.wait_for_selector("h2:text-is('Now')")
    tab.open("/admin/nothing").see("There is no such page.")
    page.click(".panel nav a:has-text('Settings')")
    page.wait_for_selector("h2:text-is('Profile')")
    set_admin(server, admin, False)
    tab.open("/settings")
    page.wait_for_selector(".sidebar a:text-is('Administration')", state="detached")


def test_a_tab_that_is_clicked_again_loads_its_list_and_ends_the_message(
    opened: Callable[..., Tab], server: Server
) -> None:
    tab = opened("users")
    tab.page.wait_for_selector(".entries li")
    grace = server.register()
    tab.page.click(".panel nav >> text=Users")
    tab.page.click(f"text={grace.username}")
    tab.page.click("text=Sign out everywhere")
    tab.page.click("dialog[open] button.main")
    prove(tab)
    tab.see("All sessions have ended")
    tab.page.click(".panel nav >> text=Invitations")
    tab.see("There are no invitations.")
    assert tab.page.locator(".toast").count() == 0


def test_an_invitation_while_registration_is_closed_is_refused_in_words(
    opened: Callable[..., Tab], server: Server
) -> None:
    tab = opened("invites")
    tab.page.wait_for_selector("button:text-is('Invite')")
    set_registration(server, "closed")
    tab.page.click("button:text-is('Invite')")
    prove(tab)
    tab.page.wait_for_selector(".form [role=alert]:has-text('This server accepts no new accounts.')")
    tab.page.reload()
    tab.see("no invitation works now")
    assert tab.page.locator("button:text-is('Invite')").count() == 0
    tab.page.click("text=Change registration")
    tab.page.wait_for_selector("option:has-text('invitations do not work')", state="attached")


def test_events_are_filtered(opened: Callable[..., Tab], server: Server) -> None:
    expect(server.post("/api/accounts/login/", {"username": "nobody", "password": PASSWORD}), 401)
    tab = opened("activity")
    tab.page.wait_for_selector(".entries li:has-text('Account created')")
    assert not tab.page.locator(".entries li:has-text('Activity listed')").count()
    tab.page.get_by_label("Also what administrators looked at").check()
    tab.see("Activity listed")
    tab.page.get_by_label("Result").select_option("failure")
    tab.wait_for("document.querySelectorAll('.entries li').length === 1")
    tab.page.wait_for_selector(".entries li:has-text('Sign-in'):has-text('Failed')")
    tab.see("“tasktracker limits clear” ends this.")  # no list can show which account or address has to wait
    tab.page.get_by_label("From").fill("2099-01-01")
    tab.see("No event matches.")


class TestWithMail:
    @pytest.fixture
    def settings(self) -> dict[str, str]:
        """Mail by a relay that does not answer: every attempt fails."""
        mail = {"MAIL_URL": "smtp://127.0.0.1:9", "MAIL_FROM": "tasks@example.org"}
        return {**mail, "PUBLIC_URL": "http://127.0.0.1"}

    def test_a_mail_is_cancelled_and_sent_again(
        self, opened: Callable[..., Tab], admin: Person, server: Server
    ) -> None:
        expect(admin.patch("/api/accounts/me/", {"email": "ada@example.org", "password": PASSWORD}), 200)
        wait_until(lambda: admin.listed("/api/admin/deliveries/")[0]["problem"], "no attempt")
        tab = opened("deliveries")
        mail = tab.page.locator(".entries li", has_text="ada@example.org")
        mail.locator(".badge.negative:text-is('Failing')").wait_for()
        tab.page.get_by_label("State").select_option("sent")
        mail.wait_for(state="detached")
        tab.page.get_by_label("State").select_option("failing")
        mail.wait_for()
        tab.page.get_by_label("State").select_option("")
        assert "Check MAIL_URL" in mail.inner_text()
        assert tab.mistakes() == []
        with tab.page.expect_response(lambda each: each.url.endswith("/retry") and each.ok) as sent_now:
            mail.locator("button:has-text('Send now')").click()
            prove(tab)
        assert sent_now.value.json()["attempts"] > 0
        mail.locator("button:has-text('Do not send')").click()
        mail.locator(".badge:text-is('Cancelled')").wait_for()
        mail.locator("button:has-text('Send again')").click()  # a cancelled one
        mail.locator(".badge:text-is('Due'), .badge:text-is('Failing')").wait_for()
        with sqlite3.connect(server.folder / "tasks.db") as database:
            database.execute("UPDATE deliveries SET state = 'failed'")
        tab.page.get_by_label("State").select_option("failed")
        with tab.page.expect_response("**/retry") as answer:
            tab.page.click("button:has-text('Send again')")
        assert answer.value.json()["state"] == "due"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_administration(opened: Callable[..., Tab], admin: Person, scheme: str) -> None:
    tab = opened(color_scheme=scheme, viewport={"width": 320, "height": 640})
    mistakes = {}
    for view in (*VIEWS, f"users/{admin.id}"):
        tab.open(f"/admin/{view}".rstrip("/"))
        tab.page.wait_for_selector(".panel section")
        tab.page.wait_for_selector(".panel [role=status].empty", state="detached")
        if not view:
            tab.page.locator("summary").first.click()
        mistakes[view] = tab.mistakes()
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 320, view
    assert mistakes == {name: [] for name in mistakes}
