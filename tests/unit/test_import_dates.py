"""Dates of Todoist: a date is read if it is unambiguous in the language of the row, and never guessed."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tasktracker.domain.portability.dates import MONTHS, read

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
        ("12/31/2026 @ 10:00", "en", at(2026, 12, 31, 10)),
        ("31/12/2026", "en", date(2026, 12, 31)),
        ("04/04/2026", "en", date(2026, 4, 4)),
        ("03.04.2026", "de", date(2026, 4, 3)),
        ("5. Okt. 2026 um 18:30", "de", at(2026, 10, 5, 18, 30)),
        ("5. März 2026", "de", date(2026, 3, 5)),
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
