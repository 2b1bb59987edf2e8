"""Opening units of work, for those domain processes that open several.

A *use case* takes an open piece of work; the boundary (an HTTP handler, a command) opens it. A *process* opens several,
one after the other, and takes a `Store`: it hashes a password between them, counts attempts in a work of
their own, works in batches, or reads again later.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from tasktracker.domain.kernel.actors import Actor, AnyActor

Opener_contra = TypeVar("Opener_contra", bound=AnyActor, contravariant=True)
Work_co = TypeVar("Work_co", covariant=True)


class Store(Protocol[Opener_contra, Work_co]):
    """Opens units of work for actors of one kind.

    Opening one proves that the actor may act: their session is live and knows the generation, or their API token
    exists, has not expired and has the scope (`tasks:read` for reading, `tasks:write` for writing), and their user is
    active; all that as stored at that moment and seen by the very connection that then does the work. No use case that
    starts after a log-out or a revocation, on whichever process, can therefore be reached with an older token. Using a
    generation for the first time also confirms it (see `Session.confirmed_generation`), durably, whatever becomes of
    the work. A `SystemActor` may always act.

    Opening raises SessionEnded when the actor may not act, and InsufficientScope when their token is for something
    else. Opening, and any repository method, raises StorageUnavailable when the database cannot be reached, is too
    busy, or gave up on a deadlock: nothing was changed, and the whole use case may be tried again.
    """

    def reading(self, actor: Opener_contra) -> AbstractContextManager[Work_co]:
        """Open work that changes nothing. Two statements in it may see different states of the data."""
        ...

    def snapshot(self, actor: Opener_contra) -> AbstractContextManager[Work_co]:
        """Open work that changes nothing, all of whose statements see the data as it was when the work was opened.

        It takes no locks and waits for none, so it may stay open for as long as it takes to read a lot; but the
        database keeps for it what others replace meanwhile. It may be handed from thread to thread, and is used by
        one at a time.
        """
        ...

    def writing(self, actor: Opener_contra) -> AbstractContextManager[Work_co]:
        """Open work that is done wholly or not at all.

        Leaving normally commits, and only then has anything happened; leaving by an exception undoes everything. So
        does a change that a repository refused, even where the error is handled: leaving then raises it again.
        What `find` returns stays as it is until the work ends.
        """
        ...


class Admission(Protocol):
    """Says which actors may still act."""

    def filter_admissible(self, actors: Collection[Actor]) -> Collection[Actor]:
        """Return those of the actors for whom work could be opened for reading, at little cost for many of them."""
        ...


class SecretStore(Protocol):
    """Random secrets that live and die with the data."""

    def get_or_create_secret(self, name: str) -> bytes:
        """Return 32 random bytes that are made when first asked for."""
        ...

    def rotate_secret(self, name: str) -> bytes:
        """Replace a secret, and return the new one."""
        ...
