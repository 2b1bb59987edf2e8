"""The dialog about the users who can see an item, in a real Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.tab import Tab
from tests.http import Person, Server, expect

pytestmark = pytest.mark.browser


def test_a_category_is_shared_with_a_role_and_unshared(app: Tab, person: Person, server: Server) -> None:
    friend = server.register()
    category = person.category("Garden")
    app.page.click(".side a:has-text('Garden')")
    app.page.click("main button:text-is('Share')")
    app.see("Who can see “Garden” and all its tasks")
    app.page.fill("dialog[open] [name=username]", "nobody-of-this-name")
    app.page.click("dialog[open] button.main")
    app.see("There is no user of this name.")
    app.page.fill("dialog[open] [name=username]", friend.username)
    app.page.click("dialog[open] button.main")
    app.see(f"Shared with {friend.username}")
    assert app.mistakes() == []
    shares = f"/api/categories/{category['id']}/shares/"
    assert [each["role"] for each in person.listed(shares)] == ["owner", "editor"]
    with app.page.expect_response(lambda each: each.request.method == "PUT"):
        app.page.get_by_label(f"What {friend.username} can do").select_option("viewer")
    assert [each["role"] for each in person.listed(shares)] == ["owner", "viewer"]
    app.page.click(f"button[aria-label='Remove: {friend.username}']")
    app.page.wait_for_selector(".members li >> nth=1", state="detached")
    assert len(person.listed(shares)) == 1
    for role in ("editor", "viewer"):
        given = app.page.locator("dialog[open] [name=role]")
        given.select_option(role)
        app.page.fill("dialog[open] [name=username]", server.register().username)
        app.page.click("dialog[open] button.main")
        app.wait_for("document.querySelector('dialog[open] [name=username]').value === ''")
        assert given.input_value() == role
    app.page.click("dialog[open] button:text-is('Close')")
    app.page.wait_for_selector("dialog[open]", state="detached")


def test_a_member_leaves_a_task(app: Tab, person: Person, server: Server) -> None:
    friend = server.register()
    task = friend.task("theirs")
    friend.share(task, person, "viewer")
    app.page.click(".row a:has-text('theirs')")
    app.page.click(".people button:text-is('Leave …')")
    app.page.wait_for_selector(".members li >> nth=1")
    assert app.page.locator("dialog[open] form[class=form]").count() == 0
    app.page.click("dialog[open] button:text-is('Leave')")
    app.page.click("dialog.ask[open] button.negative")
    app.page.wait_for_url("**/today")
    expect(person.get(f"/api/tasks/{task['id']}/"), 404)


class TestWithMail:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> dict[str, str]:
        mail = {"MAIL_URL": f"folder:{tmp_path}/mails", "MAIL_FROM": "tasks@example.org"}
        return {**mail, "PUBLIC_URL": "http://127.0.0.1"}

    def test_an_address_is_invited_to_a_task_until_that_is_revoked(self, app: Tab) -> None:
        app.add("Plan the trip")
        app.synced()
        app.page.click(".row a")
        app.page.click(".people button:text-is('Share')")
        app.page.get_by_label("Username or e-mail address").fill("grace@example.org")
        app.page.click("dialog[open] button.main")
        app.see("grace@example.org is invited by mail")
        app.page.wait_for_selector(".members li:has-text('Invited')")
        app.page.click("button[aria-label='Revoke: grace@example.org']")
        app.page.wait_for_selector(".members li:has-text('Invited')", state="detached")
