"""Tables of rows with indexes, and transactions that can be rolled back."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import NAMESPACE_OID, UUID, uuid5

from tasktracker.domain.accounts.invites import Invite
from tasktracker.domain.accounts.links import OneTimeLink
from tasktracker.domain.accounts.quota import Quotas
from tasktracker.domain.accounts.second_factor import SecondFactor
from tasktracker.domain.accounts.session import Session
from tasktracker.domain.accounts.user import User, email_key, username_key
from tasktracker.domain.activity.event import AuthEvent
from tasktracker.domain.administration.statistics import Counted, Maintenance
from tasktracker.domain.api_tokens.api_token import ApiToken
from tasktracker.domain.categories.category import Category, name_key
from tasktracker.domain.deliveries.delivery import Delivery
from tasktracker.domain.feed.entries import FeedEntry
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.history.change import Change
from tasktracker.domain.idempotency.record import Record
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.kernel.errors import DomainError
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.notifications.notification import Notification
from tasktracker.domain.notifications.preferences import Preferences
from tasktracker.domain.portability.import_job import ImportedLine, ImportJob
from tasktracker.domain.reminders.reminder import Reminder
from tasktracker.domain.sharing.invitation import ShareInvitation
from tasktracker.domain.sync.ticket import Ticket
from tasktracker.domain.tasks.task import Task


@dataclass(frozen=True, slots=True)
class StoredTicket:
    """A ticket, with an id derived from its digest."""

    ticket: Ticket

    @property
    def id(self) -> UUID:
        """The id that `digest_id` derives."""
        return digest_id(self.ticket.digest)


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A one-time link, with an id derived from its digest."""

    link: OneTimeLink

    @property
    def id(self) -> UUID:
        """The id that `digest_id` derives."""
        return digest_id(self.link.digest)


def digest_id(digest: bytes) -> UUID:
    """Return the id of the ticket or the link with this digest."""
    return uuid5(NAMESPACE_OID, digest.hex())


@dataclass(frozen=True, slots=True)
class StoredSetting:
    """A setting of the service."""

    name: str
    value: str

    @property
    def id(self) -> UUID:
        """The id that `setting_id` derives."""
        return setting_id(self.name)


def setting_id(name: str) -> UUID:
    """Return the id of the setting with this name."""
    return uuid5(NAMESPACE_OID, name)


@dataclass(frozen=True, slots=True)
class Feed:
    """The highest sequence number of a user's feed, and the highest one of a purged deletion."""

    id: UUID
    head: int
    swept: int = 0


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A feed entry with its sequence number."""

    sequence: int
    entry: FeedEntry
    recorded_at: datetime

    @property
    def id(self) -> UUID:
        """An id derived from the user and the item, which together identify the entry."""
        return entry_id(self.entry.user_id, self.entry.type, self.entry.id)


def seen_by(user_id: UUID, task: Task) -> Task:
    """Return a task as in pages of a viewer. Its `list_members` contain only this viewer."""
    return replace(task, list_members=tuple(each for each in task.list_members if each.user_id == user_id))


def entry_id(user_id: UUID, type: ItemType, item_id: UUID) -> UUID:
    """Return the id of the feed entry for an item of a user."""
    return uuid5(user_id, f"{type} {item_id}")


@dataclass(frozen=True, slots=True)
class StoredViewers:
    """The users whose lists have a task, and the category that each of them sees, as of its last change or refresh."""

    id: UUID
    categories: Mapping[UUID, UUID | None]


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line of an import."""

    job_id: UUID
    line: ImportedLine

    @property
    def id(self) -> UUID:
        """An id derived from the job and the position, which together identify the line."""
        return uuid5(self.job_id, str(self.line.position))


@dataclass(frozen=True, slots=True)
class Hidden:
    """Marks a user or a category that is being removed. It has the same id as the user or category."""

    id: UUID


@dataclass(frozen=True, slots=True)
class StoredQuotas:
    """The quotas of a single user, with the user's id."""

    id: UUID
    quotas: Quotas


@dataclass(frozen=True, slots=True)
class StoredUse:
    """The last use of sessions of a user that were ended all at once, with the user's id."""

    id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredPreferences:
    """The preferences of a user, with the user's id."""

    preferences: Preferences

    @property
    def id(self) -> UUID:
        """The id of the user."""
        return self.preferences.user_id


@dataclass(frozen=True, slots=True)
class StoredCounts:
    """The counts of a day."""

    day: date
    counts: dict[Counted, int]

    @property
    def id(self) -> UUID:
        """An id derived from the day."""
        return uuid5(NAMESPACE_OID, self.day.isoformat())


@dataclass(frozen=True, slots=True)
class StoredMark:
    """When maintenance was last done."""

    maintenance: Maintenance
    at: datetime

    @property
    def id(self) -> UUID:
        """An id derived from the kind of maintenance."""
        return uuid5(NAMESPACE_OID, self.maintenance)


class Identified(Protocol):
    """Something with an id."""

    @property
    def id(self) -> UUID:
        """The id, which never changes."""
        ...


Row = TypeVar("Row", bound=Identified)
Group = TypeVar("Group", bound=Hashable)
Key = TypeVar("Key")


class Index(Generic[Row, Group, Key]):
    """The keys of a table's rows by group, in ascending order. A row may be in several groups, or in none."""

    def __init__(self, groups: Callable[[Row], Iterable[Group]], key: Callable[[Row], Key]) -> None:
        self._groups = groups
        self._key: Callable[[Row], Any] = key
        self._keys: dict[Group, list[Any]] = {}

    def keys(self, group: Group) -> Sequence[Key]:
        """Return the keys of a group's rows."""
        return self._keys.get(group, ())

    def copy_from(self, other: Index[Row, Group, Key]) -> None:
        """Replace the keys with those of another index."""
        self._keys = {group: list(keys) for group, keys in other._keys.items()}

    def add(self, row: Row) -> None:
        """Add the key of a row."""
        for group in self._groups(row):
            insort(self._keys.setdefault(group, []), self._key(row))

    def remove(self, row: Row) -> None:
        """Remove the key of a row."""
        for group in self._groups(row):
            keys = self._keys[group]
            del keys[bisect_left(keys, self._key(row))]
            if not keys:
                del self._keys[group]


class Table(Generic[Row]):
    """Rows by id, with indexes that are updated on every change."""

    def __init__(self) -> None:
        self._rows: dict[UUID, Row] = {}
        self._indexes: list[Index[Row, Any, Any]] = []

    def index(self, group: Callable[[Row], Group | None], key: Callable[[Row], Key]) -> Index[Row, Group, Key]:
        """Add an index. Rows whose group is None are left out."""

        def groups(row: Row) -> Iterable[Group]:
            found = group(row)
            return () if found is None else (found,)

        return self.index_many(groups, key)

    def index_many(self, groups: Callable[[Row], Iterable[Group]], key: Callable[[Row], Key]) -> Index[Row, Group, Key]:
        """Add an index in which a row may be in several groups."""
        index = Index(groups, key)
        self._indexes.append(index)
        return index

    def copy_from(self, other: Table[Row]) -> None:
        """Replace the rows with those of another table that has the same indexes."""
        self._rows = dict(other._rows)
        for mine, its in zip(self._indexes, other._indexes, strict=True):
            mine.copy_from(its)

    def rows(self) -> Collection[Row]:
        """Return all rows."""
        return self._rows.values()

    def get(self, row_id: UUID) -> Row | None:
        """Return the row with this id, or None."""
        return self._rows.get(row_id)

    def set(self, row_id: UUID, row: Row | None) -> None:
        """Replace the row with this id; None removes it."""
        previous = self._rows.pop(row_id, None)
        if previous is not None:
            for index in self._indexes:
                index.remove(previous)
        if row is not None:
            self._rows[row_id] = row
            for index in self._indexes:
                index.add(row)


class Data:
    """All tables, with their indexes."""

    def __init__(self) -> None:
        self.users = Table[User]()
        self.user_by_username = self.users.index(lambda user: username_key(user.username), _id)
        self.user_by_email = self.users.index(lambda user: user.email and email_key(user.email), _id)

        self.sessions = Table[Session]()
        self.sessions_of = self.sessions.index(_user, lambda session: (session.rotated_at, session.id))

        self.second_factors = Table[SecondFactor]()
        self.second_factor_users = self.second_factors.index(lambda _: True, _id)

        self.links = Table[StoredLink]()
        self.links_of = self.links.index(lambda stored: stored.link.user_id, _id)

        self.invites = Table[Invite]()
        self.share_invitations = Table[ShareInvitation]()
        self.service_settings = Table[StoredSetting]()

        self.api_tokens = Table[ApiToken]()
        self.api_tokens_of = self.api_tokens.index(_user, lambda token: (token.created_at, token.id))

        self.events = Table[AuthEvent]()
        self.events_of = self.events.index(lambda event: event.user_id, lambda event: event.key)

        self.categories = Table[Category]()
        self.categories_of = self.categories.index_many(_members, lambda category: category.key)
        self.category_by_name = self.categories.index(lambda category: (category.user_id, name_key(category.name)), _id)

        self.tasks = Table[Task]()
        self.tasks_of = self.tasks.index_many(_viewers, _id)
        self.tasks_under = self.tasks.index(lambda task: task.root, _id)
        self.tasks_below = self.tasks.index(lambda task: task.parent, _id)
        self.tasks_in = self.tasks.index_many(lambda task: {task.category, task.root_category} - {None}, _id)
        self.viewers = Table[StoredViewers]()

        self.changes = Table[Change]()
        self.changes_of = self.changes.index(lambda change: change.task_id, lambda change: change.key)

        self.idempotency_records = Table[Record]()

        self.tickets = Table[StoredTicket]()

        self.import_jobs = Table[ImportJob]()
        self.import_jobs_of = self.import_jobs.index(_user, lambda job: job.key)
        self.import_lines = Table[StoredLine]()
        self.import_lines_of = self.import_lines.index(
            lambda stored: stored.job_id, lambda stored: (stored.line.position, stored.id)
        )

        self.hidden = Table[Hidden]()
        self.quotas = Table[StoredQuotas]()
        self.last_uses = Table[StoredUse]()
        self.daily_counts = Table[StoredCounts]()
        self.marks = Table[StoredMark]()

        self.deliveries = Table[Delivery]()

        self.reminders = Table[Reminder]()
        self.reminders_of = self.reminders.index(_user, lambda reminder: (reminder.created_at, reminder.id))
        self.reminders_on = self.reminders.index(lambda reminder: reminder.task, _id)
        self.notifications = Table[Notification]()
        self.notifications_of = self.notifications.index(_user, lambda notification: notification.key)
        self.preferences = Table[StoredPreferences]()

        self.jobs = Table[Job]()
        self.jobs_of_kind: Index[Job, JobKind, UUID] = self.jobs.index(lambda job: job.kind, lambda job: job.subject)

        self.synced: Mapping[ItemType, Callable[[UUID], Any]] = {
            ItemType.TASK: self.task,
            ItemType.CATEGORY: self.categories.get,
            ItemType.REMINDER: self.reminders.get,
            ItemType.NOTIFICATION: self.notifications.get,
        }

        self.feeds = Table[Feed]()
        self.entries = Table[StoredEntry]()
        self.entries_of = self.entries.index(
            lambda stored: stored.entry.user_id, lambda stored: (stored.sequence, stored.id)
        )

    def task(self, task_id: UUID) -> Task | None:
        """Return a task with the members of the category that contains its root."""
        task = self.tasks.get(task_id)
        category = self.categories.get(task.root_category) if task and task.root_category else None
        if task is None or category is None:
            return task
        members = category.list_members
        if not members and category.id in self.jobs_of_kind.keys(JobKind.HAND_OVER):
            members = (Member(category.user_id, Role.OWNER),)
        return replace(task, list_members=members)

    def copy(self) -> Data:
        """Return a copy, which later changes do not affect."""
        copied = Data()
        for name, mine in vars(self).items():
            if isinstance(mine, Table):
                getattr(copied, name).copy_from(mine)
        return copied


def _id(row: Identified) -> UUID:
    return row.id


def _viewers(task: Task) -> Iterable[UUID]:
    return (task.owner, *(member.user_id for member in task.members))


def _members(category: Category) -> Iterable[UUID]:
    return (category.user_id, *(member.user_id for member in category.members))


def _user(row: Session | ApiToken | ImportJob | Reminder | Notification) -> UUID:
    return row.user_id


class Transaction:
    """Access to the data until it is closed, with an undo log."""

    def __init__(self, data: Data, *, writable: bool) -> None:
        self._data = data
        self._writable = writable
        self._open = True
        self._undo: list[tuple[Table[Any], UUID, Any]] = []
        self._failure: DomainError | None = None

    @property
    def data(self) -> Data:
        """The data, for reading. Raises RuntimeError if the transaction is closed."""
        if not self._open:
            raise RuntimeError("This unit of work is closed.")
        return self._data

    def put(self, table: Table[Row], row: Row) -> None:
        """Store a row, replacing the one with the same id."""
        self._change(table, row.id, row)

    def drop(self, table: Table[Row], row_id: UUID) -> None:
        """Remove a row."""
        self._change(table, row_id, None)

    def refusal(self, error: DomainError) -> DomainError:
        """Return the error, and mark the transaction as failed, even if a caller handles the error."""
        self._failure = error
        return error

    def require_success(self) -> None:
        """Raise the last refusal again, if there is one."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Refuse every further access."""
        self._open = False

    def changes(self, table: Table[Row]) -> Iterable[tuple[Row | None, Row | None]]:
        """Return the changed rows of a table: each row before this transaction, and its present state."""
        first: dict[UUID, Row | None] = {}
        for changed, row_id, row in self._undo:
            if changed is table:
                first.setdefault(row_id, row)
        return [(row, table.get(row_id)) for row_id, row in first.items()]

    def roll_back(self) -> None:
        """Undo every change, the latest first."""
        while self._undo:
            table, row_id, row = self._undo.pop()
            table.set(row_id, row)

    def is_hidden(self, item_id: UUID) -> bool:
        """Whether a user or a category is being removed."""
        return self.data.hidden.get(item_id) is not None

    def is_findable(self, task: Task) -> bool:
        """Whether a task is not being purged, and its owner has an account or its category passes on."""
        purged = self.data.jobs_of_kind.keys(JobKind.PURGE_TASK)
        is_owned = not self.is_hidden(task.owner) or task.root_category in self.data.jobs_of_kind.keys(
            JobKind.HAND_OVER
        )
        return is_owned and task.trashed_with not in purged

    def require_writable(self) -> None:
        """Raise RuntimeError if the transaction is closed or read-only."""
        if not self._open:
            raise RuntimeError("This unit of work is closed.")
        if not self._writable:
            raise RuntimeError("This unit of work was opened for reading only.")

    def _change(self, table: Table[Row], row_id: UUID, row: Row | None) -> None:
        self.require_writable()
        self._undo.append((table, row_id, table.get(row_id)))
        table.set(row_id, row)
