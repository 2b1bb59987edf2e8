"""Logging in and out, and staying logged in."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

from tasktracker.domain.accounts.password import credential
from tasktracker.domain.accounts.ports import PasswordHasher, TokenSigner
from tasktracker.domain.accounts.session import DEVICE_LONGEST, Refresh, Session, SessionPolicy
from tasktracker.domain.accounts.token import TokenClaims, TokenKind, TokenPair
from tasktracker.domain.accounts.user import User
from tasktracker.domain.errors import InvalidCredentials, InvalidToken, SessionEnded, SessionNotFound
from tasktracker.domain.fields import check, optional, text
from tasktracker.domain.work import Actor, Clock, IdGenerator, Store, UnitOfWork


class _Login(TypedDict):
    username: str
    password: str
    device: str | None


def login_name(value: str) -> str:
    """A username or an e-mail address, trimmed and normalised as both are when they are chosen."""
    return unicodedata.normalize("NFKC", credential(value).strip())


LOGIN_RULES = {
    "username": login_name,
    "password": credential,
    "device": optional(text(longest=DEVICE_LONGEST, trim=True)),
}


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who just proved who they are, and the tokens that save them doing it again."""

    user: User
    tokens: TokenPair


class SessionService:
    """Sessions, from login to log-out."""

    def __init__(
        self,
        *,
        store: Store,
        tokens: TokenSigner,
        passwords: PasswordHasher,
        clock: Clock,
        ids: IdGenerator,
        policy: SessionPolicy,
    ) -> None:
        self._store = store
        self._signer = tokens
        self._passwords = passwords
        self._clock = clock
        self._ids = ids
        self._policy = policy

    def login(self, username: str, password: str, device: str | None = None) -> SignedIn:
        """Open a session for whoever knows the password of this username or e-mail address.

        Raises InvalidCredentials alike, and after the same work, for an unknown user, a wrong password and a
        disabled user.
        """
        fields = check(LOGIN_RULES, _Login(username=username, password=password, device=device))
        with self._store.reading(None) as work:
            user = work.users.find_by_login(fields["username"])
        verified = self._passwords.verify(fields["password"], user.password_hash if user else None)
        if user is None or not verified or not user.is_active:
            raise InvalidCredentials
        rehashed = None
        if self._passwords.needs_rehash(user.password_hash):
            rehashed = self._passwords.hash(fields["password"])
        session = None
        with self._store.writing(None) as work:
            current = work.users.find(user.id)
            # The password was checked before this work began; what was checked must still be what is stored.
            if current is not None and current.password_hash == user.password_hash and current.is_active:
                if rehashed:
                    current = current.with_password(rehashed)
                    work.users.save(current)
                session = self.open(work, current, fields["device"])
        if current is None or session is None:
            # Not necessarily another password: another login may have hashed the same one anew.
            return self.login(username, password, device)
        return SignedIn(current, self.tokens_of(session))

    def refresh(self, token: str) -> TokenPair:
        """Exchange a refresh token for the next generation of tokens.

        Raises InvalidToken, and SessionEnded for a token that is of no use any more. One that was replayed ends
        its session, which stands even though this raises.
        """
        claims = self._signer.read(token)
        if claims.kind is not TokenKind.REFRESH:
            raise InvalidToken
        with self._store.writing(None) as work:
            refreshed = self._refresh(work, claims)
        if refreshed is None:
            raise SessionEnded
        return self.tokens_of(refreshed)

    def verify(self, token: str) -> TokenClaims:
        """Return what a token says, if it would be accepted now. Raises InvalidToken, SessionEnded."""
        claims = self._signer.read(token)
        now = self._clock.now()
        with self._store.reading(None) as work:
            session = work.sessions.find(claims.session_id)
            user = work.users.find(claims.user_id)
        if session is None or user is None or not user.is_active or not session.is_live(now):
            raise SessionEnded
        if claims.kind is TokenKind.ACCESS:
            accepted = claims.generation <= session.generation
        else:
            outcome, _ = session.refresh(claims.generation, now, self._policy)
            accepted = outcome in (Refresh.ROTATED, Refresh.REPEATED)
        if not accepted:
            raise SessionEnded
        return claims

    def logout(self, *tokens: str) -> None:
        """End the sessions of these tokens. Expired and revoked ones will do; forged ones raise InvalidToken."""
        sessions = {self._signer.read(token, expired=True).session_id for token in tokens}
        with self._store.writing(None) as work:
            for session_id in sorted(sessions):
                work.sessions.remove(session_id)

    def list(self, actor: Actor) -> Sequence[Session]:
        """Return the actor's live sessions, the most recently refreshed first."""
        now = self._clock.now()
        with self._store.reading(actor) as work:
            return [session for session in work.sessions.list(actor.user_id) if session.is_live(now)]

    def end(self, actor: Actor, session_id: UUID) -> None:
        """End one of the actor's sessions. Raises SessionNotFound."""
        with self._store.writing(actor) as work:
            session = work.sessions.find(session_id)
            if session is None or session.user_id != actor.user_id:
                raise SessionNotFound
            work.sessions.remove(session_id)

    def end_others(self, actor: Actor) -> None:
        """End every session of the actor but the one they act in."""
        with self._store.writing(actor) as work:
            work.sessions.remove_others(actor.user_id, keep=actor.session_id)

    def open(self, work: UnitOfWork, user: User, device: str | None) -> Session:
        """Start a session for a user locked by this work. Over the limit, the ones idle longest make room."""
        now = self._clock.now()
        sessions = work.sessions.list(user.id)
        live = [session for session in sessions if session.is_live(now)]
        kept = {session.id for session in live[: self._policy.most - 1]}
        for session in sessions:
            if session.id not in kept:
                work.sessions.remove(session.id)
        session = Session.start(id=self._ids.new(), user_id=user.id, device=device, now=now, policy=self._policy)
        work.sessions.add(session)
        return session

    def tokens_of(self, session: Session) -> TokenPair:
        """Return the tokens of the session's current generation."""
        access = session.access_claims(self._policy)
        remaining = access.expires_at - self._clock.now()
        return TokenPair(
            access=self._signer.sign(access),
            refresh=self._signer.sign(session.refresh_claims()),
            expires_in=max(0, int(remaining.total_seconds())),
        )

    def _refresh(self, work: UnitOfWork, claims: TokenClaims) -> Session | None:
        now = self._clock.now()
        session = work.sessions.find(claims.session_id)
        if session is None or not session.is_live(now):
            return None
        outcome, refreshed = session.refresh(claims.generation, now, self._policy)
        match outcome:
            case Refresh.ROTATED | Refresh.REPEATED:
                if refreshed != session:
                    work.sessions.save(refreshed)
                return refreshed
            case Refresh.REPLAYED:
                work.sessions.remove(session.id)
        return None
