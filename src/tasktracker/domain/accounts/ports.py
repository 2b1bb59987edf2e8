"""The repositories of accounts and sessions, the ports for security, and the units of work on accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.accounts.links import LinkKind, OneTimeLink
from tasktracker.domain.accounts.quota import Quotas, Usage
from tasktracker.domain.accounts.second_factor import SecondFactor
from tasktracker.domain.accounts.session import Session
from tasktracker.domain.accounts.token import TokenClaims
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.ports import EventWork
from tasktracker.domain.kernel.actors import ActorT_co, SystemActor


class UserRepository(Protocol):
    """Users. Usernames and e-mail addresses are unique by `case_key`, also when users are added concurrently."""

    def add(self, user: User) -> None:
        """Store a new user. Raises UsernameTaken, EmailTaken."""
        ...

    def find(self, user_id: UUID) -> User | None:
        """Return the user. A unit of work that writes locks the row until its end."""
        ...

    def find_by_login(self, login: str) -> User | None:
        """Return the user with this username or, if it contains `@`, this e-mail address. Locks nothing."""
        ...

    def find_unlocked(self, user_id: UUID) -> User | None:
        """Return the user as last committed. Locks nothing."""
        ...

    def names(self, user_ids: Collection[UUID]) -> Mapping[UUID, str]:
        """Return the usernames of these users by id. Users without an account are left out."""
        ...

    def save(self, user: User) -> None:
        """Store a changed user. Raises UsernameTaken, EmailTaken, and Stale unless the previous version is stored."""
        ...

    def has_other_admin(self, user_id: UUID) -> bool:
        """Return whether another user than this one is an active administrator.

        Units of work that write and call this run one after the other from the call on. So the result stays true until
        the unit of work ends. Call it after locking the user, so that no deadlock can occur.
        """
        ...

    def hide(self, user_id: UUID, now: datetime) -> None:
        """Hide a user whose account is being removed: no method returns the user, and the name and address are free.

        The user's data is erased from the row; no session or API token of the user can be used.
        """
        ...

    def clear(self, user_id: UUID, limit: int) -> int:
        """Remove at most `limit` rows of a user other than tasks, such as categories and events. Return how many.

        Histories of other users' tasks keep the user's changes, without an actor. Events about what administrators did
        to the user stay, without the user. Each such change or event counts as a row.
        """
        ...

    def remove(self, user_id: UUID) -> None:
        """Remove the user and everything they own: sessions, tokens, categories and tasks.

        The user must not be a member of another user's task. Histories keep their changes, without an actor. For a user
        who owns much, this takes long: call `clear` before, which removes rows in pieces.
        """
        ...


class QuotaRepository(Protocol):
    """How much users own, and the quotas of single users.

    A unit of work that would make a user own more than their quotas fails with QuotaExceeded when it commits. Then
    nothing is changed. The units of work of a `SystemActor` may exceed quotas.
    """

    def lift(self) -> None:
        """Let this unit of work exceed the quotas, too."""
        ...

    def exempt(self, user_id: UUID, added: Usage) -> None:
        """Let this unit of work exceed the user's quotas by what it adds here."""
        ...

    def usage(self, user_id: UUID) -> Usage:
        """Return what the user owned before this unit of work."""
        ...

    def find(self, user_id: UUID) -> Quotas:
        """Return the user's own quotas."""
        ...

    def save(self, user_id: UUID, quotas: Quotas) -> None:
        """Store the user's own quotas."""
        ...


class SessionRepository(Protocol):
    """Sessions. A session that was ended is removed."""

    def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    def find(self, session_id: UUID) -> Session | None:
        """Return the session. A unit of work that writes locks the row until its end."""
        ...

    def find_unlocked(self, session_id: UUID) -> Session | None:
        """Return the session as last committed. Locks nothing."""
        ...

    def save(self, session: Session) -> None:
        """Store a refreshed session. Raises Stale if the session was removed, or has a later generation."""
        ...

    def remove(self, session_id: UUID) -> None:
        """End a session. Does nothing if it was already removed."""
        ...

    def remove_others(self, user_id: UUID, keep: UUID | None) -> None:
        """End all of a user's sessions except `keep`. Without `keep`, the time of their last use is kept."""
        ...

    def clear_proofs(self, user_id: UUID) -> None:
        """Let no session of a user count as recently proved."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` sessions that expired before `before`, and return how many."""
        ...

    def list(self, user_id: UUID) -> Sequence[Session]:
        """Return a user's sessions, the most recently refreshed first, possibly with expired ones."""
        ...


class LinkRepository(Protocol):
    """One-time links, at most one of each kind for a user."""

    def add(self, link: OneTimeLink) -> None:
        """Store a link, and remove the user's earlier one of this kind. The unit of work must have locked the user."""
        ...

    def find(self, digest: bytes) -> OneTimeLink | None:
        """Return the link. Locks nothing."""
        ...

    def take(self, digest: bytes) -> bool:
        """Remove the link, and return whether it existed. For concurrent units of work, it is True only once."""
        ...

    def remove_of(self, user_id: UUID, kind: LinkKind | None = None) -> None:
        """Remove a user's links, all of them or those of a kind."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` links that expired before `before`, and return how many."""
        ...


class TokenRevocation(Protocol):
    """Revokes API tokens."""

    def remove_all(self, user_id: UUID) -> None:
        """Revoke all API tokens of a user."""
        ...


class TokenSigner(Protocol):
    """Signs claims as tokens, and verifies and reads tokens.

    The same claims and key give the same token, so the tokens of a generation can be rebuilt.
    """

    def sign(self, claims: TokenClaims) -> str:
        """Return the claims as a token. Times are rounded down to the second."""
        ...

    def read(self, token: str, *, expired: bool = False) -> TokenClaims:
        """Return the claims of a genuine token.

        Raises InvalidToken for any other text, and for an expired token unless `expired` is set.
        """
        ...


class PasswordHasher(Protocol):
    """Hashes passwords slowly. Never call it while a unit of work is open."""

    def hash(self, password: str) -> str:
        """Return a salted hash, together with its parameters. Raises Busy."""
        ...

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Check a password against its hash. Without a hash, take the same time and return False. Raises Busy."""
        ...

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than the current ones."""
        ...


class PasswordStrength(Protocol):
    """Estimates how easily a password can be guessed."""

    def weakness(self, password: str, guesses: Sequence[str]) -> str | None:
        """Return why the password is too easy to guess, or None. `guesses` are words an attacker would try first."""
        ...


class SecondFactorRepository(Protocol):
    """Second factors, at most one for each user."""

    def find(self, user_id: UUID) -> SecondFactor | None:
        """Return a user's factor. A unit of work that writes locks the row until its end."""
        ...

    def save(self, factor: SecondFactor) -> None:
        """Store a user's factor, replacing any existing one. This work must have locked the user before."""
        ...

    def remove(self, user_id: UUID) -> None:
        """Remove a user's factor, if any."""
        ...

    def list_users(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Return the ids of users who have a factor, in order, starting after `after`."""
        ...


class OneTimeCodes(Protocol):
    """Time-based one-time passwords (RFC 6238)."""

    def new_secret(self) -> str:
        """Return a random secret in the form that authenticator apps accept."""
        ...

    def provisioning_uri(self, secret: str, account: str) -> str:
        """Return the secret as an `otpauth:` URI, which clients show as a QR code."""
        ...

    def step(self, secret: str, code: str, now: datetime) -> int | None:
        """Return the time step of a code, which is the current, previous or next one; None for a wrong code.

        The code is in the form of `canonical_code`.
        """
        ...


class SecretCipher(Protocol):
    """Encrypts secrets that must be read again, with a key derived from the first secret of the key ring."""

    def seal(self, secret: str) -> str:
        """Return the encrypted secret."""
        ...

    def open(self, sealed: str) -> str:
        """Return the secret, if it was encrypted with any secret of the key ring. Raises ValueError otherwise."""
        ...

    def is_current(self, sealed: str) -> bool:
        """Whether the secret was encrypted with the first secret of the key ring."""
        ...


class AccountWork(EventWork, Protocol[ActorT_co]):
    """A unit of work on accounts and their sessions, by one kind of actor: a user's session, or the service itself."""

    @property
    def actor(self) -> ActorT_co: ...
    @property
    def users(self) -> UserRepository: ...
    @property
    def sessions(self) -> SessionRepository: ...
    @property
    def second_factors(self) -> SecondFactorRepository: ...
    @property
    def links(self) -> LinkRepository: ...


class LinkWork(Protocol):
    """A unit of work that makes or uses one-time links, by any actor."""

    @property
    def now(self) -> datetime: ...
    @property
    def users(self) -> UserRepository: ...
    @property
    def links(self) -> LinkRepository: ...


class ResetWork(AccountWork[SystemActor], Protocol):
    """A unit of work that replaces a forgotten password."""

    @property
    def api_tokens(self) -> TokenRevocation: ...


class SessionIdentity(Protocol):
    """An actor in a session."""

    @property
    def user_id(self) -> UUID: ...
    @property
    def session_id(self) -> UUID: ...


class ProofWork(Protocol):
    """A unit of work of an actor in a session. The actor may have to prove who they are."""

    @property
    def actor(self) -> SessionIdentity: ...
    @property
    def now(self) -> datetime: ...
    @property
    def sessions(self) -> SessionRepository: ...
