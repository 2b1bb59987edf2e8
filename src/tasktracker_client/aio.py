"""The client for asyncio: the same methods, each of them awaited. They run in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from tasktracker_client.client import POLL_SECONDS, Replica
from tasktracker_client.following import OnSync
from tasktracker_client.model import Mutation

P = ParamSpec("P")
R = TypeVar("R")


class _Awaited(Generic[P, R]):
    """A method of the replica that runs in a thread."""

    def __init__(self, method: Callable[Concatenate[Replica, P], R]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, instance: None, owner: type[AsyncReplica]) -> Self: ...
    @overload
    def __get__(self, instance: AsyncReplica, owner: type[AsyncReplica]) -> Callable[P, Awaitable[R]]: ...
    def __get__(self, instance: AsyncReplica | None, owner: type[AsyncReplica]) -> Self | Callable[P, Awaitable[R]]:
        if instance is None:
            return self
        replica = instance.replica

        def call(*args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
            return asyncio.to_thread(self._method, replica, *args, **kwargs)

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

    close = _Awaited(Replica.close)
    register = _Awaited(Replica.register)
    login = _Awaited(Replica.login)
    logout = _Awaited(Replica.logout)
    reset = _Awaited(Replica.reset)
    tasks = _Awaited(Replica.tasks)
    task = _Awaited(Replica.task)
    create_task = _Awaited(Replica.create_task)
    edit_task = _Awaited(Replica.edit_task)
    complete = _Awaited(Replica.complete)
    delete = _Awaited(Replica.delete)
    restore = _Awaited(Replica.restore)
    categories = _Awaited(Replica.categories)
    category = _Awaited(Replica.category)
    create_category = _Awaited(Replica.create_category)
    edit_category = _Awaited(Replica.edit_category)
    delete_category = _Awaited(Replica.delete_category)
    sync = _Awaited(Replica.sync)
    issues = _Awaited(Replica.issues)
    dismiss = _Awaited(Replica.dismiss)
    resend = _Awaited(Replica.resend)
    verify = _Awaited(Replica.verify)
    repair = _Awaited(Replica.repair)
    find_tasks = _Awaited(Replica.find_tasks)
    trash = _Awaited(Replica.trash)
    purge = _Awaited(Replica.purge)
    history = _Awaited(Replica.history)
    undo = _Awaited(Replica.undo)
    members = _Awaited(Replica.members)
    share = _Awaited(Replica.share)
    unshare = _Awaited(Replica.unshare)
