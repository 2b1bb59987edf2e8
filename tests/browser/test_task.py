"""The pane of a task in a real Chromium: its parent and subtasks, its viewers, and its history."""

from __future__ import annotations

import pytest

from tests.browser.tab import Tab
from tests.http import Person, Server, expect

pytestmark = pytest.mark.browser


def test_subtasks_are_added_completed_and_opened_and_lead_back(app: Tab, person: Person) -> None:
    app.add("Move house")
    app.page.click(".row a")
    for title in ("Pack", "Clean"):
        app.page.fill(".subtasks input", title)
        app.page.press(".subtasks input", "Enter")
    app.page.click(".subtasks button[aria-label='Complete “Clean”']")
    app.see("1 of 2 done")
    app.page.click(".subtasks a:has-text('Pack')")
    app.page.click(".breadcrumbs a:has-text('Move house')")
    app.wait_for("document.querySelector('.pane textarea.title')?.value === 'Move house'")
    app.synced()
    found = {task["title"]: task for task in person.listed("/api/tasks/")}
    assert {found[title]["parent"] for title in ("Pack", "Clean")} == {found["Move house"]["id"]}
    assert found["Clean"]["state"] == "done"


def test_the_focus_returns_to_the_row_when_the_pane_closes(app: Tab) -> None:
    for title in ("a", "b"):
        app.add(title)
    for leave in ("Escape", "Enter"):
        app.row("a").locator("a").click()
        app.page.focus(".pane .close")
        app.page.keyboard.press(leave)
        app.page.wait_for_selector(".pane", state="detached")
        app.wait_for("document.activeElement.querySelector('.title')?.textContent === 'a'")


def test_offline_is_shown_at_once_and_a_history_that_was_never_fetched_is_not_awaited(app: Tab) -> None:
    app.page.set_viewport_size({"width": 390, "height": 844})
    app.add("Buy milk")
    app.synced()
    app.page.click(".row a")
    app.page.context.set_offline(True)
    app.see("Offline. You can go on working.")
    sign = app.page.locator(".top .status-line")
    assert sign.bounding_box()["y"] < app.page.locator(".pane").bounding_box()["y"]
    app.page.select_option("#priority", label="High")
    app.see("1 change waiting")
    app.page.click(".history summary")
    app.see("The history is on the server, which cannot be reached.")


def test_the_history_shows_who_changed_what_and_undoes_it_and_is_shown_offline(
    app: Tab, person: Person, server: Server
) -> None:
    friend = server.register()
    task = person.task("Buy milk")
    person.share(task, friend)
    expect(friend.patch(f"/api/tasks/{task['id']}/", {"title": "Buy oat milk"}), 200)
    app.row("Buy oat milk").locator("a").click()
    expect(person.patch(f"/api/tasks/{task['id']}/", {"priority": 4}), 200)
    app.page.wait_for_selector("#priority.arrived")
    app.page.click(".history summary")
    lines = app.page.locator(".history li")
    lines.filter(has_text=friend.username).get_by_role("button", name="Undo").click()
    app.row("Buy milk").wait_for()
    lines.filter(has_text="Buy oat milk → Buy milk").wait_for()
    assert lines.count() == 5  # created, shared, both changes, and what undid one
    [task] = person.listed("/api/tasks/")
    assert (task["title"], task["priority"]) == ("Buy milk", 4)
    words = " ".join(f"word{number}" for number in range(40))
    for text in ("milk", f"milk {words} bread", f"milk {words} butter"):
        expect(person.patch(f"/api/tasks/{task['id']}/", {"description": text}), 200)
    lines.filter(has_text="Notes: empty → milk").wait_for()
    last = lines.filter(has_text="word38 word39 bread → …")
    last.filter(has_text="word38 word39 butter").get_by_text("Show the whole text").click()
    last.locator("dd", has_text=f"milk {words} butter").wait_for()
    app.page.context.set_offline(True)
    app.page.click(".history > summary")
    app.page.click(".history > summary")
    app.see("Offline. This is the history as of: Today")
    assert lines.count() == 8


def test_a_new_category_is_created_from_a_task(app: Tab, person: Person) -> None:
    app.add("Rake leaves")
    app.row("Rake leaves").locator("a").click()
    for key in ("Escape", "Enter"):
        app.page.select_option("#category", label="New category …")
        app.page.wait_for_selector("input#category:focus")
        app.page.keyboard.type("Garden")
        assert app.mistakes() == []
        app.page.keyboard.press(key)
        app.page.wait_for_selector("select#category")
    app.see("Category added: “Garden”")
    app.page.wait_for_selector(".row .about:has-text('Garden')")
    app.synced()
    [task], [category] = person.listed("/api/tasks/"), person.listed("/api/categories/")
    assert (category["name"], task["category"]) == ("Garden", category["id"])
    app.undo()
    app.page.wait_for_selector(".sidebar a:has-text('Garden')", state="detached")


def test_a_row_shows_that_its_task_has_notes(app: Tab, person: Person) -> None:
    person.task("noted", description="something")
    person.task("bare")
    app.row("noted").get_by_role("img", name="Notes").wait_for()
    app.expect("noted", "bare")
    assert app.page.get_by_role("img", name="Notes").count() == 1
    assert app.mistakes() == []


def test_a_viewer_sees_the_people_of_a_task_and_cannot_change_it(app: Tab, person: Person, server: Server) -> None:
    owner = server.register()
    category = owner.category("Garden")
    owner.share(category, person, "viewer")
    owner.task("Water plants", category=category["id"])
    app.row("Water plants").locator("a").click()
    app.see("You can view this task")
    people = app.page.locator(".people li")
    people.filter(has_text=owner.username).and_(people.filter(has_text="Owner")).wait_for()
    people.filter(has_text="(you)").and_(people.filter(has_text="Can view")).wait_for()
    assert app.page.locator(".pane textarea.title").is_disabled()
    assert app.page.locator(".pane .check").is_disabled()
    assert app.page.get_by_text("Delete", exact=True).count() == 0


@pytest.mark.parametrize("leave", ["Escape", "Close"])
def test_what_was_written_is_kept_when_the_task_is_closed(app: Tab, person: Person, leave: str) -> None:
    def close() -> None:
        app.page.keyboard.press(leave) if leave == "Escape" else app.page.click(".pane .close")
        app.page.wait_for_selector(".pane", state="detached")

    app.add("Pay rent")
    app.row("Pay rent").locator("a").click()
    app.page.fill(".pane textarea.title", "Pay the rent")
    close()
    app.row("Pay the rent").locator("a").click()
    app.page.click("text=Add notes")
    app.page.keyboard.type("by Friday")
    close()
    app.row("Pay the rent").locator("a").click()
    app.page.locator(".notes", has_text="by Friday").wait_for()
    app.page.fill(".subtasks input", "Ask")
    close()
    app.row("Pay the rent").locator("a").click()
    app.wait_for("document.querySelector('.subtasks input')?.value === 'Ask'")
    app.synced()
    [task] = person.listed("/api/tasks/")
    assert (task["title"], task["description"]) == ("Pay the rent", "by Friday")


def test_a_text_that_is_being_written_survives_a_reload(app: Tab, person: Person) -> None:
    task = person.task("Pay rent")
    app.open(f"/task/{task['id']}")
    app.page.fill(".pane textarea.title", "Pay the rent")
    app.page.reload()
    app.wait_for("() => document.querySelector('.pane textarea.title')?.value === 'Pay the rent'")
    app.page.click("text=Add notes")
    app.page.keyboard.type("by Friday")
    app.page.reload()
    app.wait_for("() => document.querySelector('.notes textarea:focus')?.value === 'by Friday'")
    app.page.keyboard.press("Tab")
    app.see("by Friday")
