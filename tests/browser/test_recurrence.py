"""Tasks that recur in the browser app: how a rule is chosen, written, skipped, ended and merged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from tests.browser.tab import Tab
from tests.http import Person, Server, expect
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

DAILY = {"rule": "FREQ=DAILY", "time_zone": "UTC"}
SIGN = ".about .repeats"
DATES = ".repeat ol li"


def day(days: int = 0) -> str:
    """Return a day from today."""
    return (date.today() + timedelta(days=days)).isoformat()  # noqa: DTZ011


def opened(app: Tab, task: dict[str, Any]) -> Tab:
    """Open a task, and wait for its rule."""
    app.open(f"/task/{task['id']}")
    app.page.wait_for_selector("#repeat")
    return app


def changed(person: Person, task: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Wait until the server has these fields of a task, and return it."""

    def found() -> dict[str, Any]:
        answer: dict[str, Any] = expect(person.get(f"/api/tasks/{task['id']}/"), 200)
        return answer

    wait_until(lambda: {name: found()[name] for name in fields} == fields, "the server does not have an edit")
    return found()


def rule_of(person: Person, task: dict[str, Any], rule: str) -> dict[str, Any]:
    """Wait until the server has a rule, and return its recurrence."""

    def found() -> Any:
        return expect(person.get(f"/api/tasks/{task['id']}/"), 200)["recurrence"]

    wait_until(lambda: found() is not None and found()["rule"] == rule, "the server does not have the rule")
    recurrence: dict[str, Any] = found()
    return recurrence


class TestEditor:
    def test_a_usual_rule_is_chosen_makes_the_task_due_and_shows_the_next_dates(self, app: Tab, person: Person) -> None:
        task = person.task("Water")
        opened(app, task).page.select_option("#repeat", label="Every day")
        app.see("Repetition changed. It is due today now")
        app.page.locator(DATES).nth(4).wait_for()
        assert app.page.locator(DATES).first.text_content() == "Tomorrow"
        app.page.wait_for_selector(SIGN, state="attached")
        assert app.mistakes() == []
        assert rule_of(person, task, "FREQ=DAILY")["start"] == day()
        assert changed(person, task, due_on=day())["series"] == task["id"]
        app.page.click("[aria-label='Remove the due date']")
        app.see("Due date changed. It does not repeat any more")
        app.page.wait_for_selector(DATES, state="detached")
        changed(person, task, due_on=None, recurrence=None)
        app.undo()
        app.page.locator(DATES).nth(4).wait_for()
        rule_of(person, task, "FREQ=DAILY")
        app.page.select_option("#repeat", label="Never")
        changed(person, task, due_on=day(), recurrence=None)

    def test_an_own_rule_is_chosen_by_keys_and_said_in_words_also_offline(self, app: Tab, person: Person) -> None:
        task = person.task("Report", due_on="2031-01-31")  # a Friday
        opened(app, task)
        app.controlled()
        app.page.wait_for_selector("#repeat")
        app.page.context.set_offline(True)
        app.page.select_option("#repeat", label="Other …")
        app.page.wait_for_selector(".repeat-fields input:focus")
        app.page.keyboard.press("Escape")
        app.page.wait_for_selector("#repeat:focus")
        app.page.select_option("#repeat", label="Other …")
        app.page.fill(".repeat-fields input[type=number]", "2")
        app.page.get_by_label("Monday", exact=True).check(force=True)
        app.page.locator(".repeat .rule p", has_text="Every 2 weeks on Monday and Friday").wait_for()
        assert app.mistakes() == []
        app.page.get_by_label("Monday", exact=True).uncheck(force=True)
        app.page.get_by_label("Friday", exact=True).uncheck(force=True)
        assert app.page.locator(".repeat button.main").is_disabled()
        app.page.select_option("#repeat-unit", label="months")
        app.page.select_option("#repeat-nth", label="last")
        app.page.select_option("#repeat-ends", label="after a number of times")
        app.page.get_by_label("Times", exact=True).fill("4")
        app.page.locator(".repeat .rule p", has_text="Every 2 months on the last day, 4 times").wait_for()
        app.page.locator(DATES).nth(2).wait_for()
        assert app.page.locator(DATES).first.text_content() == "Mon, 31 Mar 2031"
        assert app.page.locator(DATES).count() == 3  # and the present one
        app.page.locator(".repeat .rule p", has_text="3 more after this one").wait_for()
        assert app.mistakes() == []
        app.page.get_by_label("Times", exact=True).press("Enter")
        app.page.wait_for_selector(".repeat-fields", state="detached")
        app.page.context.set_offline(False)
        rule_of(person, task, "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-1;COUNT=4")
        app.page.click("text=Change the rule")
        app.page.select_option("#repeat-unit", label="years")
        app.page.select_option("#repeat-kind", label="Thursday")
        app.page.select_option("#repeat-nth", label="4th")
        app.page.select_option("#repeat-month", label="November")
        app.page.select_option("#repeat-from", label="the completion")
        app.page.click(".repeat button.main")
        recurrence = rule_of(person, task, "FREQ=YEARLY;INTERVAL=2;BYMONTH=11;BYDAY=4TH")
        assert recurrence["from"] == "completion"
        app.page.locator(
            ".repeat .rule p", has_text="Every 2 years on the 4th Thursday of November, counted from the completion"
        ).wait_for()
        assert app.page.locator("#repeat option:checked").text_content() == "Custom"
        app.page.click("text=Change the rule")
        app.page.select_option("#repeat-from", label="the due date")
        app.page.select_option("#repeat-ends", label="on a day")
        app.page.get_by_label("Last day", exact=True).fill("2020-01-01")
        app.see("The last day is before the first date.")
        assert app.page.locator(".repeat button.main").is_disabled()

    def test_the_fields_show_the_present_rule_and_a_new_one_says_what_becomes_of_this_one(
        self, app: Tab, person: Person
    ) -> None:
        rule = {**DAILY, "rule": "FREQ=MONTHLY;INTERVAL=3", "from": "completion"}
        task = person.task("Filter", due_on="2031-01-31", recurrence=rule)  # a Friday
        opened(app, task).page.click("text=Change the rule")
        assert app.page.locator(DATES).all_text_contents()[:2] == ["Wed, 30 Apr 2031", "Wed, 30 Jul 2031"]
        assert app.page.locator(".repeat-fields input[type=number]").input_value() == "3"
        assert app.page.locator("#repeat-unit").input_value() == "MONTHLY"
        assert app.page.locator("#repeat-nth option:checked").text_content() == "same day"
        app.page.select_option("#repeat-from", label="the due date")
        app.page.locator(".repeat .rule p", has_text="Every 3 months on the 31st, or the last day").wait_for()
        app.page.select_option("#repeat-nth", label="1st")
        app.page.click(".repeat button.main")
        app.see("Repetition changed. This one stays due 31 Jan 2031; then 1 Apr 2031")
        rule_of(person, task, "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1")
        app.page.click(".repeat button:has-text('Skip this one')")
        app.page.click(".pane a:has-text('The next one is due 1 Apr 2031')")
        app.page.click("footer button:text-is(' Delete, and end the repetition')")
        app.see("Deleted. It does not repeat any more: “Filter”")

    def test_a_rule_that_cannot_be_chosen_is_said_and_stays(self, app: Tab, person: Person) -> None:
        rule = "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR"
        task = person.task("Beware", due_on="2030-09-13", recurrence={**DAILY, "rule": rule})
        opened(app, task).page.locator(".repeat .rule p", has_text=f"By the rule {rule}").wait_for()
        assert app.page.locator(DATES).first.text_content() == "Fri, 13 Dec 2030"
        assert app.page.get_by_text("Change the rule").count() == 0
        app.page.fill("#due", "2030-09-14")
        app.see("Due date changed, only of this one")
        assert changed(person, task, due_on="2030-09-14")["recurrence"]["rule"] == rule

    def test_a_moved_occurrence_keeps_the_dates_of_the_series_until_that_is_moved_too(
        self, app: Tab, person: Person
    ) -> None:
        weekly = {**DAILY, "rule": "FREQ=WEEKLY;BYDAY=TU;COUNT=4"}
        first = person.task("Gym", due_on="2031-01-07", recurrence=weekly)
        expect(person.patch(f"/api/tasks/{first['id']}/", {"state": "done"}), 200)
        [task] = person.listed("/api/tasks/", "state=open")
        opened(app, task).page.fill("#due", "2031-01-15")
        app.see("Due date changed, only of this one")
        changed(person, task, due_on="2031-01-15")
        app.page.wait_for_selector(f"{DATES} >> text=Tue, 21 Jan 2031")
        assert app.page.locator(DATES).all_text_contents() == ["Tue, 21 Jan 2031", "Tue, 28 Jan 2031"]
        app.page.click("text=Move the whole series")
        app.page.locator(".repeat .rule p", has_text="Every Wednesday, 3 times").wait_for()
        assert app.page.locator(DATES).all_text_contents() == ["Wed, 22 Jan 2031", "Wed, 29 Jan 2031"]
        app.page.click(".repeat button.main")
        recurrence = rule_of(person, task, "FREQ=WEEKLY;BYDAY=WE;COUNT=3")
        assert recurrence["start"] == changed(person, task, slot="2031-01-15")["due_on"]
        assert app.page.get_by_text("Move the whole series").count() == 0
        app.page.click("text=Change the rule")
        assert app.page.get_by_label("Times", exact=True).input_value() == "3"
        app.page.click(".repeat button.main")  # nothing was changed
        app.page.click("text=Change the rule")
        app.page.get_by_label("Wednesday", exact=True).uncheck(force=True)
        app.page.get_by_label("Thursday", exact=True).check(force=True)
        app.page.locator(".repeat .rule p", has_text="2 more after this one").wait_for()
        app.page.click(".repeat button.main")
        assert rule_of(person, task, "FREQ=WEEKLY;BYDAY=TH;COUNT=2")["start"] == "2031-01-15"

    def test_the_time_of_the_whole_series_is_moved_and_undone(self, app: Tab, person: Person) -> None:
        task = person.task("Standup", due_date="2031-01-07T09:30:00Z", recurrence=DAILY)
        opened(app, task).page.fill("#due-time", "10:15")
        app.see("Due date changed, only of this one")
        app.page.click("text=Move the whole series")
        app.page.click(".repeat button.main")
        app.see("Repetition changed")
        wait_until(lambda: person.listed("/api/tasks/")[0]["slot"] == "2031-01-07T10:15:00Z", "the series did not move")
        app.page.click(".history summary")
        app.page.locator(".history li", has_text="Repeats: 7 Jan 2031, 9:30 → 7 Jan 2031, 10:15").wait_for()
        app.undo()
        start = "2031-01-07T09:30:00Z"
        wait_until(lambda: person.listed("/api/tasks/")[0]["recurrence"]["start"] == start, "the series is not back")
        app.page.locator(DATES, has_text="9:30").nth(4).wait_for(timeout=9000)

    def test_a_viewer_and_a_subtask_have_no_rule_to_choose(self, app: Tab, person: Person, server: Server) -> None:
        friend = server.register()
        shared = friend.task("Feed the cat", due_on="2031-01-06", recurrence=DAILY)
        friend.share(shared, person, "viewer")
        opened(app, shared).page.locator(DATES).nth(4).wait_for()
        assert app.page.locator("#repeat").is_disabled()
        assert app.page.locator(".repeat button").count() == 0
        task = person.task("above")
        child = person.task("below", parent=task["id"])
        app.open(f"/task/{child['id']}").page.wait_for_selector("#due")
        app.page.wait_for_selector("#priority")
        assert app.page.locator("#repeat").count() == 0


class TestWriting:
    def test_a_written_rule_is_shown_with_its_first_date_and_can_be_kept_as_text(
        self, app: Tab, person: Person
    ) -> None:
        box = app.page.locator(".add-box input")
        box.press_sequentially("Water every day")
        chip = app.page.locator(".chip:has-text('Every day · first today')")
        chip.wait_for()
        assert app.mistakes() == []
        chip.click()
        chip.wait_for(state="detached")
        app.page.keyboard.press("Enter")
        app.expect("Water every day")
        box.fill("Water every 12 hours")
        app.see("Not understood as a repetition: possible are days, weeks, months and years.")
        box.fill("Feed the cat every! 2 days")
        app.page.locator(".chip:has-text('Every 2 days, counted from the completion')").wait_for()
        app.page.keyboard.press("Enter")
        app.see("Added. Due today: “Feed the cat”")
        app.page.locator(".row", has_text="Feed the cat").locator(SIGN).wait_for()
        app.synced()
        tasks = {task["title"]: task for task in person.listed("/api/tasks/")}
        assert tasks["Water every day"]["recurrence"] is None
        found = tasks["Feed the cat"]["recurrence"]
        assert (found["rule"], found["from"], found["start"]) == ("FREQ=DAILY;INTERVAL=2", "completion", day())

    def test_pasted_lines_and_german_rules_recur(self, new_device: Callable[..., Tab], person: Person) -> None:
        tab = new_device(locale="de-AT").open().enter(person.username, button="Anmelden")
        tab.see("Heute ist nichts fällig.")
        tab.page.goto(f"{tab.url}/all")
        tab.page.fill(".add-box input", "Müll jeden Montag um 9")
        tab.page.locator(".chip:has-text('Jeden Montag · zuerst')").wait_for()
        tab.page.fill(".add-box input", "")
        tab.page.evaluate(
            """() => {
                const data = new DataTransfer();
                data.setData("text/plain", "- Miete jeden Monat am 1.\\n- Brot\\n");
                const input = document.querySelector(".add-box input");
                input.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
            }"""
        )
        tab.expect("Brot", "Miete")
        wait_until(lambda: len(person.listed("/api/tasks/")) == 2, "the tasks are not sent")
        rules = {task["title"]: (task["recurrence"] or {}).get("rule") for task in person.listed("/api/tasks/")}
        assert rules == {"Brot": None, "Miete": "FREQ=MONTHLY;BYMONTHDAY=1"}


class TestOccurrences:
    def test_completing_says_when_the_next_one_is_due_and_undoing_takes_it_back(self, app: Tab, person: Person) -> None:
        person.task("Water", due_on=day(), recurrence=DAILY)
        app.page.click("button[aria-label='Complete “Water”']")
        app.see("Completed. Due again tomorrow: “Water”")
        app.expect("Water")
        app.page.wait_for_selector(".row .due:text-is('Tomorrow')")
        app.undo()
        app.page.wait_for_selector(".row .due:text-is('Today')")
        app.synced()
        app.expect("Water")
        assert [task["state"] for task in person.listed("/api/tasks/")] == ["open"]

    def test_one_is_skipped_by_key_and_in_the_task_and_leads_to_the_next(self, app: Tab, person: Person) -> None:
        first = person.task("Water", due_on=day(), recurrence=DAILY)
        app.row("Water").locator("a").press("s")
        app.see("Skipped. Due again tomorrow: “Water”")
        changed(person, first, state="cancelled")
        app.expect("Water")
        app.undo()
        app.page.wait_for_selector(".row .due:text-is('Today')")
        app.synced()
        app.expect("Water")  # the one of tomorrow is taken back
        app.row("Water").locator("a").click()
        app.page.click(".repeat button:has-text('Skip this one')")
        app.page.click(".pane a:has-text('The next one is due tomorrow')")
        app.page.wait_for_selector(".pane .repeat ol li")
        assert app.page.evaluate("location.pathname") != f"/task/{first['id']}"
        app.page.keyboard.press("s")  # the focus is in the open task
        app.see("Skipped. Due again")
        app.open("/done")
        app.page.locator(".row", has_text="Was due today").get_by_text("Skipped").wait_for()

    def test_the_last_one_is_announced_and_an_old_one_leads_to_the_open_one(self, app: Tab, person: Person) -> None:
        first = person.task("Pills", due_on=day(), recurrence={**DAILY, "rule": "FREQ=DAILY;COUNT=3"})
        opened(app, first).page.click(".pane .check")
        app.page.click(".pane p:has-text('Done. ') a:has-text('The next one is due tomorrow')")
        app.page.locator(".repeat .rule p", has_text="1 more after this one").wait_for()
        app.page.click(".pane .check")
        app.page.locator(".pane p", has_text="Done. The next one is due").wait_for()
        app.open(f"/task/{first['id']}").page.locator(".pane p", has_text="Done. The next one is due").wait_for()
        assert app.page.locator(".pane p a", has_text="tomorrow").count() == 0
        assert app.page.locator("#due").is_disabled()
        assert app.mistakes() == []
        app.page.click(".pane p a")
        app.page.locator(".repeat .rule p", has_text="This is the last one.").wait_for()
        app.page.click("text=Change the rule")
        assert app.page.get_by_label("Times", exact=True).input_value() == "1"
        app.page.locator(".repeat .rule p", has_text="This is the last one.").wait_for()
        app.page.keyboard.press("Escape")
        app.page.click(".pane .check")
        app.see("Completed. It does not repeat any more: “Pills”")
        app.page.locator(".pane p", has_text="Done. It does not repeat any more").wait_for()

    def test_cancelling_one_on_the_board_says_when_it_is_due_again(self, app: Tab, person: Person) -> None:
        person.task("Water " * 12, due_on=day(), recurrence=DAILY)
        app.page.click(".side a:has-text('Board')")
        app.page.wait_for_selector(f".card {SIGN}")
        app.page.select_option(".card select", label="Cancelled")
        app.see("Moved to Cancelled. Due again tomorrow: “Water Water")
        app.page.wait_for_selector("section[aria-label='Open'] .card .due:text-is('Tomorrow')")

    def test_deleting_one_ends_the_series_and_undoing_continues_it(self, app: Tab, person: Person) -> None:
        person.task("Water", due_on=day(), recurrence=DAILY)
        app.row("Water").locator("a").press("Delete")
        app.see("Deleted. It does not repeat any more: “Water”")
        app.undo()
        app.page.locator(".row", has_text="Water").locator(SIGN).wait_for()
        for _ in range(2):
            app.row("Water").locator("a").press("Control+a")
            app.page.select_option(".bulk select[aria-label='Due']", label="No due date")
            app.see("1 task changed. 1 of them does not repeat any more")
            app.undo()
            app.page.locator(".row", has_text="Water").locator(SIGN).wait_for()
        app.row("Water").locator("a").press("Control+a")
        app.page.select_option(".bulk select[aria-label='Due']", label="In a week")
        app.page.wait_for_selector(f".row {SIGN}")
        app.synced()
        [task] = person.listed("/api/tasks/")
        assert (task["due_on"], task["recurrence"]["rule"], task["recurrence"]["start"]) == (
            day(7),
            "FREQ=DAILY",
            day(),
        )

    def test_on_a_phone_the_message_says_all_and_covers_no_row_at_the_end_of_the_list(
        self, new_device: Callable[..., Tab], person: Person
    ) -> None:
        for number in range(12):
            person.task(f"Pflanzen {number:02}", due_on=day(), recurrence=DAILY)
        size = {"width": 390, "height": 844}
        tab = (
            new_device(locale="de-AT", viewport=size, has_touch=True, is_mobile=True)
            .open()
            .enter(person.username, button="Anmelden")
        )
        tab.page.wait_for_selector(".row")
        tab.controlled()
        tab.page.goto(f"{tab.url}/all")
        tab.page.wait_for_selector(".row")
        tab.page.context.set_offline(True)
        tab.page.wait_for_selector(".status-line.offline", state="attached")
        tab.page.tap("button[aria-label='„Pflanzen 00“ erledigen']")
        text = tab.page.locator(".toast > span:has-text('sobald Sie online sind: „Pflanzen 00“')")
        text.wait_for()
        tab.settle()
        assert text.evaluate("each => each.scrollHeight - each.clientHeight") <= 0
        tab.page.evaluate("scrollTo(0, 10000)")
        toast = tab.page.locator(".toast").bounding_box()
        last = tab.page.locator(".row").last.bounding_box()
        assert last["y"] + last["height"] <= toast["y"]

    def test_two_devices_that_complete_it_offline_have_one_next(
        self, app: Tab, new_device: Callable[..., Tab], person: Person
    ) -> None:
        person.task("Water", due_on=day(), recurrence=DAILY)
        other = new_device().open().enter(person.username)
        devices = [app, other]
        for tab in devices:
            tab.expect("Water")
            tab.controlled()
            tab.page.goto(f"{tab.url}/all")
            tab.expect("Water")
            tab.page.context.set_offline(True)
            tab.page.wait_for_selector(".status-line.offline", state="attached")
        for tab in devices:
            tab.page.click("button[aria-label='Complete “Water”']")
            tab.see("Completed. The next one comes when you are online: “Water”")
            tab.page.hover(".toast")  # the message stays
            tab.expect()
        for tab in devices:
            tab.page.context.set_offline(False)
            tab.see("Completed. Due again tomorrow: “Water”")
            tab.page.wait_for_selector(".row .due:text-is('Tomorrow')")
            tab.synced()
        for tab in devices:
            tab.expect("Water")
            assert tab.page.locator(".issue").count() == 0
        states = sorted(task["state"] for task in person.listed("/api/tasks/"))
        assert states == ["done", "open"]


class TestConflicts:
    def test_the_due_date_and_the_rule_are_decided_together(self, app: Tab, person: Person) -> None:
        task = person.task("Water", due_on="2031-01-06", recurrence=DAILY)
        opened(app, task)
        app.synced()
        app.page.context.set_offline(True)
        app.page.select_option("#repeat", label="Every Monday")
        app.see("Repetition changed")
        expect(person.patch(f"/api/tasks/{task['id']}/", {"due_on": None}), 200)
        app.page.context.set_offline(False)
        app.page.wait_for_selector(".issue legend:text-is('Due and repetition')")
        values = app.page.locator(".issue .base .value, .issue label")
        assert [" ".join(text.split()) for text in values.all_text_contents()] == [
            "6 Jan 2031 · Every day",
            "Elsewhere empty",
            "Here 6 Jan 2031 · Every Monday",
        ]
        assert app.mistakes() == []
        app.page.click(".issue label:has(:text-is('Here'))")
        app.page.click(".issue button:has-text('Apply')")
        app.page.wait_for_selector(".issue", state="detached")
        rule_of(person, task, "FREQ=WEEKLY;BYDAY=MO")
        changed(person, task, due_on="2031-01-06")

    def test_the_history_says_rules_in_words_and_undoes_them(self, app: Tab, person: Person) -> None:
        task = person.task("Water", due_on="2031-01-06")
        expect(person.patch(f"/api/tasks/{task['id']}/", {"recurrence": DAILY}), 200)
        expect(person.patch(f"/api/tasks/{task['id']}/", {"due_on": None}), 200)
        opened(app, task).page.click(".history summary")
        lines = app.page.locator(".history li")
        lines.filter(has_text="Due: 6 Jan 2031 · Every day → empty").wait_for()
        lines.filter(has_text="Repeats: empty → Every day").wait_for()
        lines.first.get_by_role("button", name="Undo").click()
        app.page.locator(DATES).nth(4).wait_for()
        rule_of(person, task, "FREQ=DAILY")
        app.page.select_option("#repeat", label="Never")
        lines.filter(has_text="Repeats: Every day → empty").wait_for()
        app.page.click(".pane .check")
        app.see("Completed")
        lines.filter(has_text="State: Open → Done").wait_for()
