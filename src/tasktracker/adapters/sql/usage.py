"""How much users own, and their quotas, in SQL. The counts are in `feeds`, which each change updates anyway."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import feeds
from tasktracker.domain.accounts.quota import UNLIMITED, Quotas, Usage, require_within
from tasktracker.domain.tasks.task import Task

USAGE = (feeds.c.tasks, feeds.c.categories, feeds.c.bytes)
QUOTAS = (feeds.c.max_tasks, feeds.c.max_categories, feeds.c.max_bytes)

NONE = [None] * len(QUOTAS)
_USAGE = select(*USAGE).where(feeds.c.user_id == bindparam("user_id"))
_FIND = select(*QUOTAS).where(feeds.c.user_id == bindparam("user_id"))
_saved = insert(feeds)
_SAVE = _saved.on_conflict_do_update(
    index_elements=["user_id"], set_={each.name: _saved.excluded[each.name] for each in QUOTAS}
)
_counted = insert(feeds)
_COUNT = _counted.on_conflict_do_update(
    index_elements=["user_id"],
    set_={each.name: each + _counted.excluded[each.name] for each in (feeds.c.head, *USAGE)},
).returning(feeds.c.head, *USAGE, *QUOTAS)
# This never inserts a row: this unit of work may have removed the user together with the row.
_COUNT_LESS = (
    update(feeds)
    .where(feeds.c.user_id == bindparam("of_user"))
    .values({each.name: each + bindparam(f"more_{each.name}") for each in USAGE})
)


class SqlUsage:
    """Collects the changes in what users own. `limits` are the quotas of the service; None turns the check off."""

    __slots__ = ("_connection", "_exempt", "_limits", "changes")

    def __init__(self, connection: Connection, limits: Quotas | None) -> None:
        self._connection = connection
        self._limits = limits
        self.changes: dict[UUID, Usage] = {}
        self._exempt: dict[UUID, Usage] = {}

    def lift(self) -> None:
        """Check no quotas."""
        self._limits = None

    def exempt(self, user_id: UUID, added: Usage) -> None:
        """Do not check the quotas for what is added here."""
        self._exempt[user_id] = self._exempt.get(user_id, Usage()) + added

    def add(self, user_id: UUID, change: Usage) -> None:
        """Note that a user owns more, or less if the change is negative."""
        before = self.changes.get(user_id)
        self.changes[user_id] = change if before is None else before + change

    def advance(self, user_id: UUID, entries: int) -> int:
        """Count the change of a user, and new entries of their feed. Return the number of the last entry.

        Raises QuotaExceeded. The row stays locked until the commit, so concurrent units of work cannot exceed a quota
        together.
        """
        change = self.changes[user_id]
        values = {
            "user_id": user_id,
            "head": entries,
            "tasks": change.tasks,
            "categories": change.categories,
            "bytes": change.bytes,
        }
        ((head, *counted),) = self._connection.change_returning(_COUNT, values)
        own = counted[len(USAGE) :]
        if self._limits is not None and (own != NONE or self._limits != UNLIMITED):
            checked = change + -self._exempt[user_id] if user_id in self._exempt else change
            require_within(Quotas(*own).otherwise(self._limits), Usage(*counted[: len(USAGE)]), checked)
        return int(head)

    def count_less(self, user_id: UUID) -> None:
        """Count the change of a user who owns less, and whose feed has no new entries."""
        change = self.changes[user_id]
        more = {f"more_{each.name}": getattr(change, each.name) for each in USAGE}
        self._connection.change(_COUNT_LESS, {"of_user": user_id, **more})


class SqlQuotas:
    """Implements QuotaRepository."""

    __slots__ = ("_connection", "_usage")

    def __init__(self, connection: Connection, usage: SqlUsage) -> None:
        self._connection = connection
        self._usage = usage

    def lift(self) -> None:
        self._usage.lift()

    def exempt(self, user_id: UUID, added: Usage) -> None:
        self._usage.exempt(user_id, added)

    def usage(self, user_id: UUID) -> Usage:
        row = self._connection.one(_USAGE, {"user_id": user_id})
        return Usage() if row is None else Usage(*row)

    def find(self, user_id: UUID) -> Quotas:
        row = self._connection.one(_FIND, {"user_id": user_id})
        return UNLIMITED if row is None else Quotas(*row)

    def save(self, user_id: UUID, quotas: Quotas) -> None:
        values = {"max_tasks": quotas.tasks, "max_categories": quotas.categories, "max_bytes": quotas.bytes}
        self._connection.change(_SAVE, {"user_id": user_id, "head": 0, **values})


def of_task(task: Task) -> Usage:
    """Return what a task adds to the usage of its owner."""
    return Usage(tasks=1, bytes=task.text_bytes)
