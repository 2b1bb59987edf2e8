"""The settings of the account in a real Chromium."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyotp
import pytest

from tests.browser.tab import Tab
from tests.http import OTHER_PASSWORD, PASSWORD, Person, Server, expect

pytestmark = pytest.mark.browser

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def opened(new_device: Callable[..., Tab], person: Person, section: str = "", **options: Any) -> Tab:
    """Return the app of a user, with a section of the settings."""
    tab = new_device(**options).open().enter(person.username, button="")
    tab.page.wait_for_selector("main .list")
    tab.open(f"/settings/{section}".rstrip("/"))
    tab.page.wait_for_selector(".panel section")
    return tab


def prove(tab: Tab, **fields: str) -> None:
    """Give the proof that is asked for."""
    for name, value in {"password": PASSWORD, **fields}.items():
        tab.page.fill(f"dialog[open] [name={name}]", value)
        tab.page.click("dialog[open] button.main")


def profile(person: Person) -> dict[str, Any]:
    found: dict[str, Any] = expect(person.get("/api/accounts/me/"), 200)
    return found


def test_the_profile_is_changed_and_the_password_is_asked_for_in_place_once(
    new_device: Callable[..., Tab], person: Person
) -> None:
    tab = opened(new_device, person)
    page = tab.page
    page.get_by_label("First name").fill("Ada")
    page.get_by_label("Time zone").select_option("Europe/Vienna")
    page.click("button:text-is('Save')")
    tab.see("Saved.")
    assert (profile(person)["first_name"], profile(person)["time_zone"]) == ("Ada", "Europe/Vienna")
    page.get_by_label("Username").fill("x")
    page.click("text=Change username")
    tab.see("3 to 150 letters")
    tab.wait_for("document.activeElement.name === 'username'")
    page.get_by_label("Username").fill("ada-lovelace")
    page.click("text=Change username")
    prove(tab, password="wrong")
    tab.see("This password is wrong.")
    prove(tab)
    page.wait_for_selector("dialog[open]", state="detached")
    page.wait_for_selector(".account strong:text-is('ada-lovelace')", state="attached")
    page.get_by_label("New address").fill("ada@example.org")
    page.click("text=Change address")
    tab.see("Saved.")
    assert (profile(person)["username"], profile(person)["email"]) == ("ada-lovelace", "ada@example.org")
    page.get_by_label("Language").select_option("de")
    page.click("button:text-is('Save')")
    tab.see("Einstellungen")
    assert profile(person)["language"] == "de"


def test_the_language_of_the_account_changes_the_app_on_other_devices(
    new_device: Callable[..., Tab], person: Person
) -> None:
    tab = new_device().open().enter(person.username)
    tab.see("Nothing is due today.")
    chosen = new_device().open().enter(person.username)
    chosen.page.evaluate("localStorage.setItem('tasktracker:language', 'en')")
    for each in (tab, chosen):
        each.wait_for("localStorage.getItem('tasktracker:language-of-account') === 'en'")
    expect(person.patch("/api/accounts/me/", {"language": "de"}), 200)
    for each in (tab, chosen):
        each.page.reload()
        each.wait_for("localStorage.getItem('tasktracker:language-of-account') === 'de'")
    tab.see("Heute ist nichts fällig.")
    chosen.see("Nothing is due today.")
    another = new_device().open().enter(person.username)
    another.see("Heute ist nichts fällig.")
    expect(person.patch("/api/accounts/me/", {"language": "en"}), 200)
    tab.page.reload()
    tab.see("Nothing is due today.")


def test_a_german_browser_shows_in_german_what_the_server_says(new_device: Callable[..., Tab], person: Person) -> None:
    tab = new_device(locale="de-AT").open().enter(person.username, button="Anmelden")
    tab.page.wait_for_selector("main .list")
    tab.open("/settings/data")
    for content in ("nothing of this kind", "TYPE,CONTENT,PRIORITY\ntask,Milk,9\n"):
        file = {"name": "a.csv", "mimeType": "text/csv", "buffer": content.encode()}
        tab.page.set_input_files("input[type=file]", file)
        with tab.page.expect_response("**/import*"):
            tab.page.click("button:text-is('Importieren')")
    tab.see("Das ging nicht: Datei: muss mit einer Zeile der Spaltennamen beginnen")
    tab.see("1 Zeile ausgelassen")
    tab.page.click("summary:text-is('Zeile für Zeile')")
    tab.see("PRIORITY: muss 1 bis 4 sein")
    assert tab.mistakes() == []


def test_help_explains_the_app_and_names_the_requests_that_failed(
    new_device: Callable[..., Tab], person: Person
) -> None:
    tab = opened(new_device, person)
    page = tab.page
    page.click(".side a:text-is('Help') >> visible=true")
    for text in ("Short syntax for new tasks", "tomorrow 17:00", "It has a change that waits.", "No errors."):
        tab.see(text)
    page.click(".panel button:has-text('Keyboard shortcuts')")
    page.wait_for_selector("dialog.keys[open]")
    page.keyboard.press("Escape")
    headers = {"X-Request-ID": "a-request-1", "Content-Type": "application/problem+json"}
    page.route("**/api/accounts/tokens*", lambda route: route.fulfill(status=500, headers=headers, body="{}"))
    page.click("text=Create a token")
    page.wait_for_url("**/settings/tokens")
    tab.see("give the administrator this request id: a-request-1")
    page.click(".panel nav >> text=Help")
    page.wait_for_selector(
        ".entries li:has-text('status 500'):has-text('GET /accounts/tokens'):has-text('a-request-1')"
    )
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.mistakes() == []
    page.click("text=Documentation of the API")
    page.wait_for_url("**/docs")


def test_a_proof_that_is_not_given_changes_nothing(new_device: Callable[..., Tab], person: Person) -> None:
    tab = opened(new_device, person, "security")
    tab.page.get_by_label("New password").fill(OTHER_PASSWORD)
    tab.page.click("text=Change password")
    tab.page.wait_for_selector("dialog[open]")
    tab.page.keyboard.press("Escape")
    tab.page.wait_for_selector("dialog[open]", state="detached")
    tab.page.wait_for_selector("button:text-is('Change password'):enabled")
    tab.page.click("text=Change password")
    prove(tab)
    tab.see("All other devices are signed out.")
    expect(person.post("/api/accounts/login/", {"username": person.username, "password": OTHER_PASSWORD}), 200)


def test_two_factor_authentication_is_turned_on_and_off(new_device: Callable[..., Tab], person: Person) -> None:
    tab = opened(new_device, person, "security")
    page = tab.page
    page.click("text=Set up")
    prove(tab)
    page.wait_for_selector(".qr")
    secret = pyotp.TOTP(page.get_by_label("Key", exact=True).input_value())
    page.get_by_label("Two-factor code").fill("1")
    page.click("text=Turn on")
    tab.see("This code is wrong")
    page.get_by_label("Two-factor code").fill(secret.now())
    page.click("text=Turn on")
    tab.see("10 recovery codes are left.")
    [first, *_] = page.locator(".codes code").all_text_contents()
    page.click("text=Turn off")
    page.click("dialog[open] button.negative")
    prove(tab, code=first)
    tab.see("It is off.")
    assert expect(person.get("/api/accounts/me/totp/"), 200)["enabled"] is False


def test_devices_are_named_and_signed_out(new_device: Callable[..., Tab], person: Person, server: Server) -> None:
    phone = server.login(person, device="phone")
    tab = opened(new_device, person, "devices", user_agent=CHROME)
    tab.wait_for("document.querySelectorAll('.entries li').length === 3")
    tab.page.locator("li", has_text="This device").locator("strong:has-text('Chrome on Linux')").wait_for()
    tab.page.click("button[aria-label='Sign out: phone']")
    tab.page.wait_for_selector("li:has-text('phone')", state="detached")
    expect(phone.get("/api/accounts/me/"), 401)
    tab.page.click("text=Sign out all others")
    tab.page.click("dialog[open] button.negative")
    tab.page.wait_for_selector(".entries li >> nth=1", state="detached")
    expect(person.get("/api/accounts/me/"), 401)


def test_an_api_token_is_shown_once_and_revoked(new_device: Callable[..., Tab], person: Person) -> None:
    tab = opened(new_device, person, "tokens")
    page = tab.page
    page.click("text=Create token")
    tab.see("Use 1 to 100 characters.")
    page.get_by_label("Name", exact=True).fill("backup")
    page.get_by_label("Works until").fill("2099-01-01")
    page.click("text=Create token")
    prove(tab)
    token = page.get_by_label("API token", exact=True).input_value()
    [stored] = expect(person.get("/api/accounts/tokens/"), 200)["results"]
    assert (stored["name"], stored["scopes"]) == ("backup", ["tasks:read"])
    expect(person.get("/api/tasks/", headers={"Authorization": f"Bearer {token}"}), 200)
    page.click("button[aria-label='Revoke: backup']")
    page.click("dialog[open] button.negative")
    tab.see("You have no API tokens.")
    tab.open("/settings/activity")
    tab.see("API token created")
    tab.see("No mails.")


def test_everything_is_exported_and_a_file_is_imported(new_device: Callable[..., Tab], person: Person) -> None:
    person.task("Buy milk")
    tab = opened(new_device, person, "data")
    page = tab.page
    with page.expect_download() as download:
        page.click("text=Download the file")
    exported = Path(download.value.path()).read_text()
    assert '"title":"Buy milk"' in exported.replace(": ", ":")
    page.click("button:text-is('Import')")
    tab.see("Choose a file.")
    more = [json.dumps({"type": "task", "id": str(uuid4()), "title": title}) for title in ("", "New")]
    content = "\n".join([*exported.splitlines()[:-1], *more]).encode()
    page.set_input_files("input[type=file]", {"name": "a.ndjson", "mimeType": "", "buffer": content})
    page.get_by_label("Only check the file").check()
    page.click("button:text-is('Import')")
    tab.see("Nothing was imported yet.")
    page.click("text=Line by line")
    page.wait_for_selector(".lines li:has-text('Task'):has-text('Would be created')")
    page.wait_for_selector(".lines li:has-text('Is here already'):has-text('Buy milk')")
    assert person.titles() == ["Buy milk"]
    page.get_by_label("Only check the file").uncheck()
    page.click("button:text-is('Import')")  # of the same file
    page.wait_for_selector(".badge:text-is('Done') >> nth=1")
    assert set(person.titles()) == {"Buy milk", "New"}
    page.reload()
    newest = page.locator(".entries > li", has_text="1 was here").first
    newest.get_by_text("Line by line").click()
    newest.locator(".lines li:has-text('Created'):has-text('New')").wait_for()
    newest.get_by_label("Result").select_option("skipped")
    newest.locator(".lines li >> nth=1").wait_for(state="detached")
    newest.locator(".lines li .error").wait_for()
    assert tab.mistakes() == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_first_run_leads_to_the_import(new_device: Callable[..., Tab], person: Person) -> None:
    tab = new_device(locale="de-AT").open().enter(person.username, button="Anmelden")
    tab.see("Drei Aufgaben zum Ausprobieren")
    tab.page.click("text=Haben Sie anderswo Aufgaben?")
    tab.page.wait_for_selector(".panel h2:text-is('Import')")


def test_deleting_the_account_asks_for_the_password_and_leaves_nothing(
    new_device: Callable[..., Tab], person: Person, server: Server
) -> None:
    friend = server.register()
    person.share(person.category("Home"), friend)
    tab = opened(new_device, person, "account")
    tab.page.wait_for_selector(".names li:text-is('Home')")
    tab.page.get_by_label("Who gets them").fill(friend.username)
    tab.page.get_by_label("Password").fill("wrong")
    tab.page.click("text=Delete my account")
    tab.see("This password is wrong.")
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.click("text=Delete my account")
    tab.page.wait_for_url("**/signin")
    assert [each["name"] for each in friend.listed("/api/categories/")] == ["Home"]
    tab.wait_for("indexedDB.databases().then((all) => all.filter(({ name }) => name.includes(':')).length === 0)")


def test_the_next_user_of_a_device_sees_no_message_of_the_one_before(app: Tab) -> None:
    app.add("Buy milk")
    app.synced()
    app.page.wait_for_selector(".toast")
    app.page.click("text=Sign out >> visible=true")
    app.page.wait_for_url("**/signin")
    assert app.page.locator(".toast").count() == 0
    app.page.goto("about:blank")
    app.open("/signin#username=grace")
    app.wait_for("document.querySelector('#username')?.value === 'grace' && document.activeElement?.id === 'password'")


def test_before_the_account_is_deleted_its_shared_categories_are_named(
    new_device: Callable[..., Tab], person: Person, server: Server
) -> None:
    friend = server.register()
    person.share(person.category("Home"), friend)
    person.share(person.category("Ledger"), friend, "viewer")
    page = opened(new_device, person, "account").page
    page.wait_for_selector("p:has-text('longest-serving editors') + .names li:text-is('Home')")
    page.wait_for_selector("p:has-text('have no editor') + .names li:text-is('Ledger')")


class TestWithMail:
    @pytest.fixture
    def settings(self, tmp_path: Any) -> dict[str, str]:
        mail = {"MAIL_URL": f"folder:{tmp_path}/mails", "MAIL_FROM": "tasks@example.org"}
        return {**mail, "PUBLIC_URL": "http://127.0.0.1"}

    def test_an_address_is_pending_and_a_forgotten_password_is_asked_for(
        self, new_device: Callable[..., Tab], person: Person
    ) -> None:
        tab = opened(new_device, person)
        tab.page.get_by_label("New address").fill("ada@example.org")
        tab.page.click("text=Change address")
        prove(tab)
        tab.see("We sent a link to ada@example.org.")
        tab.see("Verify it by the link that was mailed to ada@example.org.")
        tab.page.click("text=Send again")
        tab.see("Another mail is on its way")
        tab.page.click("text=Cancel this change")
        tab.see("Your account has no address.")
        tab.page.wait_for_selector(".note", state="detached")
        tab.page.click("text=Sign out >> visible=true")
        tab.page.click("text=Forgotten password")
        tab.page.get_by_label("Username or e-mail address").fill(person.username)
        tab.page.click("text=Send the link")
        tab.see("a mail is on its way")
        assert tab.mistakes() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colors_are_chosen_on_this_device(new_device: Callable[..., Tab], person: Person, scheme: str) -> None:
    other = "light" if scheme == "dark" else "dark"
    tab = opened(new_device, person, color_scheme=scheme)
    used = "getComputedStyle(document.body).backgroundColor"
    before = tab.page.evaluate(used)

    def of_server(shown: str) -> None:
        tab.open("/no/such/path")
        assert tab.page.evaluate("getComputedStyle(document.querySelector('main')).colorScheme") == shown
        tab.open("/docs")
        shown_in_docs = "dark" if tab.page.locator("html.dark-mode").count() else "light"
        assert shown_in_docs == (scheme if shown == "light dark" else shown)
        tab.open("/settings")

    of_server("light dark")
    tab.page.get_by_label("On this device").select_option(other)
    tab.wait_for(f"{used} !== '{before}'")
    assert tab.mistakes() == []
    tab.open("/all")
    tab.see("No open tasks.")
    assert tab.page.evaluate(used) != before
    assert tab.mistakes() == []
    of_server(other)
    tab.page.get_by_label("On this device").select_option("")
    tab.wait_for(f"{used} === '{before}'")
    of_server("light dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_settings(new_device: Callable[..., Tab], person: Person, scheme: str) -> None:
    tab = opened(new_device, person, color_scheme=scheme, viewport={"width": 320, "height": 640})
    mistakes = {}
    for section in ("profile", "security", "devices", "tokens", "data", "activity", "account", "help"):
        tab.open(f"/settings/{section}")
        tab.page.wait_for_selector(".panel section")
        tab.page.wait_for_selector(".panel [role=status].empty", state="detached")
        mistakes[section] = tab.mistakes()
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 320
    tab.open("/settings/security")
    tab.page.click("text=Set up")
    tab.page.wait_for_selector("dialog[open]")
    mistakes["proof"] = tab.mistakes()
    prove(tab)
    tab.page.wait_for_selector(".qr")
    mistakes["two-factor"] = tab.mistakes()
    assert mistakes == {name: [] for name in mistakes}
