"""Reminders, notifications and preferences of the app in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.browser.tab import PATIENCE, Tab
from tests.http import Person, Server, expect, new_name

pytestmark = pytest.mark.browser

UNREAD = ".sidebar a[href='/notifications'] .count"
BUTTONS = (":text-is('Open')", ":text-is('Complete')", ":text-is('Again in 10 min')", "[aria-label='Close']")
NOTICE = "main .notices li[data-notice]"


def fire(person: Person, task: Mapping[str, Any]) -> None:
    """Remind the person of a task at once."""
    at = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    expect(person.post(f"/api/tasks/{task['id']}/reminders/", {"at": at}), 201)


def read_all(person: Person, *tabs: Tab) -> None:
    """Begin without the notices that a new device has signed in."""
    for tab in tabs:
        tab.page.wait_for_selector(UNREAD, state="attached")
    expect(person.post("/api/notifications/read/"), 200)
    for tab in tabs:
        tab.page.wait_for_selector(UNREAD, state="detached")


def reminders(person: Person, task: Mapping[str, Any]) -> list[tuple[str | None, str | None]]:
    return [(each["at"], each["before"]) for each in person.listed(f"/api/tasks/{task['id']}/reminders/")]


def opened(tab: Tab, task: Mapping[str, Any]) -> Any:
    """Open a task, and return its reminders."""
    tab.open(f"/task/{task['id']}")
    found = tab.page.locator(".pane .reminders")
    found.wait_for()
    return found


def test_reminders_are_added_before_the_due_date_and_at_a_time_and_removed(app: Tab, person: Person) -> None:
    page = app.page
    task = person.task("Call mum", due_date="2099-03-02T12:00:00Z")
    pane = opened(app, task)
    page.click("text=Add a reminder")
    page.wait_for_selector(".editor button:focus")
    assert app.mistakes() == []
    page.click(".editor >> text=10 minutes before")
    app.see("Reminder added: 10 minutes before")
    pane.locator("li", has_text="Reminds you:").wait_for()
    page.click("text=Add a reminder")
    assert page.locator(".editor >> text=10 minutes before").count() == 0
    page.click("text=Other time before")
    page.fill(".editor [name=count]", "10")
    page.select_option(".editor [name=unit]", label="minutes before")
    page.click(".editor button:text-is('Add')")
    app.see("The task has this reminder already.")
    assert app.mistakes() == []
    page.fill(".editor [name=count]", "367")
    page.select_option(".editor [name=unit]", label="days before")
    page.click(".editor button:text-is('Add')")
    app.see("At most 366 days before.")
    page.fill(".editor [name=count]", "90")
    page.select_option(".editor [name=unit]", label="minutes before")
    page.keyboard.press("Escape")
    page.wait_for_selector(".editor", state="detached")
    page.wait_for_selector(".reminders > button:focus")
    page.keyboard.press("Enter")
    page.click("text=Day and time")
    for day, wrong in (("", "Enter a day and a time."), ("2020-01-01", "This time has passed.")):
        page.fill(".editor [name=day]", day)
        page.click(".editor button:text-is('Add')")
        app.see(wrong)
    page.fill(".editor [name=day]", "2099-03-01")
    page.fill(".editor [name=time]", "08:30")
    page.click(".editor button:text-is('Add')")
    pane.locator("li", has_text="1 Mar 2099, 8:30").wait_for()
    app.synced()
    at = page.evaluate("new Date('2099-03-01T08:30').toISOString().replace('.000', '')")
    assert reminders(person, task) == [(None, "PT10M"), (at, None)]
    page.click("button[aria-label='Remove the reminder: 10 minutes before']")
    app.wait_for("document.querySelectorAll('.reminders li').length === 1")
    app.synced()
    assert reminders(person, task) == [(at, None)]
    app.undo()
    app.wait_for("document.querySelectorAll('.reminders li').length === 2")
    app.synced()
    assert sorted(reminders(person, task), key=str) == [(at, None), (None, "PT10M")]


def test_a_task_has_at_most_20_reminders_and_what_has_fired_is_removed(app: Tab, person: Person) -> None:
    task = person.task("Call mum", due_on="2099-03-02")
    for days in range(19):
        expect(person.post(f"/api/tasks/{task['id']}/reminders/", {"before": f"P{days + 1}D"}), 201)
    fire(person, task)
    pane = opened(app, task)
    app.see("A task has at most 20 reminders. Remove one to add another.")
    pane.locator("li", has_text="Its time has passed.").get_by_role("button").click()
    app.see("Reminder removed: Today")
    pane.locator("button", has_text="Add a reminder").wait_for()
    assert app.page.locator(".toast button:has-text('Undo')").count() == 0
    app.synced()
    assert len(reminders(person, task)) == 19


def test_a_reminder_of_a_day_fires_at_the_hour_of_the_user_and_waits_while_the_task_is_done(
    app: Tab, person: Person
) -> None:
    expect(person.patch("/api/accounts/me/notifications/", {"reminder_hour": 7}), 200)
    task = person.task("Call mum", due_on="2099-03-02")
    pane = opened(app, task)
    app.page.click("text=Add a reminder")
    app.page.click(".editor >> text=1 day before, in the morning")
    moment = app.page.evaluate(
        "new Date('2099-03-01T07:00Z').toLocaleTimeString('en-GB', { hour: 'numeric', minute: '2-digit' })"
    )
    pane.locator("li", has_text=moment).wait_for()
    app.page.click(".pane .check")
    pane.locator("li", has_text="Waits until the task is open again.").wait_for()
    app.page.click(".pane .check")
    pane.locator("li", has_text=moment).wait_for()
    app.page.click("button[aria-label='Remove the due date']")
    pane.locator("li", has_text="Waits until the task has a due date.").wait_for()
    app.page.click("text=Add a reminder")
    app.see("Give the task a due date to be reminded before it.")


def test_a_reminder_that_is_set_offline_is_sent_later(app: Tab, person: Person) -> None:
    task = person.task("Call mum", due_on="2099-03-02")
    app.controlled()
    pane = opened(app, task)
    app.page.context.set_offline(True)
    app.page.click("text=Add a reminder")
    app.page.click(".editor >> text=In the morning of that day")
    pane.locator("li", has_text="Its time is known when the server has the change.").wait_for()
    pane.get_by_role("img", name="not yet on the server").wait_for()
    app.page.context.set_offline(False)
    pane.locator("li", has_text="Reminds you:").wait_for()
    app.synced()
    assert reminders(person, task) == [(None, "PT0M")]


def test_a_reminder_that_the_server_refuses_is_explained(app: Tab, person: Person) -> None:
    task = person.task("Call mum")
    opened(app, task)
    app.page.context.set_offline(True)
    app.page.clock.set_fixed_time(datetime.now(UTC) - timedelta(days=3))
    app.page.click("text=Add a reminder")
    app.page.click("text=Day and time")
    app.page.fill(".editor [name=day]", (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%d"))
    app.page.click(".editor button:text-is('Add')")
    app.page.wait_for_selector(".reminders li")
    app.page.clock.set_fixed_time(datetime.now(UTC))
    app.page.context.set_offline(False)
    card = app.page.locator(".pane .issue", has_text="A reminder of “Call mum” was not set")
    card.locator("p", has_text="Reminder: must be in the future").wait_for()
    assert app.mistakes() == []
    card.get_by_role("button", name="Discard my change").click()
    app.page.wait_for_selector(".issue, .reminders li", state="detached")


def test_a_reminder_fires_on_every_device_and_what_one_reads_is_read_on_the_others(
    app: Tab, person: Person, new_device: Callable[..., Tab]
) -> None:
    phone = new_device(has_touch=True, viewport={"width": 390, "height": 844}).open().enter(person.username)
    phone.see("Nothing is due today.")
    read_all(person, app, phone)
    phone.open("/notifications")
    phone.page.wait_for_selector(f"{NOTICE}:has-text('Sign-in from a new device')")
    assert phone.mistakes() == []
    task = person.task("Call mum")
    app.expect("Call mum")
    fire(person, task)
    for tab in (app, phone):
        tab.see("Reminder: “Call mum”")
    app.page.wait_for_selector(f"{UNREAD}:text-is('1')")
    phone.page.wait_for_selector(".bell[aria-label='Notifications: 1 not read'] .count:text-is('1')")
    phone.page.wait_for_selector(f"{NOTICE}.unread:has-text('Call mum')")
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.mistakes() == []
    phone.page.click(f"{NOTICE} a")
    phone.page.wait_for_selector(".pane textarea.title")
    for tab, sign in ((app, UNREAD), (phone, ".bell .count")):
        tab.page.wait_for_selector(sign, state="detached")
    phone.page.click(".pane .close")
    phone.page.wait_for_selector(f"{NOTICE}:not(.unread)")
    app.page.keyboard.press("g")
    app.page.keyboard.press("n")
    app.page.wait_for_url("**/notifications")


def test_a_new_user_has_no_notifications(new_device: Callable[..., Tab]) -> None:
    tab = new_device().open("/register").enter(new_name(), button="Create an account")
    tab.see("Nothing is due today.")
    tab.open("/notifications")
    tab.see("No notifications.")
    assert tab.page.locator(UNREAD).count() == 0
    assert tab.mistakes() == []


def test_opening_the_task_reads_its_notification(app: Tab, person: Person) -> None:
    read_all(person, app)
    task = person.task("Call mum")
    fire(person, task)
    app.page.wait_for_selector(UNREAD)
    app.page.wait_for_function("document.title.startsWith('(1) ')")
    app.page.click(".toast button:text-is('Open')")
    app.page.wait_for_url(f"**/task/{task['id']}")
    app.page.wait_for_selector(UNREAD, state="detached")
    app.page.wait_for_function("document.title.startsWith('Call mum')")
    app.page.set_viewport_size({"width": 1000, "height": 400})
    app.page.evaluate("document.querySelector('.pane').scrollTo(0, 500)")
    fire(person, task)
    app.page.click(".toast button:text-is('Open')")
    app.wait_for("document.querySelector('.pane').scrollTop < 50")


def test_a_reminder_is_repeated_later_and_its_task_is_completed_from_there(app: Tab, person: Person) -> None:
    read_all(person, app)
    page = app.page
    task = person.task("Call mum")
    fire(person, task)
    page.wait_for_selector(UNREAD)
    page.click(".sidebar a[href='/notifications']")
    page.click(f"{NOTICE} >> text=Remind me again")
    assert app.mistakes() == []
    page.click(f"{NOTICE} >> text=Tomorrow morning")
    app.see("Reminder added: Tomorrow, 9:00")
    page.wait_for_selector(UNREAD, state="detached")
    app.synced()
    tomorrow = page.evaluate(
        "(() => { const now = new Date(); return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, 9)"
        ".toISOString().replace('.000', '') })()"
    )
    assert reminders(person, task) == [(tomorrow, None)]
    app.undo()
    page.wait_for_selector(UNREAD)
    app.synced()
    assert reminders(person, task) == []
    page.click(f"{NOTICE} >> text=Complete")
    app.see("Completed: “Call mum”")
    page.wait_for_selector(UNREAD, state="detached")
    page.wait_for_selector(f"{NOTICE} button", state="detached")
    page.wait_for_selector(f"{NOTICE}:has-text('Call mum'):has-text('Done')")
    app.synced()
    [stored] = person.listed("/api/tasks/")
    assert stored["state"] == "done"


def test_a_task_is_completed_or_put_off_in_the_message_which_goes_away_when_it_is_read(
    app: Tab, person: Person, new_device: Callable[..., Tab]
) -> None:
    read_all(person, app)
    task = person.task("Call mum", due_on="2030-01-04")
    page = app.page
    page.set_viewport_size({"width": 360, "height": 700})
    fire(person, task)
    app.see("Reminder, due 4 Jan 2030: “Call mum”")
    page.wait_for_selector(".toast button:text-is('Complete')")
    app.settle()
    places = {each: page.locator(f".toast button{each}").bounding_box() or {} for each in BUTTONS}
    close = places.pop("[aria-label='Close']")
    [row] = {place["y"] for place in places.values()}
    assert close["y"] < row, "beside the text"
    add = page.locator(".top .capture-button").bounding_box() or {}
    assert row + close["height"] <= add["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert app.mistakes() == []
    expect(person.post("/api/notifications/read/"), 200)  # on another device
    page.wait_for_selector(".toast", state="detached")
    fire(person, task)
    page.click(".toast button:text-is('Again in 10 min')")
    app.see("Reminder added: ")
    app.open("/notifications")
    page.locator(NOTICE, has_text="again: ").first.wait_for()
    assert page.locator(f"{NOTICE} button").count() == 0
    fire(person, task)
    page.click(".toast button:text-is('Complete')")
    app.see("Completed: “Call mum”")
    app.synced()
    [stored] = person.listed("/api/tasks/")
    assert stored["state"] == "done"


def test_what_came_while_the_page_was_not_in_view_is_said_when_it_is_again(app: Tab, person: Person) -> None:
    read_all(person, app)
    app.page.evaluate(HIDE)
    fire(person, person.task("Call mum"))
    app.page.wait_for_selector(UNREAD)
    app.page.wait_for_timeout(300)
    assert app.page.locator(".toast").count() == 0
    app.page.evaluate(
        "delete document.visibilityState; document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))"
    )
    app.see("Reminder: “Call mum”")


def test_a_text_that_asks_for_a_reminder_sets_it(app: Tab, person: Person) -> None:
    app.open("/all")
    app.page.fill(".add-box input", "Remind me to call mum in 2 minutes")
    app.page.wait_for_selector(".chip:has-text('Reminder: Today, ')")
    app.page.keyboard.press("Enter")
    app.expect("call mum")
    app.synced()
    [task] = person.listed("/api/tasks/")
    assert reminders(person, task) == [(None, "PT0M")]
    app.undo()
    app.expect()
    app.synced()
    assert person.listed("/api/tasks/") == []


def test_a_reminder_at_a_time_of_a_recurring_task_is_only_for_this_one(app: Tab, person: Person) -> None:
    rule = {"rule": "FREQ=DAILY", "from": "due", "time_zone": "UTC"}
    task = person.task("Call mum", due_on="2099-03-02", recurrence=rule)
    pane = opened(app, task)
    app.page.click("text=Add a reminder")
    app.see("At a time: only for this one.")
    app.page.click(".editor >> text=In 1 hour")
    pane.locator("li", has_text="Only for this one, not for the next.").wait_for()


def test_hours_before_a_day_are_counted_from_the_hour_of_reminders(app: Tab, person: Person) -> None:
    today = app.page.evaluate("new Date().toLocaleDateString('sv')")
    pane = opened(app, person.task("Call mum", due_on=today))
    app.page.click("text=Add a reminder")
    app.page.click("text=Other time before")
    app.see("Counted from 9:00 of that day.")
    app.page.fill(".editor [name=count]", "24")
    app.page.click(".editor button:text-is('Add')")
    app.see("This time has passed.")
    app.page.click(".editor button:text-is('Cancel')")
    app.page.click("text=Add a reminder")
    app.page.click("text=Day and time")
    if app.page.evaluate("new Date().getHours() < 22"):
        assert app.page.input_value(".editor [name=day]") == today
    assert pane.locator("li").count() == 0


def test_the_list_beside_an_open_task_stays_when_the_page_is_loaded_again(app: Tab, person: Person) -> None:
    task = person.task("Call mum", due_on="2099-03-02")
    app.open("/upcoming")
    app.row("Call mum").locator("a").click()
    app.page.wait_for_url(f"**/task/{task['id']}")
    app.page.reload()
    app.page.wait_for_selector("h1:text-is('Upcoming')")


def test_all_are_marked_as_read_and_each_leads_to_what_it_is_about(app: Tab, person: Person, server: Server) -> None:
    read_all(person, app)
    friend = server.register()
    garden = friend.category("Garden")
    friend.share(garden, person)
    friend.share(friend.task("Read the minutes"), person)
    page = app.page
    page.wait_for_selector(f"{UNREAD}:text-is('2')")
    page.click(".sidebar a[href='/notifications']")
    page.locator(NOTICE, has_text=f"{friend.username} shares “Garden” with you").wait_for()
    page.locator(NOTICE, has_text=f"{friend.username} shares “Read the minutes” with you").wait_for()
    assert app.mistakes() == []
    page.click("text=Mark all as read")
    app.see("2 notifications marked as read")
    page.wait_for_selector(UNREAD, state="detached")
    app.undo()
    page.wait_for_selector(f"{UNREAD}:text-is('2')")
    page.locator(f"{NOTICE} a", has_text="Garden").click()
    page.wait_for_selector("h1:text-is('Garden')")
    page.wait_for_selector(f"{UNREAD}:text-is('1')")
    expect(friend.delete(f"/api/categories/{garden['id']}/"), 204)
    page.click(".sidebar a[href='/notifications']")
    page.locator(NOTICE, has_text="Something that is no longer there").wait_for()


def test_notifications_are_there_offline(app: Tab, person: Person) -> None:
    read_all(person, app)
    fire(person, person.task("Call mum"))
    app.page.wait_for_selector(UNREAD)
    app.controlled()
    app.page.context.set_offline(True)
    app.open("/notifications")
    app.page.wait_for_selector(f"{NOTICE}.unread:has-text('Call mum')")
    app.page.click("text=Mark all as read")
    app.page.wait_for_selector(f"{NOTICE}.unread", state="detached")
    app.page.context.set_offline(False)
    app.synced()
    assert [each["read"] for each in person.listed("/api/notifications/")] == [True, True]


def test_the_preferences_are_changed_and_say_that_the_server_sends_no_mail(app: Tab, person: Person) -> None:
    app.open("/settings/notifications")
    app.see("This server sends no mail.")
    app.page.get_by_label("Reminders “in the morning” fire at").select_option("7")
    app.page.click("button:text-is('Save')")
    app.see("Saved.")
    assert expect(person.get("/api/accounts/me/notifications/"), 200)["reminder_hour"] == 7
    assert app.mistakes() == []


class TestWithMail:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> dict[str, str]:
        mail = {"MAIL_URL": f"folder:{tmp_path}/mails", "MAIL_FROM": "tasks@example.org"}
        return {**mail, "PUBLIC_URL": "http://127.0.0.1"}

    def test_mails_are_chosen(self, app: Tab, person: Person) -> None:
        app.open("/settings/notifications")
        app.see("your account has no verified address")
        app.page.uncheck("text=for each reminder")
        app.page.get_by_label("Daily summary").select_option("6")
        app.page.click("section:has-text('Mails') button:text-is('Save')")
        app.see("It begins when your address is verified.")
        found = expect(person.get("/api/accounts/me/notifications/"), 200)
        assert (found["reminder_mails"], found["summary_hour"]) == (False, 6)
        app.page.reload()
        app.see("It begins when your address is verified.")
        assert not app.page.is_checked("text=for each reminder")
        app.page.get_by_label("Daily summary").select_option("")
        app.page.click("section:has-text('Mails') button:text-is('Save')")
        app.see("Saved.")
        assert expect(person.get("/api/accounts/me/notifications/"), 200)["summary_hour"] is None
        app.page.set_viewport_size({"width": 390, "height": 600})
        app.page.click("section:has-text('Mails') a:text-is('Profile')")
        app.wait_for(
            "(top => top >= 0 && top < 300)([...document.querySelectorAll('h2')]"
            ".find((each) => each.textContent === 'E-mail address')?.getBoundingClientRect().top)"
        )


SHOWN = """navigator.serviceWorker.ready.then((worker) => worker.getNotifications())
    .then((all) => all.map(({ title }) => title))"""
CLICK = """async () => {
    const [notification] = await registration.getNotifications();
    dispatchEvent(new NotificationEvent("notificationclick", { notification }));
}"""
HIDE = """Object.defineProperty(document, "visibilityState", { get: () => "hidden", configurable: true });"""


def test_the_browser_is_asked_only_after_a_click_and_blocked_notifications_are_explained(
    app: Tab, new_device: Callable[..., Tab], person: Person
) -> None:
    app.page.add_init_script(
        "window.asked = 0; Notification.requestPermission = async () => (asked++, window.permission = 'denied');"
        "Object.defineProperty(Notification, 'permission', { get: () => window.permission ?? 'default' });"
    )
    app.open("/settings/notifications")
    app.see("Your system can show notifications")
    fire(person, person.task("Call mum"))
    app.see("Reminder: “Call mum”")
    assert app.page.evaluate("asked") == 0
    app.page.click("button:text-is('Show notifications')")
    app.see("The browser has blocked notifications of this app.")
    assert app.page.evaluate("asked") == 1
    assert app.mistakes() == []


def test_the_system_shows_a_reminder_once_while_no_page_is_in_view_and_it_opens_the_task(
    app: Tab, person: Person
) -> None:
    context = app.page.context
    context.grant_permissions(["notifications"])
    app.open("/settings/notifications")
    app.page.click("button:text-is('Show notifications')")
    app.see("Your system shows notifications")
    app.controlled()
    second = Tab(context.new_page(), app.url).open("/all")
    second.see("No open tasks.")
    read_all(person, app, second)
    task = person.task("Call mum")
    second.expect("Call mum")
    fire(person, task)
    second.see("Reminder: “Call mum”")
    assert second.page.evaluate(SHOWN) == [], "a page is in view"
    [worker] = context.service_workers
    worker.evaluate(
        "() => Object.defineProperty(WindowClient.prototype, 'visibilityState', { get: () => 'hidden' }) && undefined"
    )
    for tab in (app, second):
        tab.page.evaluate(HIDE)
    fire(person, task)
    second.wait_for(f"{SHOWN}.then((titles) => titles.length > 0)")
    second.page.wait_for_timeout(500)  # the other page would show another one
    assert second.page.evaluate(SHOWN) == ["Call mum"]
    expect(person.post("/api/notifications/read/"), 200)  # on another device
    second.wait_for(f"{SHOWN}.then((titles) => titles.length === 0)")
    fire(person, task)
    second.wait_for(f"{SHOWN}.then((titles) => titles.length > 0)")
    worker.evaluate(CLICK)
    for _ in range(PATIENCE * 20):
        if any(tab.page.url.endswith(f"/task/{task['id']}") for tab in (app, second)):
            break
        second.page.wait_for_timeout(50)
    else:
        raise AssertionError("no page has opened the task")
    second.page.wait_for_selector(UNREAD, state="detached")
    second.wait_for(f"{SHOWN}.then((titles) => titles.length === 0)")


OLD = """async () => {
    const [{ name }] = (await indexedDB.databases()).filter(({ name }) => name.includes(":"));
    const done = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const tables = ["task", "category", "deletions", "aliases", "outbox", "issues", "meta", "packs"];
    let database = await done(indexedDB.open(name));
    const keys = { outbox: "number", issues: "mutation", meta: "name" };
    const all = await Promise.all(tables.map((each) => done(database.transaction(each).objectStore(each).getAll())));
    database.close();
    await done(indexedDB.deleteDatabase(name));
    const opening = indexedDB.open(name, 2);
    opening.onupgradeneeded = () => {
        for (const each of tables) {
            const options = each === "packs" ? { autoIncrement: true } : { keyPath: keys[each] ?? "id" };
            const table = opening.result.createObjectStore(each, options);
            if (each === "outbox") table.createIndex("target", "target");
        }
    };
    database = await done(opening);
    const transaction = database.transaction(tables, "readwrite");
    tables.forEach((each, index) => {
        for (const row of all[index]) if (row.name !== "types") transaction.objectStore(each).put(row);
    });
    await new Promise((resolve) => (transaction.oncomplete = resolve));
    database.close();
    return all[tables.indexOf("outbox")].length;
}"""
"""Replaces the copy by one of the version of the app that had no reminders."""


def test_the_copy_of_an_earlier_version_is_shown_and_keeps_its_edits(app: Tab, person: Person) -> None:
    task = person.task("Call mum", due_on="2099-03-02")
    app.expect("Call mum")
    app.controlled()
    app.expect("Call mum")
    app.page.route("**/api/**", lambda route: route.abort())
    app.add("Buy milk")
    app.page.wait_for_selector(".waiting", state="attached")
    app.open("/docs")
    assert app.page.evaluate(OLD) == 1
    app.open("/all")
    app.expect("Buy milk", "Call mum")
    expect(person.post(f"/api/tasks/{task['id']}/reminders/", {"before": "P1D"}), 201)
    app.page.unroute_all(behavior="ignoreErrors")
    app.page.reload()
    app.row("Call mum").locator("a").click()
    app.page.locator(".reminders li", has_text="1 day before, in the morning").wait_for()
    app.synced()
    assert sorted(person.titles()) == ["Buy milk", "Call mum"]
    assert app.page.locator(".issue").count() == 0


def test_a_reminder_that_is_written_with_a_task_says_when_and_marks_the_task(app: Tab, person: Person) -> None:
    for text, chip in [
        ("Lunch tomorrow remind me 1 hour before", "Reminder: 1 hour before the morning of that day"),
        ("Dentist every day at 14:00 remind me tomorrow at 8:00", "Reminder: Tomorrow, 8:00"),
    ]:
        app.page.keyboard.press("q")
        app.page.fill("dialog.capture input", text)
        app.page.locator("dialog.capture .chip", has_text=chip).wait_for()
        app.page.keyboard.press("Enter")
    app.page.click("a[href='/all']")
    for title in ("Lunch", "Dentist"):
        app.page.locator(".row", has_text=title).locator("[aria-label='Reminder']").wait_for()
    app.page.locator(".row", has_text="Dentist").locator("[aria-label='Every day']").wait_for()
    app.wait_for("!document.querySelector('.pending')")
    tasks = {each["title"]: each for each in person.listed("/api/tasks/")}
    assert reminders(person, tasks["Lunch"]) == [(None, "PT1H")]
    [(at, before)] = reminders(person, tasks["Dentist"])
    assert at is not None
    assert before is None


def test_only_the_newest_notification_of_a_task_has_actions(app: Tab, person: Person) -> None:
    read_all(person, app)
    task = person.task("Call mum")
    for count in (1, 2):
        fire(person, task)
        app.page.locator(UNREAD, has_text=str(count)).wait_for()
    app.page.click("a[href='/notifications'] >> visible=true")
    app.page.locator(NOTICE, has_text="Call mum").nth(1).wait_for()
    assert app.page.locator(f"{NOTICE} button:text-is('Complete')").count() == 1
    assert app.page.locator(NOTICE).first.locator("button:text-is('Complete')").count() == 1
