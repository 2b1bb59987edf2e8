"""The Hypothesis strategies of all tests.

`raw_*` makes valid and invalid input; the others make valid input, which is not always canonical.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, cast
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tasktracker.domain.categories.category import CategoryFields
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.recurrence.recurrence import Anchor, Recurrence, Slot
from tasktracker.domain.recurrence.rule import Frequency, Weekday
from tasktracker.domain.tasks.query import NONE, TaskQuery, TaskSort, words_of
from tasktracker.domain.tasks.task import Priority, State, Task, TaskFields

THOROUGHNESS = 10 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 1
"""The factor by which `make test-thorough` raises the number of examples."""


def examples(number: int, **more: Any) -> settings:
    """Hypothesis settings: this number of examples, which can share a store and have no deadline."""
    return settings(
        max_examples=number * THOROUGHNESS,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
        **more,
    )


# ---------------------------------------------------------------- text

ODD_TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",  # a lone surrogate
    "a\udfffb",
    "\U0001f469\u200d\U0001f4bb",  # an emoji of two characters above U+FFFF, with a zero-width joiner between them
    "\U0010ffff",
    "\uffff",  # a noncharacter that sorts after surrogates in UTF-16 but before astral text by code point
    "e\u0301",  # decomposed
    "\u00e9",  # composed
    "\u0334\u0335\u0336",  # nothing but combining characters
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",  # right to left
    "\u202eevil\u202c",  # overridden direction
    "\u00df",  # case-folds to two characters
    "\u0130",  # lower-cases to two characters
    "\ufb01",  # a ligature
    "\ufdfa",  # NFKC makes 18 characters of it
    "\u1fb7",  # case-folds to three characters
    "\ufeff",
    "\x1f\x85\u2028\u2029",
    "\r\n",
    "'; DROP TABLE tasks; --",
    "%_\\",
    "NULL",
)


def texts(longest: int = 300) -> st.SearchStrategy[str]:
    """Any text, with code points that cannot be encoded."""
    plain = st.text(max_size=longest)
    unencodable = st.text(st.characters(codec=None), max_size=longest)
    repeated = st.builds(
        lambda odd, times: (odd * times)[: longest + 2],
        st.sampled_from(ODD_TEXTS),
        st.integers(1, longest + 1),
    )
    return st.one_of(st.sampled_from(ODD_TEXTS), plain, unencodable, repeated)


def any_plane(longest: int = 300) -> st.SearchStrategy[str]:
    """Any text, with as many characters of each of the 17 planes of Unicode."""
    planes = [
        st.characters(codec=None, min_codepoint=first, max_codepoint=first + 0xFFFF)
        for first in range(0, 0x110000, 0x10000)
    ]
    mixed = st.text(st.one_of(planes), max_size=longest)
    return st.one_of(
        mixed, st.one_of([st.text(plane, min_size=1, max_size=longest) for plane in planes]), texts(longest)
    )


def storable_texts(longest: int = 300, shortest: int = 0) -> st.SearchStrategy[str]:
    """Text that every database can store."""
    characters = st.characters(codec="utf-8", exclude_characters="\0")
    odd = [text for text in ODD_TEXTS if "\0" not in text and _is_encodable(text)]
    repeated = st.builds(lambda text, times: (text * times)[:longest], st.sampled_from(odd), st.integers(1, longest))
    return st.one_of(st.text(characters, max_size=longest), repeated).filter(lambda text: len(text) >= shortest)


def _is_encodable(text: str) -> bool:
    return not any(0xD800 <= ord(character) < 0xE000 for character in text)


def padded(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The same text with white space around it."""
    space = st.sampled_from(("", " ", "\t", "\n", "\u00a0", "\u3000  "))
    return st.builds(lambda left, text, right: left + text + right, space, inner, space)


# ---------------------------------------------------------------- users

USERNAMES = (
    "alice",
    "Bob.Smith",
    "stra\u00dfe",
    "\u00c5ngstr\u00f6m",
    "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
)
"""Usernames with many spellings."""


def spellings(name: str) -> tuple[str, ...]:
    """Return equivalent spellings of a name, the name itself first."""
    forms: tuple[Callable[[str], str], ...] = (
        str,
        str.upper,
        str.lower,
        str.casefold,
        str.title,
        str.swapcase,
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: unicodedata.normalize("NFKD", text.upper()),
        _full_width,
        lambda text: _full_width(text.upper()),
        _bold,
    )
    return tuple(dict.fromkeys(form(name) for form in forms))


def _full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def _bold(text: str) -> str:
    """Replace ASCII letters by MATHEMATICAL BOLD ones, which are outside the basic plane."""
    return "".join(chr(ord(char) - ord("a") + 0x1D41A) if "a" <= char <= "z" else char for char in text.lower())


def spelled(name: str) -> st.SearchStrategy[str]:
    """Any spelling of a name."""
    return st.sampled_from(spellings(name))


def raw_usernames() -> st.SearchStrategy[str]:
    letters = st.characters(categories=("Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No"))
    worded = st.text(st.one_of(letters, st.sampled_from(".+-_")), min_size=2, max_size=152)
    return st.one_of(padded(worded), texts(160))


def raw_emails() -> st.SearchStrategy[str]:
    part = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)
    shaped = st.builds(lambda local, domain, top: f"{local}@{domain}.{top}", part, part, part)
    return st.one_of(padded(shaped), padded(st.emails()), texts(260))


# ---------------------------------------------------------------- time

ODD_TIMES = (
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-14))),  # beyond UTC's calendar
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1, 1, 1, 14, tzinfo=timezone(timedelta(hours=14))),
    datetime(1582, 10, 10, tzinfo=UTC),
    datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    datetime(2026, 2, 3, 4, 5, 6, 999999, tzinfo=timezone(-timedelta(hours=23, minutes=59, seconds=59))),
    datetime(2026, 2, 3, 4, 5, 6),  # noqa: DTZ001 - naive on purpose
)

offsets = st.timedeltas(
    min_value=-timedelta(hours=23, minutes=59, seconds=59),
    max_value=timedelta(hours=23, minutes=59, seconds=59),
).map(timezone)


def raw_times() -> st.SearchStrategy[datetime]:
    """Any time with or without an offset, also beyond the years that UTC can express."""
    return st.one_of(st.sampled_from(ODD_TIMES), st.datetimes(timezones=offsets), st.datetimes(timezones=st.none()))


def moments() -> st.SearchStrategy[datetime]:
    """Any time in UTC."""
    return st.datetimes(timezones=st.just(UTC))


ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Australia/Lord_Howe")


def near(time: datetime) -> st.SearchStrategy[datetime]:
    """This time and times around it, with any offset."""
    gaps = st.sampled_from((0, 0, 1, -1, 10**6, -(10**6), 86_400 * 10**6, -86_400 * 10**6))
    return st.builds(lambda gap, zone: (time + timedelta(microseconds=gap)).astimezone(zone), gaps, offsets)


def days_around(time: datetime) -> st.SearchStrategy[date]:
    """The UTC day of a time, and the two days before and after it."""
    return st.integers(-2, 2).map(lambda days: time.date() + timedelta(days=days))


# ---------------------------------------------------------------- tasks and categories

titles = storable_texts(198, shortest=1).map(lambda text: f"t{text}")
priorities = st.sampled_from(Priority)
states = st.sampled_from(State)
names = st.one_of(
    st.sampled_from(("Home", "HOME", "\uff28ome", "work", "Stra\u00dfe", "STRASSE", "\uffff", "\U00010000")),
    storable_texts(62, shortest=1).map(lambda text: f"c{text}"),
)
colors = st.none() | st.from_regex(r"\A#[0-9a-fA-F]{6}\Z")


def raw_task_fields() -> st.SearchStrategy[TaskFields]:
    """Valid or invalid fields of a task, with a title."""
    others = {
        "description": texts(10_001),
        "priority": priorities,
        "state": states,
        "start_on": st.none() | st.dates(),
        "due_on": st.none() | st.dates(),
        "due_date": st.none() | raw_times(),
        "recurrence": st.none() | raw_recurrences(),
    }
    return cast("st.SearchStrategy[TaskFields]", _fields({"title": texts(1002)}, others, whole=True))


def task_fields(
    now: datetime, categories: Sequence[UUID] = (), *, whole: bool = False
) -> st.SearchStrategy[TaskFields]:
    """Fields for creating (`whole`, with a title) or editing a task, with due days or moments around `now`."""
    others = {
        "description": storable_texts(50),
        "priority": priorities,
        "state": states,
        "start_on": st.none() | days_around(now) | st.dates(),
        "due_on": st.none() | days_around(now) | st.dates(),
        "due_date": st.none() | near(now) | moments(),
        "category": st.sampled_from((None, *categories)),
    }
    fields = _fields({"title": titles}, others, whole=whole).map(with_one_due)
    return cast("st.SearchStrategy[TaskFields]", fields)


def with_one_due(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields without the due date if they have a due day, too."""
    both = fields.get("due_on") is not None and fields.get("due_date") is not None
    return {**fields, "due_date": None} if both else fields


def raw_category_fields() -> st.SearchStrategy[CategoryFields]:
    """Valid or invalid fields of a category, with a name."""
    others = {"description": texts(1002), "color": colors | texts(8)}
    return cast("st.SearchStrategy[CategoryFields]", _fields({"name": texts(66)}, others, whole=True))


def category_fields(*, whole: bool = False) -> st.SearchStrategy[CategoryFields]:
    """Fields for creating (`whole`, with a name) or editing a category."""
    others = {"description": storable_texts(50), "color": colors}
    return cast("st.SearchStrategy[CategoryFields]", _fields({"name": names}, others, whole=whole))


def _fields(
    first: dict[str, st.SearchStrategy[Any]], others: dict[str, st.SearchStrategy[Any]], *, whole: bool
) -> st.SearchStrategy[dict[str, Any]]:
    if whole:
        return st.fixed_dictionaries(first, optional=others)
    return st.fixed_dictionaries({}, optional=first | others)


SEARCHES = (
    "",
    "t",
    "T e",
    "stra\u00dfe",
    "STRASSE",
    "\u00c9t\u00e9",
    "e\u0301",
    "%",
    "_",
    "\\",
    "a_c",
    "100%",
    "\\%",
    "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u00c5",
    "\U0001f469",
    "'; --",
    "nowhere",
)


def queries(
    now: datetime,
    categories: Sequence[UUID] = (),
    tasks: Sequence[Task] = (),
    searches: Sequence[str] = SEARCHES,
) -> st.SearchStrategy[TaskQuery]:
    """Any combination of filters and orders, with pages of any size, optionally after one of these tasks."""

    def query(after: Task | None, search: str, **others: Any) -> TaskQuery:
        found = TaskQuery(words=words_of(search), **others)
        return found if after is None else replace(found, after=found.key(after))

    def rarely(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(st.none(), st.none(), st.none(), values)

    return st.builds(
        query,
        sort=st.sampled_from(TaskSort),
        after=rarely(st.sampled_from(tasks)) if tasks else st.none(),
        search=st.just("") | st.sampled_from(searches),
        at=near(now),
        states=st.just(frozenset()) | st.frozensets(states),
        priority=rarely(priorities),
        category=rarely(st.sampled_from((NONE, *categories))),
        parent=rarely(st.sampled_from((NONE, *(task.id for task in tasks)))),
        due_after=rarely(near(now)),
        due_before=rarely(near(now)),
        overdue=rarely(st.booleans()),
        started=rarely(st.booleans()),
        time_zone=st.sampled_from(ZONES),
        role=rarely(st.sampled_from(Role)),
        limit=st.sampled_from((1, 2, 3, 5, 100)),
    )


# ---------------------------------------------------------------- recurrence


@st.composite
def rule_texts(draw: st.DrawFn, ends: bool = False) -> str:
    """Valid recurrence rules, which are not always canonical; with `ends`, some with COUNT or UNTIL."""
    frequency = draw(st.sampled_from(list(Frequency)))
    long = frequency in (Frequency.MONTHLY, Frequency.YEARLY)
    parts = [f"FREQ={frequency}"]
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.one_of(st.integers(1, 4), st.integers(1, 60)))}")
    months = draw(st.lists(st.integers(1, 12), max_size=4))
    if months:
        parts.append(f"BYMONTH={_list(months)}")
    month_days = draw(st.lists(st.integers(-28, 28).filter(bool), max_size=5))
    if month_days and frequency is not Frequency.WEEKLY:
        parts.append(f"BYMONTHDAY={_list(month_days)}")
    furthest = 0 if not long else 5 if months or frequency is Frequency.MONTHLY else 53
    numbers = st.one_of(st.just(""), st.integers(-furthest, furthest).map(lambda nth: f"{nth or ''}"))
    weekdays = draw(st.lists(st.tuples(numbers, st.sampled_from(list(Weekday.__members__))), max_size=5))
    if weekdays:
        parts.append(f"BYDAY={_list(nth + day for nth, day in weekdays)}")
    if len(parts) > 2 and draw(st.booleans()):
        limit = 6 if long else 1
        parts.append(
            f"BYSETPOS={_list(draw(st.lists(st.integers(-limit, limit).filter(bool), min_size=1, max_size=3)))}"
        )
    parts.append(f"WKST={draw(st.sampled_from(list(Weekday.__members__)))}")
    if ends:
        until = st.dates(date(2020, 1, 1), date(2060, 1, 1)).map("UNTIL={:%Y%m%d}".format)
        count = st.integers(1, 50).map("COUNT={}".format)
        end = st.one_of(until, until.map("{}T120000Z".format), count)
        parts += draw(st.lists(end, max_size=1))
    return ";".join(draw(st.permutations(parts)))


def raw_recurrences() -> st.SearchStrategy[Recurrence]:
    """Valid or invalid recurrences of any start."""
    return st.builds(
        Recurrence,
        rule=rule_texts(ends=True) | texts(20),
        time_zone=st.sampled_from(ZONES) | texts(20),
        from_=st.sampled_from(Anchor),
        start=slots(),
    )


def slots() -> st.SearchStrategy[Slot]:
    """Days and moments."""
    return st.dates() | moments()


def _list(values: Iterable[object]) -> str:
    return ",".join(map(str, values))
