"""Writing tasks down in the browser app: the box, the words that it understands, pasted lists, and shared content."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.browser.conftest import PLAIN_HOST
from tests.browser.tab import Tab
from tests.http import Person, Server
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

BOX = "dialog.capture .add-box input"


def test_a_task_is_written_from_everywhere_and_shows_what_was_understood(app: Tab, person: Person) -> None:
    home = person.category("Home")
    app.page.wait_for_selector(".side a:has-text('Home')")
    app.page.click(".side a:has-text('Done')")
    app.see("Nothing has been completed yet.")
    app.page.keyboard.press("q")
    app.page.locator(BOX).press_sequentially("Buy milk tomorrow 17:00 !4 #ho")
    app.page.wait_for_selector(".completions li:has-text('Home')")
    app.page.keyboard.press("Enter")
    app.wait_for(
        "value => document.querySelector('dialog.capture input').value === value", "Buy milk tomorrow 17:00 !4 #Home "
    )
    chips = app.page.locator("dialog.capture .chip")
    app.page.locator(".chip:has-text('Home')").wait_for()
    assert [text.removesuffix(" ✕") for text in chips.all_text_contents()] == ["Tomorrow, 17:00", "Urgent", "Home"]
    app.page.click(".chip:has-text('Urgent')")
    app.page.locator(".chip:has-text('Urgent')").wait_for(state="detached")
    assert app.mistakes() == []
    app.page.press(BOX, "Enter")
    app.see("Added. Due tomorrow, 17:00: “Buy milk !4”")
    app.synced()
    [task] = person.listed("/api/tasks/")
    assert (task["title"], task["priority"], task["category"]) == ("Buy milk !4", 2, home["id"])
    app.page.wait_for_selector("dialog.capture:not([open])", state="attached")


@pytest.mark.parametrize(
    "zone",
    ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "UTC"],
)
def test_days_and_times_are_those_of_the_browser(new_device: Callable[..., Tab], person: Person, zone: str) -> None:
    tab = new_device(timezone_id=zone).open().enter(person.username)
    tab.see("Nothing is due today.")
    before = datetime.now(ZoneInfo(zone))
    tab.add("now")
    tab.expect("now")
    tab.see("Added. Due today: “now”")
    tab.add("then tomorrow 6:30")
    tab.synced()
    due = {task["title"]: (task["due_on"], task["due_date"]) for task in person.listed("/api/tasks/")}
    days = {before.date(), datetime.now(ZoneInfo(zone)).date()}
    assert date.fromisoformat(due["now"][0]) in days
    then = datetime.fromisoformat(due["then"][1]).astimezone(ZoneInfo(zone))
    assert (due["now"][1], due["then"][0], then.hour, then.minute) == (None, None, 6, 30)
    assert then.date() - timedelta(days=1) in days
    for gap, text in {-1: "Yesterday", 1: "Tomorrow"}.items():
        person.task(text, due_on=(datetime.now(ZoneInfo(zone)).date() + timedelta(days=gap)).isoformat())
        tab.page.click(f".side a:has-text('{'Today' if gap < 0 else 'Upcoming'}')")
        day = (
            f".row:has(.title:text-is('{text}')) .overdue:text-is('{text}')"
            if gap < 0
            else f".rows h2:has-text('{text}, ')"
        )
        tab.page.wait_for_selector(day)
        tab.page.wait_for_selector(f".row .title:text-is('{text}')")


def test_pasted_lines_become_tasks_in_their_order_and_one_undo_takes_all_back(app: Tab) -> None:
    app.page.fill(".add-box input", "x !4")
    app.page.wait_for_selector(".chip")  # what understands tasks is loaded
    app.page.fill(".add-box input", "")
    app.page.context.set_offline(True)
    app.page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.setData("text/plain", "- [ ] milk\\n\\n- bread\\n- eggs !4\\n- salt\\n- rice\\n- tea\\n");
            const input = document.querySelector(".add-box input");
            input.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }"""
    )
    app.see("6 tasks added")
    in_order = ["eggs", "milk", "bread", "salt", "rice", "tea"]
    app.expect(*in_order)
    assert app.page.locator(".row .title").all_inner_texts() == in_order
    app.page.context.set_offline(False)
    app.synced()
    assert app.page.locator(".row .title").all_inner_texts() == in_order
    app.undo()
    app.expect()


def test_a_text_is_kept_when_its_box_is_closed_or_its_list_is_left(app: Tab) -> None:
    app.page.fill(".add-box input", "in the list")
    app.page.click(".side a:has-text('Today')")
    app.page.wait_for_selector(".side a[aria-current]:has-text('Today')")
    app.page.keyboard.press("q")
    app.page.locator(BOX).press_sequentially("in the box")
    app.page.keyboard.press("Escape")
    app.page.wait_for_selector("dialog.capture .add-box", state="detached")
    app.page.click("h1")
    app.page.keyboard.press("q")
    app.page.locator(BOX).press_sequentially(" again")
    app.page.keyboard.press("Enter")
    app.see("“in the box again”")
    app.page.click(".side a:has-text('All tasks')")
    app.expect("in the box again")
    app.page.press(".add-box input", "Enter")
    app.expect("in the box again", "in the list")


ADD_AND_OPEN_AGAIN = """async () => {
    document.querySelector("dialog.capture form").requestSubmit();
    while (document.querySelector("dialog.capture[open]")) await undefined;
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "q", bubbles: true }));
}"""
"""Opens the box again before the browser has sent the event of its closing."""


def test_a_box_that_is_opened_again_at_once_stays_open(app: Tab) -> None:
    app.page.keyboard.press("q")
    app.page.fill(BOX, "first")
    app.page.evaluate(ADD_AND_OPEN_AGAIN)
    app.see("“first”")
    app.page.locator(BOX).press_sequentially("second")
    app.page.keyboard.press("Enter")
    app.expect("first", "second")


def test_a_task_is_added_as_it_is_when_what_understands_it_cannot_be_loaded(
    new_device: Callable[..., Tab], person: Person
) -> None:
    tab = new_device(PLAIN_HOST)  # without a service worker
    tab.page.route("**/assets/*/capture.js", lambda route: route.abort())
    tab.open().enter(person.username).see("Nothing is due today.")
    tab.page.goto(f"{tab.url}/all")
    tab.add("Buy milk tomorrow")
    tab.expect("Buy milk tomorrow")


def test_keys_that_follow_the_key_of_the_box_are_written_in_it(app: Tab) -> None:
    app.page.click("h1")
    app.page.keyboard.type("qx and q")
    app.page.keyboard.press("Enter")
    app.expect("x and q")


def test_a_category_is_created_where_a_task_names_it(app: Tab) -> None:
    app.page.fill(".add-box input", "milk #Shop today")
    app.see("New category “Shop”")
    app.page.keyboard.press("Enter")
    app.see("Added to the new category “Shop”: “milk”")
    app.page.click(".sidebar a:has-text('Shop')")
    app.expect("milk")
    app.undo()  # of both
    app.page.wait_for_selector(".sidebar a:has-text('Shop')", state="detached")
    app.page.click(".side a:has-text('Today')")
    app.expect()


def test_priorities_are_completed_by_their_names(app: Tab, person: Person) -> None:
    box = app.page.locator(".add-box input")
    box.press_sequentially("milk !")
    app.page.wait_for_selector(".completions li:has-text('Low')")
    assert app.page.locator(".completions li").all_inner_texts() == ["Urgent", "High", "Normal", "Low"]
    assert app.mistakes() == []
    box.press_sequentially("hi")
    app.page.locator(".completions li:has-text('Low')").wait_for(state="detached")
    app.page.keyboard.press("Enter")
    app.page.wait_for_selector(".chip:has-text('High')")
    app.page.keyboard.press("Enter")
    app.expect("milk")
    app.synced()
    assert [task["priority"] for task in person.listed("/api/tasks/")] == [3]


def test_what_other_apps_share_becomes_a_task_also_after_signing_in(
    new_device: Callable[..., Tab], person: Person
) -> None:
    tab = new_device().open("/share?title=An+article&text=%3Cb%3Eread%3C/b%3E&url=https://example.org/a")
    tab.enter(person.username)
    text = "An article <b>read</b> https://example.org/a"
    tab.wait_for(f"text => document.querySelector('{BOX}')?.value === text", text)
    assert tab.page.evaluate("location.pathname + location.search") == "/today"
    tab.page.press(BOX, "Enter")
    tab.expect(text)
    tab.open("/share")
    tab.page.wait_for_selector(BOX)


def test_a_user_without_tasks_gets_three_to_begin_with_or_dismisses_them(
    new_device: Callable[..., Tab], person: Person, server: Server
) -> None:
    friend = server.register()
    category = friend.category("Garden")
    friend.task("Water plants", category=category["id"])
    friend.share(category, person)
    tab = new_device().open().enter(person.username)
    tab.page.click("text=Add these tasks")
    tab.see("3 tasks added")
    tab.undo()
    tab.expect()
    again = new_device().open().enter(person.username)
    again.page.click("text=No, thanks")
    again.page.wait_for_selector(".samples", state="detached")
    again.page.reload()
    again.see("Nothing is due today.")
    assert again.page.locator(".samples").count() == 0


def test_the_list_stays_in_its_place_while_a_task_is_written_and_the_text_survives_a_reload(
    app: Tab, person: Person
) -> None:
    top = "document.querySelector('.filters').getBoundingClientRect().top"
    before = app.page.evaluate(top)
    app.page.fill(".add-box input", "Buy milk tomorrow !4")
    app.page.wait_for_selector(".chip:has-text('Urgent')")
    assert app.page.evaluate(top) == before
    app.page.reload()
    app.wait_for("document.querySelector('.add-box input')?.value === 'Buy milk tomorrow !4'")
    app.page.press(".add-box input", "Enter")
    app.expect("Buy milk")
    app.page.keyboard.press("Tab")
    app.page.keyboard.press("q")
    app.page.fill(BOX, "in the dialog")
    app.page.reload()
    app.wait_for(f"document.querySelector('{BOX}')?.value === 'in the dialog'")
    app.page.keyboard.press("Enter")
    app.expect("Buy milk", "in the dialog")
    wait_until(lambda: len(person.listed("/api/tasks/")) == 2, "a new task is not sent")  # so it is stored
    app.page.reload()
    app.expect("Buy milk", "in the dialog")
    assert app.page.locator(".add-box input").input_value() == ""
