"""The views of the browser app in a real Chromium: the board, and what others share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.tab import Tab
from tests.http import Person, Server, expect

pytestmark = pytest.mark.browser

COVERED = """() => {
    scrollTo(0, 10000);
    const toast = document.querySelector(".toast").getBoundingClientRect();
    return [...document.querySelectorAll(".row, .bulk, .top .capture-button")]
        .map((each) => [each, each.getBoundingClientRect()])
        .filter(([, { top, bottom, left, right }]) =>
            bottom > toast.top && top < toast.bottom && right > toast.left && left < toast.right)
        .map(([each]) => each.textContent);
}"""
"""What the message covers at the end of a list."""


def test_a_task_moves_on_the_board_by_key_by_menu_and_by_dragging(app: Tab, person: Person) -> None:
    for title in ("by key", "by menu", "by dragging"):
        person.task(title)
    app.expect("by key", "by menu", "by dragging")
    app.page.click(".side a:has-text('Board')")
    app.page.locator(".card a", has_text="by key").wait_for()
    app.page.keyboard.press("ArrowDown")
    app.wait_for("document.activeElement.closest('.card') !== null")
    app.page.locator(".card a", has_text="by key").press("Shift+ArrowRight")
    progress = app.page.locator(".board section", has=app.page.locator("h2:has-text('In progress')"))
    progress.locator(".card", has_text="by key").wait_for()
    app.wait_for("document.activeElement.textContent.startsWith('by key')")
    app.page.keyboard.press("Enter")
    app.page.click(".pane .close")
    app.wait_for("document.activeElement.textContent.startsWith('by key')")
    app.page.keyboard.press("ArrowLeft")
    app.wait_for("/^by (menu|dragging)/.test(document.activeElement.textContent)")
    app.page.select_option(".card:has-text('by menu') select", label="In progress")
    app.page.locator(".card", has_text="by dragging").drag_to(progress)
    app.synced()
    assert {task["state"] for task in person.listed("/api/tasks/")} == {"in_progress"}
    app.undo()
    app.page.locator(".board section", has_text="Open").locator(".card:has-text('by dragging')").wait_for()


def test_the_first_key_goes_to_the_first_task_and_another_to_the_search(app: Tab, person: Person) -> None:
    for title in ("b", "a"):
        person.task(title)
    app.expect("a", "b")
    focused = "document.activeElement.querySelector('.title')?.textContent"
    app.page.click(".side a:has-text('All tasks')")
    for key, title in (("j", "a"), ("j", "b"), ("k", "a")):
        app.page.keyboard.press(key)
        app.wait_for(f"{focused} === '{title}'")
    app.page.click("h1")
    app.page.keyboard.press("ArrowDown")
    app.wait_for(f"{focused} === 'a'")
    app.page.click(".side a:has-text('Upcoming')")
    app.page.keyboard.press("/")
    app.page.wait_for_url("**/all")
    app.wait_for("document.activeElement.type === 'search'")
    app.page.keyboard.type("b")
    app.expect("b")


def test_the_list_stays_when_a_task_of_it_is_opened(app: Tab, person: Person) -> None:
    category = person.category("Home")
    task = person.task("Sweep", category=category["id"], priority=4)
    app.page.click(".side a:has-text('Home')")
    app.row("Sweep").locator("a").click()
    app.page.wait_for_selector(".pane")
    assert app.page.locator(".side [aria-current]").inner_text().startswith("Home")
    assert app.row("Sweep").locator(".about").inner_text() == "Urgent"
    expect(person.patch(f"/api/tasks/{task['id']}/", {"state": "in_progress"}), 200)
    app.page.wait_for_selector("#state.arrived")
    arrow = "document.querySelector('#state').computedStyleMap().get('background-repeat').toString()"
    assert app.page.evaluate(arrow) == "no-repeat"


def test_a_circle_that_comes_to_the_pointer_does_not_look_pointed_at(app: Tab) -> None:
    for title in ("b", "a"):
        app.add(title)
    app.expect("a", "b")
    sign = "getComputedStyle(document.querySelector('.row .check path')).visibility"
    app.page.hover(".row .check >> nth=0")
    app.wait_for(f"{sign} === 'visible'")
    app.page.click(".row .check >> nth=0")
    app.expect("b")
    app.page.wait_for_selector(".row .check:hover")
    assert app.page.evaluate(sign) == "hidden"
    box = app.page.locator(".row .check").bounding_box()
    app.page.mouse.move(box["x"] + 5, box["y"] + 5)
    app.wait_for(f"{sign} === 'visible'")


def test_a_task_that_is_added_to_upcoming_is_due_tomorrow(app: Tab) -> None:
    app.page.click(".side a:has-text('Upcoming')")
    app.add("call mum")
    app.see("Added. Due tomorrow: “call mum”")
    app.add("pay the rent in 3 days")
    app.expect("call mum", "pay the rent")
    assert [each.startswith("Tomorrow, ") for each in app.page.locator(".rows h2").all_text_contents()] == [True, False]


def test_what_others_share_is_shown_by_its_owner(app: Tab, person: Person, server: Server) -> None:
    friend = server.register()
    category = friend.category("Garden")
    friend.share(category, person)
    app.see(f"{friend.username} shares “Garden” with you")
    app.page.click(".toast button:has-text('Open')")
    app.page.wait_for_url(f"**/list/{category['id']}")
    friend.task("Water plants", category=category["id"])
    task = friend.task("Read this")
    friend.share(task, person, "viewer")
    app.see(f"{friend.username} shares “Read this” with you")
    mine = person.category("Mine")
    person.share(mine, friend)
    app.page.locator(".side a", has_text="Garden").and_(
        app.page.locator(f"a:has-text('by {friend.username}')")
    ).wait_for()
    app.page.locator(".side a", has_text="Mine").and_(app.page.locator("a:has-text('shared with 1 person')")).wait_for()
    app.page.click(".side a:has-text('Shared with me')")
    app.page.wait_for_selector(f".rows h2:text-is('{friend.username}')")
    app.expect("Read this", "Water plants")
    assert app.row("Read this").locator(".check").is_disabled()
    app.row("Water plants").locator(".check").click()
    app.expect("Read this")


def test_selected_tasks_are_changed_together_with_one_undo(app: Tab, person: Person) -> None:
    category = person.category("Home")
    for title in ("d", "c", "b", "a"):
        person.task(title)
    person.task("below b", parent=person.listed("/api/tasks/?limit=200")[1]["id"])
    app.expect("a", "b", "below b", "c", "d")

    def fields(name: str) -> dict[str, Any]:
        app.synced()
        return {task["title"]: task[name] for task in person.listed("/api/tasks/")}

    app.row("a").locator("a").focus()
    app.page.keyboard.press("x")
    app.page.keyboard.press("Shift+ArrowDown")
    app.see("2 selected")
    app.page.select_option(".bulk select[aria-label='Priority']", label="Urgent")
    app.see("2 tasks changed")
    assert sorted(fields("priority").values()) == [2, 2, 2, 4, 4]
    app.page.keyboard.press("Control+z")
    app.page.wait_for_selector(".priority-4", state="detached")
    app.see("2 selected")  # for the next change of the same tasks
    app.page.select_option(".bulk select[aria-label='Priority']", label="Urgent")
    app.page.wait_for_selector(".row .priority-4")
    app.page.select_option(".bulk select[aria-label='Priority']", label="Normal")
    app.page.wait_for_selector(".priority-4", state="detached")
    app.page.keyboard.press("Escape")
    app.page.wait_for_selector(".bulk", state="detached")
    app.row("c").locator(".pick").click()
    app.row("d").locator(".pick").click(modifiers=["Shift"])
    app.page.select_option(".bulk select[aria-label='Category']", label="Home")
    app.see("2 tasks changed")
    assert list(fields("category").values()).count(category["id"]) == 2
    app.page.keyboard.press("Escape")
    app.row("a").locator(".pick").click()
    app.row("c").locator("a").click()  # selects while others are selected
    app.see("2 selected")
    app.row("c").locator("a").click()
    app.see("1 selected")
    assert app.page.locator(".pane").count() == 0
    app.page.select_option(".bulk select[aria-label='Due']", label="Today")
    app.page.wait_for_selector(".row .due:text-is('Today')")
    app.undo()
    app.page.focus(".row a")
    app.page.keyboard.press("Control+a")
    app.see("5 selected")
    app.page.fill("input[type=search]", "b")
    app.see("2 selected")
    app.page.fill("input[type=search]", "")
    app.expect("a", "b", "below b", "c", "d")
    app.see("2 selected")
    app.page.focus(".row a")
    app.page.keyboard.press("Control+a")
    app.page.click(".bulk button:has-text('Delete')")
    app.expect()
    app.see("5 tasks deleted")
    app.page.wait_for_selector(".bulk", state="detached")
    app.undo()
    app.expect("a", "b", "below b", "c", "d")
    assert fields("category")["below b"] is None
    assert len(person.listed("/api/tasks/")) == 5


@pytest.mark.parametrize("size", [(320, 640), (640, 400)], ids=["a small phone", "zoomed to 200 %"])
def test_no_view_is_wider_than_the_window(
    new_device: Callable[..., Tab], person: Person, server: Server, size: tuple[int, int]
) -> None:
    friend = server.register()
    category = person.category("Home-and-garden" * 4)
    person.share(category, friend)
    task = person.task(
        "Rindfleischetikettierungsüberwachung" * 4, category=category["id"], due_date="2020-01-01T00:00:00Z"
    )
    person.task("below", parent=task["id"])
    friend.share(friend.task("theirs"), person)
    tab = new_device(viewport={"width": size[0], "height": size[1]}).open().enter(person.username)
    tab.page.wait_for_selector(".row")
    found = {}
    for path in ("today", "upcoming", "all", "board", "shared", "done", "trash", f"task/{task['id']}"):
        tab.open(f"/{path}")
        tab.page.wait_for_selector({"board": ".card", "task": ".people"}.get(path.split("/")[0], "main .list"))
        if path == "all":
            tab.page.focus(".row a")
            tab.page.keyboard.press("x")
        found[path] = tab.page.evaluate("document.documentElement.scrollWidth")
    assert found == dict.fromkeys(found, size[0])


def test_on_a_phone_a_tap_selects_and_the_message_covers_no_row_at_the_end_of_the_list(
    new_device: Callable[..., Tab], person: Person
) -> None:
    titles = [f"task {number:02}" for number in range(12)]
    for title in titles:
        person.task(title)
    size = {"width": 390, "height": 844}
    tab = new_device(viewport=size, has_touch=True, is_mobile=True).open().enter(person.username)
    tab.see("Nothing is due today.")
    tab.open("/all").expect(*titles)
    tab.page.tap("main header button:text-is('Select')")
    tab.row("task 11").locator("a").tap()
    tab.row("task 10").locator(".title").tap()
    tab.see("2 selected")
    assert tab.page.locator(".pane").count() == 0
    tab.page.select_option(".bulk select[aria-label='Priority']", label="Urgent")
    tab.page.wait_for_selector(".toast:has-text('2 tasks changed')")
    tab.settle()
    assert tab.page.evaluate(COVERED) == []
    tab.page.tap(".bulk button:text-is('Complete')")
    tab.page.wait_for_selector(".toast:has-text('2 tasks completed')")
    tab.expect(*titles[:-2])
    tab.page.wait_for_selector(".bulk", state="detached")
    tab.page.wait_for_selector("main header button:text-is('Select')")
    tab.settle()
    assert tab.page.evaluate(COVERED) == []
    tab.row("task 08").locator("a").tap()
    tab.page.wait_for_selector(".pane .title")


def test_a_double_click_completes_one_task(app: Tab) -> None:
    for title in ("a", "b", "c"):
        app.add(title)
    app.expect("a", "b", "c")
    app.row("c").locator("button.check").click()
    app.expect("a", "b")
    app.page.mouse.down(click_count=2)
    app.page.mouse.up(click_count=2)
    app.page.wait_for_timeout(200)
    app.expect("a", "b")


def test_an_editor_is_offered_only_what_the_role_allows_and_learns_why_a_move_was_refused(
    app: Tab, person: Person, server: Server
) -> None:
    friend = server.register()
    garden = friend.category("Garden")
    friend.share(garden, person)
    person.category("Mine")
    friend.task("theirs", category=garden["id"])
    task = person.task("own", category=garden["id"])
    app.row("theirs").locator("a").click()
    options = app.page.locator("#category option")
    app.wait_for("document.querySelector('#category')?.disabled")
    assert options.all_inner_texts() == ["Garden"]
    app.row("own").locator("a").click()
    app.page.wait_for_selector("#category:enabled")
    assert options.all_inner_texts() == ["No category", "Garden", "Mine", "New category …"]
    app.page.context.set_offline(True)
    friend.task("below own", parent=task["id"])
    app.page.select_option("#category", label="Mine")
    app.page.context.set_offline(False)
    app.see("Only the owner of the category can move this task out of it")
    assert app.mistakes() == []
    app.page.click(".issue button:has-text('Discard my change')")
    app.page.wait_for_selector(".issue", state="detached")
    app.wait_for("document.querySelector('#category').disabled")
    app.synced()


def test_a_screen_lists_the_keys_and_gives_the_focus_back(app: Tab) -> None:
    app.add("a")
    app.row("a").locator("a").focus()
    app.page.keyboard.press("?")
    app.page.wait_for_selector("dialog.keys[open] >> text=Select several tasks")
    assert app.mistakes() == []
    app.page.keyboard.press("q")
    app.page.keyboard.press("Escape")
    app.page.wait_for_selector("dialog", state="hidden")
    app.wait_for("document.activeElement.querySelector('.title')?.textContent === 'a'")
    app.page.click("text=Keyboard shortcuts")
    app.page.click("dialog.keys button[aria-label='Close']")
    app.wait_for("document.activeElement.textContent.startsWith('Keyboard shortcuts')")
    app.page.fill(".add-box input", "?")
    assert app.page.locator("dialog.keys").count() == 0


def test_titles_are_written_in_their_own_direction(app: Tab, person: Person) -> None:
    title = "לקנות חלב"
    person.task("Buy milk", parent=person.task(title, category=person.category("בית")["id"])["id"])
    app.expect(title, "Buy milk")
    for name, direction in {title: "rtl", "Buy milk": "ltr"}.items():
        assert app.row(name).locator(".title").evaluate("each => getComputedStyle(each).direction") == direction
    app.row(title).locator("a").click()
    for selector in (".pane textarea.title", ".side .label:has-text('בית')"):
        assert app.page.locator(selector).evaluate("each => getComputedStyle(each).direction") == "rtl"


def test_a_category_is_renamed_colored_and_deleted_also_offline(app: Tab, person: Person) -> None:
    category = person.category("Gardn")
    person.category("Home")
    task = person.task("Sow", category=category["id"])
    app.page.click(".side a:has-text('Gardn')")
    app.expect("Sow")
    app.page.click(".list header button:text-is('Edit')")
    app.page.wait_for_selector("dialog.category[open]")
    assert app.mistakes() == []
    app.page.fill("#category-name", " home ")
    app.page.click("dialog.category button:text-is('Save')")
    app.page.wait_for_selector("dialog.category .error:has-text('You have another category with this name.')")
    app.page.context.set_offline(True)
    app.page.fill("#category-name", "Garden")
    app.page.click("dialog.category label[title='Green']")
    app.page.click("dialog.category button:text-is('Save')")
    app.page.wait_for_selector(".side a:has-text('Garden')")
    app.page.wait_for_selector("h1:text-is('Garden')")
    app.page.context.set_offline(False)
    app.synced()
    garden = next(each for each in person.listed("/api/categories/") if each["id"] == category["id"])
    assert (garden["name"], garden["color"]) == ("Garden", "#2f9e44")
    app.page.context.set_offline(True)
    app.page.click(".list header button:text-is('Edit')")
    app.page.click("dialog.category button:text-is('Delete the category')")
    app.page.wait_for_url("**/all")
    app.page.wait_for_selector(".side a:has-text('Garden')", state="detached")
    app.expect("Sow")
    app.page.context.set_offline(False)
    app.synced()
    assert [each["name"] for each in person.listed("/api/categories/")] == ["Home"]
    app.undo()
    app.page.wait_for_selector(".side a:has-text('Garden')")
    app.synced()
    [again] = [each for each in person.listed("/api/categories/") if each["name"] == "Garden"]
    [filed] = person.listed("/api/tasks/")
    assert (filed["id"], filed["category"], again["color"]) == (task["id"], again["id"], "#2f9e44")


def test_a_viewer_of_a_category_is_not_offered_to_edit_it(app: Tab, person: Person, server: Server) -> None:
    friend = server.register()
    garden = friend.category("Garden")
    friend.task("Sow", category=garden["id"])
    friend.share(garden, person, role="viewer")
    app.page.click(".side a:has-text('Garden')")
    app.expect("Sow")
    assert app.page.locator(".list header button:text-is('Edit')").count() == 0


def test_keys_complete_delete_undo_and_go_to_a_list(app: Tab, person: Person) -> None:
    task = person.task("a")
    person.task("below", parent=task["id"])
    app.expect("a", "below")
    app.row("below").locator("a").focus()
    app.page.keyboard.press("c")
    app.page.wait_for_selector(".toast:has-text('Completed: “below”')")
    app.expect("a")
    app.page.keyboard.press("Control+z")
    app.expect("a", "below")
    app.page.wait_for_selector(".toast:has-text('Change undone')")
    app.row("below").locator("a").press("Enter")
    app.page.fill(".pane textarea.title", "discarded?")
    app.page.keyboard.press("Escape")  # saves, says so, and offers to undo it
    app.expect("a", "discarded?")
    app.page.wait_for_selector(".toast:has-text('Title changed') button:text-is('Undo')")
    app.page.keyboard.press("Control+z")
    app.expect("a", "below")
    app.row("a").locator("a").nth(0).focus()
    app.page.keyboard.press("Delete")
    app.page.wait_for_selector(".toast:has-text('Deleted, with 1 subtask: “a”')")
    app.expect()
    app.page.click(".toast [aria-label=Close]")
    app.page.keyboard.press("Control+z")  # also when the message is gone
    app.expect("a", "below")
    app.page.click(".row a:has-text('below')")
    app.page.wait_for_selector(".pane .title")
    app.page.keyboard.press("Backspace")
    app.page.wait_for_selector(".pane", state="detached")
    app.expect("a")
    app.page.fill(".add-box input", "gt")
    app.page.press(".add-box input", "Backspace")
    assert app.page.input_value(".add-box input") == "g"
    app.page.click("h1")
    for key, path in (("t", "today"), ("a", "all"), ("b", "board"), ("d", "done"), ("u", "upcoming")):
        app.page.keyboard.press("g")
        app.page.keyboard.press(key)
        app.page.wait_for_url(f"**/{path}")
    assert app.page.locator("dialog[open]").count() == 0


def test_a_search_finds_what_is_done_also_in_done_and_in_a_category(app: Tab, person: Person) -> None:
    home = person.category("Home")
    for title, state in (("Milk", "open"), ("Oat milk", "done"), ("Bread", "done")):
        person.task(title, state=state, category=home["id"])
    app.expect("Milk")
    app.page.fill(".filters input", "milk")
    app.expect("Milk", "Oat milk")
    assert app.page.locator(".rows > li").all_inner_texts()[1] == "Done"
    assert app.page.locator(".row.closed .title").all_inner_texts() == ["Oat milk"]
    for view in ("Home", "Done"):
        app.page.click(f".side a:has-text('{view}')")
        app.page.wait_for_selector(f"h1:text-is('{view}')")
        app.page.fill(".filters input", "bread")
        app.expect("Bread")


def test_a_subtask_names_its_task_and_a_task_shows_how_many_are_done(app: Tab, person: Person) -> None:
    task = person.task("Trip")
    for title in ("Tickets", "Hotel"):
        person.task(title, parent=task["id"])
    app.expect("Trip", "Tickets", "Hotel")
    app.row("Hotel").locator(".check").click()
    app.page.wait_for_selector(".row:has-text('Trip') .progress:text-is('1/2')")
    app.page.click(".side a:has-text('Board')")
    app.page.wait_for_selector(".card:has-text('Tickets') .parent:has-text('Trip')")
    app.page.wait_for_selector(".card .progress:text-is('1/2')")
    app.page.click(".card:has(.title:text-is('Trip')) a")
    app.page.wait_for_selector(".subtasks li:nth-child(2) .title:text-is('Hotel')")
    assert app.page.locator(".subtasks .title").all_inner_texts() == ["Tickets", "Hotel"]
    app.page.fill(".subtasks input", "Bags")
    app.page.press(".subtasks input", "Enter")
    app.page.wait_for_selector(".subtasks li:nth-child(2) .title:text-is('Bags')")
    app.page.click(".pane .head .check")
    app.page.wait_for_selector(".toast:has-text('Completed. Its 2 subtasks stay open: “Trip”')")


def test_a_viewer_gets_no_actions_for_selected_tasks_and_others_hear_what_is_left_out(
    app: Tab, person: Person, server: Server
) -> None:
    friend = server.register()
    garden = friend.category("Garden")
    task = friend.task("Sow", category=garden["id"])
    friend.share(garden, person, role="viewer")
    person.task("own")
    app.expect("Sow", "own")
    app.page.check("[aria-label='Select “Sow”']")
    app.page.wait_for_selector(".bulk:has-text('You can view these tasks, but not edit them.')")
    assert app.page.locator(".bulk :is(button:not([aria-label]), select)").count() == 0
    app.page.check("[aria-label='Select “own”']")
    app.page.click(".bulk button:text-is('Complete')")
    app.page.wait_for_selector(".toast:has-text('1 task completed. 1 left out')")
    app.expect("Sow")
    app.open(f"/task/{task['id']}")
    app.page.wait_for_selector("#priority:disabled")
    style = "getComputedStyle(document.querySelector('#priority'))"
    assert app.page.evaluate(f"{style}.backgroundColor") == "rgba(0, 0, 0, 0)"
    assert app.mistakes() == []


def test_escape_after_selecting_keeps_the_place(app: Tab, person: Person) -> None:
    for title in ("a", "b", "c"):
        person.task(title)
    app.expect("a", "b", "c")
    app.page.check("[aria-label='Select “b”']")
    app.page.keyboard.press("Escape")
    app.wait_for("document.activeElement.matches('.row a') && document.activeElement.textContent.startsWith('b')")
    app.page.check("[aria-label='Select “a”']")
    app.page.locator(".bulk button:text-is('Complete')").focus()
    app.page.keyboard.press("Escape")
    app.wait_for("document.activeElement.matches('.row a') && document.activeElement.textContent.startsWith('a')")


def test_after_a_new_category_its_first_task_is_written_at_once(app: Tab, person: Person) -> None:
    app.page.fill(".new-category input", "Garden")
    app.page.press(".new-category input", "Enter")
    app.page.wait_for_selector("h1:text-is('Garden')")
    app.wait_for("document.activeElement.matches('main .add-box input')")
    app.page.keyboard.type("Sow")
    app.page.keyboard.press("Enter")
    app.expect("Sow")


def test_a_task_with_an_unknown_repetition_gets_no_day_from_the_list(app: Tab, person: Person) -> None:
    app.page.click(".side a:has-text('Today')")
    app.page.wait_for_selector("h1:text-is('Today')")
    app.add("Water plants every hour")
    app.page.wait_for_selector(".toast:has-text('Added without a due date')")
    app.synced()
    [task] = person.listed("/api/tasks/")
    assert (task["title"], task["due_on"]) == ("Water plants every hour", None)


def test_a_subtask_says_where_it_is_filed_and_an_editor_why_none_can_be_added(
    app: Tab, person: Person, server: Server
) -> None:
    friend = server.register()
    garden = person.category("Garden")
    task = person.task("Sow", category=garden["id"])
    below = person.task("Buy seeds", parent=task["id"])
    person.share(garden, friend)
    other = friend.task("Theirs")
    friend.share(other, person)
    app.expect("Sow", "Buy seeds", "Theirs")
    app.open(f"/task/{below['id']}").see("Subtasks are in the category of their task.")
    app.open(f"/task/{other['id']}").see("Only the owner of this task can add subtasks.")
