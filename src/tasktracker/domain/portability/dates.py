"""Dates and time zones of Todoist. A date is in ISO 8601, in digits, or has the name of a month in some language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from tasktracker.domain.kernel.time_zones import time_zone_names

# The names of the months, in the forms of CLDR 48. An abbreviation is the beginning of a name.
MONTHS = {
    "cs": "ledna/leden února března/březen dubna/duben května/květen června/červen/čvn července/červenec/čvc "
    "srpna/srpen září října/říjen listopadu prosince/prosinec",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "en": "january february march april may june july august september october november december",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fi": "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta "
    "marraskuuta joulukuuta",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nb": "januar februar mars april mai juni juli august september oktober november desember",
    "nl": "januari februari maart/mrt april mei juni juli augustus september oktober november december",
    "pl": "stycznia/styczeń lutego/luty marca/marzec kwietnia/kwiecień maja czerwca/czerwiec lipca/lipiec "
    "sierpnia/sierpień września/wrzesień października listopada grudnia/grudzień",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "ru": "января/январь февраля/февраль марта апреля/апрель мая/май июня/июнь июля/июль августа сентября/сентябрь "
    "октября/октябрь ноября/ноябрь декабря/декабрь",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
    "tr": "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
    "uk": "січня/січень лютого/лютий березня/березень квітня/квітень травня/травень червня/червень липня/липень "
    "серпня/серпень вересня/вересень жовтня/жовтень листопада грудня/грудень",
}
NAMES = {language: [month.split("/") for month in months.split()] for language, months in MONTHS.items()}
MAX_LENGTH = 60
OFFSET = re.compile(r"(?:GMT|UTC)\s*([+-])(\d{1,2})(?::?([0-5]\d))?", re.ASCII | re.IGNORECASE)
MAX_OFFSET = timedelta(hours=14)

# The words between a date and a time: "at", "um", "à" and so on.
AT = r"(?:\s*[@,]\s*|\s+(?:at|um|à|alle|ore|a las|às|om|o|v|ve|в|о|kl\.?|klo|saat)\s+|\s+|t)"
TIME = r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d))?)?\s*(?P<half>[ap]m)?"
_DAY = r"(?P<day>\d{1,2})(?:\.|st|nd|rd|th|er|º)?"
_MONTH = r"(?P<name>[^\W\d_]{3,})\.?"
_YEAR = r"(?P<year>\d{4})"
FORMS = [
    re.compile(f"{form}(?:{AT}{TIME})?", re.ASCII if "name" not in form else 0)
    for form in (
        rf"{_YEAR}(?P<by>[-/.])(?P<month>\d{{1,2}})(?P=by)(?P<day>\d{{1,2}})",
        rf"{_YEAR}[年년]\s*(?P<month>\d{{1,2}})[月월]\s*(?P<day>\d{{1,2}})[日일]",
        rf"(?P<first>\d{{1,2}})(?P<by>[-/.])(?P<other>\d{{1,2}})(?P=by){_YEAR}",
        rf"{_DAY}\s+(?:de\s+|of\s+)?{_MONTH},?\s+(?:de\s+)?{_YEAR}(?:\s*г\.)?",
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}",
    )
]


def read(text: str, language: str) -> list[date | datetime]:
    """Return the dates that a text may mean: none, one, or two if the order of day and month is unknown.

    A date with a time of day is a datetime, which has a UTC offset only if the text has one. English files have either
    order, by a setting of the user; in the other languages, the day precedes the month.
    """
    if len(text) > MAX_LENGTH:
        return []
    with suppress(ValueError):
        return [date.fromisoformat(text)]
    with suppress(ValueError):
        return [datetime.fromisoformat(text)]
    folded = unicodedata.normalize("NFC", text.casefold())
    match = next((found for form in FORMS if (found := form.fullmatch(folded))), None)
    if match is None:
        return []
    parts = match.groupdict()
    try:
        at = time_of(parts)
        return sorted({_with_time(day, at) for day in _days(parts, language_code(language))})
    except ValueError:
        return []


def language_code(language: str) -> str:
    """Return the code of a row's language. Rows without one are in English."""
    code = re.split("[-_]", language.strip().casefold())[0]
    return {"": "en", "no": "nb"}.get(code, code)


def zone_named(name: str) -> tzinfo | None:
    """Return a time zone by its name or its offset, as in GMT+2; None if it is unknown."""
    if match := OFFSET.fullmatch(name):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(-offset if sign == "-" else offset) if offset <= MAX_OFFSET else None
    return ZoneInfo(name) if name in time_zone_names() else None


def _days(parts: Mapping[str, Any], language: str) -> list[date]:
    year = int(parts["year"])
    if "first" in parts:
        orders = [(int(parts["other"]), int(parts["first"])), (int(parts["first"]), int(parts["other"]))]
    elif "name" in parts:
        orders = [(month, int(parts["day"])) for month in months_named(parts["name"], language)]
    else:
        orders = [(int(parts["month"]), int(parts["day"]))]
    days = []
    for month, day in orders:
        with suppress(ValueError):  # not in the calendar
            days.append(date(year, month, day))
    is_decided = language in NAMES and language != "en"
    return days[:1] if is_decided else days


def months_named(name: str, language: str) -> list[int]:
    """Return the number of the month with this name, or with the only name that begins so."""
    months = list(enumerate(NAMES.get(language, ()), start=1))
    found = [month for month, names in months if name in names]
    found = found or [month for month, names in months if any(each.startswith(name) for each in names)]
    return found if len(found) == 1 else []


def time_of(parts: Mapping[str, Any]) -> time | None:
    """Return the time of day. Raises ValueError if there is no such time, or only a number without a unit."""
    if parts["hour"] is None:
        return None
    hour, half = int(parts["hour"]), parts["half"]
    if half and not 1 <= hour <= 12:
        raise ValueError
    if not half and parts["minute"] is None:
        raise ValueError
    hour = hour % 12 + (12 if half == "pm" else 0) if half else hour
    return time(hour, int(parts["minute"] or 0), int(parts["second"] or 0))


def _with_time(day: date, at: time | None) -> date | datetime:
    return day if at is None else datetime.combine(day, at)
