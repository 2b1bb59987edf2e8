"""The work of the use cases on the members of tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from tasktracker.domain.accounts.ports import UserRepository
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.changes import ChangeLog
from tasktracker.domain.tasks.ports import TreeWork


class SharingWork(TreeWork, Protocol):
    """Work on the members of tasks."""

    @property
    def actor(self) -> Actor: ...
    @property
    def now(self) -> datetime: ...
    @property
    def users(self) -> UserRepository: ...
    @property
    def changes(self) -> ChangeLog: ...
