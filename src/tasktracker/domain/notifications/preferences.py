"""How a user wants to be notified."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, TypedDict
from uuid import UUID

from tasktracker.domain.kernel.fields import Editable, EditableFields, Refused, optional
from tasktracker.domain.kernel.time_zones import at_hour

DEFAULT_HOUR = 9
LAST_HOUR = 23


def hour_of_day(value: int) -> int:
    """A full hour of the day."""
    if not 0 <= value <= LAST_HOUR:
        raise Refused(f"must be an hour from 0 to {LAST_HOUR}")
    return value


class PreferenceFields(TypedDict, total=False):
    """The preferences that a user may set; an absent field is left unchanged."""

    reminder_hour: int
    reminder_mails: bool
    summary_hour: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The preferences of a user. Hours are in the user's time zone.

    At `reminder_hour`, a task is due that is due on a day, for reminders before it. The daily summary is mailed at
    `summary_hour`, next at `next_summary_at`; None for no summary.
    """

    user_id: UUID
    reminder_hour: Annotated[int, Editable(hour_of_day)] = DEFAULT_HOUR
    reminder_mails: Annotated[bool, Editable()] = True
    summary_hour: Annotated[int | None, Editable(optional(hour_of_day))] = None
    next_summary_at: datetime | None = None

    def edit(self, fields: PreferenceFields) -> Preferences:
        """Return the preferences with these (checked) fields. Call `scheduled` after it."""
        return replace(self, **fields)

    def scheduled(self, time_zone: str, now: datetime) -> Preferences:
        """Return the preferences with the next summary after now."""
        if self.summary_hour is None:
            return replace(self, next_summary_at=None)
        day = now.date() - timedelta(days=1)  # in each zone, today or a day before
        while (moment := at_hour(day, self.summary_hour, time_zone)) <= now:
            day += timedelta(days=1)
        return replace(self, next_summary_at=moment)


PREFERENCES = EditableFields[PreferenceFields](Preferences)
