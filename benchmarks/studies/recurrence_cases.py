"""Generated recurrences: the usual ones to compare, and hostile ones that are meant to be slow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from tasktracker.adapters.calendar.rules import DateutilCalendarRules
from tasktracker.domain.kernel.fields import Refused
from tasktracker.domain.recurrence.recurrence import Recurrence, Slot
from tasktracker.domain.recurrence.rule import Frequency, Rule, Weekday, canonical_rule

CALENDAR = DateutilCalendarRules()
LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
SLOTS = 15
YEARS = 25
"""As many slots are compared, and so many years of each rule."""


@dataclass(frozen=True)
class Case:
    """A recurrence, with its start in local time."""

    recurrence: Recurrence
    local: datetime

    @property
    def rule(self) -> Rule:
        return Rule.parse(self.recurrence.rule)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.recurrence.time_zone)

    @property
    def is_day(self) -> bool:
        return not isinstance(self.recurrence.start, datetime)

    @property
    def last_year(self) -> int:
        return self.local.year + YEARS

    def local_year(self, slot: Slot) -> int:
        return slot.astimezone(self.zone).year if isinstance(slot, datetime) else slot.year

    @property
    def is_synchronized(self) -> bool:
        """Whether the start is a day of the rule."""
        day = self.local.date()
        return next(CALENDAR.days(self.rule, day, day), None) == day

    def with_rule(self, rule: Rule, local: datetime | None = None) -> Case:
        local = local or self.local
        return Case(replace(self.recurrence, rule=str(rule), start=self.slot(local)), local)

    def local_rule(self) -> str:
        """Return the rule with UNTIL in local time."""
        before, name, until = self.recurrence.rule.partition("UNTIL=")
        if "T" in until:
            until = f"{datetime.fromisoformat(until).astimezone(self.zone):%Y%m%dT%H%M%S}"
        return before + name + until

    def stamp(self) -> str:
        return f"{self.local:%Y%m%d}" if self.is_day else f"{self.local:%Y%m%dT%H%M%S}"

    def slot(self, local: datetime) -> Slot:
        return local.date() if self.is_day else local.replace(tzinfo=self.zone).astimezone(UTC)


def generate(random: Random, zones: Sequence[str]) -> Case:
    """Return a recurrence that has a slot."""
    while True:
        zone = random.choice(zones)
        hour = random.choice((0, 1, 2, 3, random.randrange(24)))  # most changes of the offset are at night
        local = datetime(2015, 1, 1, hour, random.choice((0, 15, 30, 59)))  # noqa: DTZ001
        local += timedelta(days=random.randrange(20 * 365))
        is_day = random.random() < 0.4
        start: Slot = local.date() if is_day else local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        try:
            rule = str(Rule.parse(";".join(parts(random, local, None if is_day else ZoneInfo(zone)))))
            recurrence = Recurrence(rule=rule, time_zone=zone, start=start)
            recurrence.require_slot(CALENDAR)
        except Refused:
            continue
        case = Case(recurrence, local)
        if random.random() < 0.8 and not case.is_synchronized:
            first = next(CALENDAR.days(case.rule, local.date(), local.date()))
            case = case.with_rule(case.rule, datetime.combine(first, local.time()))
        start = case.recurrence.first
        if not isinstance(start, datetime) or start.astimezone(case.zone).replace(tzinfo=None) == case.local:
            return case  # otherwise, the local start does not exist


def parts(random: Random, start: datetime, zone: ZoneInfo | None) -> Iterator[str]:
    """Yield the parts of a rule, each of which is often left out."""

    def some(values: Sequence[int], limit: int = 3) -> str:
        return ",".join(str(random.choice(values)) for _ in range(random.randint(1, limit)))

    frequency = random.choice(list(Frequency))
    long = frequency in (Frequency.MONTHLY, Frequency.YEARLY)
    yield f"FREQ={frequency}"
    if random.random() < 0.5:
        yield f"INTERVAL={random.choice((1, 2, 2, 3, 4, 5, 6, 7, 10, 12, 13, 30, 52, 90))}"
    months = random.random() < 0.3
    if months:
        yield f"BYMONTH={some(range(1, 13), 4)}"
    if random.random() < 0.3 and frequency is not Frequency.WEEKLY:
        yield f"BYMONTHDAY={some([*range(-31, 0), *range(1, 32)], 6)}"
    if random.random() < 0.6:
        furthest = 5 if months or frequency is Frequency.MONTHLY else 53
        numbers = ["", "", *range(-furthest, 0), *range(1, furthest + 1)] if long and random.random() < 0.6 else [""]
        days = (f"{random.choice(numbers)}{random.choice(list(Weekday)).name}" for _ in range(random.randint(1, 5)))
        yield f"BYDAY={','.join(days)}"
    if random.random() < 0.3:
        yield f"BYSETPOS={some([-7, -3, -2, -1, -1, 1, 1, 2, 3, 4, 10])}"
    if random.random() < 0.4:
        yield f"WKST={random.choice(list(Weekday)).name}"
    end = random.random()
    if end < 0.2:
        yield f"COUNT={random.randint(1, 30)}"
    elif end < 0.4:
        last = start.replace(hour=12) + timedelta(days=random.randint(1, 3000))
        in_utc = last if zone is None else last.replace(tzinfo=zone).astimezone(UTC)
        yield f"UNTIL={in_utc:%Y%m%d}" if zone is None else f"UNTIL={in_utc:%Y%m%dT%H%M%SZ}"


def hostile(random: Random) -> Recurrence | None:
    """Return a recurrence that is meant to be slow: with long lists, a large interval, and few days or none."""

    def some(values: Sequence[object]) -> str:
        return ",".join(map(str, random.sample(values, random.randint(1, min(len(values), 40)))))

    frequency = random.choice(list(Frequency))
    months, month_days = random.random() < 0.5, frequency is not Frequency.WEEKLY and random.random() < 0.5
    furthest = 5 if months or frequency is Frequency.MONTHLY else 53
    numbers = [*range(-furthest, 0), *range(1, furthest + 1)]
    if frequency in (Frequency.DAILY, Frequency.WEEKLY) or random.random() < 0.3:
        numbers = []
    days = [f"{number}{day.name}" for number in numbers or [""] for day in Weekday]
    each = [
        f"FREQ={frequency};INTERVAL={random.choice((1, 1, 2, 7, 12, random.randint(1, 1000)))}",
        f"BYMONTH={some(range(1, 13))}" if months else "",
        f"BYMONTHDAY={some(random.choice((range(1, 32), (29, 30, 31), range(-31, 0))))}" if month_days else "",
        f"BYDAY={some(days)}" if random.random() < 0.7 else "",
        f"BYSETPOS={random.choice((-1, 1, 5, 7, 31, -366, 366))}" if random.random() < 0.5 else "",
        random.choice(("", "COUNT=1000", "UNTIL=99981231")),
    ]
    try:
        rule = canonical_rule(";".join(filter(None, each)))
    except Refused:
        return None
    start = datetime(1970, 1, 1, 2, 30, tzinfo=UTC) + timedelta(days=random.randrange(2000))
    return Recurrence(rule=rule, time_zone="Europe/Vienna", start=start)
