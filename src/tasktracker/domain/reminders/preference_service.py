"""Use cases on the preferences for notifications."""

from __future__ import annotations

from tasktracker.domain.accounts.user import User
from tasktracker.domain.notifications.preferences import PREFERENCES, PreferenceFields, Preferences
from tasktracker.domain.reminders.following import reschedule
from tasktracker.domain.reminders.ports import PreferenceWork, ReschedulingWork
from tasktracker.domain.reminders.reminder import LocalHour


class PreferenceService:
    """Use cases on the actor's preferences."""

    def get(self, work: PreferenceWork) -> tuple[Preferences, User]:
        """Return the preferences, and the actor's account."""
        user = work.users.find(work.actor.user_id)
        assert user is not None, "the actor has an account"
        return work.notifications.preferences(user.id), user

    def edit(self, work: PreferenceWork, fields: PreferenceFields) -> tuple[Preferences, User]:
        """Change the given fields, and move the reminders and the summary. Raises InvalidInput."""
        fields = PREFERENCES.check(fields)
        preferences, user = self.get(work)
        edited = preferences.edit(fields)
        if edited != preferences:
            work.notifications.save_preferences(edited)
            reschedule(work, user.id, LocalHour(user.time_zone, edited.reminder_hour))
        return self.get(work)


def follow_time_zone(work: ReschedulingWork, user: User) -> None:
    """Move the reminders and the summary of a locked user to their new time zone."""
    hour = work.notifications.preferences(user.id).reminder_hour
    reschedule(work, user.id, LocalHour(user.time_zone, hour))
