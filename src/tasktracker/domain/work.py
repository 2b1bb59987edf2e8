"""The ground that services stand on: the unit of work, opened for whoever acts."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol

from tasktracker.domain.accounts.ports import SecondFactorRepository, SessionRepository, UserRepository
from tasktracker.domain.activity.ports import ActivityRepository
from tasktracker.domain.api_tokens.ports import ApiTokenRepository
from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.feed.ports import FeedRepository
from tasktracker.domain.history.ports import HistoryRepository
from tasktracker.domain.idempotency.ports import IdempotencyRepository
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.portability.ports import TaskArchive
from tasktracker.domain.sync.ports import TicketRepository
from tasktracker.domain.tasks.ports import TaskRepository, TrashRepository


class UnitOfWork(Protocol):
    """The repositories, as one piece of work sees them. Of no use once the work is closed."""

    @property
    def users(self) -> UserRepository:
        """Who has an account."""
        ...

    @property
    def sessions(self) -> SessionRepository:
        """Where they are logged in."""
        ...

    @property
    def second_factors(self) -> SecondFactorRepository:
        """What some of them need to log in."""
        ...

    @property
    def api_tokens(self) -> ApiTokenRepository:
        """What acts for them."""
        ...

    @property
    def activity(self) -> ActivityRepository:
        """What has happened around all this."""
        ...

    @property
    def categories(self) -> CategoryRepository:
        """How they file."""
        ...

    @property
    def tasks(self) -> TaskRepository:
        """What there is to do."""
        ...

    @property
    def trash(self) -> TrashRepository:
        """What there was to do."""
        ...

    @property
    def history(self) -> HistoryRepository:
        """How it came to be so."""
        ...

    @property
    def archive(self) -> TaskArchive:
        """All of it at once, for moving it from one service to another."""
        ...

    @property
    def feed(self) -> FeedRepository:
        """What whose devices have to be told of it."""
        ...

    @property
    def tickets(self) -> TicketRepository:
        """What lets devices in who are to be told at once."""
        ...

    @property
    def idempotency(self) -> IdempotencyRepository:
        """What has been answered."""
        ...


class Store(Protocol):
    """Opens units of work.

    Opening one for an actor proves that the actor may act: their session is live and knows the generation, or their
    API token exists, has not expired and has the scope (`tasks:read` for reading, `tasks:write` for writing), and
    their user is active; all that as stored at that moment and seen by the very connection that then does the work.
    No use case that starts after a log-out or a revocation, on whichever process, can therefore be reached with an
    older token. Using a generation for the first time also confirms it (see `Session.confirmed_generation`), durably,
    whatever becomes of the work.

    `None` opens the work for nobody: for registering, logging in, refreshing and administration, which answer
    for themselves.

    Opening raises SessionEnded when the actor may not act, and InsufficientScope when their token is for something
    else. Opening, and any repository method, raises StorageUnavailable when the database cannot be reached, is too
    busy, or gave up on a deadlock: nothing was changed, and the whole use case may be tried again.
    """

    def reading(self, actor: Actor | None) -> AbstractContextManager[UnitOfWork]:
        """Open work that changes nothing. Two statements in it may see different states of the data."""
        ...

    def snapshot(self, actor: Actor | None) -> AbstractContextManager[UnitOfWork]:
        """Open work that changes nothing, all of whose statements see the data as it was when the work was opened.

        Nobody waits for it, nor it for anybody, so it may stay open for as long as it takes to read a lot; but the
        database keeps for it what others replace meanwhile. It may be handed from thread to thread, and is used by
        one at a time.
        """
        ...

    def writing(self, actor: Actor | None) -> AbstractContextManager[UnitOfWork]:
        """Open work that is done wholly or not at all.

        Leaving normally commits, and only then has anything happened; leaving by an exception undoes everything. So
        does a change that a repository refused, even where the error is handled: leaving then raises it again.
        What `find` returns stays as it is until the work ends.
        """
        ...

    def live(self, actors: Collection[Actor]) -> Collection[Actor]:
        """Return those of the actors for whom work could be opened for reading, at little cost for many of them."""
        ...

    def secret(self, name: str) -> bytes:
        """Return 32 random bytes that are made when first asked for and live and die with the data."""
        ...

    def renew(self, name: str) -> bytes:
        """Make a secret anew, and return it."""
        ...

    def ready(self) -> None:
        """Return when the database answers and its schema is this version's. Raises StorageUnavailable."""
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...
