"""Dates of Todoist: a date is read if it is unambiguous in the language of the row, and never guessed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from tasktracker.domain.portability import recurring_dates
from tasktracker.domain.portability.dates import MONTHS, read, zone_named

at = datetime  # without a time zone, which these texts do not have


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("2025-03-31", "en", date(2025, 3, 31)),
        ("2025-03-31 at 11:00", "en", at(2025, 3, 31, 11)),
        ("2025-03-31 11:10:12", "en", at(2025, 3, 31, 11, 10, 12)),
        ("2025/3/31 11:00", "ja", at(2025, 3, 31, 11)),
        ("Oct 5 2026", "en", date(2026, 10, 5)),
        ("Oct 5 2026", "", date(2026, 10, 5)),
        ("October 5th, 2026 @ 9pm", "en", at(2026, 10, 5, 21)),
        ("5 OCT 2026 12:30 am", "en", at(2026, 10, 5, 0, 30)),
        ("5 Oct 2026 12:30 pm", "en", at(2026, 10, 5, 12, 30)),
        ("5 Oct 2026 10:11:12 pm", "EN-gb", at(2026, 10, 5, 22, 11, 12)),
        ("12/31/2026 @ 10:00", "en", at(2026, 12, 31, 10)),
        ("31/12/2026", "en", date(2026, 12, 31)),
        ("04/04/2026", "en", date(2026, 4, 4)),
        ("03.04.2026", "de", date(2026, 4, 3)),
        ("5. Okt. 2026 um 18:30", "de", at(2026, 10, 5, 18, 30)),
        ("5. März 2026", "de", date(2026, 3, 5)),
        ("5. Ma\u0308rz 2026", " DE ", date(2026, 3, 5)),
        ("Oct" + " " * 51 + "5 2026", "en", date(2026, 10, 5)),
        ("1er févr. 2026 à 9:00", "fr", at(2026, 2, 1, 9)),
        ("5 de octubre de 2026", "es", date(2026, 10, 5)),
        ("5 out 2026", "pt_BR", date(2026, 10, 5)),
        ("5 mrt 2026 om 10:00", "nl", at(2026, 3, 5, 10)),
        ("5. des. 2026", "no", date(2026, 12, 5)),
        ("5 окт. 2026 г. в 10:00", "ru", at(2026, 10, 5, 10)),
        ("5 EYLÜL 2026", "tr", date(2026, 9, 5)),
        ("5 paź 2026", "pl", date(2026, 10, 5)),
        ("2026年10月5日 10:00", "zh_CN", at(2026, 10, 5, 10)),
        ("2026년 10월 5일", "ko", date(2026, 10, 5)),
    ],
)
def test_an_unambiguous_date_is_read(text: str, language: str, expected: date) -> None:
    assert read(text, language) == [expected]


@pytest.mark.parametrize("word", "@|,|at|um|à|alle|ore|a las|às|om|o|v|ve|в|о|kl.|kl|klo|saat".split("|"))  # noqa: SIM905
def test_a_word_between_a_date_and_its_time_is_read(word: str) -> None:
    assert read(f"2026-10-05 {word} 9:30", "en") == [at(2026, 10, 5, 9, 30)]


@pytest.mark.parametrize("day", ["1", "1.", "1st", "1nd", "1rd", "1th", "1er", "1º"])
def test_the_end_of_an_ordinal_number_is_read(day: str) -> None:
    assert read(f"{day} of January 2026", "en") == [date(2026, 1, 1)]


@pytest.mark.parametrize(("language", "words"), recurring_dates.LANGUAGES.items())
def test_every_name_of_a_weekday_and_every_word_is_read(language: str, words: recurring_dates._Language) -> None:
    every = words.every.split("|")[0]
    for day, names in zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"), words.weekdays.split(), strict=True):
        for name in names.split("/"):
            found = recurring_dates.read(f"{every} {name}", language)
            assert (name, found and found.rule) == (name, f"FREQ=WEEKLY;BYDAY={day}")
    for text, rule in WORDS[language].items():
        found = recurring_dates.read(text, language)
        assert (text, found and found.rule) == (text, rule)


WORDS = {
    "en": {
        **dict.fromkeys(("every day", "ev day"), "FREQ=DAILY"),
        **dict.fromkeys(("every weekday", "every workday"), "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        **dict.fromkeys(("every 1st, 2nd and 3rd", "every 1th, 2th, 3th"), "FREQ=MONTHLY;BYMONTHDAY=1,2,3"),
        **dict.fromkeys(("every day until 2027-01-01", "every day ending 2027-01-01"), "FREQ=DAILY;UNTIL=20270101"),
        "every 2 days from 2026-01-01": "FREQ=DAILY;INTERVAL=2",
        "every 2 weeks starting 2026-01-01": "FREQ=WEEKLY;INTERVAL=2",
        "every 2 months from 2026-01-01": "FREQ=MONTHLY;INTERVAL=2",
        "every 2 years from 2026-01-01": "FREQ=YEARLY;INTERVAL=2",
    },
    "de": {
        **dict.fromkeys(("jeden tag", "jede tag", "jedes tag", "alle tag"), "FREQ=DAILY"),
        "alle 2 Tage beginnend am 2026-01-01": "FREQ=DAILY;INTERVAL=2",
        "alle 2 Wochen ab 2026-01-01": "FREQ=WEEKLY;INTERVAL=2",
        "alle 2 Monate ab 2026-01-01": "FREQ=MONTHLY;INTERVAL=2",
        "alle 2 Jahre ab 2026-01-01": "FREQ=YEARLY;INTERVAL=2",
        "jeden 5. Ma\u0308rz": "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=5",
    },
}


@pytest.mark.parametrize(
    ("text", "language", "rule", "time", "start"),
    [
        ("every day", "en", "FREQ=DAILY", None, None),
        ("Ev DAY at 9pm", "", "FREQ=DAILY", "21:00", None),
        (" every" + " " * 50 + "day ", "en", "FREQ=DAILY", None, None),
        ("every monday", "en", "FREQ=WEEKLY;BYDAY=MO", None, None),
        ("every mon, thu 9:30", "en_GB", "FREQ=WEEKLY;BYDAY=MO,TH", "09:30", None),
        ("every tue and fri", "en", "FREQ=WEEKLY;BYDAY=TU,FR", None, None),
        ("every weekday", "en", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", None, None),
        ("every 1st, 15th at 10am", "en", "FREQ=MONTHLY;BYMONTHDAY=1,15", "10:00", None),
        ("every last day", "en", "FREQ=MONTHLY;BYMONTHDAY=-1", None, None),
        ("every jan 27", "en", "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=27", None, None),
        ("every 27th January at 8:00", "en", "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=27", "08:00", None),
        ("every 2 weeks starting Oct 5 2026", "en", "FREQ=WEEKLY;INTERVAL=2", None, "2026-10-05"),
        ("every friday until 2027-01-01", "en", "FREQ=WEEKLY;BYDAY=FR;UNTIL=20270101", None, None),
        ("jeden Tag", "de", "FREQ=DAILY", None, None),
        ("jeden Montag", "de", "FREQ=WEEKLY;BYDAY=MO", None, None),
        ("jeden Mo und Do um 9:00", "de_AT", "FREQ=WEEKLY;BYDAY=MO,TH", "09:00", None),
        ("jeden 15.", "de", "FREQ=MONTHLY;BYMONTHDAY=15", None, None),
        ("jeden 27. Jänner", "de", None, None, None),
        ("jeden 27. Januar", "de", "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=27", None, None),
        ("jeden letzten Tag bis 31.12.2026", "de", "FREQ=MONTHLY;BYMONTHDAY=-1;UNTIL=20261231", None, None),
        ("alle 3 Tage ab 5. Okt. 2026", "de", "FREQ=DAILY;INTERVAL=3", None, "2026-10-05"),
        *(
            (text, language, None, None, None)
            for text, language in (
                ("every", "en"),
                ("monday", "en"),
                ("every week", "en"),
                ("every 3 days", "en"),
                ("every 3 days starting tomorrow", "en"),
                ("every 3 days starting 03/04/2026", "en"),
                ("every 3rd friday", "en"),
                ("every other day", "en"),
                ("every 15", "en"),
                ("every 1st, friday", "en"),
                ("every day starting 2026-10-05 10:00", "en"),
                ("every" + " " * 53 + "day", "en"),
                ("jeden Januar 27", "de"),
                ("every monday at 9", "en"),
                ("every monday at 25:00", "en"),
                ("every 32nd", "en"),
                ("every feb 30", "en"),
                ("every monday", "de"),
                ("every monday", "fr"),
                ("jeden Wochentag", "de"),
                ("every mon,", "en"),
                ("every day " + "x" * 60, "en"),
            )
        ),
    ],
)
def test_a_recurring_date_is_read_if_it_has_one_meaning(
    text: str, language: str, rule: str | None, time: str | None, start: str | None
) -> None:
    found = recurring_dates.read(text, language)
    if rule is None:
        assert found is None
        return
    assert found is not None
    assert (found.rule, found.at and f"{found.at:%H:%M}", found.start and str(found.start)) == (rule, time, start)


@pytest.mark.parametrize("language", ["en", "", "xx", "ja"])
def test_the_order_of_day_and_month_is_not_guessed(language: str) -> None:
    assert read("03/04/2026", language) == [date(2026, 3, 4), date(2026, 4, 3)]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("every day starting Oct 5 2026", "en"),
        ("tomorrow", "en"),
        ("4 Jan", "en"),
        ("Oct 5 26", "en"),
        ("Oct 5 2026 0:30 pm", "en"),
        ("Oct 5 2026 13:00 pm", "en"),
        ("31/31/2026", "en"),
        ("Feb 30 2026", "en"),
        ("Ju 5 2026", "en"),
        ("jui 5 2026", "fr"),
        ("Oct 5 2026", "de"),
        ("Oct 5 2026", "xx"),
        ("Oct 5 2026 at 25:00", "en"),
        ("Oct 5 2026 at 13pm", "en"),
        ("Oct 5 2026 10", "en"),
        ("Oct" + " " * 52 + "5 2026", "en"),
        ("2026-10-05" + " " * 100_000 + "@", "en"),
        ("٣/٤/٢٠٢٦", "en"),
    ],
)
def test_other_text_is_no_date(text: str, language: str) -> None:
    assert read(text, language) == []


@pytest.mark.parametrize("language", MONTHS)
def test_every_language_has_twelve_months_with_different_names(language: str) -> None:
    for number, names in enumerate(MONTHS[language].split(), start=1):
        for name in names.split("/"):
            assert read(f"5 {name} 2026", language) == [date(2026, number, 5)]


@pytest.mark.parametrize(("name", "hours"), [("GMT+14", 14), ("UTC-14:00", -14), ("GMT+14:01", None), ("GMT+2", 2)])
def test_an_offset_is_at_most_fourteen_hours(name: str, hours: int | None) -> None:
    zone = zone_named(name)
    assert (zone and zone.utcoffset(None)) == (None if hours is None else timedelta(hours=hours))
