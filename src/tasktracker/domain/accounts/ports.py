"""The repositories of accounts and sessions, what they need of security, and the work of the use cases on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.accounts.second_factor import SecondFactor
from tasktracker.domain.accounts.session import Session
from tasktracker.domain.accounts.token import TokenClaims
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.ports import EventWork
from tasktracker.domain.kernel.actors import ActorT_co


class UserRepository(Protocol):
    """Users. No two share a username or an e-mail address, compared by `case_key`, however concurrently added."""

    def add(self, user: User) -> None:
        """Store a new user. Raises UsernameTaken, EmailTaken."""
        ...

    def find(self, user_id: UUID) -> User | None:
        """Return the user; while writing, locked until the work ends."""
        ...

    def find_by_login(self, login: str) -> User | None:
        """Return the user with this username or, where it contains `@`, this e-mail address. Locks nothing."""
        ...

    def find_unlocked(self, user_id: UUID) -> User | None:
        """Return the user as committed last, without locking them."""
        ...

    def names(self, user_ids: Collection[UUID]) -> Mapping[UUID, str]:
        """Return the usernames of those of the users that have an account."""
        ...

    def save(self, user: User) -> None:
        """Store a changed user. Raises UsernameTaken, EmailTaken, and Stale unless its predecessor is stored."""
        ...

    def remove(self, user_id: UUID) -> None:
        """Remove the user and everything that is theirs: sessions, tokens, categories and tasks.

        They must be a member of nobody else's task any more. Histories keep what they did, as done by nobody.
        """
        ...


class SessionRepository(Protocol):
    """Live sessions. One that ended is gone."""

    def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    def find(self, session_id: UUID) -> Session | None:
        """Return the session; while writing, locked until the work ends."""
        ...

    def save(self, session: Session) -> None:
        """Store a session that was refreshed. Raises Stale when it is gone, or a later generation is stored."""
        ...

    def remove(self, session_id: UUID) -> None:
        """End a session. Ending one that is gone already does nothing."""
        ...

    def remove_others(self, user_id: UUID, keep: UUID | None) -> None:
        """End all of a user's sessions but the one to keep."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove sessions that expired before a moment, and return how many."""
        ...

    def list(self, user_id: UUID) -> Sequence[Session]:
        """Return a user's sessions, the most recently refreshed first; expired ones may be among them."""
        ...


class TokenSigner(Protocol):
    """Signs claims as tokens that cannot be forged, and reads them again.

    The same claims give the same token for as long as the signing key stays, so a successor can be rebuilt.
    """

    def sign(self, claims: TokenClaims) -> str:
        """Return the claims as a token. Times are kept to the second, rounded down."""
        ...

    def read(self, token: str, *, expired: bool = False) -> TokenClaims:
        """Return what a genuine token says.

        Raises InvalidToken for any other text, and for a genuine token past its time unless `expired` is set.
        """
        ...


class PasswordHasher(Protocol):
    """Hashes passwords slowly. Never call it while a unit of work is open."""

    def hash(self, password: str) -> str:
        """Return a salted hash, together with the parameters that made it."""
        ...

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password made the hash. Without a hash, take as long as with one and return False."""
        ...

    def needs_rehash(self, password_hash: str) -> bool:
        """Tell whether the hash was made with other parameters than today's."""
        ...


class PasswordStrength(Protocol):
    """Judges how soon a password would be guessed."""

    def weakness(self, password: str, guesses: Sequence[str]) -> str | None:
        """Return why the password is too easy to guess, or None. `guesses` are words an attacker would try first."""
        ...


class SecondFactorRepository(Protocol):
    """Second factors, at most one for each user."""

    def find(self, user_id: UUID) -> SecondFactor | None:
        """Return a user's factor; while writing, locked until the work ends."""
        ...

    def save(self, factor: SecondFactor) -> None:
        """Store a factor in place of the user's one, if any. The user must have been found by this work before."""
        ...

    def remove(self, user_id: UUID) -> None:
        """Remove a user's factor, if any."""
        ...

    def list_users(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Return the users that have a factor and whose ids follow `after`, in the order of their ids."""
        ...


class OneTimeCodes(Protocol):
    """The arithmetic of time-based one-time passwords (RFC 6238)."""

    def new_secret(self) -> str:
        """Return a random secret in the form that generators take."""
        ...

    def provisioning_uri(self, secret: str, account: str) -> str:
        """Return the secret as an `otpauth:` URI, to be shown as a QR code."""
        ...

    def step(self, secret: str, code: str, now: datetime) -> int | None:
        """Return the time step a code belongs to, the present one or a neighbour of it, or None."""
        ...


class SecretCipher(Protocol):
    """Encrypts what must be read again, with a key derived from the ring's first secret."""

    def seal(self, secret: str) -> str:
        """Return the secret encrypted."""
        ...

    def open(self, sealed: str) -> str:
        """Return what was sealed under any secret of the ring. Raises ValueError for anything else."""
        ...

    def is_current(self, sealed: str) -> bool:
        """Whether it was sealed under the ring's first secret."""
        ...


class AccountWork(EventWork, Protocol[ActorT_co]):
    """Work on accounts and their sessions, by one kind of actor: a user's session, or the service itself."""

    @property
    def actor(self) -> ActorT_co: ...
    @property
    def users(self) -> UserRepository: ...
    @property
    def sessions(self) -> SessionRepository: ...
    @property
    def second_factors(self) -> SecondFactorRepository: ...
