"""Recurrence: the text of a rule, and the slots of a recurrence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.fields import EditableFields, Refused
from tasktracker.domain.recurrence.recurrence import Anchor, Recurrence, Slot
from tasktracker.domain.recurrence.rule import Rule, canonical_rule
from tests.fakes import CALENDAR
from tests.strategies import examples, rule_texts

MONDAY = date(2026, 3, 2)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def recurrence(rule: str, start: Slot = MONDAY, time_zone: str = "Europe/Vienna", **more: Any) -> Recurrence:
    return Recurrence(rule=rule, time_zone=time_zone, start=start, **more)


def next_days(each: Recurrence, number: int = 5, now: datetime = LONG_AGO) -> list[str]:
    return [slot.isoformat() for slot in islice(each.slots(each.first, now, CALENDAR), number)]


class TestRule:
    @pytest.mark.parametrize(
        ("text", "canonical"),
        [
            ("freq=daily", "FREQ=DAILY"),
            *((each, each) for each in ("FREQ=DAILY;INTERVAL=1000", "FREQ=YEARLY;BYMONTH=2,4;BYMONTHDAY=30,31")),
            ("FREQ=DAILY;BYMONTH=" + "1," * 240 + "1", "FREQ=DAILY;BYMONTH=1"),  # of the maximum length
            ("INTERVAL=1;FREQ=DAILY", "FREQ=DAILY"),
            ("INTERVAL=02;FREQ=DAILY", "FREQ=DAILY;INTERVAL=2"),
            ("FREQ=WEEKLY;BYDAY=SU,MO,SU", "FREQ=WEEKLY;BYDAY=MO,SU"),
            ("BYDAY=-1SU,+2mo,FR,1TU;FREQ=MONTHLY", "FREQ=MONTHLY;BYDAY=FR,1TU,2MO,-1SU"),
            ("FREQ=MONTHLY;BYMONTHDAY=-1,+15,-3,1", "FREQ=MONTHLY;BYMONTHDAY=1,15,-3,-1"),
            ("FREQ=YEARLY;BYMONTH=12,03", "FREQ=YEARLY;BYMONTH=3,12"),
            ("FREQ=MONTHLY;BYSETPOS=-1,1;BYDAY=MO,TU", "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1,-1"),
            ("FREQ=WEEKLY;WKST=SU", "FREQ=WEEKLY"),
            ("FREQ=WEEKLY;INTERVAL=2;WKST=MO", "FREQ=WEEKLY;INTERVAL=2"),
            ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "FREQ=WEEKLY;INTERVAL=2;WKST=SU"),
            ("FREQ=MONTHLY;INTERVAL=2;WKST=SU", "FREQ=MONTHLY;INTERVAL=2"),
            ("FREQ=WEEKLY;BYDAY=MO,SU;BYSETPOS=1;WKST=SU", "FREQ=WEEKLY;BYDAY=MO,SU;BYSETPOS=1;WKST=SU"),
            ("FREQ=DAILY;COUNT=10", "FREQ=DAILY;COUNT=10"),
            ("UNTIL=20261231;FREQ=DAILY", "FREQ=DAILY;UNTIL=20261231"),
            ("FREQ=DAILY;UNTIL=20261231t225959z", "FREQ=DAILY;UNTIL=20261231T225959Z"),
            ("FREQ=DAILY;UNTIL=00010101", "FREQ=DAILY;UNTIL=00010101"),
        ],
    )
    def test_the_same_rule_has_the_same_text(self, text: str, canonical: str) -> None:
        assert canonical_rule(text) == canonical

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "must be a recurrence rule of RFC 5545"),
            ("every friday", "must be a recurrence rule"),
            ("FREQ", "must be a recurrence rule"),
            ("FREQ=DAILY;", "must be a recurrence rule"),
            ("FREQ=DAILY\n", "must have a FREQ of DAILY, WEEKLY, MONTHLY, YEARLY"),
            ("RRULE:FREQ=DAILY", "must be a recurrence rule"),
            ("INTERVAL=2", "must have FREQ, as in FREQ=WEEKLY"),
            ("FREQ=HOURLY", "must have a FREQ of DAILY, WEEKLY, MONTHLY, YEARLY"),
            ("FREQ=SECONDLY", "must have a FREQ of"),
            ("FREQ=DAILY;BYHOUR=9", "must not have BYHOUR: possible are FREQ, INTERVAL, BYMONTH"),
            ("FREQ=YEARLY;BYWEEKNO=20", "must not have BYWEEKNO"),
            ("FREQ=DAILY;" + "X" * 30 + "=1", "must not have " + "X" * 20 + ": possible"),
            ("FREQ=YEARLY;BYYEARDAY=1", "must not have BYYEARDAY"),
            ("FREQ=DAILY;BYEASTER=0", "must not have BYEASTER"),
            ("FREQ=DAILY;FREQ=DAILY", "must have FREQ only once"),
            ("FREQ=DAILY;INTERVAL=0", "must have INTERVAL from 1 to 1000"),
            ("FREQ=DAILY;INTERVAL=1001", "must have INTERVAL from 1 to 1000"),
            ("FREQ=DAILY;INTERVAL=1_0", "must have INTERVAL"),
            ("FREQ=DAILY;INTERVAL=\u0663", "must have INTERVAL"),
            ("FREQ=DAILY;COUNT=0", "must have COUNT from 1 to 1000"),
            ("FREQ=DAILY;COUNT=99999999999999999999", "must have COUNT"),
            ("FREQ=DAILY;COUNT=2;UNTIL=20261231", "must not have both COUNT and UNTIL"),
            ("FREQ=DAILY;UNTIL=20260230", "must have UNTIL as a day or a moment in UTC"),
            ("FREQ=DAILY;UNTIL=20261231T225959", "must have UNTIL"),
            ("FREQ=DAILY;UNTIL=2026-12-31", "must have UNTIL"),
            ("FREQ=DAILY;UNTIL=20261231T250000Z", "must have UNTIL"),
            ("FREQ=YEARLY;BYMONTH=13", "must have BYMONTH as numbers from 1 to 12"),
            ("FREQ=YEARLY;BYMONTH=-1", "must have BYMONTH"),
            ("FREQ=YEARLY;BYMONTH=1,,2", "must have BYMONTH"),
            ("FREQ=MONTHLY;BYMONTHDAY=0", "must have BYMONTHDAY as numbers from 1 to 31 or from -31 to -1"),
            ("FREQ=MONTHLY;BYMONTHDAY=32", "must have BYMONTHDAY"),
            ("FREQ=WEEKLY;BYMONTHDAY=1", "must not have BYMONTHDAY if FREQ is WEEKLY"),
            ("FREQ=WEEKLY;BYDAY=XX", "must have BYDAY as weekdays"),
            ("FREQ=MONTHLY;BYDAY=0MO", "must have BYDAY as weekdays"),
            *(
                (f"FREQ={each};BYDAY=1MO", "must have a number in BYDAY only if FREQ is MONTHLY or YEARLY")
                for each in ("DAILY", "WEEKLY")
            ),
            ("FREQ=MONTHLY;BYDAY=6MO", "must have numbers from 1 to 5 or from -5 to -1 in BYDAY"),
            ("FREQ=YEARLY;BYMONTH=1;BYDAY=-6MO", "must have numbers from 1 to 5"),
            ("FREQ=YEARLY;BYDAY=54MO", "must have numbers from 1 to 53"),
            ("FREQ=MONTHLY;BYSETPOS=1", "must have BYSETPOS only with BYDAY"),
            ("FREQ=DAILY;BYDAY=MO;BYSETPOS=2", "must have BYSETPOS from 1 to 1"),
            ("FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=-3", "must have BYSETPOS from 1 to 2 or from -2 to -1"),
            ("FREQ=WEEKLY;BYMONTH=1;BYSETPOS=2", "must have BYSETPOS from 1 to 1"),
            ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=32", "must have BYSETPOS from 1 to 31"),
            ("FREQ=DAILY;WKST=X", "must have a WKST of MO, TU"),
            ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "must have a day in BYMONTHDAY that a month in BYMONTH has"),
            ("FREQ=YEARLY;BYMONTH=4,6;BYMONTHDAY=31,-31", "must have a day in BYMONTHDAY"),
            ("FREQ=DAILY;BYMONTH=" + "1," * 240 + "10", "must be at most 500 characters long"),
        ],
    )
    def test_another_rule_is_refused(self, text: str, message: str) -> None:
        with pytest.raises(Refused) as refused:
            canonical_rule(text)
        assert str(refused.value).startswith(message)

    @given(rule_texts(ends=True))
    def test_the_canonical_text_means_the_same(self, text: str) -> None:
        rule = Rule.parse(text)
        again = Rule.parse(str(rule))
        assert str(again) == str(rule)
        assert replace(again, week_start=rule.week_start) == rule
        for start in (MONDAY, date(2027, 12, 31)):
            days = CALENDAR.days(again, start, start)
            assert list(islice(days, 20)) == list(islice(CALENDAR.days(rule, start, start), 20))

    @given(st.text("FREQ=DAILY;BYUNTZ0123456789-+,TMOS", max_size=60) | st.text(max_size=30))
    def test_any_text_is_accepted_or_refused(self, text: str) -> None:
        try:
            canonical = canonical_rule(text)
        except Refused:
            return
        assert canonical_rule(canonical) == canonical

    def test_the_rule_and_the_zone_are_checked(self) -> None:
        fields = EditableFields[Any](Recurrence)
        with pytest.raises(InvalidInput) as refused:
            fields.check({"rule": "FREQ=NEVER", "time_zone": "Vienna"})
        assert [error.field for error in refused.value.errors] == ["rule", "time_zone"]
        checked = fields.complete({"rule": "freq=daily", "time_zone": "Europe/Vienna"})
        assert checked == {"rule": "FREQ=DAILY", "time_zone": "Europe/Vienna", "from_": Anchor.DUE, "start": None}


class TestDays:
    def test_the_next_day_is_after_the_slot_and_not_past(self) -> None:
        weekly = recurrence("FREQ=WEEKLY")
        assert weekly.next_after(MONDAY, LONG_AGO, CALENDAR) == date(2026, 3, 9)
        assert weekly.next_after(date(2026, 3, 8), LONG_AGO, CALENDAR) == date(2026, 3, 9)
        assert weekly.next_after(MONDAY, moment("2026-03-16 22:59"), CALENDAR) == date(2026, 3, 16)

    def test_a_day_is_past_at_midnight_in_the_time_zone(self) -> None:
        weekly = recurrence("FREQ=WEEKLY")
        assert weekly.next_after(MONDAY, moment("2026-03-16 23:01"), CALENDAR) == date(2026, 3, 23)
        in_kiritimati = replace(weekly, time_zone="Pacific/Kiritimati")
        assert in_kiritimati.next_after(MONDAY, moment("2026-03-16 10:01"), CALENDAR) == date(2026, 3, 23)
        in_pago_pago = replace(weekly, time_zone="Pacific/Pago_Pago")
        assert in_pago_pago.next_after(MONDAY, moment("2026-03-17 10:59"), CALENDAR) == date(2026, 3, 16)

    def test_a_start_that_does_not_match_is_no_slot(self) -> None:
        fridays = recurrence("FREQ=WEEKLY;BYDAY=FR;COUNT=2")
        assert next_days(fridays) == ["2026-03-06", "2026-03-13"]

    def test_count_counts_from_the_start(self) -> None:
        three = recurrence("FREQ=DAILY;INTERVAL=2;COUNT=3")
        assert next_days(three) == ["2026-03-04", "2026-03-06"]
        assert three.next_after(date(2026, 3, 4), LONG_AGO, CALENDAR) == date(2026, 3, 6)
        assert three.next_after(date(2026, 3, 6), LONG_AGO, CALENDAR) is None
        assert three.next_after(MONDAY, moment("2026-03-07 12:00"), CALENDAR) is None

    def test_until_is_the_last_day(self) -> None:
        assert next_days(recurrence("FREQ=DAILY;UNTIL=20260304")) == ["2026-03-03", "2026-03-04"]
        # At this moment it is the 5th in Vienna.
        of_a_moment = recurrence("FREQ=DAILY;UNTIL=20260304T233000Z")
        assert next_days(of_a_moment) == ["2026-03-03", "2026-03-04", "2026-03-05"]

    def test_a_rule_from_completion_starts_again_on_that_day(self) -> None:
        every_third = recurrence("FREQ=DAILY;INTERVAL=3", from_=Anchor.COMPLETION)
        at = moment("2026-03-03 23:30")  # the 4th in Vienna
        assert every_third.next_after(MONDAY, at, CALENDAR, completed_at=at) == date(2026, 3, 7)
        later = moment("2026-03-08 12:00")
        assert every_third.next_after(MONDAY, later, CALENDAR, completed_at=at) == date(2026, 3, 10)
        early = moment("2026-02-20 12:00")
        assert every_third.next_after(MONDAY, early, CALENDAR, completed_at=early) == date(2026, 2, 23)
        assert next_days(every_third, 2) == ["2026-03-05", "2026-03-08"]

    @pytest.mark.parametrize(
        ("rule", "completed", "expected"),
        [
            ("FREQ=MONTHLY;INTERVAL=3", "2026-11-30", ["2027-02-28", "2027-05-30"]),
            ("FREQ=MONTHLY", "2027-01-31", ["2027-02-28", "2027-03-31"]),
            ("FREQ=YEARLY", "2028-02-29", ["2029-02-28", "2030-02-28"]),
            ("FREQ=YEARLY;BYMONTH=2", "2028-01-31", ["2028-02-29", "2029-02-28"]),
            ("FREQ=MONTHLY;BYMONTHDAY=30", "2027-01-30", ["2027-03-30", "2027-04-30"]),
            ("FREQ=YEARLY;BYMONTH=2,3", "2027-01-31", ["2027-03-31", "2028-03-31"]),
            ("FREQ=YEARLY;BYMONTH=3,5", "2027-01-31", ["2027-03-31", "2027-05-31"]),
            ("FREQ=MONTHLY;BYMONTH=1,2", "2027-01-31", ["2027-02-28", "2028-01-31"]),
            ("FREQ=MONTHLY;BYDAY=MO", "2027-01-31", ["2027-02-01", "2027-02-08"]),
            ("FREQ=MONTHLY;BYMONTH=2,3;BYSETPOS=1", "2027-01-31", ["2027-03-31", "2028-03-31"]),
            ("FREQ=WEEKLY", "2027-01-31", ["2027-02-07", "2027-02-14"]),
        ],
    )
    def test_a_rule_from_completion_without_a_day_has_the_last_day_of_a_shorter_month(
        self, rule: str, completed: str, expected: list[str]
    ) -> None:
        each = recurrence(rule, from_=Anchor.COMPLETION)
        done = moment(f"{completed} 10:00")
        found = islice(each.slots(MONDAY, done, CALENDAR, done), 2)
        assert [slot.isoformat() for slot in found] == expected

    def test_a_rule_from_due_does_not_depend_on_the_completion(self) -> None:
        at = moment("2026-03-03 12:00")
        every_third = recurrence("FREQ=DAILY;INTERVAL=3")
        assert every_third.next_after(MONDAY, at, CALENDAR, completed_at=at) == date(2026, 3, 5)
        monthly = recurrence("FREQ=MONTHLY", date(2026, 1, 31))
        assert monthly.next_after(date(2026, 1, 31), LONG_AGO, CALENDAR, completed_at=at) == date(2026, 3, 31)

    def test_a_rule_for_a_day_of_every_month_stays_as_it_is(self) -> None:
        rule = Rule.parse("FREQ=MONTHLY")
        assert rule.counted_from(date(2026, 3, 28)) is rule


class TestMoments:
    def test_the_wall_clock_time_is_kept(self) -> None:
        daily = recurrence("FREQ=DAILY", moment("2026-03-28 08:00"))
        assert next_days(daily, 2) == ["2026-03-29T07:00:00+00:00", "2026-03-30T07:00:00+00:00"]

    def test_a_time_in_a_gap_has_the_offset_before_it(self) -> None:
        daily = recurrence("FREQ=DAILY", moment("2026-03-28 01:30"))
        in_the_gap = moment("2026-03-29 01:30")  # 03:30 in Vienna, an hour after 01:30
        assert next_days(daily, 2) == [in_the_gap.isoformat(), "2026-03-30T00:30:00+00:00"]
        assert daily.next_after(in_the_gap, LONG_AGO, CALENDAR) == moment("2026-03-30 00:30")

    def test_a_time_that_occurs_twice_is_the_first(self) -> None:
        daily = recurrence("FREQ=DAILY", moment("2026-10-24 00:30"))
        assert next_days(daily, 2) == ["2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"]

    def test_a_start_in_the_second_of_two_hours_repeats_its_wall_clock_time(self) -> None:
        daily = recurrence("FREQ=DAILY", moment("2026-10-25 01:30"))
        assert next_days(daily, 1) == ["2026-10-26T01:30:00+00:00"]
        until_the_next_change = recurrence("FREQ=DAILY;INTERVAL=371", moment("2026-10-25 01:30"))
        assert next_days(until_the_next_change, 1) == ["2027-10-31T00:30:00+00:00"]

    def test_a_slot_that_a_gap_moves_to_the_next_day_is_found(self) -> None:
        # In Nuuk, 23:00 of the 30th of March 2024 was midnight: with the offset before, 23:30 is 00:30 on the 31st.
        daily = recurrence("FREQ=DAILY", moment("2024-03-29 01:30"), time_zone="America/Nuuk")
        assert daily.next_after(daily.first, moment("2024-03-31 01:10"), CALENDAR) == moment("2024-03-31 01:30")

    def test_a_day_that_a_zone_leaves_out_gives_no_second_slot(self) -> None:
        # Samoa had no 30th of December 2011: with the offset before the gap, 10:00 on it is 10:00 on the 31st.
        daily = recurrence("FREQ=DAILY", moment("2011-12-29 20:00"), time_zone="Pacific/Apia")
        assert next_days(daily, 2) == ["2011-12-30T20:00:00+00:00", "2011-12-31T20:00:00+00:00"]

    def test_a_moment_is_past_at_once(self) -> None:
        daily = recurrence("FREQ=DAILY", moment("2026-03-02 08:00"))
        assert daily.next_after(daily.first, moment("2026-03-05 08:00"), CALENDAR) == moment("2026-03-05 08:00")
        assert daily.next_after(daily.first, moment("2026-03-05 08:00:01"), CALENDAR) == moment("2026-03-06 08:00")

    def test_until_is_the_last_moment_or_the_last_day_in_the_time_zone(self) -> None:
        start = moment("2026-03-02 23:30")  # the 3rd in Vienna
        assert next_days(recurrence("FREQ=DAILY;UNTIL=20260303T233000Z", start)) == ["2026-03-03T23:30:00+00:00"]
        assert next_days(recurrence("FREQ=DAILY;UNTIL=20260303T232959Z", start)) == []
        assert next_days(recurrence("FREQ=DAILY;UNTIL=20260304", start)) == ["2026-03-03T23:30:00+00:00"]

    def test_weekdays_are_those_of_the_time_zone(self) -> None:
        start = moment("2026-03-02 23:30")  # a Tuesday in Vienna
        assert next_days(recurrence("FREQ=WEEKLY;BYDAY=TU", start), 1) == ["2026-03-09T23:30:00+00:00"]

    def test_a_rule_from_completion_keeps_the_wall_clock_time(self) -> None:
        daily = recurrence("FREQ=DAILY", moment("2026-03-20 08:00"), from_=Anchor.COMPLETION)
        at = moment("2026-03-28 22:00")
        assert daily.next_after(daily.first, at, CALENDAR, completed_at=at) == moment("2026-03-29 07:00")

    @pytest.mark.parametrize("start", ["0001-01-01 00:00", "9999-12-31 23:59"])
    @pytest.mark.parametrize("time_zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
    def test_the_first_and_the_last_moment_are_accepted(self, start: str, time_zone: str) -> None:
        daily = recurrence("FREQ=DAILY;UNTIL=99991231T235959Z", moment(start), time_zone)
        found = daily.next_after(daily.first, daily.first, CALENDAR, completed_at=daily.first)  # type: ignore[arg-type]
        assert (found is None) == start.startswith("9999")


class TestNewRecurrence:
    def test_count_from_completion_is_refused(self) -> None:
        recurrence("FREQ=DAILY;COUNT=2").require_slot(CALENDAR)
        with pytest.raises(Refused, match="must not have COUNT if it is from completion"):
            recurrence("FREQ=DAILY;COUNT=2", from_=Anchor.COMPLETION).require_slot(CALENDAR)

    @pytest.mark.parametrize("rule", ["FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29", "FREQ=DAILY;UNTIL=20260301"])
    def test_a_rule_without_slots_is_refused(self, rule: str) -> None:
        with pytest.raises(Refused, match="must have a day within 100 years, and before UNTIL"):
            recurrence(rule).require_slot(CALENDAR)


class TestChangedRecurrence:
    def test_an_equal_rule_keeps_its_start(self) -> None:
        stored = recurrence("FREQ=DAILY")
        assert replace(stored, start=None).like(stored) is stored
        for other in (stored, replace(stored, start=None, time_zone="Asia/Kathmandu")):
            assert other.like(replace(stored, start=date(2027, 1, 1))) is other
        assert replace(stored, start=None).like(None).start is None

    def test_a_start_of_another_kind_keeps_its_day_and_gets_the_time_of_the_moment(self) -> None:
        day = recurrence("FREQ=DAILY", date(2026, 7, 1))
        at = moment("2026-01-31 22:30")  # 23:30 in Vienna
        as_moment = day.of_kind(at)
        assert as_moment.start == moment("2026-07-01 21:30")
        assert (as_moment.of_kind(at), as_moment.of_kind(date(2026, 1, 1))) == (as_moment, day)
        assert (day.slot_on(MONDAY), as_moment.slot_on(date(2026, 7, 2))) == (MONDAY, moment("2026-07-02 21:30"))

    def test_a_moved_moment_keeps_its_wall_clock_time(self) -> None:
        vienna = recurrence("FREQ=DAILY")
        assert vienna.moved(moment("2026-03-28 08:00"), 1) == moment("2026-03-29 07:00")
        assert vienna.moved(moment("2026-03-29 07:00"), -1) == moment("2026-03-28 08:00")
        assert vienna.moved(date(2026, 3, 1), 30) == date(2026, 3, 31)
        assert (vienna.moved(date.max, 1), vienna.moved(date.min, -1)) == (date.max, date.min)
        assert vienna.moved(moment("9999-12-31 12:00"), 5) < moment("9999-12-31 23:59")
        west, east = (recurrence("FREQ=DAILY", time_zone=zone) for zone in ("Pacific/Pago_Pago", "Asia/Kathmandu"))
        assert west.moved(moment("9999-12-30 12:00"), 5) == moment("9999-12-31 00:00")
        assert east.moved(moment("0001-01-02 20:00"), -5) == moment("0001-01-01 20:00")


SLOTS: st.SearchStrategy[Slot] = st.one_of(
    st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Vienna",
        "America/Nuuk",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "Africa/Casablanca",
    ]
)


@examples(40)
@given(rule_texts(ends=True), SLOTS, ZONES, st.timedeltas(timedelta(days=-100), timedelta(days=3000)))
def test_slots_grow_and_each_is_the_next_after_the_one_before(
    rule: str, start: Slot, time_zone: str, passed: timedelta
) -> None:
    each = recurrence(canonical_rule(rule), start, time_zone)
    base = start if isinstance(start, datetime) else datetime(start.year, start.month, start.day, tzinfo=UTC)
    now = base + passed
    slots = list(islice(each.slots(start, now, CALENDAR), 6))
    for before, after in pairwise([start, *slots]):
        assert before < after
        assert each.next_after(before, now, CALENDAR) == after
    today = now.astimezone(ZoneInfo(time_zone)).date()
    near = [slot for slot in slots if slot.year < 2100]  # all slots end a hundred years after the start
    of_all = takewhile(lambda slot: slot <= max(near, default=start), each.slots(start, LONG_AGO, CALENDAR))
    assert near == [slot for slot in of_all if (slot >= now if isinstance(slot, datetime) else slot >= today)]
