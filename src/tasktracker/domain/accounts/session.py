"""A device that is logged in, and the rules by which its tokens succeed one another.

A session is a counter. Each refresh advances `generation`, and the tokens of a generation are a pure function
of the session's row: none is stored, and asking again for the same generation gives the same tokens. Only two
generations ever matter. The current one may refresh. Its predecessor may be presented again when the answer
to its refresh was lost or when two tabs raced; the answer is then the *same* successor, which cannot hand a
thief anything the owner does not get too. Whatever else turns up has been stolen or replayed, and ends the
session (RFC 9700 §4.14.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID

from tasktracker.domain.accounts.token import TokenClaims, TokenKind

MAX_DEVICE_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """How long things last.

    `access` is the life of an access token. A session ends when it is not refreshed for `idle`, and `absolute`
    after its login whatever happens. `grace` is how long a predecessor may be presented again; zero makes
    every refresh token strictly single use. `most` is how many sessions a user may have at a time.
    """

    access: timedelta = timedelta(minutes=15)
    idle: timedelta = timedelta(days=14)
    absolute: timedelta = timedelta(days=60)
    grace: timedelta = timedelta(seconds=10)
    most: int = 50


class Refresh(Enum):
    """What presenting a refresh token comes to."""

    ROTATED = auto()
    """The current generation was presented: the session moved on to the next."""

    REPEATED = auto()
    """The predecessor was presented again while that is excusable: its successor is given out once more."""

    REPLAYED = auto()
    """An old generation was presented: the session must end."""

    UNKNOWN = auto()
    """A generation from the future, as after restoring an old backup: refused, and nothing is known of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One login of one user on one device.

    `confirmed_generation` is the newest generation of which something was used; until it equals `generation`
    nobody can tell whether the client ever received its newest tokens. A session is live before both `idle_until`
    and `ends_at`. One that was ended is removed: nothing of it is left to be used.
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

    @classmethod
    def start(cls, *, id: UUID, user_id: UUID, device: str | None, now: datetime, policy: SessionPolicy) -> Session:
        """Log a user in on a device."""
        return cls(
            id=id,
            user_id=user_id,
            device=device,
            created_at=now,
            rotated_at=now,
            idle_until=now + policy.idle,
            ends_at=now + policy.absolute,
        )

    def is_live(self, now: datetime) -> bool:
        """Whether the session has neither idled nor lived too long."""
        return now < self.expires_at

    @property
    def expires_at(self) -> datetime:
        """When the session ends if it is not refreshed before."""
        return min(self.idle_until, self.ends_at)

    def refresh(self, generation: int, now: datetime, policy: SessionPolicy) -> tuple[Refresh, Session]:
        """Judge a refresh token of `generation`, and return the session as it is afterwards."""
        if generation > self.generation:
            return Refresh.UNKNOWN, self
        if generation == self.generation:
            rotated = replace(self, generation=generation + 1, confirmed_generation=generation)
            return Refresh.ROTATED, rotated._timed(now, policy)
        if generation < self.generation - 1 or not policy.grace:
            return Refresh.REPLAYED, self
        if now - self.rotated_at <= policy.grace:
            return Refresh.REPEATED, self
        if self.confirmed_generation >= self.generation:
            return Refresh.REPLAYED, self
        # The successor never arrived. While its access token has life left it is given out unchanged; a dead one
        # would only cost the client another refresh, so the same generation is dated anew.
        alive = now < self.access_claims(policy).expires_at
        return Refresh.REPEATED, self if alive else self._timed(now, policy)

    def access_claims(self, policy: SessionPolicy) -> TokenClaims:
        """What the access token of the current generation says."""
        return self._claims(TokenKind.ACCESS, min(self.rotated_at + policy.access, self.expires_at))

    def refresh_claims(self) -> TokenClaims:
        """What the refresh token of the current generation says."""
        return self._claims(TokenKind.REFRESH, self.expires_at)

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
