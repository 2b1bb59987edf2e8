"""People who use the app by keyboard only, and those who asked their system for less motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.tab import Tab
from tests.http import Person

pytestmark = pytest.mark.browser

STOP = """() => {
    const it = document.activeElement;
    if (it === document.body) return null;
    const style = getComputedStyle(it), box = it.getBoundingClientRect();
    const labels = [...(it.labels ?? [])].map((each) => each.textContent);
    return {
        place: [...document.querySelectorAll("*")].indexOf(it),
        name: [it.ariaLabel, ...labels, it.textContent, it.title, it.placeholder].find((each) => each?.trim()) ?? "",
        html: it.outerHTML.slice(0, 120),
        isSeen: box.width > 0 && box.height > 0 && style.visibility === "visible",
        isMarked: style.outlineStyle !== "none" || style.boxShadow !== "none",
    };
}"""
"""The element with the focus, or null after the last one."""


def stops(tab: Tab) -> list[dict[str, Any]]:
    """Return the elements that the Tab key goes through, from the first of the page."""
    tab.page.evaluate("document.activeElement.blur()")
    tab.page.evaluate("getSelection().removeAllRanges()")
    found: list[dict[str, Any]] = []
    for _ in range(200):
        tab.page.keyboard.press("Tab")
        stop = tab.page.evaluate(STOP)
        if stop is None or found[:1] == [stop]:
            return found
        if (
            not found or found[-1]["place"] != stop["place"]
        ):  # a field of a date has several stops, which are marked in it
            found.append(stop)
    raise AssertionError(f"the Tab key never leaves {found[-1]['html']}")


@pytest.mark.parametrize(
    ("view", "shown"),
    [("today", ".row"), ("all", ".row"), ("board", ".card"), ("task", ".people"), ("settings/profile", "main form")],
)
def test_the_tab_key_goes_through_the_page_in_its_order(app: Tab, person: Person, view: str, shown: str) -> None:
    task = person.task("Buy milk", due_date="2020-01-01T00:00:00Z", description="two litres")
    person.task("below", parent=task["id"])
    app.row("Buy milk").wait_for()
    app.open(f"/{view}/{task['id']}" if view == "task" else f"/{view}")
    app.page.wait_for_selector(shown)
    found = stops(app)
    places = [each["place"] for each in found]
    assert len(found) > 5
    assert places == sorted(places)
    assert [each["html"] for each in found if not (each["name"] and each["isSeen"] and each["isMarked"])] == []


def test_a_task_is_added_changed_completed_and_deleted_by_keyboard(app: Tab, person: Person) -> None:
    press, write, page = app.page.keyboard.press, app.page.keyboard.type, app.page

    def go_to(name: str) -> None:
        """Press the Tab key until a control whose name begins so has the focus."""
        for _ in range(60):
            press("Tab")
            if (page.evaluate(STOP) or {"name": ""})["name"].startswith(name):
                return
        raise AssertionError(f"the Tab key does not come to {name}")

    press("q")
    write("Buy milk")
    press("Enter")
    press("Escape")
    app.expect("Buy milk")
    go_to("Buy milk")
    press("Enter")
    page.wait_for_selector(".pane")
    go_to("Title")
    press("End")
    write(" and bread")
    press("Enter")
    app.expect("Buy milk and bread")
    press("Escape")
    page.wait_for_selector(".pane", state="detached")
    app.wait_for("document.activeElement.closest('.row') !== null")
    press("x")
    page.wait_for_selector(".bulk")
    go_to("Delete")
    press("Enter")
    app.expect()
    app.see("1 task deleted")  # until then, the message is about the title
    go_to("Undo")
    press("Enter")
    app.expect("Buy milk and bread")
    app.synced()
    assert [each["title"] for each in person.listed("/api/tasks/")] == ["Buy milk and bread"]


@pytest.mark.parametrize(("wish", "moves"), [("no-preference", True), ("reduce", False)])
def test_nothing_moves_for_people_who_asked_for_that(
    new_device: Callable[..., Tab], person: Person, wish: str, moves: bool
) -> None:
    tab = new_device(reduced_motion=wish).open().enter(person.username)
    tab.page.wait_for_url(f"{tab.url}/today")
    tab.open("/all")
    tab.see("No open tasks.")
    tab.page.evaluate(
        "() => { window.moved = []; for (const kind of ['animationstart', 'transitionstart'])"
        " addEventListener(kind, (event) => moved.push(`${kind} ${event.target.className}`), true); }"
    )
    person.task("from another device")
    tab.expect("from another device")
    tab.add("from here")
    tab.expect("from another device", "from here")
    tab.row("from here").locator("input[type=checkbox], [role=checkbox], button").first.click()
    tab.page.wait_for_selector(".toast")
    tab.settle()
    assert bool(tab.page.evaluate("moved")) is moves
