"""The mails of reminders and the daily summary, and how users unsubscribe from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid5

from tasktracker.domain.accounts.letters import NO_ADDRESS, LinkTokens, Prepared, letter_to
from tasktracker.domain.accounts.link_service import DEAD_LINK
from tasktracker.domain.accounts.user import User
from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKind, ListedTask
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.time_zones import end_of_day
from tasktracker.domain.notifications.preferences import PreferenceFields
from tasktracker.domain.reminders.ports import FiringWork, UnsubscribingWork
from tasktracker.domain.reminders.reminder import is_open
from tasktracker.domain.tasks.query import TaskQuery, TaskSort
from tasktracker.domain.tasks.task import State, Task

MAX_LISTED = 50
"""Tasks in a summary."""

MAX_SHOWN = 120
"""Code points of a title in a mail."""

NOT_WANTED = "the user does not want these mails"
NOT_NEEDED = "the task was completed, moved or deleted meanwhile, or is not shared any more"

OFF: Mapping[DeliveryKind, PreferenceFields] = {
    DeliveryKind.REMINDER: {"reminder_mails": False},
    DeliveryKind.DAILY_SUMMARY: {"summary_hour": None},
}
"""The kinds of mails from which users can unsubscribe, each with the preference that turns it off."""


class ReminderLetters:
    """Preparations of mails (see `deliveries.ports.Preparation`). Each reads the tasks when the mail is sent."""

    def __init__(self, tokens: LinkTokens) -> None:
        self._tokens = tokens

    def reminder(self, work: FiringWork, delivery: Delivery) -> Prepared:
        """Prepare the mail of a reminder, unless the user does not need it any more."""
        user = _recipient(work, delivery)
        if isinstance(user, str):
            return user
        task = work.tasks.find_unlocked(UUID(delivery.parameters["task"]))
        if task is None or not is_open(task):
            return NOT_NEEDED
        reminders = {str(each.id): each for each in work.reminders.list(user.id, task.id)}
        reminder = reminders.get(delivery.parameters["reminder"])
        if reminder is None or reminder.fired_for != reminder.occasion(task):
            return NOT_NEEDED
        shown = _listed(task)
        return delivery, letter_to(
            user,
            user.verified_email,
            delivery,
            parameters={"title": shown.title} | ({"due": shown.due} if shown.due else {}),
            path=shown.path,
            unsubscribe=self._token(user.id, delivery.kind),
        )

    def summary(self, work: FiringWork, delivery: Delivery) -> Prepared:
        """Prepare a summary of the tasks that are overdue or due today, unless there are none."""
        user = _recipient(work, delivery)
        if isinstance(user, str):
            return user
        query = TaskQuery(
            at=work.now,
            states=frozenset(state for state in State if not state.is_closed),
            time_zone=user.time_zone,
            sort=TaskSort.DUE_FIRST,
            limit=MAX_LISTED,
        )
        before = end_of_day(query.today, user.time_zone) + timedelta.resolution
        page = work.tasks.list(user.id, replace(query, due_before=before))
        if not page.items:
            return "no task is overdue or due today"
        overdue = [each for each in page.items if each.is_overdue(work.now, user.time_zone)]
        today = page.items[len(overdue) :]
        return delivery, letter_to(
            user,
            user.verified_email,
            delivery,
            parameters={"day": query.today.isoformat(), "count": str(len(page.items)) + ("+" if page.next else "")},
            tasks={"overdue": [_listed(each) for each in overdue], "today": [_listed(each) for each in today]},
            path="today",
            unsubscribe=self._token(user.id, delivery.kind),
        )

    def unsubscribe(self, work: UnsubscribingWork, token: str) -> DeliveryKind:
        """Turn off the mails that a token is for, and return their kind. The token stays valid. Raises InvalidInput."""
        kind, user_id = self.find(token)
        user = work.users.find(user_id)
        if user is None:
            raise InvalidInput.of("token", DEAD_LINK)
        edited = work.notifications.preferences(user.id).edit(OFF[kind])
        work.notifications.save_preferences(edited.scheduled(user.time_zone, work.now))
        return kind

    def find(self, token: str) -> tuple[DeliveryKind, UUID]:
        """Return the kind of mails and the user of a token. Raises InvalidInput."""
        name, _, rest = token.partition(".")
        user_id, _, proof = rest.partition(".")
        kind = next((each for each in OFF if each == name), None)
        try:
            id_ = UUID(user_id)
        except ValueError:
            id_ = None
        if kind is None or id_ is None or not self._tokens.accepts(uuid5(id_, kind), proof):
            raise InvalidInput.of("token", DEAD_LINK)
        return kind, id_

    def _token(self, user_id: UUID, kind: DeliveryKind) -> str:
        return f"{kind}.{user_id.hex}.{self._tokens.of(uuid5(user_id, kind))}"


def _recipient(work: FiringWork, delivery: Delivery) -> User | str:
    """Return the user of a delivery, or why the mail is not sent."""
    user = work.users.find_unlocked(delivery.user_id) if delivery.user_id else None
    if user is None or user.verified_email is None:
        return NO_ADDRESS
    if not user.is_active:
        return "the account is disabled"
    preferences = work.notifications.preferences(user.id)
    return NOT_WANTED if preferences == preferences.edit(OFF[delivery.kind]) else user


def _listed(task: Task) -> ListedTask:
    """Return a task for a letter, its title on one line and cut if it is long."""
    due = task.due_on or task.due_date
    title = " ".join(task.title.split())
    if len(title) > MAX_SHOWN:
        title = title[: MAX_SHOWN - 1] + "…"
    return ListedTask(title, due.isoformat() if due else "", f"task/{task.id}")
