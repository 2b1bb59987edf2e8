"""Random operations on accounts, sessions and tokens, compared with a model.

The model repeats the rules of the domain independently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tasktracker.domain.accounts.session import SessionPolicy
from tasktracker.domain.accounts.session_service import LoggedIn
from tasktracker.domain.accounts.token import TokenKind, TokenPair
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW
from tasktracker.domain.kernel.errors import (
    AccountDisabled,
    EmailTaken,
    InvalidCredentials,
    InvalidInput,
    InvalidToken,
    SessionEnded,
    SessionNotFound,
    UsernameTaken,
    UserNotFound,
)
from tasktracker.domain.work import Storage
from tests import strategies
from tests.backends import Backend
from tests.contracts.base import MOMENT, SECOND, attempt, run_state_machine
from tests.fakes import START, SYSTEM, App, ManualClock

USERNAMES = ("alice", "stra\u00dfe", "\u00c5ngstr\u00f6m")
PASSWORDS = ("correct horse", "battery staple", "pa\u00dfw\u00f6rter")


@dataclass(eq=False)
class ModelUser:
    """An account, and its sessions that were not ended. `name` is one spelling of the username."""

    name: str
    email: str | None
    password: str
    is_active: bool = True
    sessions: list[ModelSession] = field(default_factory=list)


@dataclass(eq=False)
class ModelSession:
    """A session, with the tokens of its current generation."""

    user: ModelUser
    id: Any
    created_at: datetime
    rotated_at: datetime
    generation: int = 1
    confirmed: int = 0
    tokens: TokenPair | None = None

    def ends_at(self, policy: SessionPolicy) -> datetime:
        return min(self.rotated_at + policy.idle, self.created_at + policy.absolute)

    def key(self) -> tuple[datetime, Any]:
        """The sort key in the list of sessions."""
        return self.rotated_at, self.id

    @property
    def is_open(self) -> bool:
        return self in self.user.sessions


@dataclass(eq=False)
class ModelToken:
    """A token that was issued."""

    text: str
    kind: TokenKind
    session: ModelSession
    generation: int
    expires_at: datetime
    actor: SessionActor


@dataclass(frozen=True)
class Pick:
    """Selects one of the issued tokens: by kind, mostly of a live session, mostly a recent one."""

    kind: TokenKind
    live: bool
    back: int


def picks(*kinds: TokenKind) -> st.SearchStrategy[Pick]:
    live = st.sampled_from((True, True, True, False))
    back = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 5, 8))
    return st.builds(Pick, kind=st.sampled_from(kinds), live=live, back=back)


any_token = picks(*TokenKind)
refresh_token = picks(*[TokenKind.REFRESH] * 9, TokenKind.ACCESS)


class AccountMachine(RuleBasedStateMachine):
    """Users who register, log in and out, and use tokens of every age."""

    policies: ClassVar[tuple[SessionPolicy, ...]] = tuple(
        SessionPolicy(
            access=timedelta(minutes=5),
            idle=timedelta(days=1),
            absolute=timedelta(hours=30),
            grace=timedelta(seconds=grace),
            max_sessions=3,
        )
        for grace in (10, 10, 10, 0)
    )

    def __init__(self, store: Storage, clock: ManualClock) -> None:
        super().__init__()
        clock.set(START)
        self.clock = clock
        self.store = store
        self.users: dict[str, ModelUser] = {}
        self.issued: dict[TokenKind, list[ModelToken]] = {kind: [] for kind in TokenKind}

    @initialize(policy=st.sampled_from(policies))
    def begin(self, policy: SessionPolicy) -> None:
        self.policy = policy
        self.app = app = App(self.store, self.clock, policy)
        self.signer, self.hasher = app.signer, app.hasher
        self.sessions, self.accounts = app.sessions, app.accounts
        self._ensure_login()

    def teardown(self) -> None:
        for user in self.users.values():
            with self.store.writing(SYSTEM) as work:
                found = work.users.find_by_login(user.name)
                assert found is not None
                work.users.remove(found.id)

    # ------------------------------------------------------------ time

    @rule(
        step=st.sampled_from(
            (
                MOMENT,
                timedelta(seconds=1),
                timedelta(seconds=9),
                timedelta(seconds=11),
                timedelta(minutes=4),
                timedelta(minutes=6),
                timedelta(hours=20),
            )
        )
    )
    def wait(self, step: timedelta) -> None:
        self.clock.advance(step)

    @rule(
        pick=any_token,
        limit=st.sampled_from(("grace", "grace", "access", "access", "expiry", "idle", "absolute")),
        gap=st.sampled_from((-MOMENT, timedelta(), MOMENT)),
    )
    def wait_for_a_limit(self, pick: Pick, limit: str, gap: timedelta) -> None:
        token = self._pick(pick)
        session = token.session
        moment = {
            "grace": session.rotated_at + self.policy.grace,
            "access": session.rotated_at + self.policy.access,
            "idle": session.rotated_at + self.policy.idle,
            "absolute": session.created_at + self.policy.absolute,
            "expiry": token.expires_at,
        }[limit] + gap
        self._wait_until(moment)

    # ------------------------------------------------------------ accounts

    @rule(
        name=st.sampled_from(USERNAMES),
        email=st.none() | st.sampled_from(USERNAMES),
        password=st.sampled_from(PASSWORDS),
        data=st.data(),
    )
    def register(self, name: str, email: str | None, password: str, data: st.DataObject) -> None:
        username = data.draw(strategies.spelled(name))
        address = email and data.draw(strategies.spelled(f"{email}@example.org"))
        self._tick()
        done = attempt(
            lambda: self.app.registration.register({"username": username, "email": address}, password, password),
            UsernameTaken if name in self.users else None,
            EmailTaken if email and self._owner_of(email) else None,
        )
        if not done:
            return
        user = self.users[name] = ModelUser(name, email, password)
        self._signed_in(user, done[0])

    @rule(
        name=st.sampled_from(USERNAMES),
        by_email=st.booleans(),
        password=st.sampled_from(PASSWORDS),
        rehash=st.booleans(),
        data=st.data(),
    )
    def log_in(self, name: str, by_email: bool, password: str, rehash: bool, data: st.DataObject) -> None:
        user = self._owner_of(name) if by_email else self.users.get(name)
        login = data.draw(strategies.spelled(f"{name}@example.org" if by_email else name))
        if rehash:
            self.hasher.cost += 1
        self.hasher.clear()
        good = user is not None and user.password == password and user.is_active
        self._tick()
        done = attempt(
            lambda: self.sessions.login(login, password),
            None if good else AccountDisabled if user and user.password == password else InvalidCredentials,
        )
        assert len(self.hasher.verified) == 1
        if not done or user is None:
            return
        self._signed_in(user, done[0])

    @rule(name=st.sampled_from(USERNAMES), is_active=st.sampled_from((True, True, False)), data=st.data())
    def enable_or_disable(self, name: str, is_active: bool, data: st.DataObject) -> None:
        user = self.users.get(name)
        login = data.draw(strategies.spelled(name))
        done = attempt(
            lambda: self.app.do(SYSTEM, self.app.set_active, login, is_active),
            None if user else UserNotFound,
        )
        if done and user:
            assert done[0].is_active is is_active
            user.is_active = is_active
            if not is_active:
                user.sessions.clear()

    # ------------------------------------------------------------ tokens

    @rule(pick=refresh_token)
    def refresh(self, pick: Pick) -> None:
        self._refresh(self._pick(pick))

    @rule(
        pick=refresh_token,
        moves=st.lists(
            st.sampled_from(("current", "current", "predecessor", "predecessor", "older", "act", "grace", "access")),
            min_size=3,
            max_size=8,
        ),
        gap=st.sampled_from((-MOMENT, timedelta(), MOMENT)),
    )
    def continue_session(self, pick: Pick, moves: list[str], gap: timedelta) -> None:
        """Make several moves in one session: most rules depend on their order."""
        session = self._pick(pick).session
        for move in moves:
            if move in ("grace", "access"):
                self._wait_until(session.rotated_at + getattr(self.policy, move) + gap)
                continue
            kind = TokenKind.ACCESS if move == "act" else TokenKind.REFRESH
            generation = session.generation - {"predecessor": 1, "older": 2}.get(move, 0)
            for token in reversed(self.issued[kind]):
                if token.session is session and token.generation == generation:
                    if move == "act":
                        self._act(token, lambda actor: self.app.see(actor, self.accounts.profile))
                    else:
                        self._refresh(token)
                    break

    def _refresh(self, token: ModelToken) -> None:
        self._tick()
        expected, ends, effect = self._expected_refresh(token)
        done = attempt(lambda: self.sessions.refresh(token.text), expected)
        session = token.session
        if ends:
            session.user.sessions.remove(session)
        if not done:
            return
        if effect == "rotated":
            session.confirmed = session.generation
            session.generation += 1
        if effect:
            session.rotated_at = self.clock.now()
            self._record_tokens(session, done[0])
            return
        # The same tokens again; only `expires_in` has changed.
        assert session.tokens is not None
        assert (done[0].access, done[0].refresh) == (session.tokens.access, session.tokens.refresh)
        left = min(session.rotated_at + self.policy.access, session.ends_at(self.policy)) - self.clock.now()
        assert done[0].expires_in == max(0, ceil(min(left, self.policy.access).total_seconds()))

    @rule(pick=any_token)
    def verify(self, pick: Pick) -> None:
        token = self._pick(pick)
        if token.kind is TokenKind.REFRESH:
            expected, _, _ = self._expected_refresh(token)
            expected = SessionEnded if expected is AccountDisabled else expected
        else:
            expected = self._may_act(token)
        done = attempt(lambda: self.sessions.verify(token.text), expected)
        if done:
            assert (done[0].kind, done[0].generation) == (token.kind, token.generation)

    @rule(pick=any_token)
    def act(self, pick: Pick) -> None:
        token = self._pick(pick)
        done = self._act(token, lambda actor: self.app.see(actor, self.accounts.profile))
        if done:
            assert done[0].id == token.actor.user_id
            assert done[0].is_active

    @rule(pick=any_token, other_pick=any_token)
    def log_out(self, pick: Pick, other_pick: Pick) -> None:
        token = self._pick(pick)
        other = self._pick(other_pick)
        # An expired but genuine token still ends its session.
        self.sessions.logout(token.text, other.text)
        for session in {token.session, other.session}:
            if session.is_open:
                session.user.sessions.remove(session)

    @rule(pick=any_token)
    def list_sessions(self, pick: Pick) -> None:
        token = self._pick(pick)
        done = self._act(token, lambda actor: self.app.see(actor, self.sessions.list))
        if done:
            live = [session for session in token.session.user.sessions if self._is_live(session)]
            live.sort(key=ModelSession.key, reverse=True)
            assert [session.id for session in done[0]] == [session.id for session in live]

    @rule(pick=any_token, other_pick=any_token)
    def end_a_session(self, pick: Pick, other_pick: Pick) -> None:
        token = self._pick(pick)
        other = self._pick(other_pick)
        is_own = other.session.user is token.session.user and other.session.is_open
        done = self._act(
            token,
            lambda actor: self.app.do(actor, self.sessions.end, other.actor.session_id),
            None if is_own else SessionNotFound,
        )
        if done:
            other.session.user.sessions.remove(other.session)

    @rule(pick=any_token)
    def end_other_sessions(self, pick: Pick) -> None:
        token = self._pick(pick)
        if self._act(token, lambda actor: self.app.do(actor, self.sessions.end_others)):
            token.session.user.sessions[:] = [token.session]

    @rule(pick=any_token, current=st.sampled_from(PASSWORDS), new=st.sampled_from(PASSWORDS))
    def change_password(self, pick: Pick, current: str, new: str) -> None:
        token = self._pick(pick)
        user = token.session.user
        done = self._act(
            token,
            lambda actor: self.accounts.change_password(actor, current, new),
            None if current == user.password else InvalidInput,
        )
        if done:
            user.password = new
            user.sessions[:] = [token.session]

    @rule(
        pick=any_token,
        name=st.sampled_from(USERNAMES),
        email=st.none() | st.sampled_from(USERNAMES),
        password=st.sampled_from(PASSWORDS),
    )
    def rename(self, pick: Pick, name: str, email: str | None, password: str) -> None:
        token = self._pick(pick)
        user = token.session.user
        address = f"{email}@example.org" if email else None
        done = self._act(
            token,
            lambda actor: self.accounts.edit(actor, {"username": name, "email": address}, password),
            InvalidInput if password != user.password else None,
            UsernameTaken if self.users.get(name, user) is not user else None,
            EmailTaken if email and self._owner_of(email) not in (None, user) else None,
        )
        if done:
            del self.users[user.name]
            user.name, user.email = name, email
            self.users[name] = user

    @rule(pick=any_token, password=st.sampled_from(PASSWORDS))
    def delete(self, pick: Pick, password: str) -> None:
        token = self._pick(pick)
        user = token.session.user
        done = self._act(
            token,
            lambda actor: self.app.account_removal.delete(actor, password),
            None if password == user.password else InvalidInput,
        )
        if done:
            del self.users[user.name]
            user.sessions.clear()

    @precondition(lambda self: bool(self.users))
    @invariant()
    def users_match_the_model(self) -> None:
        with self.store.reading(SYSTEM) as work:
            for name, user in self.users.items():
                found = work.users.find_by_login(name)
                assert found is not None
                assert found.is_active is user.is_active
                stored = {session.id for session in work.sessions.list(found.id)}
                # Expired sessions can have been removed.
                assert stored <= {session.id for session in user.sessions}
                assert {session.id for session in user.sessions if self._is_live(session)} <= stored

    # ------------------------------------------------------------ the model

    def _expected_refresh(self, token: ModelToken) -> tuple[type[Exception] | None, bool, str]:
        """Return what a refresh raises, whether it ends the session, and whether it rotates or extends it."""
        now, session = self.clock.now(), token.session
        if token.kind is not TokenKind.REFRESH or now >= token.expires_at:
            return InvalidToken, False, ""
        if not session.user.is_active:
            return AccountDisabled, False, ""
        if not session.is_open or not self._is_live(session):
            return SessionEnded, False, ""
        if token.generation == session.generation:
            return None, False, "rotated"
        if token.generation == session.generation - 1 and self.policy.grace:
            if -MAX_CLOCK_SKEW <= now - session.rotated_at <= self.policy.grace:
                return None, False, ""
            if session.confirmed < session.generation:
                access_ends = min(session.rotated_at + self.policy.access, session.ends_at(self.policy))
                return None, False, "" if now < access_ends else "extended"
        return SessionEnded, True, ""

    def _may_act(self, token: ModelToken) -> type[Exception] | None:
        if self.clock.now() >= token.expires_at:
            return InvalidToken
        if not token.session.is_open or not token.session.user.is_active or not self._is_live(token.session):
            return SessionEnded
        return None

    def _is_live(self, session: ModelSession) -> bool:
        return self.clock.now() < session.ends_at(self.policy)

    def _owner_of(self, email: str) -> ModelUser | None:
        return next((user for user in self.users.values() if user.email == email), None)

    def _signed_in(self, user: ModelUser, signed_in: LoggedIn) -> None:
        now = self.clock.now()
        live = sorted(
            (session for session in user.sessions if self._is_live(session)),
            key=ModelSession.key,
            reverse=True,
        )
        session_id = self.signer.read(signed_in.tokens.access).session_id
        session = ModelSession(user, session_id, created_at=now, rotated_at=now)
        user.sessions[:] = [*live[: self.policy.max_sessions - 1], session]
        self._record_tokens(session, signed_in.tokens)

    def _record_tokens(self, session: ModelSession, tokens: TokenPair) -> None:
        """Record the tokens of a new or extended generation."""
        assert session.tokens is None or tokens.refresh != session.tokens.refresh
        session.tokens = tokens
        session_ends = session.ends_at(self.policy)
        access_ends = min(session.rotated_at + self.policy.access, session_ends)
        assert tokens.expires_in == ceil((access_ends - self.clock.now()).total_seconds())
        access = self._token(tokens.access, TokenKind.ACCESS, session, access_ends)
        refresh = self._token(tokens.refresh, TokenKind.REFRESH, session, session_ends)
        self.issued[TokenKind.ACCESS].append(access)
        self.issued[TokenKind.REFRESH].append(refresh)

    def _pick(self, pick: Pick) -> ModelToken:
        if not any(self._live(kind) for kind in TokenKind):
            self._ensure_login()
        tokens = (pick.live and self._live(pick.kind)) or self.issued[pick.kind]
        return tokens[-1 - pick.back % len(tokens)]

    def _live(self, kind: TokenKind) -> list[ModelToken]:
        return [
            token
            for token in self.issued[kind]
            if token.session.is_open and self._is_live(token.session) and token.expires_at > self.clock.now()
        ]

    def _ensure_login(self) -> None:
        """Log an active user in, so that there are live tokens."""
        self._tick()
        active = [user for user in self.users.values() if user.is_active]
        if active:
            self._signed_in(active[0], self.sessions.login(active[0].name, active[0].password))
            return
        name = next((name for name in USERNAMES if name not in self.users), None)
        if name is None:
            user = next(iter(self.users.values()))
            self.app.do(SYSTEM, self.app.set_active, user.name, True)
            user.is_active = True
        else:
            user = self.users[name] = ModelUser(name, None, PASSWORDS[0])
            self._signed_in(user, self.app.registration.register({"username": name}, PASSWORDS[0]))

    def _token(self, text: str, kind: TokenKind, session: ModelSession, expires_at: datetime) -> ModelToken:
        claims = self.signer.read(text, expired=True)
        expires_at = expires_at.replace(microsecond=0)
        assert (claims.kind, claims.generation, claims.expires_at) == (kind, session.generation, expires_at)
        actor = SessionActor(claims.user_id, claims.session_id, claims.generation)
        return ModelToken(text, kind, session, session.generation, expires_at, actor)

    def _wait_until(self, moment: datetime) -> None:
        self.clock.set(max(moment, self.clock.now()))

    def _tick(self) -> None:
        """Avoid equal refresh times, so that the order of sessions is unique."""
        self.clock.advance(MOMENT)

    def _act(
        self, token: ModelToken, call: Callable[[SessionActor], object], *errors: type[Exception] | None
    ) -> tuple[Any] | None:
        """Use a token of either kind as an access token; if accepted, it confirms its generation."""
        refused = self._may_act(token)
        if refused is None and token.generation > token.session.confirmed:
            # A unit of work that is rolled back may not have confirmed, so confirm first.
            self.app.see(token.actor, self.accounts.profile)
            token.session.confirmed = token.generation

        def read_and_call() -> object:
            self.signer.read(token.text)
            return call(token.actor)

        return attempt(read_and_call, *((refused,) if refused else errors))


class HostsMachine(AccountMachine):
    """The same on two hosts whose clocks differ by 90 seconds."""

    @initialize()
    def begin_on_the_host_behind(self) -> None:
        self.ahead = 90 * SECOND

    @rule()
    def continue_on_the_other_host(self) -> None:
        self.clock.advance(self.ahead)
        self.ahead = -self.ahead


class JumpingMachine(AccountMachine):
    """The same on a host whose clock jumps by a day."""

    @rule(jump=st.sampled_from((timedelta(days=1), timedelta(days=-1))))
    def correct_the_clock(self, jump: timedelta) -> None:
        self.clock.advance(jump)


class TestAccounts:
    def test_a_token_is_accepted_if_and_only_if_the_model_accepts_it(
        self, backend: Backend, store: Storage, clock: ManualClock
    ) -> None:
        run_state_machine(lambda: AccountMachine(store, clock), backend, in_memory=12)

    @pytest.mark.parametrize("machine", [HostsMachine, JumpingMachine])
    def test_a_token_is_accepted_if_and_only_if_the_model_accepts_it_while_clocks_differ(
        self, backend: Backend, store: Storage, clock: ManualClock, machine: type[AccountMachine]
    ) -> None:
        run_state_machine(lambda: machine(store, clock), backend, in_memory=8, on_sql=2)
