"""Calls that need the server: shares, the trash, the history, reminders, notifications, and searching.

They change nothing in the copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack
from uuid import UUID

from tasktracker_client.errors import UnknownItem, understanding
from tasktracker_client.http import Api
from tasktracker_client.items import Id, Priority, State, Task

Role = Literal["viewer", "editor"]
Sort = Literal["-created_at", "created_at", "due_date", "-due_date", "priority", "-priority", "title", "-updated_at"]
T = TypeVar("T")


class TaskFilters(TypedDict, total=False):
    """Conditions. A task must meet all of them. `q` are words of the title or the description."""

    state: State | Sequence[State]
    priority: Priority
    category: Id  # or "none"
    parent: Id  # or "none"
    due_after: datetime
    due_before: datetime
    overdue: bool
    started: bool
    role: Literal["owner", "editor", "viewer"]
    q: str


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A page of a list. `next_cursor` requests the next page, and is None on the last page."""

    results: Sequence[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Member:
    """A user who can see a task or a category. The role is `owner`, `editor` or `viewer`."""

    user_id: str
    username: str
    role: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invited e-mail address. When a user verifies the address, the task or category is shared with it."""

    id: str
    email: str
    role: str


@dataclass(frozen=True, slots=True)
class Reminder:
    """A reminder of the user: `at` a moment, or `before` the task is due, as in `P1DT30M`.

    `fires_at` is the next moment; None while the reminder waits.
    """

    id: str
    task: str
    at: datetime | None
    before: str | None
    fires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification of the user. `data` has all its values as JSON, depending on the `kind`."""

    id: str
    kind: str
    task: str | None
    read: bool
    created_at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """The values of a field before and after a change, as JSON."""

    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A change of a task. `actor` is the username, or None if the account has been deleted."""

    id: str
    at: datetime
    action: str
    version: int
    actor: str | None
    fields: Mapping[str, FieldChange]


class Online:
    """Calls of the server. Each raises SyncError: `Offline` without a connection, `Refused` if the server refuses."""

    _api: Api

    def find_tasks(
        self,
        *,
        sort: Sort = "-created_at",
        limit: int = 100,
        cursor: str | None = None,
        **filters: Unpack[TaskFilters],
    ) -> Found[Task]:
        """Return a page of the tasks on the server that meet all conditions. `limit` is 1 to 200.

        `state` may be several states; a task with any of them is found. An empty list finds no task.
        """
        if filters.get("state") in ([], ()):  # a query cannot contain an empty list
            return Found([], None)
        return self._page("/tasks/", _task, sort=sort, limit=limit, cursor=cursor, **filters)

    def trash(self, *, category: Id | None = None, limit: int = 100, cursor: str | None = None) -> Found[Task]:
        """Return a page of the deleted tasks, the most recently deleted first.

        With `category`, return the deleted tasks in this category, which may belong to another user.
        """
        return self._page("/trash/", _task, category=category, limit=limit, cursor=cursor)

    def purge(self, id: Id) -> None:
        """Delete a task in the trash permanently."""
        self._api.call("DELETE", f"/trash/{uuid(id)}/")

    def history(self, id: Id, *, limit: int = 100, cursor: str | None = None) -> Found[HistoryEntry]:
        """Return a page of the changes of a task, the newest first."""
        return self._page(f"/tasks/{uuid(id)}/history/", _entry, limit=limit, cursor=cursor)

    def undo(self, id: Id, change: str) -> Task:
        """Reset the fields of a change of the history. The copy has the result after the next `sync`."""
        answer = self._api.call("POST", f"/tasks/{uuid(id)}/undo/", json={"change": change})
        with understanding("the task"):
            return _task(answer)

    def reminders(self, id: Id) -> Sequence[Reminder]:
        """Return the user's own reminders of a task, the oldest first."""
        answer = self._api.get(f"/tasks/{uuid(id)}/reminders/")
        with understanding("the reminders"):
            return [_reminder(each) for each in answer["results"]]

    def remind(self, id: Id, *, at: datetime | None = None, before: str | None = None) -> Reminder:
        """Add a reminder of a task: `at` a moment with an offset, or `before` it is due, as in `P1DT30M`."""
        body = {"at": at.isoformat() if at else None, "before": before}
        answer = self._api.call("POST", f"/tasks/{uuid(id)}/reminders/", json=body)
        with understanding("the reminder"):
            return _reminder(answer)

    def remove_reminder(self, reminder: Reminder) -> None:
        """Remove a reminder of the user."""
        self._api.call("DELETE", f"/tasks/{uuid(reminder.task)}/reminders/{uuid(reminder.id)}/")

    def notifications(
        self, *, unread: bool | None = None, limit: int = 100, cursor: str | None = None
    ) -> Found[Notification]:
        """Return a page of the notifications, the newest first; with `unread`, those that are not read or are."""
        sent = None if unread is None else str(unread).lower()
        return self._page("/notifications/", _notification, unread=sent, limit=limit, cursor=cursor)

    def mark_read(self, id: Id, *, read: bool = True) -> Notification:
        """Mark a notification as read, or not as read."""
        answer = self._api.call("PATCH", f"/notifications/{uuid(id)}/", json={"read": read})
        with understanding("the notification"):
            return _notification(answer)

    def members(self, id: Id) -> Sequence[Member]:
        """Return the users who can see a task, the owner first."""
        return self._members(f"/tasks/{uuid(id)}/shares/")

    def invitations(self, id: Id) -> Sequence[Invitation]:
        """Return the addresses that are invited to a task of the user."""
        return self._invitations(f"/tasks/{uuid(id)}/shares/")

    def share(self, id: Id, username: str, role: Role) -> Member | Invitation:
        """Share a task and its tree with another user, or change the user's role.

        If the server sends mail, `username` may be an e-mail address, which is invited if no account has verified it.
        """
        return self._share(f"/tasks/{uuid(id)}/shares/", username, role)

    def unshare(self, id: Id, user_id: Id) -> None:
        """Remove a member of a task, or revoke an invitation by its id. Members may remove themselves."""
        self._api.call("DELETE", f"/tasks/{uuid(id)}/shares/{uuid(user_id)}/")

    def category_members(self, id: Id) -> Sequence[Member]:
        """Return the users who can see a category and all tasks in it, the owner first."""
        return self._members(f"/categories/{uuid(id)}/shares/")

    def category_invitations(self, id: Id) -> Sequence[Invitation]:
        """Return the addresses that are invited to a category of the user."""
        return self._invitations(f"/categories/{uuid(id)}/shares/")

    def share_category(self, id: Id, username: str, role: Role) -> Member | Invitation:
        """Share a category with another user, with all tasks in it, or change the user's role. See `share`."""
        return self._share(f"/categories/{uuid(id)}/shares/", username, role)

    def unshare_category(self, id: Id, user_id: Id) -> None:
        """Remove a member of a category, or revoke an invitation by its id. Members may remove themselves."""
        self._api.call("DELETE", f"/categories/{uuid(id)}/shares/{uuid(user_id)}/")

    def _members(self, path: str) -> Sequence[Member]:
        answer = self._api.get(path)
        with understanding("the members"):
            return [_member(each) for each in answer["results"]]

    def _invitations(self, path: str) -> Sequence[Invitation]:
        answer = self._api.get(path)
        with understanding("the invitations"):
            return [_invitation(each) for each in answer["pending"]]

    def _share(self, path: str, username: str, role: Role) -> Member | Invitation:
        answer = self._api.call("POST", path, json={"username": username, "role": role})
        with understanding("the member"):
            return _member(answer) if "user_id" in answer else _invitation(answer)

    def _page(self, path: str, read: Callable[[Any], T], **params: Any) -> Found[T]:
        sent = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in params.items()
            if value is not None
        }
        answer = self._api.get(path, **sent)
        with understanding("the page of a list"):
            return Found([read(each) for each in answer["results"]], answer["next_cursor"])


def uuid(id: Id) -> str:
    """Return an id as the server writes it. Raises UnknownItem if it is not a UUID."""
    try:
        return str(id if isinstance(id, UUID) else UUID(id))
    except (AttributeError, TypeError, ValueError):
        raise UnknownItem(str(id)) from None


def _task(answer: Any) -> Task:
    data = {name: value for name, value in answer.items() if name != "is_overdue"}
    return Task(data["id"], int(data["version"]), data)


def _member(answer: Any) -> Member:
    return Member(answer["user_id"], answer["username"], answer["role"])


def _invitation(answer: Any) -> Invitation:
    return Invitation(answer["id"], answer["email"], answer["role"])


def _reminder(answer: Any) -> Reminder:
    at, fires_at = (datetime.fromisoformat(each) if each else None for each in (answer["at"], answer["fires_at"]))
    return Reminder(answer["id"], answer["task"], at, answer["before"], fires_at)


def _notification(answer: Any) -> Notification:
    created_at = datetime.fromisoformat(answer["created_at"])
    return Notification(answer["id"], answer["kind"], answer["task"], bool(answer["read"]), created_at, answer)


def _entry(answer: Any) -> HistoryEntry:
    fields = {name: FieldChange(each["before"], each["after"]) for name, each in answer["fields"].items()}
    actor = answer["actor"]["username"] if answer["actor"] else None
    at = datetime.fromisoformat(answer["at"])
    return HistoryEntry(answer["id"], at, answer["action"], int(answer["version"]), actor, fields)
