"""Users in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tasktracker.adapters.memory.tables import Hidden, Transaction
from tasktracker.domain.accounts.user import User, email_key, username_key
from tasktracker.domain.kernel.errors import EmailTaken, Stale, UsernameTaken


class MemoryUsers:
    """Implements UserRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, user: User) -> None:
        data = self._transaction.data
        if data.users.get(user.id) is not None:
            raise RuntimeError(f"User {user.id} already exists.")
        self._put(user)

    def find(self, user_id: UUID) -> User | None:
        return None if self._transaction.is_hidden(user_id) else self._transaction.data.users.get(user_id)

    def find_by_login(self, login: str) -> User | None:
        data = self._transaction.data
        if "@" in login:
            found = data.user_by_email.keys(email_key(login))
        else:
            found = data.user_by_username.keys(username_key(login))
        return self.find(found[0]) if found else None

    def find_unlocked(self, user_id: UUID) -> User | None:
        return self.find(user_id)

    def names(self, user_ids: Collection[UUID]) -> Mapping[UUID, str]:
        found = (self.find(user_id) for user_id in user_ids)
        return {user.id: user.username for user in found if user is not None}

    def save(self, user: User) -> None:
        stored = self.find(user.id)
        if stored is None or stored.version != user.version - 1:
            raise self._transaction.refusal(Stale(stored))
        self._put(user)

    def has_other_admin(self, user_id: UUID) -> bool:
        users = self._transaction.data.users.rows()
        return any(user.is_admin and user.is_active and user.id != user_id for user in users)

    def hide(self, user_id: UUID, now: datetime) -> None:
        del now
        data = self._transaction.data
        user = data.users.get(user_id)
        assert user is not None, "the user is stored"
        # Nothing finds the user any more, so the names are free, and the rest need not be erased.
        self._transaction.put(data.users, replace(user, username=f" {user_id}", email=None, is_active=False))
        self._transaction.put(data.hidden, Hidden(user_id))

    def clear(self, user_id: UUID, limit: int) -> int:
        del user_id, limit
        return 0  # all rows are removed with the user's: in memory, this takes little time

    def remove(self, user_id: UUID) -> None:
        data, drop = self._transaction.data, self._transaction.drop
        for task_id in tuple(data.tasks_of.keys(user_id)):
            task = data.tasks.get(task_id)
            if task is not None and task.owner != user_id:
                if self._transaction.is_findable(task):
                    raise RuntimeError(f"The user is a member of task {task_id}.")
                continue
            for key in tuple(data.changes_of.keys(task_id)):
                drop(data.changes, key.id)
            for reminder_id in tuple(data.reminders_on.keys(task_id)):
                drop(data.reminders, reminder_id)
            drop(data.viewers, task_id)
            drop(data.tasks, task_id)
        for seen in [seen for seen in data.viewers.rows() if user_id in seen.categories]:
            others = {key: category for key, category in seen.categories.items() if key != user_id}
            self._transaction.put(data.viewers, replace(seen, categories=others))
        for task in [task for task in data.tasks.rows() if task.created_by == user_id]:
            self._transaction.put(data.tasks, replace(task, created_by=None))
        for change in [change for change in data.changes.rows() if change.actor == user_id]:
            self._transaction.put(data.changes, replace(change, actor=None))
        for invite in [invite for invite in data.invites.rows() if invite.created_by == user_id]:
            self._transaction.put(data.invites, replace(invite, created_by=None))
        for record in [record for record in data.idempotency_records.rows() if record.user_id == user_id]:
            drop(data.idempotency_records, record.id)
        for named in tuple(data.categories_of.keys(user_id)):
            category = data.categories.get(named.id)
            if category is not None and category.user_id != user_id:
                members = tuple(each for each in category.members if each.user_id != user_id)
                self._transaction.put(data.categories, replace(category, members=members))
            else:
                drop(data.categories, named.id)
        for _, session_id in tuple(data.sessions_of.keys(user_id)):
            drop(data.sessions, session_id)
        for link_id in tuple(data.links_of.keys(user_id)):
            drop(data.links, link_id)
        for _, token_id in tuple(data.api_tokens_of.keys(user_id)):
            drop(data.api_tokens, token_id)
        for job in tuple(data.import_jobs_of.keys(user_id)):
            for _, line_id in tuple(data.import_lines_of.keys(job.id)):
                drop(data.import_lines, line_id)
            drop(data.import_jobs, job.id)
        for event in [event for event in data.events.rows() if event.user_id == user_id]:
            if event.subject is not None:  # events of administrators stay
                self._transaction.put(data.events, replace(event, user_id=None))
            else:
                drop(data.events, event.id)
        for each in [each for each in data.deliveries.rows() if each.user_id == user_id]:
            drop(data.deliveries, each.id)
        for _, reminder_id in tuple(data.reminders_of.keys(user_id)):
            drop(data.reminders, reminder_id)
        for found in tuple(data.notifications_of.keys(user_id)):
            drop(data.notifications, found.id)
        drop(data.preferences, user_id)
        drop(data.second_factors, user_id)
        drop(data.hidden, user_id)
        drop(data.quotas, user_id)
        drop(data.last_uses, user_id)
        drop(data.users, user_id)

    def _put(self, user: User) -> None:
        data = self._transaction.data
        if set(data.user_by_username.keys(username_key(user.username))) - {user.id}:
            raise self._transaction.refusal(UsernameTaken())
        if user.email and set(data.user_by_email.keys(email_key(user.email))) - {user.id}:
            raise self._transaction.refusal(EmailTaken())
        self._transaction.put(data.users, user)
