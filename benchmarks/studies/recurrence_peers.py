"""The answers of dateutil, libical and npm's rrule, and the known reasons for those that are not ours."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from dateutil.rrule import rrulestr

from benchmarks.studies.recurrence_cases import CALENDAR, LONG_AGO, SLOTS, Case
from tasktracker.domain.kernel.fields import Refused
from tasktracker.domain.recurrence.recurrence import Slot
from tasktracker.domain.recurrence.rule import Frequency, NthWeekday, Rule, Weekday


def ours(case: Case, number: int = SLOTS, **changes: Any) -> list[Slot]:
    """Return the slots of a case, or those that it has after a change of its rule."""
    recurrence = replace(case.recurrence, rule=str(replace(case.rule, **changes)))
    start = recurrence.first
    before = start - (timedelta(seconds=1) if isinstance(start, datetime) else timedelta(days=1))
    try:
        return limited(case, recurrence.slots(before, LONG_AGO, CALENDAR), number)
    except Refused:
        return []  # it has no days


def limited(case: Case, slots: Iterable[Slot], number: int = SLOTS) -> list[Slot]:
    return list(islice(takewhile(lambda slot: case.local_year(slot) <= case.last_year, slots), number))


def dateutil(cases: Sequence[Case], number: int = SLOTS) -> list[list[Slot]]:
    answers = []
    for case in cases:
        start = case.local.replace(hour=0, minute=0) if case.is_day else case.local.replace(tzinfo=case.zone)
        found = rrulestr(case.recurrence.rule, dtstart=start)
        slots = (each.date() if case.is_day else each.astimezone(UTC) for each in found)
        answers.append(limited(case, slots, number))
    return answers


class Program:
    """A program that answers a line for each line."""

    def __init__(self, *command: str | Path) -> None:
        self._command = command

    def _ask(self, lines: Sequence[str]) -> list[list[str]]:
        text = "\n".join([*lines, ""])
        result = subprocess.run(self._command, input=text, capture_output=True, text=True, check=True)  # noqa: S603
        answers = [line.split() for line in result.stdout.split("\n")[:-1]]
        assert len(answers) == len(lines), result.stderr
        return answers


class Npm(Program):
    def __call__(self, cases: Sequence[Case], number: int = SLOTS) -> list[list[Slot]]:
        answers = self._ask([f"{case.local_rule()} {case.stamp()} {number} {case.last_year}" for case in cases])
        return [
            [case.slot(datetime.fromisoformat(day.removesuffix("Z"))) for day in days]
            for case, days in zip(cases, answers, strict=True)
        ]


class Libical(Program):
    """libical. `moments` has the moments that it makes of local times: each with its case and the slot."""

    moments: list[tuple[Case, Slot, datetime]]

    def __call__(self, cases: Sequence[Case]) -> list[list[Slot]]:
        lines = [f"{c.local_rule()} {c.stamp()} {c.recurrence.time_zone} {SLOTS} {c.last_year}" for c in cases]
        self.moments = []
        answers = []
        for case, days in zip(cases, self._ask(lines), strict=True):
            slots: list[Slot] = []
            for day in days:
                local, _, seconds = day.partition("=")
                slots.append(case.slot(datetime.fromisoformat(local)))
                if seconds:
                    self.moments.append((case, slots[-1], datetime.fromtimestamp(int(seconds), UTC)))
            answers.append(slots)
        return answers


Peer = Callable[..., list[list[Slot]]]
Reason = Callable[[Case, Any, Any], str | None]
"""Returns the reason why an answer, the last one, is not ours; None if it is not known."""


def is_mixed(rule: Rule) -> bool:
    """Whether some weekdays have a number, and some have none."""
    return len({bool(each.nth) for each in rule.weekdays}) == 2


def in_another_form(case: Case) -> Case:
    """Return the same question with a number for each weekday, from the first day of the week on, without COUNT."""
    rule = replace(case.rule, count=None)
    if is_mixed(rule):
        numbers = range(1, 6 if rule.months or rule.frequency is Frequency.MONTHLY else 54)
        days = {NthWeekday(nth, day) for number, day in rule.weekdays for nth in ([number] if number else numbers)}
        rule = replace(rule, weekdays=tuple(days))
    if rule.frequency is not Frequency.WEEKLY:
        return case.with_rule(rule)
    weekday = Weekday(case.local.weekday())
    rule = replace(rule, weekdays=rule.weekdays or (NthWeekday(0, weekday),))
    return case.with_rule(rule, case.local - timedelta(days=(weekday - rule.week_start) % 7))


def reasons_of_dateutil(peer: Peer, cases: Sequence[Case]) -> Reason:
    """Return what finds the reason for an answer of dateutil, or of npm's rrule, which is made from it.

    The cases are those with another answer than ours. They are asked again in another form.
    """
    answers = dict(zip(cases, peer([in_another_form(case) for case in cases], 8 * SLOTS), strict=True))

    def reason(case: Case, expected: list[Slot], _: list[Slot]) -> str | None:
        slots = sorted(slot for slot in set(answers[case]) if slot >= case.recurrence.first)
        return _reason(case, expected, slots[: min(SLOTS, case.rule.count or SLOTS)])

    return reason


def _reason(case: Case, expected: list[Slot], again: list[Slot]) -> str | None:
    rule = case.rule
    if again == expected and is_mixed(rule):
        return "BYDAY=FR,1MO means days that are both; asked for 1FR,...,5FR,1MO, it agrees"
    if again == expected and rule.frequency is Frequency.WEEKLY and rule.positions:
        return "BYSETPOS of a WEEKLY rule counts from the start in the first week; asked from WKST on, it agrees"
    if again == expected and len(rule.positions) > 1:
        return "a day at two positions of BYSETPOS is there twice; as a set, it agrees"
    if min(rule.positions, default=0) < -1:
        first_days = ours(case, positions=(*rule.positions, 1), count=None, number=1000)
        missed = [slot for slot in expected if slot <= again[-1] and slot not in again]
        if set(again) - set(expected) <= set(first_days) and not missed:
            return "a negative BYSETPOS beyond the first day means that day; all other days agree"
    return None


def reason_of_libical(case: Case, _: list[Slot], answer: list[Slot]) -> str | None:
    rule = case.rule
    if rule.frequency is Frequency.WEEKLY and rule.positions and answer == ours(case, positions=()):
        return "BYSETPOS of a WEEKLY rule is ignored; without it, we agree"
    if rule.frequency is Frequency.DAILY and min(rule.month_days, default=1) < 0:
        positive = tuple(each for each in rule.month_days if each > 0)
        if answer == (ours(case, month_days=positive) if positive else []):
            return "negative BYMONTHDAY of a DAILY rule are ignored; without them, we agree"
    if rule.frequency is Frequency.YEARLY and rule.month_days and not rule.months:
        if answer == ours(case, months=(case.local.month,)):
            return "BYMONTHDAY of a YEARLY rule means the month of the start; with that BYMONTH, we agree"
        if any(each.nth for each in rule.weekdays) and set(answer) <= set(ours(case, count=None, number=1000)):
            return "BYMONTHDAY of a YEARLY rule with numbers in BYDAY loses days; it has no other days than we"
    both_signs = min(rule.month_days, default=1) < 0 < max(rule.month_days, default=-1)
    if rule.positions and both_signs and set(answer) <= set(ours(case, positions=(), count=None, number=1000)):
        return "BYSETPOS counts a day twice that BYMONTHDAY names twice: the 19th of November is -12, too"
    if rule.frequency is Frequency.WEEKLY and case.is_synchronized and case.recurrence.first not in answer:
        return "WKST moves a WEEKLY rule with INTERVAL off its start, the first day in RFC 5545 section 3.8.5.3"
    if not case.is_synchronized:
        return "the start is not a day of the rule: undefined in RFC 5545 section 3.8.5.3"
    return None


def reason_of_moment(case: Case, slot: datetime, moment: datetime) -> str | None:
    """Return the reason for another moment of the same local time. The C library has the time zones, too."""
    os.environ["TZ"] = case.recurrence.time_zone
    time.tzset()
    local, theirs = (datetime(*time.localtime(each.timestamp())[:6]) for each in (slot, moment))  # noqa: DTZ001
    if local == theirs:
        return "a time that occurs twice is the second one, against RFC 5545 section 3.3.5"
    if local.time() == case.local.time():
        return f"the C library agrees with us, not with the time zone of libical: {case.recurrence.time_zone}"
    if is_odd(case, slot):
        return "a time that does not exist is not read with the offset before the gap, against RFC 5545 section 3.3.5"
    return None


def is_odd(case: Case, slot: Slot) -> bool:
    """Whether the local time of a slot does not exist, or occurs twice."""
    assert isinstance(slot, datetime)
    local = slot.astimezone(case.zone)
    return local.time() != case.local.time() or local.replace(fold=1).utcoffset() != local.utcoffset()
