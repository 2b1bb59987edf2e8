"""Accounts, sessions and tokens, whatever is done in whatever order, against a model of what must happen.

The model says again, in the plainest words, what the domain says in its own; neither looks at the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tasktracker.domain.accounts.session import SessionPolicy
from tasktracker.domain.accounts.session_service import SignedIn
from tasktracker.domain.accounts.token import TokenKind, TokenPair
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import (
    DomainError,
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
from tests.contracts.base import run
from tests.fakes import START, SYSTEM, App, ManualClock

PEOPLE = ("alice", "stra\u00dfe", "\u00c5ngstr\u00f6m")
PASSWORDS = ("correct horse", "battery staple", "pa\u00dfw\u00f6rter")
MOMENT = timedelta(microseconds=1)


@dataclass(eq=False)
class ModelUser:
    """An account, and the sessions that were not ended. `person` stands for all spellings of the username."""

    person: str
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

    @property
    def is_kept(self) -> bool:
        return self in self.user.sessions


@dataclass(eq=False)
class ModelToken:
    """A token that was given out once."""

    text: str
    kind: TokenKind
    session: ModelSession
    generation: int
    expires_at: datetime
    actor: SessionActor


@dataclass(frozen=True)
class Pick:
    """One of the tokens given out so far: of a kind, mostly of a live session, mostly of the latest."""

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
    """People who register, log in and out, and come back with tokens of every age."""

    policies: ClassVar[tuple[SessionPolicy, ...]] = tuple(
        SessionPolicy(
            access=timedelta(minutes=5),
            idle=timedelta(days=1),
            absolute=timedelta(hours=30),
            grace=timedelta(seconds=grace),
            most=3,
        )
        for grace in (10, 10, 10, 0)
    )

    def __init__(self, store: Storage, clock: ManualClock) -> None:
        super().__init__()
        clock.set(START)
        self.clock = clock
        self.store = store
        self.people: dict[str, ModelUser] = {}
        self.given_out: dict[TokenKind, list[ModelToken]] = {kind: [] for kind in TokenKind}

    @initialize(policy=st.sampled_from(policies))
    def begin(self, policy: SessionPolicy) -> None:
        self.policy = policy
        self.app = app = App(self.store, self.clock, policy)
        self.signer, self.hasher = app.signer, app.hasher
        self.sessions, self.accounts = app.sessions, app.accounts
        self._come_back()

    def teardown(self) -> None:
        for user in self.people.values():
            with self.store.writing(SYSTEM) as work:
                found = work.users.find_by_login(user.person)
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
        person=st.sampled_from(PEOPLE),
        email=st.none() | st.sampled_from(PEOPLE),
        password=st.sampled_from(PASSWORDS),
        data=st.data(),
    )
    def register(self, person: str, email: str | None, password: str, data: st.DataObject) -> None:
        username = data.draw(strategies.spelled(person))
        address = email and data.draw(strategies.spelled(f"{email}@example.org"))
        self._tick()
        done = self._try(
            lambda: self.app.registration.register({"username": username, "email": address}, password, password),
            UsernameTaken if person in self.people else None,
            EmailTaken if email and self._owner_of(email) else None,
        )
        if not done:
            return
        user = self.people[person] = ModelUser(person, email, password)
        self._signed_in(user, done.value)

    @rule(
        person=st.sampled_from(PEOPLE),
        by_email=st.booleans(),
        password=st.sampled_from(PASSWORDS),
        rehash=st.booleans(),
        data=st.data(),
    )
    def log_in(self, person: str, by_email: bool, password: str, rehash: bool, data: st.DataObject) -> None:
        user = self._owner_of(person) if by_email else self.people.get(person)
        login = data.draw(strategies.spelled(f"{person}@example.org" if by_email else person))
        if rehash:
            self.hasher.cost += 1
        self.hasher.forget()
        good = user is not None and user.password == password and user.is_active
        self._tick()
        done = self._try(lambda: self.sessions.login(login, password), None if good else InvalidCredentials)
        assert len(self.hasher.verified) == 1
        if not done or user is None:
            return
        self._signed_in(user, done.value)

    @rule(person=st.sampled_from(PEOPLE), is_active=st.sampled_from((True, True, False)), data=st.data())
    def enable_or_disable(self, person: str, is_active: bool, data: st.DataObject) -> None:
        user = self.people.get(person)
        login = data.draw(strategies.spelled(person))
        done = self._try(
            lambda: self.app.do(SYSTEM, self.accounts.set_active, login, is_active), None if user else UserNotFound
        )
        if done and user:
            assert done.value.is_active is is_active
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
    def carry_on(self, pick: Pick, moves: list[str], gap: timedelta) -> None:
        """Go on for a while in one session, which is where most of the rules are about the order of things."""
        session = self._pick(pick).session
        for move in moves:
            if move in ("grace", "access"):
                self._wait_until(session.rotated_at + getattr(self.policy, move) + gap)
                continue
            kind = TokenKind.ACCESS if move == "act" else TokenKind.REFRESH
            generation = session.generation - {"predecessor": 1, "older": 2}.get(move, 0)
            for token in reversed(self.given_out[kind]):
                if token.session is session and token.generation == generation:
                    if move == "act":
                        self._act(token, lambda actor: self.app.see(actor, self.accounts.profile))
                    else:
                        self._refresh(token)
                    break

    def _refresh(self, token: ModelToken) -> None:
        self._tick()
        expected, ends, moves = self._judge(token)
        done = self._try(lambda: self.sessions.refresh(token.text), expected)
        session = token.session
        if ends:
            session.user.sessions.remove(session)
        if not done:
            return
        if moves == "rotated":
            session.confirmed = session.generation
            session.generation += 1
        if moves:
            session.rotated_at = self.clock.now()
            self._given_out(session, done.value)
            return
        # The very same tokens once more: only what is left of their time has changed.
        assert session.tokens is not None
        assert (done.value.access, done.value.refresh) == (session.tokens.access, session.tokens.refresh)
        left = min(session.rotated_at + self.policy.access, session.ends_at(self.policy)) - self.clock.now()
        assert done.value.expires_in == max(0, int(left.total_seconds()))

    @rule(pick=any_token)
    def verify(self, pick: Pick) -> None:
        token = self._pick(pick)
        if token.kind is TokenKind.REFRESH:
            expected, _, _ = self._judge(token)
        else:
            expected = self._may_act(token)
        done = self._try(lambda: self.sessions.verify(token.text), expected)
        if done:
            assert (done.value.kind, done.value.generation) == (token.kind, token.generation)

    @rule(pick=any_token)
    def act(self, pick: Pick) -> None:
        token = self._pick(pick)
        done = self._act(token, lambda actor: self.app.see(actor, self.accounts.profile))
        if done:
            assert done.value.id == token.actor.user_id
            assert done.value.is_active

    @rule(pick=any_token, other_pick=any_token)
    def log_out(self, pick: Pick, other_pick: Pick) -> None:
        token = self._pick(pick)
        other = self._pick(other_pick)
        # Neither expiry nor anything else keeps a genuine token from ending its session.
        self.sessions.logout(token.text, other.text)
        for session in {token.session, other.session}:
            if session.is_kept:
                session.user.sessions.remove(session)

    @rule(pick=any_token)
    def list_sessions(self, pick: Pick) -> None:
        token = self._pick(pick)
        done = self._act(token, lambda actor: self.app.see(actor, self.sessions.list))
        if done:
            live = [session for session in token.session.user.sessions if self._is_live(session)]
            live.sort(key=lambda session: session.rotated_at, reverse=True)
            assert [session.id for session in done.value] == [session.id for session in live]

    @rule(pick=any_token, other_pick=any_token)
    def end_a_session(self, pick: Pick, other_pick: Pick) -> None:
        token = self._pick(pick)
        other = self._pick(other_pick)
        mine = other.session.user is token.session.user and other.session.is_kept
        done = self._act(
            token,
            lambda actor: self.app.do(actor, self.sessions.end, other.actor.session_id),
            None if mine else SessionNotFound,
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
        person=st.sampled_from(PEOPLE),
        email=st.none() | st.sampled_from(PEOPLE),
        password=st.sampled_from(PASSWORDS),
    )
    def rename(self, pick: Pick, person: str, email: str | None, password: str) -> None:
        token = self._pick(pick)
        user = token.session.user
        address = f"{email}@example.org" if email else None
        done = self._act(
            token,
            lambda actor: self.accounts.edit(actor, {"username": person, "email": address}, password),
            InvalidInput if password != user.password else None,
            UsernameTaken if self.people.get(person, user) is not user else None,
            EmailTaken if email and self._owner_of(email) not in (None, user) else None,
        )
        if done:
            del self.people[user.person]
            user.person, user.email = person, email
            self.people[person] = user

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
            del self.people[user.person]
            user.sessions.clear()

    @precondition(lambda self: bool(self.people))
    @invariant()
    def everybody_is_who_they_are(self) -> None:
        with self.store.reading(SYSTEM) as work:
            for person, user in self.people.items():
                found = work.users.find_by_login(person)
                assert found is not None
                assert found.is_active is user.is_active
                stored = {session.id for session in work.sessions.list(found.id)}
                # Those that expired may have been cleared away.
                assert stored <= {session.id for session in user.sessions}
                assert {session.id for session in user.sessions if self._is_live(session)} <= stored

    # ------------------------------------------------------------ the model

    def _judge(self, token: ModelToken) -> tuple[type[Exception] | None, bool, str]:
        """Return what refreshing raises, whether it ends the session, and whether it moves or re-dates it."""
        now, session = self.clock.now(), token.session
        if token.kind is not TokenKind.REFRESH or now >= token.expires_at:
            return InvalidToken, False, ""
        if not session.is_kept or not session.user.is_active or not self._is_live(session):
            return SessionEnded, False, ""
        if token.generation == session.generation:
            return None, False, "rotated"
        if token.generation == session.generation - 1 and self.policy.grace:
            if now <= session.rotated_at + self.policy.grace:
                return None, False, ""
            if session.confirmed < session.generation:
                access_ends = min(session.rotated_at + self.policy.access, session.ends_at(self.policy))
                return None, False, "" if now < access_ends else "re-dated"
        return SessionEnded, True, ""

    def _may_act(self, token: ModelToken) -> type[Exception] | None:
        if self.clock.now() >= token.expires_at:
            return InvalidToken
        if not token.session.is_kept or not token.session.user.is_active or not self._is_live(token.session):
            return SessionEnded
        return None

    def _is_live(self, session: ModelSession) -> bool:
        return self.clock.now() < session.ends_at(self.policy)

    def _owner_of(self, email: str) -> ModelUser | None:
        return next((user for user in self.people.values() if user.email == email), None)

    def _signed_in(self, user: ModelUser, signed_in: SignedIn) -> None:
        now = self.clock.now()
        live = sorted(
            (session for session in user.sessions if self._is_live(session)),
            key=lambda session: session.rotated_at,
            reverse=True,
        )
        session_id = self.signer.read(signed_in.tokens.access).session_id
        session = ModelSession(user, session_id, created_at=now, rotated_at=now)
        user.sessions[:] = [*live[: self.policy.most - 1], session]
        self._given_out(session, signed_in.tokens)

    def _given_out(self, session: ModelSession, tokens: TokenPair) -> None:
        """Take up the tokens of a new generation, or of a newly dated one."""
        assert session.tokens is None or tokens.refresh != session.tokens.refresh
        session.tokens = tokens
        session_ends = session.ends_at(self.policy)
        access_ends = min(session.rotated_at + self.policy.access, session_ends)
        assert tokens.expires_in == int((access_ends - self.clock.now()).total_seconds())
        access = self._token(tokens.access, TokenKind.ACCESS, session, access_ends)
        refresh = self._token(tokens.refresh, TokenKind.REFRESH, session, session_ends)
        self.given_out[TokenKind.ACCESS].append(access)
        self.given_out[TokenKind.REFRESH].append(refresh)

    def _pick(self, pick: Pick) -> ModelToken:
        if not any(self._live(kind) for kind in TokenKind):
            self._come_back()
        tokens = (pick.live and self._live(pick.kind)) or self.given_out[pick.kind]
        return tokens[-1 - pick.back % len(tokens)]

    def _live(self, kind: TokenKind) -> list[ModelToken]:
        return [
            token
            for token in self.given_out[kind]
            if token.session.is_kept and self._is_live(token.session) and token.expires_at > self.clock.now()
        ]

    def _come_back(self) -> None:
        """Have somebody log in who can: with nobody there, nothing much happens."""
        self._tick()
        active = [user for user in self.people.values() if user.is_active]
        if active:
            self._signed_in(active[0], self.sessions.login(active[0].person, active[0].password))
            return
        person = next((person for person in PEOPLE if person not in self.people), None)
        if person is None:
            user = next(iter(self.people.values()))
            self.app.do(SYSTEM, self.accounts.set_active, user.person, True)
            user.is_active = True
        else:
            user = self.people[person] = ModelUser(person, None, PASSWORDS[0])
            self._signed_in(user, self.app.registration.register({"username": person}, PASSWORDS[0]))

    def _token(self, text: str, kind: TokenKind, session: ModelSession, expires_at: datetime) -> ModelToken:
        claims = self.signer.read(text, expired=True)
        expires_at = expires_at.replace(microsecond=0)
        assert (claims.kind, claims.generation, claims.expires_at) == (kind, session.generation, expires_at)
        actor = SessionActor(claims.user_id, claims.session_id, claims.generation)
        return ModelToken(text, kind, session, session.generation, expires_at, actor)

    def _wait_until(self, moment: datetime) -> None:
        self.clock.set(max(moment, self.clock.now()))

    def _tick(self) -> None:
        """Nothing is refreshed at the moment something else is, so that the order of sessions is certain."""
        self.clock.advance(MOMENT)

    def _act(
        self, token: ModelToken, call: Callable[[SessionActor], object], *errors: type[Exception] | None
    ) -> Done | None:
        """Use a token of either kind as an access token; it confirms its generation if it may act at all."""
        refused = self._may_act(token)
        if refused is None and token.generation > token.session.confirmed:
            # A work that is undone may or may not have confirmed: see to it that it is.
            self.app.see(token.actor, self.accounts.profile)
            token.session.confirmed = token.generation

        def read_and_call() -> object:
            self.signer.read(token.text)
            return call(token.actor)

        return self._try(read_and_call, *((refused,) if refused else errors))

    def _try(self, call: Callable[[], object], *errors: type[Exception] | None) -> Done | None:
        """Make a call that must raise one of these errors, if there are any. Return what came of it otherwise."""
        expected = [error for error in errors if error]
        caught: DomainError | None = None
        value = None
        try:
            value = call()
        except DomainError as error:
            caught = error
        if caught is None:
            assert not expected, f"expected {expected}, not success"
            return Done(value)
        assert type(caught) in expected, f"expected {expected or 'success'}, not {caught!r}"
        return None


@dataclass
class Done:
    """What a call that succeeded returned."""

    value: Any


class TestAccountHistory:
    """However people come and go, exactly those tokens work that should."""

    def test_a_token_is_accepted_if_and_only_if_the_model_accepts_it(
        self, backend: Backend, store: Storage, clock: ManualClock
    ) -> None:
        run(lambda: AccountMachine(store, clock), backend, in_memory=50)
