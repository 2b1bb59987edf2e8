"""Logging in and out, and refreshing sessions."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import TypedDict
from uuid import UUID

from tasktracker.domain.accounts.code_verifier import CodeVerifier
from tasktracker.domain.accounts.password import credential, matching_form, normalized
from tasktracker.domain.accounts.ports import AccountWork, PasswordHasher, TokenSigner
from tasktracker.domain.accounts.second_factor import canonical_code
from tasktracker.domain.accounts.session import MAX_DEVICE_LENGTH, Refresh, Session, SessionPolicy
from tasktracker.domain.accounts.token import TokenClaims, TokenKind, TokenPair
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.kernel.actors import AnyActor, SessionActor, SystemActor
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.kernel.errors import (
    AccountDisabled,
    CodeRequired,
    InvalidCredentials,
    InvalidToken,
    SessionEnded,
    SessionNotFound,
)
from tasktracker.domain.kernel.fields import Rule, case_key, check, optional, require_visible, text, with_new
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.throttling.limit import (
    ADDRESS_LIMITS,
    LOGIN_BY_ACCOUNT,
    PAIR_LIMITS,
    REFRESH_BY_ADDRESS,
    REFRESH_BY_SESSION,
    Bucket,
    buckets,
    network,
)
from tasktracker.domain.throttling.throttle import Throttle

UNUSED_ID = UUID(int=0)
"""An id that no user has. A login with an unknown username uses it to run the same queries as any other login."""


FIRST_LOGIN = timedelta(minutes=10)
"""How long after a registration the first login causes no notice of a new device."""


class _Login(TypedDict):
    username: str
    password: str
    device: str | None
    code: str | None


def login_name(value: str) -> str:
    """A username or an e-mail address, trimmed and normalized like a stored one."""
    return unicodedata.normalize("NFKC", credential(value).strip())


def device_name(value: str) -> str | None:
    """The name of a device. A blank value means none, because clients send it for an empty form field."""
    return text(longest=MAX_DEVICE_LENGTH, trim=True)(value) or None


LOGIN_RULES: dict[str, Rule] = {
    "username": login_name,
    "password": credential,
    "device": optional(device_name),
    "code": optional(canonical_code),
}


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A user who has just logged in, and the tokens of their new session."""

    user: User
    tokens: TokenPair


class SessionService:
    """Processes that log in and out, and use cases on the sessions of an account."""

    def __init__(
        self,
        *,
        store: Store[SystemActor, AccountWork[SystemActor]],
        recorder: Recorder,
        throttle: Throttle,
        outbox: Outbox,
        verifier: CodeVerifier,
        tokens: TokenSigner,
        passwords: PasswordHasher,
        clock: Clock,
        ids: IdGenerator,
        characters: Characters,
        policy: SessionPolicy,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._throttle = throttle
        self._outbox = outbox
        self._verifier = verifier
        self._signer = tokens
        self._passwords = passwords
        self._clock = clock
        self._ids = ids
        self._policy = policy
        self._rules = LOGIN_RULES | {"device": with_new(LOGIN_RULES["device"], require_visible, characters)}

    def login(
        self,
        username: str,
        password: str,
        device: str | None = None,
        code: str | None = None,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> LoggedIn:
        """Open a session for the user with this username or e-mail address and password.

        Raises InvalidCredentials for an unknown user, a wrong password and a wrong code. Raises AccountDisabled if the
        password is right and the user is disabled. Each follows after the same computation, and counts as an attempt.
        Raises CodeRequired if the password is right, a second factor is on, and there is no code; TooManyRequests.
        """
        fields = check(self._rules, _Login(username=username, password=password, device=device, code=code))
        is_trusted, attempts = self._count(fields["username"], origin)
        with self._store.reading(SystemActor("log in")) as work:
            user = work.users.find_by_login(fields["username"])
            factor = work.second_factors.find(user.id if user else UNUSED_ID)
        form = matching_form(self._passwords, fields["password"], user.password_hash if user else None)
        if user is None or form is None or not user.is_active:
            self._recorder.failure(Kind.LOGIN, origin, user.id if user else None)
            raise InvalidCredentials if user is None or form is None else AccountDisabled
        if factor is not None and factor.is_required and not fields["code"]:
            self._throttle.refund(*attempts)
            raise CodeRequired
        rehashed = None
        current_form = normalized(form)
        if form != current_form or self._passwords.needs_rehash(user.password_hash):
            rehashed = self._passwords.hash(current_form)
        logged_in = None
        with self._store.writing(SystemActor("log in")) as work:
            current = work.users.find(user.id)
            # The hash was verified before this unit of work began. It must still be the stored one.
            has_changed = current is None or not current.is_active or current.password_hash != user.password_hash
            if current is not None and not has_changed:
                logged_in = self._log_in(work, current, fields, rehashed, origin, is_trusted)
        if has_changed:
            # The password may still be right: another login may have hashed it again.
            self._throttle.refund(*attempts)
            return self.login(username, password, device, code, origin)
        if logged_in is None:
            self._recorder.failure(Kind.LOGIN, origin, user.id)
            raise InvalidCredentials
        self._throttle.refund(*attempts)
        self.trust(fields["username"], origin)
        return logged_in

    def refresh(self, token: str, origin: Origin = UNKNOWN_ORIGIN) -> TokenPair:
        """Exchange a refresh token for the next generation of tokens.

        Raises InvalidToken, TooManyRequests, AccountDisabled, and SessionEnded for any other token that is no longer
        accepted. A replayed token ends its session; this is committed before SessionEnded is raised.
        """
        claims = self._signer.read(token)
        if claims.kind is not TokenKind.REFRESH:
            raise InvalidToken
        self._throttle.consume(
            Bucket.of(REFRESH_BY_SESSION, str(claims.session_id)),
            Bucket.of(REFRESH_BY_ADDRESS, network(origin.address)),
        )
        with self._store.writing(SystemActor("refresh a session")) as work:
            refreshed = self._refresh(work, claims, origin)
            user = None if refreshed else work.users.find_unlocked(claims.user_id)
        if refreshed is None:
            raise AccountDisabled if user is not None and not user.is_active else SessionEnded
        return self.tokens_of(refreshed)

    def verify(self, token: str) -> TokenClaims:
        """Return the claims of a token, if it would be accepted now. Raises InvalidToken, SessionEnded."""
        claims = self._signer.read(token)
        with self._store.reading(SystemActor("verify a token")) as work:
            now = work.now
            session = work.sessions.find(claims.session_id)
            user = work.users.find(claims.user_id)
        if session is None or session.user_id != claims.user_id or not session.is_live(now):
            raise SessionEnded
        if user is None or not user.is_active:
            raise SessionEnded
        if claims.kind is TokenKind.ACCESS:
            accepted = claims.generation <= session.generation
        else:
            outcome, _ = session.refresh(claims.generation, now, self._policy)
            accepted = outcome in (Refresh.ROTATED, Refresh.REPEATED)
        if not accepted:
            raise SessionEnded
        return claims

    def logout(self, *tokens: str, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """End the sessions of these tokens. Forged tokens are ignored; expired and revoked ones are not.

        Raises InvalidToken if none is genuine.
        """
        sessions = set()
        for token in tokens:
            with suppress(InvalidToken):
                sessions.add(self._signer.read(token, expired=True).session_id)
        if not sessions:
            raise InvalidToken
        with self._store.writing(SystemActor("log out")) as work:
            for session_id in sorted(sessions):
                session = work.sessions.find(session_id)
                if session is not None:
                    work.sessions.remove(session_id)
                    self._recorder.success(work, Kind.LOGOUT, origin, session.user_id, session_id)

    def list(self, work: AccountWork[SessionActor]) -> Sequence[Session]:
        """Return the actor's live sessions, the most recently refreshed first."""
        return [session for session in work.sessions.list(work.actor.user_id) if session.is_live(work.now)]

    def end(self, work: AccountWork[SessionActor], session_id: UUID, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """End one of the actor's sessions. Raises SessionNotFound."""
        session = work.sessions.find(session_id)
        if session is None or session.user_id != work.actor.user_id:
            raise SessionNotFound
        work.sessions.remove(session_id)
        self._recorder.success(work, Kind.SESSION_END, origin, session.user_id, session_id)

    def end_others(self, work: AccountWork[SessionActor], origin: Origin = UNKNOWN_ORIGIN) -> None:
        """End every session of the actor except the current one."""
        for session in work.sessions.list(work.actor.user_id):
            if session.id != work.actor.session_id:
                self._recorder.success(work, Kind.SESSION_END, origin, session.user_id, session.id)
        work.sessions.remove_others(work.actor.user_id, keep=work.actor.session_id)

    def open(
        self, work: AccountWork[AnyActor], user: User, device: str | None, origin: Origin = UNKNOWN_ORIGIN
    ) -> Session:
        """Start a session for a locked user. Over the limit, end the sessions with the oldest refreshes."""
        now = work.now
        sessions = work.sessions.list(user.id)
        live_sessions = [session for session in sessions if session.is_live(now)]
        kept = {session.id for session in live_sessions[: self._policy.max_sessions - 1]}
        for session in sessions:
            if session.id not in kept:
                work.sessions.remove(session.id)
        session = Session.start(
            id=self._ids.new(), user_id=user.id, device=device, now=now, policy=self._policy, origin=origin
        )
        work.sessions.add(session)
        return session

    def tokens_of(self, session: Session) -> TokenPair:
        """Return the tokens of the session's current generation."""
        access = session.access_claims(self._policy)
        # Rounded up, because time has passed since the token was issued. Another host's clock may have been ahead.
        remaining = min(access.expires_at - self._clock.now(), self._policy.access)
        return TokenPair(
            access=self._signer.sign(access),
            refresh=self._signer.sign(session.refresh_claims()),
            expires_in=max(0, ceil(remaining.total_seconds())),
            refresh_expires_at=session.expires_at,
        )

    def trust(self, username: str, origin: Origin) -> None:
        """Trust the network of a successful login or registration with this name: guesses elsewhere do not limit it."""
        self._throttle.trust(buckets(PAIR_LIMITS, origin.address, case_key(username))[0])

    def _count(self, username: str, origin: Origin) -> tuple[bool, Sequence[Bucket]]:
        """Count an attempt. Return whether the network is trusted, and the buckets. Raises TooManyRequests.

        For a network from which the account's owner has logged in, only the limits of that network apply. Attempts from
        elsewhere do not lock out the owner there. An attacker in that network gains no attempts at this or other
        accounts.
        """
        account = case_key(username)
        pairs, addresses = buckets(PAIR_LIMITS, origin.address, account), buckets(ADDRESS_LIMITS, origin.address)
        attempts = [*pairs, *addresses, Bucket.of(LOGIN_BY_ACCOUNT, account)]
        is_trusted = self._throttle.is_trusted(pairs[0])
        if is_trusted:
            attempts = [pairs[0], addresses[0]]
        self._throttle.consume(*attempts)
        return is_trusted, attempts

    def _log_in(
        self,
        work: AccountWork[SystemActor],
        user: User,
        fields: _Login,
        rehashed: str | None,
        origin: Origin,
        is_trusted: bool,
    ) -> LoggedIn | None:
        """Open a session for a locked user whose password was verified; None if the code is wrong."""
        factor = work.second_factors.find(user.id)
        code = fields["code"] or ""
        if factor is not None and factor.is_required and not self._verifier.spend(work, factor, code, origin):
            return None
        if rehashed:
            user = user.with_password(rehashed)
            work.users.save(user)
        is_new = not is_trusted and self._is_new_device(work, user, origin)
        session = self.open(work, user, fields["device"], origin)
        if is_new:
            details = {"at": work.now, "from": origin.address, "device": fields["device"] or origin.user_agent}
            notice = {name: str(value) for name, value in details.items() if value}
            self._outbox.add(work, DeliveryKind.NEW_DEVICE, session.id, user_id=user.id, parameters=notice)
        self._recorder.success(work, Kind.LOGIN, origin, user.id, session.id)
        return LoggedIn(user, self.tokens_of(session))

    @staticmethod
    def _is_new_device(work: AccountWork[SystemActor], user: User, origin: Origin) -> bool:
        """Return whether the user has no session of a program with the same name (`user_agent`).

        The first login soon after the registration by a link, which opens no session, is not that of a new device.
        """
        sessions = work.sessions.list(user.id)
        is_first = not sessions and work.now < user.created_at + FIRST_LOGIN
        return not is_first and all(each.user_agent != origin.user_agent for each in sessions)

    def _refresh(self, work: AccountWork[SystemActor], claims: TokenClaims, origin: Origin) -> Session | None:
        now = work.now
        session = work.sessions.find(claims.session_id)
        if session is None or session.user_id != claims.user_id or not session.is_live(now):
            return None
        outcome, refreshed = session.refresh(claims.generation, now, self._policy)
        match outcome:
            case Refresh.ROTATED | Refresh.REPEATED:
                if refreshed != session:
                    refreshed = refreshed.seen_at(origin, now)
                    work.sessions.save(refreshed)
                return refreshed
            case Refresh.REPLAYED:
                work.sessions.remove(session.id)
                self._recorder.success(work, Kind.REPLAY, origin, session.user_id, session.id)
        return None
