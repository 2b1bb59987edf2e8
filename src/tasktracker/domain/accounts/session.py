"""Sessions: logged-in devices, and the rules of token refresh.

A session counts its token generations. Each refresh advances `generation`. The tokens of a generation are a pure
function of the session's row, so none is stored. Two generations are accepted. The current one may refresh. Its
predecessor may be presented again if the response to its refresh was lost or if two tabs refreshed concurrently. It
then gets the *same* successor, so a thief gets no tokens that the owner does not get. An older one was replayed,
perhaps by a thief, and ends the session (RFC 9700 §4.14.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID

from tasktracker.domain.accounts.token import TokenClaims, TokenKind
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Origin
from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW

MAX_DEVICE_LENGTH = 200
MAX_USER_AGENT_LENGTH = 300

PROOF_LIFETIME = timedelta(minutes=10)
"""How long a session may do what requires a recent proof, after the password (and code) was confirmed in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """Lifetimes and limits of sessions.

    `access` is the lifetime of an access token. A session ends when it was not refreshed for `idle`, and at the latest
    `absolute` after its login. `grace` is the time in which the predecessor may be presented again. If it is zero,
    every refresh token can be used only once. `max_sessions` is the number of concurrent sessions of a user.
    """

    access: timedelta = timedelta(minutes=15)
    idle: timedelta = timedelta(days=14)
    absolute: timedelta = timedelta(days=60)
    grace: timedelta = timedelta(seconds=10)
    max_sessions: int = 50


class Refresh(Enum):
    """The outcome of presenting a refresh token."""

    ROTATED = auto()
    """The current generation was presented: the session advances to the next."""

    REPEATED = auto()
    """The predecessor was presented again, and this is allowed: the same successor is returned again."""

    REPLAYED = auto()
    """An old generation was presented: the session must end."""

    UNKNOWN = auto()
    """A generation not issued yet, as after a restored backup. The token is refused, and the session stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One login of one user on one device.

    `confirmed_generation` is the newest generation with a used token. While it is less than `generation`, it is
    unknown whether the client received its newest tokens. A session is live before both `idle_until` and `ends_at`.
    Ending a session removes it. `address` and `user_agent` are those of the login or the last refresh. `used_at` is the
    time of the last refresh or of the first use of its tokens, so a later use is missing for at most the lifetime of an
    access token. `proved_at` is the time at which the user last confirmed the password (and code).
    """

    id: UUID
    user_id: UUID
    device: str | None = None
    generation: int = 1
    confirmed_generation: int = 0
    created_at: datetime
    rotated_at: datetime
    idle_until: datetime
    ends_at: datetime
    proved_at: datetime | None = None
    address: str | None = None
    user_agent: str | None = None
    used_at: datetime

    @classmethod
    def start(
        cls,
        *,
        id: UUID,
        user_id: UUID,
        device: str | None,
        now: datetime,
        policy: SessionPolicy,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> Session:
        """Log a user in on a device."""
        return cls(
            id=id,
            user_id=user_id,
            device=device,
            created_at=now,
            rotated_at=now,
            idle_until=now + policy.idle,
            ends_at=now + policy.absolute,
            address=origin.address,
            user_agent=origin.user_agent,
            used_at=now,
        )

    def is_live(self, now: datetime) -> bool:
        """Whether the session has not expired."""
        return now < self.expires_at

    def is_proved(self, now: datetime) -> bool:
        """Whether the user has confirmed the password in this session recently. Another host may have recorded it."""
        return self.proved_at is not None and -MAX_CLOCK_SKEW <= now - self.proved_at <= PROOF_LIFETIME

    @property
    def expires_at(self) -> datetime:
        """When the session ends if it is not refreshed before."""
        return min(self.idle_until, self.ends_at)

    def refresh(self, generation: int, now: datetime, policy: SessionPolicy) -> tuple[Refresh, Session]:
        """Return the outcome of a refresh token of `generation`, and the session afterwards."""
        if generation > self.generation:
            return Refresh.UNKNOWN, self
        if generation == self.generation:
            rotated = replace(self, generation=generation + 1, confirmed_generation=generation)
            return Refresh.ROTATED, rotated._timed(now, policy)
        if generation < self.generation - 1 or not policy.grace:
            return Refresh.REPLAYED, self
        # A clock that ran far ahead may have rotated the token. Even then, the grace time is not longer.
        if -MAX_CLOCK_SKEW <= now - self.rotated_at <= policy.grace:
            return Refresh.REPEATED, self
        if self.confirmed_generation >= self.generation:
            return Refresh.REPLAYED, self
        # The client never received the successor. While the successor's access token is valid, it is returned
        # unchanged. If that has expired, the client would have to refresh again, so the same generation gets new times.
        is_access_valid = now < self.access_claims(policy).expires_at
        return Refresh.REPEATED, self if is_access_valid else self._timed(now, policy)

    def access_claims(self, policy: SessionPolicy) -> TokenClaims:
        """The claims of the current generation's access token."""
        return self._claims(TokenKind.ACCESS, min(self.rotated_at + policy.access, self.expires_at))

    def refresh_claims(self) -> TokenClaims:
        """The claims of the current generation's refresh token."""
        return self._claims(TokenKind.REFRESH, self.expires_at)

    def seen_at(self, origin: Origin, now: datetime) -> Session:
        """Return the session after a refresh from somewhere."""
        return replace(self, address=origin.address, user_agent=origin.user_agent, used_at=max(now, self.used_at))

    def _timed(self, now: datetime, policy: SessionPolicy) -> Session:
        return replace(self, rotated_at=now, idle_until=now + policy.idle)

    def _claims(self, kind: TokenKind, expires_at: datetime) -> TokenClaims:
        return TokenClaims(
            kind=kind,
            user_id=self.user_id,
            session_id=self.id,
            generation=self.generation,
            issued_at=self.rotated_at,
            expires_at=expires_at,
        )
