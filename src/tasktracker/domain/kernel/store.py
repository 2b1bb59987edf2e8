"""The port that opens units of work, for processes.

A *use case* takes an open unit of work ("work" for short); the boundary (an HTTP handler, a command) opens it. A
*process* takes a `Store` and opens several units of work, one after the other. It hashes a password between them,
counts attempts in a separate one, changes items in batches, or reads again later.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar
from uuid import UUID

from tasktracker.domain.kernel.actors import Actor, AnyActor

Opener_contra = TypeVar("Opener_contra", bound=AnyActor, contravariant=True)
Work_co = TypeVar("Work_co", covariant=True)


class Store(Protocol[Opener_contra, Work_co]):
    """Opens units of work for actors of one kind.

    Opening a unit of work first checks that the actor may act. The user must be active. Either the session must be live
    and have the generation of the token, or the API token must exist, not be expired and have the scope (`tasks:read`
    for reading, `tasks:write` for writing). The user of an AdminActor must be an administrator, too. The check reads
    the stored state on the connection that the use case then uses. So no process starts a use case with an older token
    after a log-out or a revocation. The first use of a generation also confirms it (see
    `Session.confirmed_generation`), and the confirmation stays stored even if the unit of work fails. A `SystemActor`
    may always act.

    Opening raises SessionEnded if the actor may not act, InsufficientScope if their token lacks the scope, and
    AdminRequired if the user is no administrator. Opening and every repository method raise StorageUnavailable if the
    database cannot be reached, is too busy, or aborted a deadlock. Opening a unit of work that writes also raises
    StorageUnavailable if the schema has another revision than this version needs. After any of these errors nothing is
    changed, and the whole use case may be retried.
    """

    def reading(self, actor: Opener_contra) -> AbstractContextManager[Work_co]:
        """Open a read-only unit of work. Two statements in it may see different states of the data."""
        ...

    def snapshot(self, actor: Opener_contra) -> AbstractContextManager[Work_co]:
        """Open a read-only unit of work. All its statements see the data as it was at the opening.

        It takes no locks and waits for none, so it may stay open for long reads. But the database must keep the rows
        that others replace meanwhile. Several threads may use it, one after the other.
        """
        ...

    def writing(self, actor: Opener_contra) -> AbstractContextManager[Work_co]:
        """Open a unit of work that is one transaction.

        Leaving the block normally commits; leaving it by an exception undoes everything. A change that a repository
        refused also undoes everything, even if the error is handled: leaving the block then raises it again. A row that
        `find` returned is locked until the unit of work ends.
        """
        ...


class Admission(Protocol):
    """Checks which actors may still act."""

    def filter_admissible(self, actors: Collection[Actor]) -> Collection[Actor]:
        """Return the actors for whom a read-only unit of work could be opened. This is fast for many actors."""
        ...


class SecretStore(Protocol):
    """Random secrets, stored with the data and removed with it."""

    def get_or_create_secret(self, name: str) -> bytes:
        """Return the secret of 32 random bytes; the first call creates it."""
        ...

    def rotate_secret(self, name: str) -> bytes:
        """Replace a secret, and return the new one."""
        ...


def server_id(secrets: SecretStore) -> UUID:
    """Return the id of the server's data, which a restored backup keeps."""
    return UUID(bytes=secrets.get_or_create_secret("server")[:16], version=4)
