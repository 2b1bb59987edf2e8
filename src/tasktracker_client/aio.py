"""The client for asyncio. It has the same methods, which are awaited and run in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from tasktracker_client.client import POLL_SECONDS, Replica
from tasktracker_client.following import OnSync
from tasktracker_client.model import Mutation

P = ParamSpec("P")
R = TypeVar("R")


def _awaited(
    method: Callable[Concatenate[Replica, P], R],
) -> Callable[Concatenate[AsyncReplica, P], Coroutine[Any, Any, R]]:
    """Return a method that runs a method of the replica in a thread."""

    @wraps(method)
    async def call(self: AsyncReplica, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(method, self.replica, *args, **kwargs)

    return call


class AsyncReplica:
    """A `Replica` for asyncio: `AsyncReplica(Replica(…))`."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def pending(self) -> list[Mutation]:
        """Return the edits that the server has not confirmed yet."""
        return list(await asyncio.to_thread(lambda: self.replica.pending))

    async def username(self) -> str | None:
        """Return the name of the user to whom the copy belongs, or None before the first login or sync."""
        return await asyncio.to_thread(lambda: self.replica.username)

    async def follow(self, on_sync: OnSync = lambda _: None, poll_seconds: float = POLL_SECONDS) -> None:
        """Stay in sync until the task is cancelled. `on_sync` is called in another thread."""
        stop = threading.Event()
        try:
            await asyncio.to_thread(self.replica.follow, stop, on_sync, poll_seconds)
        finally:
            stop.set()

    close = _awaited(Replica.close)
    register = _awaited(Replica.register)
    login = _awaited(Replica.login)
    logout = _awaited(Replica.logout)
    reset = _awaited(Replica.reset)
    tasks = _awaited(Replica.tasks)
    task = _awaited(Replica.task)
    create_task = _awaited(Replica.create_task)
    edit_task = _awaited(Replica.edit_task)
    complete = _awaited(Replica.complete)
    delete = _awaited(Replica.delete)
    restore = _awaited(Replica.restore)
    categories = _awaited(Replica.categories)
    category = _awaited(Replica.category)
    create_category = _awaited(Replica.create_category)
    edit_category = _awaited(Replica.edit_category)
    delete_category = _awaited(Replica.delete_category)
    sync = _awaited(Replica.sync)
    issues = _awaited(Replica.issues)
    dismiss = _awaited(Replica.dismiss)
    resend = _awaited(Replica.resend)
    verify = _awaited(Replica.verify)
    repair = _awaited(Replica.repair)
    find_tasks = _awaited(Replica.find_tasks)
    trash = _awaited(Replica.trash)
    purge = _awaited(Replica.purge)
    history = _awaited(Replica.history)
    undo = _awaited(Replica.undo)
    reminders = _awaited(Replica.reminders)
    remind = _awaited(Replica.remind)
    remove_reminder = _awaited(Replica.remove_reminder)
    notifications = _awaited(Replica.notifications)
    mark_read = _awaited(Replica.mark_read)
    members = _awaited(Replica.members)
    invitations = _awaited(Replica.invitations)
    share = _awaited(Replica.share)
    unshare = _awaited(Replica.unshare)
    category_members = _awaited(Replica.category_members)
    category_invitations = _awaited(Replica.category_invitations)
    share_category = _awaited(Replica.share_category)
    unshare_category = _awaited(Replica.unshare_category)
