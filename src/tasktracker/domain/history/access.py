"""Since when a user sees the changes of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tasktracker.domain.history.change import ROOT_CATEGORY, Change, FieldChange
from tasktracker.domain.history.ports import HistoryRepository
from tasktracker.domain.history.since import changes_since
from tasktracker.domain.kernel.members import role_in
from tasktracker.domain.tasks.ports import TaskWork
from tasktracker.domain.tasks.task import TASK, Task


@dataclass(frozen=True, slots=True)
class Access:
    """A user's access to the history of a task.

    A member of the task sees changes since the one that shared the task with them. A member of its category sees
    changes `since` they became a member, or since another user moved the task into the `category`. The owner sees every
    change, or the changes since another user gave them the task.
    """

    user_id: UUID
    is_owner: bool
    is_member: bool
    category: UUID | None
    since: datetime | None

    @classmethod
    def of(cls, work: TaskWork, task: Task) -> Access:
        """Return the actor's access to a task."""
        user_id = work.actor.user_id
        # Only a category that is shared need be read: this is also done for each edit that a device merges.
        shared = task.root_category if task.list_members else None
        category = work.categories.find_unlocked(shared) if shared else None
        member = category.member(user_id) if category else None
        return cls(
            user_id,
            task.owner == user_id,
            role_in(task.members, user_id) is not None,
            category.id if category and member else None,
            member.since if member else None,
        )

    def includes(self, change: Change) -> bool:
        """Whether the user has access to a change, if the access does not begin with a later change."""
        return self.is_owner or self.is_member or (self.since is not None and change.at >= self.since)

    def begins_with(self, change: Change) -> bool:
        """Whether the access begins with a change: it shared the task with the user, or moved it into the category."""
        if self.is_owner:
            return change.gives_to(self.user_id)
        if self.is_member:
            return change.grants_access(self.user_id)
        return self.category is not None and change.enters(self.category) and change.actor != self.user_id

    def includes_all(self, changes: Sequence[Change]) -> bool:
        """Whether the access began before all of these changes."""
        return all(self.includes(each) and not self.begins_with(each) for each in changes)

    def shown_fields(self, change: Change) -> Mapping[str, FieldChange]:
        """Return the fields of a change as the user sees them.

        The owner sees the category; in a shared category, this is the category of the root. Other users see only a
        category of the root, and only if they are members of it.
        """
        hidden = {ROOT_CATEGORY} if self.is_owner else {ROOT_CATEGORY, *TASK.private}
        fields = {name: each for name, each in change.fields.items() if name not in hidden}
        moved = change.fields.get(ROOT_CATEGORY)
        if moved is not None and self.is_owner:
            fields["category"] = moved
        elif moved is not None and self.category is not None:
            fields["category"] = FieldChange(*(self._shown(value) for value in (moved.before, moved.after)))
        return fields

    def _shown(self, category: object) -> UUID | None:
        return self.category if str(category) == str(self.category) else None

    def begins_after(self, history: HistoryRepository, task: Task, change: Change) -> bool:
        """Whether a change was made before the access began, or began it."""
        since, _ = changes_since(history, task, change.version)
        return not self.includes_all([change, *since])
