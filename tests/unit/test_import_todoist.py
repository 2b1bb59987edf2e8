"""Imports of Todoist CSV files: everything is imported, skipped or changed with a report."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.domain.accounts.user import User
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.portability.import_service import FileFormat, ImportService
from tasktracker.domain.portability.report import ImportReport
from tasktracker.domain.tasks.query import TaskQuery, TaskSort
from tasktracker.domain.tasks.task import MAX_DESCRIPTION_LENGTH, MAX_TITLE_CLUSTERS, Priority, Task
from tests.contracts.base import Seed
from tests.fakes import CHARACTERS, START, SYSTEM, ManualClock, SequentialIds

SAMPLE = Path(__file__).parents[1] / "fixtures" / "todoist.csv"
HEAD = "TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,DATE,TIMEZONE\n"


class Account:
    """A user with an empty store and an import service."""

    def __init__(self, chunk: int = 500) -> None:
        clock = ManualClock()
        self.store = MemoryStore(clock, SequentialIds())
        seed = Seed(self.store, clock, SequentialIds())
        self.user: User = seed.user(time_zone="America/New_York")
        self.actor = seed.actor(self.user)
        self.imports = ImportService(store=self.store, characters=CHARACTERS, batch_size=chunk)

    def import_file(self, text: str | bytes, *, dry_run: bool = False) -> ImportReport:
        raw = text.encode() if isinstance(text, str) else text
        return self.imports.import_file(self.actor, io.BytesIO(raw), FileFormat.TODOIST, dry_run=dry_run)

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
        (9, "DATE"),
        (13, "DEADLINE"),
        (17, "INDENT"),
        (18, "INDENT"),
    ]
    passport = account.task('Renew the "blue" passport, soon')
    assert passport.priority is Priority.URGENT
    assert passport.due_date == datetime(2026, 3, 5, 22, 59, 59, tzinfo=UTC)
    assert passport.description == "Take two photographs\n\nDuration: 30 minute"
    appointment = account.task("Book an appointment")
    assert (appointment.parent, appointment.root) == (passport.id, passport.id)
    assert appointment.priority is Priority.HIGH
    assert appointment.due_date == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    assert (
        appointment.description == "Responsible: Bob (102)\n\nOpen on weekdays only.\nBring the old one.\n\nSecond note"
    )
    plants = account.task("Water the plants")
    assert (plants.description, plants.due_date, plants.priority) == ("Date: every monday", None, Priority.LOW)
    assert plants.category is None
    spring = account.task("Spring")
    assert spring.category is not None
    assert account.categories() == {spring.category: "Garden 🌱"}
    # In the time zone of the account, because the row has none.
    assert spring.due_date == datetime(2026, 4, 2, 3, 59, 59, tzinfo=UTC)
    beds = account.task("Beds")
    assert (beds.due_date, beds.description) == (datetime(2026, 3, 5, 10, tzinfo=UTC), "Deadline: 2026-04-01")
    corner = account.task("Corner")
    for title in ("Under the tree", "Snowdrops", "Crocuses"):
        assert account.task(title).parent == corner.id
        assert account.task(title).root == spring.id
    assert [task.title for task in account.tasks()].count("Twice") == 2


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
    dry = account.import_file(SAMPLE.read_bytes(), dry_run=True)
    assert account.tasks() == []
    assert account.categories() == {}
    real = account.import_file(SAMPLE.read_bytes())
    real.dry_run = True
    assert dry == real


def test_a_section_becomes_the_category_of_its_name(account: Account) -> None:
    account.import_file(HEAD + "section,Home,,,,,\n")
    report = account.import_file(HEAD + "section,HOME,,,,,\ntask,In it,,,,,\n")
    assert (report.categories.created, report.categories.unchanged) == (0, 1)
    assert list(account.categories()) == [account.task("In it").category]


def test_a_text_that_is_too_long_is_cut_and_reported(account: Account) -> None:
    long = "word " * 60
    report = account.import_file(HEAD + f"section,{'s' * 70},,,,,\ntask,{long},,,,,\nnote,{'n' * 10_000},,,,,\n")
    (task,) = account.tasks()
    assert len(task.title) <= MAX_TITLE_CLUSTERS
    assert task.description.startswith(long.strip())
    assert len(task.description) == MAX_DESCRIPTION_LENGTH
    assert notices(report) == [(2, "CONTENT"), (3, "CONTENT"), (3, "description")]
    assert report.skipped == 0


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
    account.import_file(HEAD + "task,x,,,,2026-03-05,localtime\n")
    assert account.task("x").due_date == datetime(2026, 3, 6, 4, 59, 59, tzinfo=UTC)


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
        ("task,x,a\0b,,,,", "DESCRIPTION"),
        ("task,x,,,,\0,", "DATE"),
        ("note,of nothing,,,,,", "TYPE"),
        ("section,,,,,,", "name"),
        ("folder,x,,,,,", "TYPE"),
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


def test_a_quote_without_an_end_is_reported(account: Account) -> None:
    report = account.import_file(
        HEAD + 'task,good,,,,,\ntask,"never,,,,,\n' + ("task," + "x" * 140 + ",,,,,\n") * 2_000
    )
    assert account.task("good").version == 1
    assert report.skipped
    assert report.omitted + len(report.errors) + len(report.notices) >= 1


def test_equal_rows_of_different_sections_are_different_tasks(account: Account) -> None:
    account.import_file(HEAD + "section,Home,,,,,\ntask,same,,,,,\n")
    report = account.import_file(HEAD + "section,Work,,,,,\ntask,same,,,,,\ntask,same,,,,,\n")
    assert (report.tasks.created, report.tasks.unchanged) == (2, 0)


@pytest.mark.parametrize("text", ["", "CONTENT,TYPO\nx,y\n", "TYPE,CONTENT,CONTENT\n", "\xff\xfe"])
def test_a_file_of_another_format_is_refused(account: Account, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        account.import_file(text)
    assert [error.field for error in caught.value.errors] == ["body"]


def test_unknown_columns_are_reported(account: Account) -> None:
    report = account.import_file("type,content,colour\ntask,x,red\n")
    assert [(each.line, each.field) for each in report.notices] == [(1, "COLOUR")]
    assert account.task("x").version == 1


def test_a_subtask_of_a_skipped_row_moves_up(account: Account) -> None:
    report = account.import_file(HEAD + "task,top,,,1,,\ntask,lost,,9,2,,\ntask,child,,,3,,\n")
    assert account.task("child").parent == account.task("top").id
    assert notices(report) == [(4, "INDENT")]
