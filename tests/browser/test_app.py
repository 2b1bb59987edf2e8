"""The browser app on a real server, in a real Chromium."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyotp
import pytest

from tests.browser.conftest import PLAIN_HOST
from tests.browser.tab import Tab
from tests.http import PASSWORD, Person, Server, clean_environment, expect, tasktracker_command
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

EVIL = '<img src=x onerror="window.hacked = 1"><script>window.hacked = 1</script>'


def test_a_new_user_registers_and_adds_completes_and_gets_back_a_task(
    new_device: Callable[..., Tab], server: Server
) -> None:
    tab = new_device().open()
    tab.page.click("text=Create an account")
    tab.enter("me", button="Create an account", password="password")
    tab.see("3 to 150 letters")
    tab.see("too easy to guess")
    assert tab.page.evaluate("document.activeElement.id") == "username"
    tab.enter("Anna Berg", button="Create an account", password="short")
    tab.see("A username has no spaces.")
    tab.see("This password is too short: use at least 8 characters.")
    tab.page.get_by_label("Show the password").check()
    assert tab.page.locator("#password").get_attribute("type") == "text"
    tab.enter("newcomer", button="Create an account")
    tab.see("Nothing is due today.")
    tab.add("Buy milk")
    tab.expect("Buy milk")
    tab.page.click("button[aria-label='Complete “Buy milk”']")
    tab.expect()
    tab.undo()
    tab.expect("Buy milk")
    tab.synced()
    phone = server.person(
        expect(server.post("/api/accounts/login/", {"username": "newcomer", "password": PASSWORD}), 200)
    )
    [task] = phone.listed("/api/tasks/")
    assert (task["title"], task["state"]) == ("Buy milk", "open")


def test_the_fields_of_a_task_are_stored_and_each_change_can_be_undone(app: Tab, person: Person) -> None:
    category = person.category("Home")
    app.add("Call")
    app.page.click(".row a")
    title = app.page.locator(".pane textarea.title")
    title.fill("Call the bank")
    title.press("Enter")
    app.page.select_option("#priority", label="Urgent")
    app.page.select_option("#category", label="Home")
    app.page.fill("#due", "2030-05-06")
    app.synced()
    [task] = person.listed("/api/tasks/")
    assert (task["due_on"], task["due_date"]) == ("2030-05-06", None)
    app.page.fill("#due-time", "07:08")
    app.page.click("text=Add notes")
    app.page.fill(".pane textarea.text", "about the **card**")
    app.page.press(".pane textarea.text", "Control+Enter")
    app.page.wait_for_selector(".markdown strong:has-text('card')")
    app.synced()
    [task] = person.listed("/api/tasks/")
    assert (task["title"], task["priority"], task["category"]) == ("Call the bank", 4, category["id"])
    assert (task["description"], task["due_on"], task["due_date"][:4]) == ("about the **card**", None, "2030")
    app.undo()
    app.page.wait_for_selector(".markdown", state="detached")
    app.page.click("text=Delete")
    app.expect()
    app.undo()
    app.expect("Call the bank")


def test_edits_made_offline_survive_a_reload_and_a_closed_tab(app: Tab, person: Person, server: Server) -> None:
    app.controlled()
    server.stop()
    app.add("offline")
    app.page.reload()
    app.expect("offline")
    app.page.wait_for_selector(".status-line.offline .waiting:has-text('1 change waiting')", state="attached")
    again = Tab(app.page.context.new_page(), app.url)
    app.page.close()
    again.open("/all").expect("offline")
    server.start()
    again.synced()
    assert person.titles() == ["offline"]


def test_a_conflict_is_decided_by_field(app: Tab, new_device: Callable[..., Tab], person: Person) -> None:
    person.task("a", description="x")
    app.expect("a")
    app.controlled()  # the service worker has the parts that load on demand
    app.expect("a")
    app.page.context.set_offline(True)
    app.page.click(".row a")
    app.page.fill(".pane textarea.title", "mine")
    app.page.press(".pane textarea.title", "Enter")
    app.page.select_option("#priority", label="High")
    [task] = person.listed("/api/tasks/")
    expect(person.patch(f"/api/tasks/{task['id']}/", {"title": "theirs", "description": "y"}), 200)
    app.page.context.set_offline(False)
    app.see("“theirs” was also changed elsewhere")
    app.page.click(".issue button:has-text('Apply')")
    app.page.wait_for_selector(".issue", state="detached")
    app.undo()  # what was not kept can still be chosen
    app.page.click(".issue label:has(:text-is('Here'))")
    app.page.click(".issue button:has-text('Apply')")
    app.page.wait_for_selector(".issue", state="detached")
    wait_until(lambda: person.listed("/api/tasks/")[0]["title"] == "mine", "the decision is not sent")
    [task] = person.listed("/api/tasks/")
    assert (task["description"], task["priority"]) == ("y", 3)
    app.open(f"/task/{task['id']}")
    app.page.click(".history summary")
    decided = ".history li:has-text('You decided this conflict, on this device.')"
    app.page.wait_for_selector(f"{decided}:has-text('Title: theirs → mine')")
    assert app.page.locator(decided).count() == 1


def test_conflicts_of_a_task_are_decided_at_once_in_the_open_task_or_restore_a_deleted_one(
    app: Tab, person: Person
) -> None:
    task = person.task("a")
    path = f"/api/tasks/{task['id']}/"
    app.open(f"/task/{task['id']}")
    app.page.wait_for_selector(".pane .title")
    app.synced()
    app.page.context.set_offline(True)
    app.page.fill(".pane textarea.title", "mine")
    app.page.press(".pane textarea.title", "Enter")
    app.page.wait_for_selector(".toast:has-text('Title changed')")
    expect(person.patch(path, {"title": "theirs"}), 200)
    app.page.context.set_offline(False)
    app.page.wait_for_selector(".pane .issue:has-text('“theirs” was also changed elsewhere')")
    app.page.wait_for_selector(".toast:has-text('“mine” needs your decision')")
    app.synced()
    app.page.context.set_offline(True)
    app.page.select_option("#priority", label="High")
    expect(person.patch(path, {"priority": 1}), 200)
    app.page.context.set_offline(False)
    app.page.wait_for_selector(".side .decide:has-text('2 decisions')")
    assert app.page.locator(".issue").count() == 1
    assert app.page.locator(".issue legend").all_text_contents() == ["Title", "Priority"]
    app.page.click(".pane .close")
    app.page.wait_for_selector("main .issue")
    app.page.click(".side .decide")
    app.page.wait_for_selector(".pane .issue h2:focus")
    app.page.click(".issue label:has(:text-is('Here')) >> nth=0")
    app.page.click(".issue label:has(:text-is('Here')) >> nth=1")
    app.page.click(".issue button:has-text('Apply')")
    app.page.wait_for_selector(".issue", state="detached")
    app.synced()
    changed = person.listed("/api/tasks/")[0]
    assert (changed["title"], changed["priority"]) == ("mine", 3)
    app.undo()
    app.page.wait_for_selector(".side .decide:has-text('2 decisions')")
    app.synced()
    expect(person.delete(path), 204)
    app.page.click(".pane .issue:has-text('was deleted in the meantime') button:text-is('Restore it with my change')")
    app.page.wait_for_selector(".issue", state="detached")
    app.synced()
    [restored] = person.listed("/api/tasks/")
    assert (restored["id"], restored["title"], restored["priority"]) == (task["id"], "mine", 3)


def test_notes_in_conflict_can_both_be_kept(app: Tab, person: Person) -> None:
    task = person.task("a", description="milk")
    app.open(f"/task/{task['id']}")
    app.page.locator(".notes", has_text="milk").wait_for()
    app.synced()
    app.page.context.set_offline(True)
    app.page.click("text=Edit the notes")
    app.page.fill(".notes textarea", "oat milk")
    app.page.keyboard.press("Control+Enter")
    app.page.locator(".notes", has_text="oat milk").wait_for()
    expect(person.patch(f"/api/tasks/{task['id']}/", {"description": "soy milk"}), 200)
    app.page.context.set_offline(False)
    app.page.wait_for_selector(".issue :text('soy milk')")
    expect(person.patch(f"/api/tasks/{task['id']}/", {"description": "rice milk"}), 200)
    app.page.wait_for_selector(".issue :text('rice milk')")  # the user decides on the present value
    app.page.click(".issue label:has(:text-is('Both'))")
    app.page.click(".issue button:has-text('Apply')")
    both = "rice milk\n\noat milk"
    wait_until(lambda: person.listed("/api/tasks/")[0]["description"] == both, "the decision is not sent")


def test_a_due_day_and_a_due_date_are_one_field(app: Tab, person: Person) -> None:
    task = person.task("a", due_on="2030-01-01")
    app.page.click(".side a:has-text('All tasks')")
    app.expect("a")
    app.page.click(".row a")
    for time, is_moment in (("07:08", True), ("", False)):
        app.page.fill("#due-time", time)
        app.synced()
        [task] = person.listed("/api/tasks/")
        assert (task["due_on"] is None, task["due_date"] is not None) == (is_moment, is_moment)
    app.page.context.set_offline(True)
    app.page.fill("#due", "2030-05-06")
    app.page.wait_for_selector(".row .due:text-is('6 May 2030')")
    expect(person.patch(f"/api/tasks/{task['id']}/", {"due_date": "2031-01-01T12:00:00Z"}), 200)
    app.page.context.set_offline(False)
    app.see("“a” was also changed elsewhere")
    assert app.page.locator(".issue legend").all_text_contents() == ["Due"]
    assert app.page.locator(".issue .value").all_text_contents() == ["1 Jan 2030", "1 Jan 2031, 12:00", "6 May 2030"]
    app.page.click(".issue label:has(:text-is('Here'))")
    app.page.click(".issue button:has-text('Apply')")
    app.page.wait_for_selector(".issue", state="detached")
    app.synced()
    [task] = person.listed("/api/tasks/")
    assert (task["due_on"], task["due_date"]) == ("2030-05-06", None)
    app.page.click(".history summary")
    app.page.wait_for_selector(".history li:has-text('1 Jan 2031, 12:00 → 6 May 2030')")
    app.page.click(".history li:first-child button:has-text('Undo')")
    app.page.wait_for_selector(".row .due:text-is('1 Jan 2031, 12:00')")
    app.page.click("[aria-label='Remove the due date']")
    app.synced()
    [task] = person.listed("/api/tasks/")
    assert (task["due_on"], task["due_date"]) == (None, None)


def test_the_due_date_of_a_recurring_task_is_decided_together_with_its_rule(app: Tab, person: Person) -> None:
    rule = {"rule": "FREQ=DAILY", "time_zone": "UTC"}
    task = person.task("a", due_on="2030-01-01", recurrence=rule)
    app.open(f"/task/{task['id']}")
    app.page.wait_for_selector("#due")
    app.synced()
    app.page.context.set_offline(True)
    app.page.fill("#due", "2030-05-06")
    app.page.wait_for_selector(".toast")
    expect(person.patch(f"/api/tasks/{task['id']}/", {"due_on": "2030-01-02"}), 200)
    app.page.context.set_offline(False)
    app.page.wait_for_selector(".issue legend")
    assert app.page.locator(".issue legend").all_text_contents() == ["Due and repetition"]
    assert app.page.locator(".issue .value").all_text_contents() == [
        "1 Jan 2030 · Every day",
        "2 Jan 2030 · Every day",
        "6 May 2030 · Every day",
    ]
    app.page.click(".issue label:has(:text-is('Here'))")
    app.page.click(".issue button:has-text('Apply')")
    app.page.wait_for_selector(".issue", state="detached")
    app.synced()
    [task] = person.listed("/api/tasks/")
    assert (task["due_on"], task["recurrence"]["rule"]) == ("2030-05-06", "FREQ=DAILY")


def test_tabs_show_one_anothers_edits_and_share_a_stream_and_a_session(app: Tab) -> None:
    requests: list[str] = []
    app.page.context.on("request", lambda each: requests.append(each.url))
    others = [Tab(app.page.context.new_page(), app.url).open("/all") for _ in range(5)]
    app.add("to all")
    for tab in others:
        tab.expect("to all")
    others[4].page.click("button[aria-label='Complete “to all”']")
    app.expect()
    app.synced()
    for path in ("/events", "/refresh"):
        assert len([url for url in requests if path in url]) <= 1


def test_a_long_list_has_few_elements_and_keeps_the_focus(app: Tab, person: Person) -> None:
    titles = [f"task {number:03}" for number in range(300)]
    creations = [
        {"id": str(uuid4()), "type": "task", "op": "create", "target": str(uuid4()), "data": {"title": title}}
        for title in titles
    ]
    for start in range(0, len(creations), 100):
        expect(person.post("/api/sync/", {"mutations": creations[start : start + 100]}), 200)
    app.see("task 299")
    app.page.wait_for_selector(".side .count:text-is('300')")
    assert app.page.locator(".row").count() < 60
    app.page.focus(".add-box input")
    for _ in range(40):
        app.page.keyboard.press("ArrowDown")
    focused = "document.activeElement.querySelector('.title')?.textContent"
    app.wait_for(f"{focused} === 'task 260'")
    app.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    app.see("task 000")
    app.wait_for(f"{focused} === 'task 260'")
    app.page.keyboard.press("ArrowUp")
    app.wait_for(f"{focused} === 'task 261'")
    deletions = [
        {"id": str(uuid4()), "type": "task", "op": "delete", "target": each["target"], "base_version": 1}
        for each in creations[:100]
    ]
    expect(person.post("/api/sync/", {"mutations": deletions}), 200)
    app.page.click(".side a:has-text('Trash')")
    app.page.locator(".trash .title").first.wait_for()
    assert app.page.locator(".trash li").count() < 60
    app.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    last = "[...document.querySelectorAll('.trash .title')].at(-1)?.textContent"
    app.wait_for(f"['task 000', 'task 099'].includes({last})")


def test_completing_a_task_by_keyboard_moves_the_focus_to_the_next(app: Tab) -> None:
    for title in ("a", "b"):
        app.add(title)
    app.expect("a", "b")
    app.row("b").locator("button").press("Enter")
    app.expect("a")
    app.wait_for("document.activeElement.querySelector('.title')?.textContent === 'a'")


def test_a_disabled_account_is_named_in_the_app_and_at_the_login(app: Tab, server: Server, person: Person) -> None:
    app.synced()
    command = [str(tasktracker_command()), "users", "disable", person.username]
    subprocess.run(command, env=clean_environment(server.environment), check=True, capture_output=True)
    app.add("not sent")
    app.page.wait_for_selector(".status-line.disabled:has-text('This account was disabled.')", state="attached")
    app.page.locator(".status-line a:has-text('Sign in')").click()
    app.enter(person.username)
    app.see("This account is disabled. Ask an administrator.")


def test_a_session_that_was_ended_elsewhere_asks_for_a_login_and_keeps_edits(app: Tab, person: Person) -> None:
    app.synced()
    expect(person.delete("/api/accounts/sessions/"), 204)
    app.page.wait_for_selector(".status-line.signed-out", state="attached")
    app.add("not sent")
    app.expect("not sent")
    app.page.locator(".status-line a:has-text('Sign in')").click()
    app.see(f"Please sign in again as {person.username}.")
    app.enter(person.username)
    app.page.wait_for_url(f"{app.url}/today")
    app.page.goto(f"{app.url}/all")
    app.expect("not sent")
    app.synced()
    assert person.titles() == ["not sent"]


def test_the_second_factor_is_asked_for(new_device: Callable[..., Tab], person: Person) -> None:
    secret = expect(person.post("/api/accounts/me/totp/", {"password": PASSWORD}), 200)["secret"]
    answer = expect(person.post("/api/accounts/me/totp/confirm/", {"code": pyotp.TOTP(secret).now()}), 200)
    tab = new_device().open().enter(person.username)
    tab.see("protected by a second factor")
    tab.page.fill("#code", "000000")
    tab.page.click("button.main")
    tab.see("This code is wrong")
    tab.page.fill("#code", answer["recovery_codes"][0])
    tab.page.click("button.main")
    tab.see("Nothing is due today.")


def test_signing_out_asks_before_edits_are_lost_and_leaves_nothing(app: Tab, server: Server) -> None:
    app.synced()
    server.stop()
    app.add("unsent")
    app.page.click("text=Sign out >> visible=true")
    app.see("Sign out and lose 1 change?")
    app.page.click("dialog[open] button:has-text('Cancel')")
    app.expect("unsent")
    app.page.click("text=Sign out >> visible=true")
    app.page.click("text=Sign out anyway")
    app.page.wait_for_url("**/signin")
    databases = "indexedDB.databases().then((all) => all.filter(({ name }) => name.includes(':')).length === 0)"
    app.wait_for(databases)
    server.start()
    with app.page.expect_response("**/accounts/logout"):
        app.page.reload()


def test_markup_and_script_are_text_everywhere(app: Tab, person: Person) -> None:
    category = person.category("<img src=x onerror=hacked=1>")
    person.task(
        EVIL, description=f"{EVIL}\n\n[x](javascript:hacked=1) ![x](//evil/x.png) **bold**", category=category["id"]
    )
    app.expect(EVIL)
    app.page.click(".row a")
    app.page.wait_for_selector(".markdown strong")
    assert (
        app.page.evaluate(
            "document.querySelectorAll('.markdown img, .markdown script, .markdown a[href^=java]').length"
        )
        == 0
    )
    assert app.page.evaluate("window.hacked") is None


def test_no_storage_that_scripts_can_read_has_a_token(app: Tab, person: Person) -> None:
    app.add("something")
    app.synced()
    stored = app.page.evaluate(
        """async () => {
            const found = [...Object.values(localStorage), ...Object.values(sessionStorage), document.cookie];
            for (const { name } of await indexedDB.databases()) {
                const database = await new Promise((done) => {
                    const request = indexedDB.open(name);
                    request.onsuccess = () => done(request.result);
                });
                for (const table of database.objectStoreNames) {
                    const all = database.transaction(table).objectStore(table).getAll();
                    found.push(JSON.stringify(await new Promise((done) => (all.onsuccess = () => done(all.result)))));
                }
                database.close();
            }
            return found.join("\\n");
        }"""
    )
    assert "something" in stored
    assert person.access.split(".")[0] not in stored
    assert not re.search(r"\beyJ|refresh", stored)


def test_the_app_works_online_over_plain_http_and_says_what_https_adds(
    new_device: Callable[..., Tab], person: Person
) -> None:
    tab = new_device(PLAIN_HOST).open().enter(person.username)
    tab.see("Nothing is due today.")
    assert tab.page.evaluate("[isSecureContext, navigator.locks === undefined]") == [False, True]
    tab.add("insecure")
    tab.expect("insecure")
    tab.see("Over HTTPS")
    tab.synced()
    assert person.titles() == ["insecure"]


def test_upcoming_shows_what_is_due_after_today_by_day(app: Tab, person: Person) -> None:
    today = datetime.now(UTC).replace(hour=12, minute=0)
    for title, days in {"late": -1, "tomorrow": 1, "then": 2, "then too": 2}.items():
        due = today + timedelta(days=days)
        person.task(title, **({"due_on": due.date().isoformat()} if days == 2 else {"due_date": due.isoformat()}))
    person.task("some day")
    app.page.click(".side a:has-text('Upcoming')")
    app.expect("tomorrow", "then", "then too")
    headings = app.page.locator(".rows h2").all_text_contents()
    assert [heading.startswith("Tomorrow, ") for heading in headings] == [True, False]
    assert app.row("tomorrow").locator(".due").text_content() == "12:00", "the heading says the day"
    assert app.row("then").locator(".due").count() == 0
    app.page.wait_for_selector(".side a:has-text('Upcoming') .count:text-is('3')")


def test_done_shows_the_last_completed_first_and_reopens(app: Tab, person: Person) -> None:
    for title in ("first", "second"):
        app.add(title)
        app.page.click(f"button[aria-label='Complete “{title}”']")
        app.expect()
    app.page.click(".side a:has-text('Done')")
    app.expect("first", "second")
    assert app.page.locator(".row .title").all_text_contents() == ["second", "first"]
    app.synced()
    app.page.wait_for_selector(".row .done >> text=Today, ")
    app.page.click("button[aria-label='Reopen “second”']")
    app.expect("first")
    app.synced()
    assert {task["title"]: task["state"] for task in person.listed("/api/tasks/")} == {
        "first": "done",
        "second": "open",
    }


def test_all_tasks_are_searched_and_filtered(app: Tab, person: Person) -> None:
    person.task("Call the bank", priority=4)
    person.task("Call home", description="about the Garden")
    person.task("Water plants", priority=4, category=person.category("Garden")["id"], due_on="2020-05-01")
    app.expect("Call the bank", "Call home", "Water plants")
    app.page.fill("input[type=search]", "call")
    app.expect("Call the bank", "Call home")
    app.page.select_option(".filters select", label="Urgent")
    app.expect("Call the bank")
    app.page.fill("input[type=search]", "garden CALL")
    app.see("No task matches.")
    app.page.select_option(".filters select", label="Everything")
    app.expect("Call home")
    app.page.fill("input[type=search]", "")
    for label in ("Garden", "Overdue"):
        app.page.select_option(".filters select", label=label)
        app.expect("Water plants")
    app.page.select_option(".filters select", label="No due date")
    app.expect("Call the bank", "Call home")


def test_all_tasks_are_shown_in_the_order_that_was_chosen_on_this_device(app: Tab, person: Person) -> None:
    person.task("b10", priority=4)
    person.task("a", due_on="2030-01-01")
    person.task("b9", priority=3)

    def expect_order(*titles: str) -> None:
        shown = "[...document.querySelectorAll('.row .title')].map((each) => each.textContent).join() === "
        app.wait_for(f"{shown}'{','.join(titles)}'")

    expect_order("a", "b10", "b9")
    orders = {"By priority": ("b10", "b9", "a"), "Newest first": ("b9", "a", "b10"), "By title": ("a", "b9", "b10")}
    for label, titles in orders.items():
        app.page.select_option("select[aria-label='Order']", label=label)
        expect_order(*titles)
    app.add("az")
    expect_order("a", "az", "b9", "b10")
    app.page.reload()
    expect_order("a", "az", "b9", "b10")
    assert app.mistakes() == []


def test_the_trash_restores_and_deletes_for_good_and_is_shown_offline(app: Tab, person: Person, server: Server) -> None:
    for title in ("a", "b", "c"):
        expect(person.delete(f"/api/tasks/{person.task(title)['id']}/"), 204)
    app.page.click(".side a:has-text('Trash')")
    app.see("30 days left")
    titles = app.page.locator(".trash .title")
    app.wait_for("[...document.querySelectorAll('.trash .title')].map((each) => each.textContent).join() === 'c,b,a'")
    app.page.click("button[aria-label='Restore “b”']")
    app.page.wait_for_selector(".trash li:has-text('b') .title:text-is('b')", state="detached")
    app.synced()
    assert person.titles() == ["b"]
    app.page.click("button:has-text('Restore all')")
    app.see("2 tasks restored")
    app.see("The trash is empty.")
    app.undo()
    app.wait_for("[...document.querySelectorAll('.trash .title')].map((x) => x.textContent).sort().join() === 'a,c'")
    app.synced()
    app.page.click("button[aria-label='Delete for good: “c”']")
    app.page.click("dialog[open] button:has-text('Cancel')")
    app.page.click("button[aria-label='Delete for good: “c”']")
    app.page.click("dialog[open] button:has-text('Delete for good')")
    app.see("Deleted for good: “c”")
    assert [task["title"] for task in person.listed("/api/trash/")] == ["a"]
    app.page.context.set_offline(True)
    app.page.click(".side a:has-text('Done')")
    app.page.click(".side a:has-text('Trash')")
    app.see("Offline. This is the trash as of: Today")
    assert titles.all_text_contents() == ["a"]
    app.page.hover("button[aria-label='Restore “a”']")
    app.page.mouse.down()
    app.page.mouse.up()
    app.see("The trash is empty.")
    app.page.mouse.down(click_count=2)
    app.page.mouse.up(click_count=2)
    assert app.page.evaluate("getSelection().toString()").strip() == ""
    app.undo()
    app.page.wait_for_selector(".trash .title:text-is('a')")
    app.page.click("button[aria-label='Delete for good: “a”']")
    app.page.click("dialog[open] button:has-text('Delete for good')")
    app.see("The server cannot be reached.")


class TestWithShortTokens:
    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"ACCESS_TOKEN_SECONDS": "3"}

    def test_the_app_stays_live_when_tokens_expire(self, app: Tab, person: Person, server: Server) -> None:
        for number in range(3):
            app.page.wait_for_timeout(3000)  # the token's lifetime
            server.login(person).task(f"task {number}")
            app.expect(*[f"task {each}" for each in range(number + 1)])


def test_it_speaks_german(new_device: Callable[..., Tab], person: Person) -> None:
    tab = new_device(locale="de-AT").open().enter(person.username, button="Anmelden")
    tab.see("Heute ist nichts fällig.")
    assert tab.page.evaluate("document.documentElement.lang") == "de"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_view(
    new_device: Callable[..., Tab], person: Person, server: Server, scheme: str
) -> None:
    tab = new_device(color_scheme=scheme).open()
    tab.see("Your tasks and lists, alone or with others")
    mistakes = {"sign in": tab.mistakes()}
    tab.page.click("text=Create an account")
    tab.enter("me", button="Create an account", password="x")
    tab.see("3 to 150 letters")
    mistakes["register"] = tab.mistakes()
    tab.open().enter(person.username)
    tab.see("Nothing is due today.")
    mistakes["empty"] = tab.mistakes()
    category = person.category("Home", color="#cc4400")
    late = person.task("late", due_date="2020-01-01T00:00:00Z", category=category["id"], priority=4)
    person.task("soon", due_date="2020-01-01T00:00:00Z", parent=late["id"], priority=3)
    tab.expect("late", "soon")
    mistakes["today"] = tab.mistakes()
    friend = server.register()
    person.share(category, friend)
    for view in ("upcoming", "all", "board", "shared", "done", "trash"):
        deleted = (friend if view == "shared" else person).task(
            view, due_date="2100-01-01T00:00:00Z", state="done" if view == "done" else "open"
        )
        if view == "shared":
            friend.share(deleted, person, "viewer")
        if view == "trash":
            expect(person.delete(f"/api/tasks/{deleted['id']}/"), 204)
        tab.page.click(f".side a[href='/{view}']")
        tab.page.locator("main .title", has_text=view).first.wait_for()
        mistakes[view] = tab.mistakes()
        if view == "all":
            tab.page.locator(".row a").first.press("x")
            tab.page.wait_for_selector(".bulk")
            mistakes["selected"] = tab.mistakes()
    tab.page.click(".side a[href='/today']")
    tab.row("late").locator("a").click()
    tab.page.click(".history summary")
    tab.page.wait_for_selector(".people")
    tab.page.wait_for_selector(".history li")
    mistakes["task"] = tab.mistakes()
    tab.page.context.set_offline(True)
    tab.page.fill(".pane textarea.title", "mine")
    tab.page.press(".pane textarea.title", "Enter")
    expect(person.patch(f"/api/tasks/{late['id']}/", {"title": "theirs"}), 200)
    mistakes["offline"] = tab.mistakes()
    tab.page.context.set_offline(False)
    tab.page.wait_for_selector(".issue")
    mistakes["conflict"] = tab.mistakes()
    tab.page.set_viewport_size({"width": 320, "height": 640})
    tab.page.click(".pane .close")
    tab.page.click(".top button")
    mistakes["menu"] = tab.mistakes()
    assert mistakes == {name: [] for name in mistakes}
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 320
