"""What the pictures of `make web-sheet` showed to be wrong once, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.tab import Tab
from tests.http import Person, expect

pytestmark = pytest.mark.browser

THUMB = 44
SMALL = f"""() => [...document.querySelectorAll("button, select, input, summary, nav a, .row a, .subtasks li a")]
    .map((each) => each.closest("label.pick, fieldset label") ?? each)
    .filter((each) => each.checkVisibility({{ visibilityProperty: true }}) && !each.closest(".skip"))
    .map((each) => [each, each.getBoundingClientRect()])
    .filter(([, {{ width, height }}]) => width > 0 && Math.min(width, height) < {THUMB} - 0.5)
    .map(([each, {{ width, height }}]) => `${{width}} x ${{height}}: ${{each.outerHTML.slice(0, 90)}}`)"""


def test_controls_are_large_enough_for_a_thumb(new_device: Callable[..., Tab], person: Person) -> None:
    task = person.task("Sign the contract", due_date="2020-01-01T00:00:00Z")
    person.task("Read it", parent=task["id"])
    expect(person.patch(f"/api/tasks/{task['id']}/", {"priority": 3}), 200)
    expect(person.delete(f"/api/tasks/{person.task('old')['id']}/"), 204)
    person.category("Home")
    tab = new_device(has_touch=True, viewport={"width": 390, "height": 844}).open().enter(person.username)
    tab.page.wait_for_selector(".row")
    found = {}
    views = {
        "today": ".row",
        "all": ".row",
        "board": ".card",
        "trash": ".trash li",
        "notifications": ".notices li",
        "settings/tokens": ".panel fieldset",
    }
    for path, seen in {**views, f"task/{task['id']}": ".history"}.items():
        tab.open(f"/{path}")
        tab.page.wait_for_selector(seen)
        if path == "all":
            tab.page.click("main header button")  # to select
        found[path] = tab.page.evaluate(SMALL)
    for choose in ("button", ".choices:last-of-type button:last-child"):
        tab.page.click(f".reminders {choose}")
        tab.page.wait_for_selector(".reminders .editor")
        found[choose] = tab.page.evaluate(SMALL)
    for rule in ("DAILY", "WEEKLY", "YEARLY"):
        if rule == "DAILY":
            tab.page.select_option("#repeat", "FREQ=DAILY")
            tab.page.wait_for_selector(".repeat li")
        else:
            tab.page.select_option("#repeat", "other")
            tab.page.select_option("#repeat-unit", rule)
        found[rule] = tab.page.evaluate(SMALL)
    tab.page.click(".history summary")
    tab.page.wait_for_selector(".history li button")
    found["history"] = tab.page.evaluate(SMALL)
    tab.page.click(".pane .close")
    tab.page.fill("main .add-box input", "Buy bread 17:00 !4")
    tab.page.wait_for_selector(".chip")
    found["chips"] = tab.page.evaluate(SMALL)
    tab.page.click(".top button")
    tab.page.wait_for_selector(".side:popover-open .account")
    found["menu"] = tab.page.evaluate(SMALL)
    assert found == {name: [] for name in found}


def test_nothing_in_the_menu_moves_when_another_list_is_shown(app: Tab, person: Person) -> None:
    person.category("Zoo")
    work = person.category("Work on the new website and its shop")
    for _ in range(3):
        person.task(category=work["id"])
    places = "[...document.querySelectorAll('.side a, .side h2')].map((each) => each.getBoundingClientRect().y)"
    app.page.wait_for_selector(".sidebar a:has-text('Work on'):has(.count:text-is('3'))")
    before = app.page.evaluate(places)
    app.page.click(".sidebar a:has-text('Work on')")
    app.page.wait_for_selector(".sidebar a[aria-current]:has-text('Work on')")
    assert app.page.evaluate(places) == before


def test_a_task_without_a_due_date_says_so_and_shows_no_pattern(app: Tab) -> None:
    app.add("Buy milk")
    app.page.click(".row a")
    shown = "getComputedStyle(document.querySelector('.due'), '::before').content"
    app.page.wait_for_selector("#due")
    color = "getComputedStyle(document.querySelector('#due')).color"
    assert (app.page.evaluate(shown), app.page.evaluate(color)) == ('"No due date"', "rgba(0, 0, 0, 0)")
    app.page.focus("#due")
    assert app.page.evaluate(shown) == "none"
    assert app.page.evaluate(color) != "rgba(0, 0, 0, 0)"


def test_a_message_about_a_long_title_begins_with_what_was_done(app: Tab) -> None:
    app.add("Ask the neighbours " * 8)
    app.page.click(".row .check")
    app.page.wait_for_selector(".toast > span:has-text('Completed: “Ask')")


def test_menus_have_an_arrow(app: Tab) -> None:
    app.page.wait_for_selector("main select")
    loaded = "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/chevron.svg'))"
    app.wait_for(f"{loaded}.some(({{ responseStatus }}) => responseStatus === 200)")
