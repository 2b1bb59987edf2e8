"""Imports of Todoist CSV files: everything is imported, skipped or changed with a report."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import MAX_DESCRIPTION_LENGTH as MAX_CATEGORY_DESCRIPTION_LENGTH
from tasktracker.domain.categories.category import MAX_NAME_LENGTH
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.portability import csv_rows, planner
from tasktracker.domain.portability.attachments import as_links
from tasktracker.domain.portability.import_service import FileFormat, ImportService
from tasktracker.domain.portability.lines import MAX_LINE_LENGTH
from tasktracker.domain.portability.project import project_of
from tasktracker.domain.portability.report import ImportReport
from tasktracker.domain.recurrence.occurrence import Occurrence
from tasktracker.domain.recurrence.recurrence import Anchor, Recurrence
from tasktracker.domain.tasks.query import TaskQuery, TaskSort
from tasktracker.domain.tasks.task import MAX_DESCRIPTION_LENGTH, MAX_TITLE_CLUSTERS, Priority, Task
from tests.contracts.base import Seed
from tests.fakes import CALENDAR, CHARACTERS, START, SYSTEM, ManualClock, SequentialIds

SAMPLE = Path(__file__).parents[1] / "fixtures" / "todoist.csv"
HEAD = "TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,DATE,TIMEZONE\n"


class Account:
    """A user with an empty store and an import service."""

    def __init__(self, chunk: int = 500, zone: str = "America/New_York") -> None:
        clock = self.clock = ManualClock()
        self.store = MemoryStore(clock, SequentialIds())
        seed = Seed(self.store, clock, SequentialIds())
        self.user: User = seed.user(time_zone=zone)
        self.actor = seed.actor(self.user)
        self.imports = ImportService(store=self.store, characters=CHARACTERS, calendar=CALENDAR, batch_size=chunk)

    def import_file(self, text: str | bytes, project: str | None = None, *, dry_run: bool = False) -> ImportReport:
        source = io.BytesIO(text.encode() if isinstance(text, str) else text)
        return self.imports.import_file(self.actor, source, FileFormat.TODOIST, project=project, dry_run=dry_run)

    def tasks(self) -> list[Task]:
        with self.store.reading(SYSTEM) as work:
            query = TaskQuery(at=START, sort=TaskSort.OLDEST, limit=100_000)
            return list(work.tasks.list(self.user.id, query).items)

    def task(self, title: str) -> Task:
        (found,) = [task for task in self.tasks() if task.title == title]
        return found

    def categories(self) -> dict[UUID, str]:
        with self.store.reading(SYSTEM) as work:
            return {each.id: each.name for each in work.categories.list(self.user.id, None, 200).items}


@pytest.fixture(params=[500, 2, 1])
def account(request: pytest.FixtureRequest) -> Account:
    return Account(request.param)


def notices(report: ImportReport) -> list[tuple[int, str]]:
    return [(each.line, each.field) for each in report.notices]


def test_a_sample_is_imported_completely(account: Account) -> None:
    report = account.import_file(SAMPLE.read_bytes())
    assert [(each.line, each.field) for each in report.errors] == [(21, "PRIORITY"), (22, "TYPE")]
    assert (report.skipped, report.tasks.created, report.categories.created) == (2, 12, 1)
    assert sorted(notices(report)) == [
        (4, "DURATION"),
        (5, "RESPONSIBLE"),
        (13, "DEADLINE"),
        (17, "INDENT"),
        (18, "INDENT"),
    ]
    passport = account.task('Renew the "blue" passport, soon')
    assert passport.priority is Priority.URGENT
    assert (passport.due_on, passport.due_date) == (date(2026, 3, 5), None)
    assert passport.description == "Take two photographs\n\nDuration: 30 minute"
    appointment = account.task("Book an appointment")
    assert (appointment.parent, appointment.root) == (passport.id, passport.id)
    assert appointment.priority is Priority.HIGH
    assert (appointment.due_on, appointment.due_date) == (None, datetime(2026, 3, 2, 8, 30, tzinfo=UTC))
    assert (
        appointment.description == "Responsible: Bob (102)\n\nOpen on weekdays only.\nBring the old one.\n\nSecond note"
    )
    plants = account.task("Water the plants")
    assert (plants.description, plants.due_on, plants.priority) == ("", date(2026, 3, 2), Priority.NORMAL)
    assert plants.recurrence == Recurrence(
        rule="FREQ=WEEKLY;BYDAY=MO", time_zone="America/New_York", start=date(2026, 3, 2)
    )
    assert plants.category is None
    spring = account.task("Spring")
    assert spring.category is not None
    assert account.categories() == {spring.category: "Garden 🌱"}
    assert spring.due_on == date(2026, 4, 1)
    beds = account.task("Beds")
    assert (beds.due_date, beds.description) == (datetime(2026, 3, 5, 10, tzinfo=UTC), "Deadline: 2026-04-01")
    corner = account.task("Corner")
    for title in ("Under the tree", "Snowdrops", "Crocuses"):
        assert account.task(title).parent == corner.id
        assert account.task(title).root == spring.id
    assert [task.title for task in account.tasks()].count("Twice") == 2


RECURRING_HEAD = "TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE"


def recurring(*rows: str) -> tuple[Account, ImportReport]:
    account = Account(zone="UTC")
    return account, account.import_file("\n".join((RECURRING_HEAD, *rows)))


def test_a_recurring_date_makes_a_task_due_today_or_later() -> None:
    # It is 1 March 2026, 12:00 in UTC.
    nine, two = datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 1, 13, tzinfo=UTC)
    cases: list[tuple[str, str, date, date]] = [
        ("every day,en,", "FREQ=DAILY", date(2026, 3, 1), date(2026, 3, 1)),
        ("every day,en,Pacific/Kiritimati", "FREQ=DAILY", date(2026, 3, 2), date(2026, 3, 2)),
        ("jeden 15.,de,", "FREQ=MONTHLY;BYMONTHDAY=15", date(2026, 3, 15), date(2026, 3, 15)),
        ("every! day at 9:00,en,", "FREQ=DAILY", nine, nine),
        ("every day at 2pm,en,Europe/Vienna", "FREQ=DAILY", two, two),
        ("every 3 days starting 2026-02-27,en,", "FREQ=DAILY;INTERVAL=3", date(2026, 3, 2), date(2026, 2, 27)),
    ]
    for row, rule, due, start in cases:
        account, report = recurring(f"task,Water,,4,1,,,{row}")
        task = account.task("Water")
        assert notices(report) == []
        assert task.recurrence is not None, row
        assert (task.recurrence.rule, task.due, task.recurrence.start) == (rule, due, start)
        assert task.occurrence == Occurrence(slot=due, series=task.id)
        assert (task.recurrence.from_ is Anchor.COMPLETION) is ("!" in row)


def test_a_recurring_date_of_a_subtask_or_without_a_zone_or_that_is_over_is_described() -> None:
    account, report = recurring(
        "task,a,,4,1,,,every day at 9:00,en,GMT+2",
        "task,b,,4,2,,,every day,en,",
        "task,c,,4,1,,,every day until 2026-02-01,en,",
        "task,d,,4,1,,,every 3 days,en,",
    )
    assert [each.field for each in report.notices] == ["DATE"] * 4
    assert [(each.recurrence, each.due) for each in account.tasks()] == [(None, None)] * 4
    assert account.task("d").description == "Date: every 3 days"


def test_a_recurring_task_that_is_imported_on_another_day_is_the_same() -> None:
    account, _ = recurring("task,Water,,4,1,,,every day,en,")
    account.clock.advance(days=3)
    report = account.import_file(f"{RECURRING_HEAD}\ntask,Water,,4,1,,,every day,en,")
    assert (report.tasks.unchanged, report.notices) == (1, [])


def test_tasks_are_listed_in_the_order_of_the_file() -> None:
    account = Account()
    account.import_file(SAMPLE.read_bytes())
    assert [task.title for task in account.tasks()][1:5] == [
        "Book an appointment",
        "Water the plants",
        "Spring",
        "Beds",
    ]


def test_importing_a_file_again_changes_nothing(account: Account) -> None:
    account.import_file(SAMPLE.read_bytes())
    before = account.tasks()
    report = account.import_file(SAMPLE.read_bytes())
    assert (report.tasks.created, report.tasks.unchanged) == (0, 12)
    assert (report.categories.created, report.categories.unchanged) == (0, 1)
    assert account.tasks() == before


def test_a_dry_run_reports_the_result_and_stores_nothing(account: Account) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account.store, "writing", None)
        dry = account.import_file(SAMPLE.read_bytes(), dry_run=True)
    assert account.tasks() == []
    assert account.categories() == {}
    real = account.import_file(SAMPLE.read_bytes())
    real.dry_run = True
    assert dry == real


def test_the_case_of_a_type_does_not_matter(account: Account) -> None:
    report = account.import_file(HEAD + "Section,Home,,,,,\n,,,,,,\n TASK ,a,,,,,\nNote,b,,,,,\n")
    assert report.errors == []
    assert [*account.categories().values()] == ["Home"]
    assert account.task("a").description == "b"


def test_a_section_becomes_the_category_of_its_name(account: Account) -> None:
    account.import_file(HEAD + "section,Home,,,,,\ntask,In it,,,,,\n")
    report = account.import_file(HEAD + "section,HOME,,,,,\ntask,In it,,,,,\n")
    assert (report.categories.created, report.categories.unchanged, report.tasks.unchanged) == (0, 1, 1)
    assert list(account.categories()) == [account.task("In it").category]


def test_a_duration_of_none_is_not_described(account: Account) -> None:
    account.import_file("TYPE,CONTENT,DURATION,DURATION_UNIT,RESPONSIBLE\ntask,a,None,None, \ntask,b,5, ,\n")
    assert {each.title: each.description for each in account.tasks()} == {"a": "", "b": "Duration: 5"}


def test_a_text_that_is_too_long_is_cut_and_reported(account: Account) -> None:
    long = "word " * 60
    report = account.import_file(HEAD + f"section,{'s' * 70},,,,,\ntask,{long},,,,,\nnote,{'n' * 10_000},,,,,\n")
    (task,) = account.tasks()
    assert len(task.title) <= MAX_TITLE_CLUSTERS
    assert task.description.startswith(long.strip())
    assert len(task.description) == MAX_DESCRIPTION_LENGTH
    assert notices(report) == [(2, "CONTENT"), (3, "CONTENT"), (3, "description")]
    assert report.skipped == 0


def test_a_text_of_the_maximum_length_is_not_cut(account: Account) -> None:
    name, description = "s" * MAX_NAME_LENGTH, "d" * MAX_CATEGORY_DESCRIPTION_LENGTH
    report = account.import_file(
        HEAD + f"section,{name},{description},,,,\ntask,a,{'d' * MAX_DESCRIPTION_LENGTH},,,,\ntask,b,  ,,,,\n"
    )
    assert list(account.categories().values()) == [name]
    assert account.task("b").description == ""
    assert report.notices == []


def test_a_text_is_cut_between_the_characters_that_users_see(account: Account) -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    report = account.import_file(
        HEAD + f"section,{family * 20},{family * 300},,,,\n"
        f"task,{family * 200},,,,,\ntask,{family * 201},,,,,\ntask,{'x' + family * 200},{family * 2500},,,,\n"
    )
    assert list(account.categories().values()) == [family * 12]
    assert account.task(family * 200).description == ""
    assert account.task(family * 199 + "\u2026").description == family * 201
    described = account.task("x" + family * 198 + "\u2026").description
    assert MAX_DESCRIPTION_LENGTH - len(family) < len(described) <= MAX_DESCRIPTION_LENGTH
    assert described.endswith(family)
    fields = [(2, "CONTENT"), (2, "DESCRIPTION"), (4, "CONTENT"), (5, "CONTENT"), (5, "description")]
    assert notices(report) == fields


def test_a_time_zone_of_this_host_only_is_not_used(account: Account) -> None:
    account.import_file(HEAD + "task,x,,,,2026-03-05T23:59:59,localtime\n")
    assert account.task("x").due_date == datetime(2026, 3, 6, 4, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["", "Pacific/Kiritimati", "Pacific/Pago_Pago", "GMT+25"])
def test_a_date_without_a_time_is_a_day_in_every_time_zone(account: Account, zone: str) -> None:
    report = account.import_file(HEAD + f"task,x,,,,2026-03-05,{zone}\n")
    assert (account.task("x").due_on, account.task("x").due_date) == (date(2026, 3, 5), None)
    assert notices(report) == []


def test_importing_a_file_again_recognises_its_days(account: Account) -> None:
    rows = HEAD + "task,day,,,,2026-03-05,\ntask,moment,,,,2026-03-05T12:00,\n"
    account.import_file(rows)
    report = account.import_file(rows)
    assert (report.tasks.unchanged, notices(report)) == (2, [])
    assert notices(account.import_file(rows.replace("T12", "T13"))) == [(3, "line")]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("task,,,,,,", "CONTENT"),
        ("task,\u200b,,,,,", "CONTENT"),
        ("section,\u200b,,,,,", "name"),
        ("task,x,,5,,,", "PRIORITY"),
        ("task,x,,,zero,,", "INDENT"),
        ("task,x,,,٣,,", "INDENT"),
        ("task,a\0b,,,,,", "CONTENT"),
        ("task," + "x" * 300 + "\0,,,,,", "CONTENT"),
        ("task,x,a\0b,,,,", "DESCRIPTION"),
        ("task,x,,,,\0,", "DATE"),
        ("note,of nothing,,,,,", "TYPE"),
        ("section,,,,,,", "name"),
        ("folder,x,,,,,", "TYPE"),
        ("\ufefftask,x,,,,,", "TYPE"),
        ("task," + "x" * 300_000 + ",,,,,", "line"),
    ],
)
def test_a_bad_row_is_skipped_and_reported(account: Account, row: str, field: str) -> None:
    report = account.import_file(HEAD + row + "\ntask,good,,,,,\n")
    assert [(each.line, each.field) for each in report.errors] == [(2, field)]
    assert report.skipped == 1
    assert [task.title for task in account.tasks()] == ["good"]


def test_a_row_that_is_not_utf_8_is_skipped_and_reported(account: Account) -> None:
    report = account.import_file(HEAD.encode() + b"task,caf\xe9,,,,,\ntask,good,,,,,\n")
    assert [(each.line, each.message) for each in report.errors] == [(2, "is not valid UTF-8")]
    assert account.task("good").version == 1


@pytest.mark.parametrize(
    ("following", "broken"),
    [
        ("task,last,,,,,\n", [2]),
        ('task,"last, and quoted",,,,,\n', [2]),
        ('task,last,"a ""quote""",,,,\n', [2]),
        # The second quote without an end closes the first.
        ('task,"\ntask,last,,,,,\n', [2, 103]),
    ],
)
def test_a_quote_without_an_end_costs_only_its_own_row(account: Account, following: str, broken: list[int]) -> None:
    rows = "".join(f"task,row {number},,,,,\n" for number in range(100))
    report = account.import_file(HEAD + 'task,"never,,,,,\n' + rows + following)
    assert [(each.line, each.field) for each in report.errors] == [(line, "line") for line in broken]
    assert all("quotation mark" in each.message for each in report.errors)
    assert (report.skipped, report.tasks.created) == (len(broken), 101)


def test_the_rows_after_a_quote_without_an_end_stay_in_order() -> None:
    account = Account()
    titles = ["one", "two", "three", "four"]
    account.import_file(HEAD + 'task,"never,,,,,\n' + "".join(f"task,{title},,,,,\n" for title in titles))
    assert [task.title for task in account.tasks()] == titles


def test_many_broken_quotes_are_reported_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MAX_REPEATED", 100_000)
    account = Account()
    # Each of these lines is broken alone, and opens a quote that none of the following lines ends.
    report = account.import_file(HEAD + 'x",a"b,"\n' * 20_000 + "\n" * 70_000)
    assert report.tasks.created == 0
    assert [(each.line, "until 90001 were skipped" in each.message) for each in report.errors] == [(2, True)]


def test_reading_again_is_limited_for_all_broken_rows_together(monkeypatch: pytest.MonkeyPatch) -> None:
    row = 'task,"a,,,,,\n'
    monkeypatch.setattr(csv_rows, "MAX_REPEATED", 10 * len(row))
    # Each row is broken by the quote of the next one, which is read again.
    report = Account().import_file(HEAD + row * 30)
    assert ["were skipped" in each.message for each in report.errors[:11]] == [False] * 10 + [True]


def test_lines_that_wait_for_their_parent_are_counted_once(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "MAX_CATEGORIES", 1)
    rows = [
        "section,one,,,1,,",
        "task,good,,,1,,",
        "section,two,,,1,,",
        "task,bad,,,1,,",
        "task,below,,,2,someday,",
        "x,,,,,,",
        "task,last,,,1,,",
    ]
    report = account.import_file(HEAD + "\n".join(rows))
    assert [(each.line, each.field) for each in sorted(report.errors, key=lambda each: each.line)] == [
        (4, "name"),
        (5, "category"),
        (6, "parent"),
        (7, "TYPE"),
        (8, "category"),
    ]
    assert (report.tasks.created, report.tasks.unchanged, report.skipped) == (1, 0, 5)
    assert notices(report) == [(6, "DATE")]
    assert (report.categories.created, report.categories.unchanged) == (1, 0)


def test_columns_may_have_spaces_around_their_names_or_no_name(account: Account) -> None:
    report = account.import_file("type, Content ,,PRIORITY,,DATE\ntask,a,,1\n")
    assert (account.task("a").priority, report.notices) == (Priority.URGENT, [])


def test_the_lines_of_a_row_are_limited_together(account: Account) -> None:
    value = "x" * (MAX_LINE_LENGTH // 3)
    report = account.import_file(HEAD + f'task,"{value}\n","{value}\n","{value}\n",,,\ntask,good,,,,,\n')
    assert (report.errors[0].line, "the row is too long" in report.errors[0].message) == (2, True)
    assert [task.title for task in account.tasks()] == ["good"]


def test_a_row_with_more_values_than_columns_is_refused(account: Account) -> None:
    report = account.import_file(HEAD + "task,Milk, eggs,,4,1,2026-04-24,en,UTC\ntask,good,,,,,,,,\n")
    assert [(each.line, each.field) for each in report.errors] == [(2, "line")]
    assert "comma" in report.errors[0].message
    assert [task.title for task in account.tasks()] == ["good"]


def test_empty_columns_at_the_end_are_ignored(account: Account) -> None:
    report = account.import_file("TYPE,CONTENT,PRIORITY,,\ntask,x,1, ,\ntask,y,2\ntask,z,3,,lost\n")
    assert (report.tasks.created, [each.line for each in report.errors]) == (2, [4])


def test_an_offset_is_a_time_zone_and_an_unknown_zone_is_reported(account: Account) -> None:
    zones = {
        "GMT+2": 10,
        " UTC -03:30 ": 15.5,
        "Europe/Vienna": 10,
        "": 16,
        "Mars/Olympus": 16,
        "GMT+25": 16,
        "../x": 16,
    }
    rows = "".join(f"task,in {name},,,,2026-04-24T12:00,{name}\n" for name in zones)
    report = account.import_file(HEAD + rows)
    for name, hours in zones.items():
        assert account.task(f"in {name}".strip()).due_date == datetime(2026, 4, 24, tzinfo=UTC) + timedelta(hours=hours)
    assert notices(report) == [(line, "TIMEZONE") for line in (6, 7, 8)]


def test_a_date_that_may_mean_two_days_is_not_guessed(account: Account) -> None:
    report = account.import_file(HEAD.replace("DATE", "DATE,DATE_LANG") + "task,x,,,,03/04/2026,en,UTC\n")
    assert account.task("x").due_date is None
    assert account.task("x").description == "Date: 03/04/2026"
    assert [(each.line, "two days" in each.message) for each in report.notices] == [(2, True)]


def test_equal_rows_of_different_projects_are_different_tasks(account: Account) -> None:
    account.import_file(HEAD + "task,same,one,,,2026-04-01,\n", "Home")
    report = account.import_file(HEAD + "task,same,two,,,2026-05-01,\n", "Work")
    assert (report.tasks.created, report.tasks.unchanged) == (1, 0)
    assert [task.description for task in account.tasks()] == ["one", "two"]
    # The same project is recognised, however its name is written.
    report = account.import_file(HEAD + "task,same,two,,,2026-05-01,\n", " WORK ")
    assert (report.tasks.created, report.tasks.unchanged, report.notices) == (0, 1, [])


def test_the_category_is_the_section_and_else_the_project(account: Account) -> None:
    rows = "task,outside,,,,,\nsection,Later,,,,,\ntask,inside,,,,,\n"
    report = account.import_file(HEAD + rows, "Work")
    names = account.categories()
    assert {task.title: names[task.category] for task in account.tasks() if task.category} == {
        "outside": "Work",
        "inside": "Later",
    }
    assert report.categories.created == 2
    # A project whose tasks all have sections needs no category.
    account.import_file(HEAD + "section,Later,,,,,\ntask,other,,,,,\n", "Empty")
    assert sorted(account.categories().values()) == ["Later", "Work"]


def test_rows_imported_before_projects_counted_are_still_the_same(account: Account) -> None:
    rows = "task,top,,,1,,\ntask,child,,,2,,\ntask,child,,,2,,\nsection,Later,,,,,\ntask,top,,,1,,\n"
    account.import_file(HEAD + rows)
    before = account.tasks()
    for dry_run in (True, False):
        report = account.import_file(HEAD + rows + "task,new,,,2,,\n", "Work", dry_run=dry_run)
        assert (report.tasks.created, report.tasks.unchanged, report.notices) == (1, 4, [])
    assert [task for task in account.tasks() if task.title != "new"] == before
    assert account.task("new").parent in {task.id for task in before if task.title == "top" and task.category}


def test_an_existing_row_with_other_content_is_reported(account: Account) -> None:
    account.import_file(HEAD + "task,same,one,,,2026-04-01,\n")
    report = account.import_file(HEAD + "task,same,two,,,2026-05-01,\n")
    assert (report.tasks.unchanged, [(each.line, each.field) for each in report.notices]) == (1, [(2, "line")])
    assert "was not changed" in report.notices[0].message


@pytest.mark.parametrize("name", ["", " ", "a\0b", "\ud800", "p" * 70 + "\0"])
def test_a_project_without_a_name_is_refused(account: Account, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        account.import_file(HEAD, name)
    assert [error.field for error in caught.value.errors] == ["project"]


def test_the_name_of_a_long_project_is_cut_only_for_the_category(account: Account) -> None:
    for end in ("a", "b"):
        report = account.import_file(HEAD + "task,same,,,,,\n", "p" * 64 + end)
        assert (report.tasks.created, notices(report)) == (1, [(1, "project")])
    assert list(account.categories().values()) == ["p" * 64]


@pytest.mark.parametrize(
    ("file", "project"),
    [
        ("Work [220474322].csv", "Work"),
        ("folder/wohnung [6Crg8jQ886Wh4P5g].CSV", "wohnung"),
        ("Planning [Q3].csv", "Planning [Q3]"),
        ("[220474322].csv", "[220474322]"),
        ("Dr. Inbox", "Dr. Inbox"),
        ("\udcff.csv", r"\udcff"),
    ],
)
def test_the_name_of_a_file_names_its_project(file: str, project: str) -> None:
    assert project_of(file) == project


def test_attachments_of_notes_become_links(account: Account) -> None:
    file = {"file_name": "a\\ [b]]] c.png", "file_url": "https://files.example/<a> (1).png", "size": [1, {"x": 2}]}
    first, second, third = map(json.dumps, (file, {"file_name": "b", "file_url": "http://x"}, {"file_name": "x"}))
    content = f"see [[file {first}]], [[file {{broken]] [[file {second}]] and [[file {third}]]"
    account.import_file(HEAD + "task,x,,,,,\n" + 'note,"{}",,,,,\n'.format(content.replace('"', '""')))
    assert account.task("x").description == (
        "see [a\\\\ \\[b\\]\\]\\] c.png](https://files.example/%3Ca%3E%20%281%29.png), [[file {broken]] "
        '[b](http://x) and [[file {"file_name": "x"}]]'
    )


@pytest.mark.parametrize("text", [r"\u0000", r"\ud800"])
def test_an_attachment_cannot_bring_in_text_that_no_database_stores(account: Account, text: str) -> None:
    note = f'[[file {{"file_name":"{text}","file_url":"https://x"}}]]'.replace('"', '""')
    report = account.import_file(HEAD + f'task,x,,,,,\nnote,"{note}",,,,,\n')
    assert [(each.line, each.field) for each in report.errors] == [(3, "CONTENT")]


def test_a_note_about_the_project_is_reported(account: Account) -> None:
    report = account.import_file(HEAD + "task,x,,,,,\nproject_note,about all,,,,,\n")
    assert [(each.line, each.field) for each in report.errors] == [(3, "TYPE")]
    assert account.task("x").description == ""


def test_equal_rows_of_different_parents_are_different_tasks_in_an_edited_file_too(account: Account) -> None:
    account.import_file(HEAD + "task,one,,,1,,\ntask,two,,,1,,\ntask,same,,,2,,\n")
    below_two = account.task("same")
    account.import_file(HEAD + "task,one,,,1,,\ntask,same,,,2,,\ntask,two,,,1,,\ntask,same,,,2,,\n")
    parents = {each.parent for each in account.tasks() if each.title == "same"}
    assert parents == {account.task("one").id, account.task("two").id}
    assert below_two in account.tasks()


def test_equal_rows_of_different_sections_are_different_tasks(account: Account) -> None:
    account.import_file(HEAD + "section,Home,,,,,\ntask,same,,,,,\n")
    report = account.import_file(HEAD + "section,Work,,,,,\ntask,same,,,,,\ntask,same,,,,,\n")
    assert (report.tasks.created, report.tasks.unchanged) == (2, 0)


@pytest.mark.parametrize("text", ["", "CONTENT,TYPO\nx,y\n", "TYPE,CONTENT,CONTENT\n", "\xff\xfe"])
def test_a_file_of_another_format_is_refused(account: Account, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        account.import_file(text)
    assert [error.field for error in caught.value.errors] == ["body"]


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (HEAD.replace(",", ";"), "commas"),
        (HEAD.replace(",", "\t"), "commas"),
        ('"TYPE";"CONTENT"\n', "commas"),
        ("\ufeff" + HEAD.lower().replace(",", ";"), "commas"),
        (HEAD.encode("utf-16"), "UTF-16"),
        (HEAD.encode("utf-16-le"), "UTF-16"),
        (b"\x1f\x8b\x08", "gzip"),
        ('{"type":"header"}\n', "application/x-ndjson"),
        (f"{HEAD.strip()}\rtask,A,\r", "LF or CRLF"),
        ("TYPE,NAME\r\n", "missing: CONTENT$"),
    ],
)
def test_the_error_for_a_refused_file_says_what_helps(account: Account, text: str | bytes, advice: str) -> None:
    with pytest.raises(InvalidInput, match=advice):
        account.import_file(text)


def test_unknown_columns_are_reported(account: Account) -> None:
    report = account.import_file(f"type,content,colour,{'y' * 200}\ntask,x,red\n")
    assert [(each.line, each.field) for each in report.notices] == [(1, "COLOUR"), (1, "Y" * 100)]
    report = account.import_file(b"type,content,\xff\ntask,x,\n")
    assert [(each.line, each.field) for each in report.notices] == [(1, r"\udcff")]
    assert account.task("x").version == 1


def test_a_subtask_of_a_skipped_row_moves_up(account: Account) -> None:
    report = account.import_file(HEAD + "task,top,,,1,,\ntask,lost,,9,2,,\ntask,child,,,3,,\n")
    assert account.task("child").parent == account.task("top").id
    assert notices(report) == [(4, "INDENT")]


@pytest.mark.parametrize(
    "changed", ["task,Milk,fresh,,,2026-04-25,", "task,Milk,,,,2026-04-24,", "task,Milk,fresh,,,,"]
)
def test_a_row_of_an_existing_task_with_other_content_is_named(account: Account, changed: str) -> None:
    row = "task,Milk,fresh,,,2026-04-24,"
    for text, noticed in ((row, []), (row, []), (changed, [(2, "line")])):
        assert notices(account.import_file(HEAD + text + "\n")) == noticed
    assert account.task("Milk").description == "fresh"


def test_notices_are_in_the_order_of_the_rows() -> None:
    account = Account()
    account.import_file(HEAD + "task,Milk,fresh,,,,\n")
    report = account.import_file(HEAD + "task,Milk,,,,,\ntask,skips a level,,,3,,\n")
    assert notices(report) == [(2, "line"), (3, "INDENT")]


def test_a_section_begins_without_a_task_above(account: Account) -> None:
    report = account.import_file(HEAD + "task,before,,,,,\nsection,New,,,,,\ntask,after,,,2,,\n")
    assert notices(report) == [(4, "INDENT")]
    assert account.task("after").parent is None


def test_a_finding_of_a_row_is_reported_once(account: Account) -> None:
    report = account.import_file(
        "TYPE,CONTENT,DATE,DEADLINE,TIMEZONE\ntask,a,2026-04-24 9:00,2026-04-25 9:00,Nowhere\n"
    )
    assert sorted(notices(report)) == [(2, "DEADLINE"), (2, "TIMEZONE")]


def test_priorities_are_those_of_todoist(account: Account) -> None:
    account.import_file(HEAD + "".join(f"task,{each or 'none'},,{each},,,\n" for each in ("1", "2", "3", "4", "")))
    assert {task.title: task.priority for task in account.tasks()} == {
        "1": Priority.URGENT,
        "2": Priority.HIGH,
        **dict.fromkeys(("3", "4", "none"), Priority.NORMAL),
    }


DATED = "TYPE,CONTENT,DATE,DATE_LANG,DEADLINE,DEADLINE_LANG,TIMEZONE\n"


@pytest.mark.parametrize(
    ("row", "due", "description", "noticed"),
    [
        (",,2026-04-01,,", date(2026, 4, 1), "", []),
        (",de,1. Mai 2026,de,", date(2026, 5, 1), "", []),
        ("1. Mai 2026,de,,en,", date(2026, 5, 1), "", []),
        (",de,1. Mai 2026,en,", None, "Deadline: 1. Mai 2026", ["DEADLINE"]),
        (",,every day,en,", None, "Deadline: every day", ["DEADLINE"]),
        ("every day,en,2026-04-01,,", date(2026, 3, 1), "Deadline: 2026-04-01", ["DEADLINE"]),
        ("someday,en,2026-04-01,,", date(2026, 4, 1), "Date: someday", ["DATE"]),
        ("9999-12-31 23:00,en,,,GMT-3", None, "Date: 9999-12-31 23:00", ["DATE"]),
        ("0001-01-01 01:00,en,,,GMT+3", None, "Date: 0001-01-01 01:00", ["DATE"]),
    ],
)
def test_the_date_and_else_the_deadline_is_when_a_task_is_due(
    row: str, due: date | None, description: str, noticed: list[str]
) -> None:
    account = Account(zone="UTC")
    report = account.import_file(f"{DATED}task,x,{row}\n")
    task = account.task("x")
    assert (task.due, task.description, [each.field for each in report.notices]) == (due, description, noticed)
    assert all("has no matching field" in each.message for each in report.notices)


def test_the_rows_below_a_refused_section_or_task_are_not_of_the_one_before(account: Account) -> None:
    report = account.import_file(
        HEAD
        + "section,Home,its text,,,,\ntask,in it,,,1,,\ntask,bad,,,0,,\ntask,below bad,,,2,,\n"
        + "section,,,,,,\ntask,outside,,,2,,\nfolder,x,,,,,\nnote,of nothing,,,,,\n"
    )
    assert [(each.line, each.field) for each in sorted(report.errors, key=lambda each: each.line)] == [
        (4, "INDENT"),
        (6, "name"),
        (8, "TYPE"),
        (9, "TYPE"),
    ]
    (home,) = account.categories()
    assert {task.title: (task.parent, task.category, task.description) for task in account.tasks()} == {
        **dict.fromkeys(("in it", "below bad"), (None, home, "")),
        "outside": (None, None, ""),
    }
    with account.store.reading(SYSTEM) as work:
        found = work.categories.find(account.user.id, home)
    assert found is not None
    assert (found.description, found.created_at, found.updated_at) == ("its text", START, START)


def test_a_note_after_a_broken_row_is_not_added_to_the_task_before(account: Account) -> None:
    report = account.import_file(HEAD + "task,a,,,,,\ntask,b,,,,,,too many\nnote,of b,,,,,\n")
    assert [(each.line, each.field) for each in report.errors] == [(3, "line"), (4, "TYPE")]
    assert account.task("a").description == ""


@pytest.mark.parametrize(
    ("indent", "is_refused"),
    [("0", True), ("100", False), ("101", True), ("9" * 20, True), (" ", False), (" 2 ", False)],
)
def test_an_indent_is_1_to_100(indent: str, is_refused: bool) -> None:
    assert (Account().import_file(HEAD + f"task,x,,,{indent},,\n").skipped == 1) is is_refused


def test_a_notice_about_an_indent_says_why_the_task_was_moved() -> None:
    account = Account()
    levels = "".join(f"task,level {number},,,{number},,\n" for number in range(1, 8))
    report = account.import_file(HEAD + levels + "task,skips,,,1,,\ntask,a level,,,3,,\ntask,as deep,,,3,,\n")
    assert [(each.line, each.message.split(":")[0]) for each in report.notices] == [
        (7, "is more than 5 levels deep"),
        (8, "is more than 5 levels deep"),
        (10, "skips a level"),
        (11, "skips a level"),
    ]
    above = account.task("level 4").id
    assert [account.task(f"level {number}").parent for number in (5, 6, 7)] == [above] * 3


def test_a_title_of_many_code_points_is_cut_to_those_that_are_stored(account: Account) -> None:
    letter = "x" + "\u0300" * 9
    account.import_file(HEAD + f"task,{letter * 101},,,,,\ntask,{'x' * 198} yyy,,,,,\n")
    assert {task.title for task in account.tasks()} == {letter * 99 + "\u2026", "x" * 198 + "\u2026"}


@pytest.mark.parametrize(
    ("url", "end", "is_link"),
    [
        ("https://x/y", "]]", True),
        ("HTTP://x/y", "]]", True),
        ("javascript:x", "]]", False),
        ("ftp://x/http://y", "]]", False),
        ("https://x/y", "]", False),
    ],
)
def test_only_a_whole_attachment_with_an_address_of_the_web_becomes_a_link(url: str, end: str, is_link: bool) -> None:
    text = f'[[file {{"file_name": "a", "file_url": "{url}"}}{end} after'
    assert as_links(text) == (f"[a]({url}) after" if is_link else text)


def test_rows_with_types_in_capitals_inside_a_value_are_found_again(account: Account) -> None:
    report = account.import_file(HEAD + 'task,"never,,,,,\nTASK,last,,,,,\nTASK,",,,,,\n')
    assert [(each.line, each.field) for each in report.errors] == [(2, "line"), (4, "line")]
    assert [task.title for task in account.tasks()] == ["last"]


@pytest.mark.parametrize(
    "head", ["TYPE,CONTENT\n", "TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,DATE,TIMEZONE,DURATION\n"]
)
def test_a_value_may_have_lines_that_only_begin_like_rows(head: str) -> None:
    account = Account()
    value = "buy:\ntask, a list, of things" + ",x" * (3 if len(head) > 20 else 0)
    report = account.import_file(head + f'task,a\nnote,"{value}"\n')
    assert (account.task("a").description, report.errors) == (value, [])


def test_the_last_line_is_read_if_it_is_too_long_and_has_no_end() -> None:
    report = Account().import_file(HEAD + "task,x,,,,,\ntask," + "x" * 2 * MAX_LINE_LENGTH)
    assert [(each.line, each.field) for each in report.errors] == [(3, "line")]


def test_a_file_is_read_from_its_begin() -> None:
    account = Account()
    for text in (HEAD + "task,x,,,,,\n", '{"type":"header","format":"tasktracker","version":1}\n{"type":"end"}\n'):
        source = io.BytesIO(text.encode())
        source.seek(0, io.SEEK_END)
        format_ = FileFormat.TODOIST if text.startswith(HEAD) else FileFormat.NDJSON
        assert account.imports.import_file(account.actor, source, format_).skipped == 0
    assert account.task("x").version == 1


@pytest.mark.parametrize("text", ["[1]", "5", '{"file_name": 1, "file_url": "https://x"}', "[" * 100_000])
def test_text_that_only_resembles_an_attachment_stays(text: str) -> None:
    assert as_links(f"[[file {text}]]") == f"[[file {text}]]"


def test_a_recurring_task_is_due_on_the_present_day_of_its_zone() -> None:
    account = Account(zone="America/New_York")
    account.clock.advance(hours=14)  # 2 March, 02:00 in UTC
    account.import_file(f"{RECURRING_HEAD}\ntask,Water,,4,1,,,every day,en,")
    assert account.task("Water").due_on == date(2026, 3, 1)


@pytest.mark.parametrize("column", ["DESCRIPTION", "RESPONSIBLE", "DATE", "DEADLINE", "DURATION", "DURATION_UNIT"])
def test_a_subtask_of_a_row_that_cannot_be_stored_moves_up(column: str) -> None:
    account = Account()
    columns = dict.fromkeys(("DESCRIPTION", "RESPONSIBLE", "DATE", "DEADLINE", "DURATION", "DURATION_UNIT"), "")
    values = ",".join((columns | {"DURATION": "5", column: "a\0b"}).values())
    head = f"TYPE,CONTENT,INDENT,{','.join(columns)}\n"
    report = account.import_file(f"{head}task,top,1\ntask,bad,2,{values}\ntask,child,3\n")
    assert [(each.line, each.field) for each in report.errors] == [(3, column)]
    assert account.task("child").parent == account.task("top").id
