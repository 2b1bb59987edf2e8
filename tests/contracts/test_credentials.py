"""Random operations on API tokens and two-factor authentication, compared with a model.

`test_accounts` covers sessions and their tokens; this machine covers the other credentials and the recorded events.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tasktracker.domain.activity.event import Kind, Origin, Outcome
from tasktracker.domain.api_tokens import api_token
from tasktracker.domain.api_tokens.api_token import ApiTokenFields
from tasktracker.domain.kernel.actors import Scope, SessionActor
from tasktracker.domain.kernel.errors import (
    AccountDisabled,
    ApiTokenNotFound,
    CodeRequired,
    ConfirmationRequired,
    InsufficientScope,
    InvalidCredentials,
    InvalidInput,
    SessionEnded,
    TooManyApiTokens,
    TwoFactorOff,
    TwoFactorOn,
)
from tasktracker.domain.kernel.paging import MAX_PAGE
from tasktracker.domain.work import Storage
from tests.backends import Backend
from tests.contracts.base import attempt, run_state_machine
from tests.fakes import START, SYSTEM, App, ManualClock, RecordingAuditLog

USERNAMES = ("alice", "bob")
PASSWORDS = ("correct horse", "battery staple")
ORIGIN = Origin("192.0.2.1")
STEP = 30  # seconds
TOKEN_LIMIT = 4


@dataclass(eq=False)
class ModelUser:
    """An account with its credentials and expected events."""

    name: str
    actor: SessionActor
    password: str = PASSWORDS[0]
    is_active: bool = True
    secret: str | None = None
    has_second_factor: bool = False
    used_step: int = 0
    recovery: list[str] = field(default_factory=list)
    events: list[tuple[Kind, Outcome]] = field(default_factory=list)


@dataclass(eq=False)
class ModelToken:
    """An API token that was issued."""

    owner: ModelUser
    id: UUID
    text: str
    scopes: frozenset[Scope]
    expires_at: datetime | None
    is_revoked: bool = False


class CredentialMachine(RuleBasedStateMachine):
    """Two users who use and change the credentials of their accounts."""

    def __init__(self, store: Storage, clock: ManualClock, audit_log: RecordingAuditLog) -> None:
        super().__init__()
        clock.set(START)
        self.store, self.clock, self.audit_log = store, clock, audit_log
        self.users: list[ModelUser] = []
        self.tokens: list[ModelToken] = []

    @initialize()
    def begin(self) -> None:
        self.app = App(self.store, self.clock, api_token_limit=TOKEN_LIMIT)
        self.audit_log.events.clear()
        for name in USERNAMES:
            actor = self.app.actor(self.app.registration.register({"username": name}, PASSWORDS[0], origin=ORIGIN))
            user = ModelUser(name, actor)
            self.users.append(user)
            self._expect_event(user, Kind.REGISTER)

    def teardown(self) -> None:
        for user in self.users:
            with self.store.writing(SYSTEM) as work:
                work.users.remove(user.actor.user_id)

    @rule(seconds=st.sampled_from((0.000001, 1, STEP - 1, STEP, STEP + 1, 3 * STEP, 3600)))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    # ------------------------------------------------------------ API tokens

    @rule(
        index=st.sampled_from((0, 1)),
        scopes=st.lists(st.sampled_from(Scope), min_size=1, max_size=3),
        lifetime=st.sampled_from((None, -1, 0, 1, 60, 7200)),
        code=st.sampled_from((None, 0, 0, 1, 2, "recovery", "nonsense")),
    )
    def create_token(self, index: int, scopes: list[Scope], lifetime: int | None, code: int | str | None) -> None:
        user = self.users[index]
        text, accept, lacks_code, is_wrong = self._second_factor(user, code)
        expires_at = None if lifetime is None else self.clock.now() + timedelta(seconds=lifetime)
        active = [token for token in self.tokens if token.owner is user and not token.is_revoked]
        done = attempt(
            lambda: self.app.api_tokens.create(
                user.actor,
                ApiTokenFields(name=" script ", scopes=frozenset(scopes), expires_at=expires_at),
                user.password,
                text,
                ORIGIN,
            ),
            InvalidInput if lifetime is not None and lifetime <= 0 else None,
            None if user.is_active else SessionEnded,
            ConfirmationRequired if lacks_code else None,
            InvalidInput if is_wrong else None,
            TooManyApiTokens if len(active) >= TOKEN_LIMIT else None,
        )
        if done:
            accept()
            token, text = done[0]
            assert (token.name, token.scopes, token.expires_at) == ("script", frozenset(scopes), expires_at)
            self.tokens.append(ModelToken(user, token.id, text, token.scopes, expires_at))
            self._expect_event(user, Kind.API_TOKEN_CREATE)
        elif user.is_active and is_wrong:
            self._expect_event(user, Kind.API_TOKEN_CREATE, Outcome.FAILURE)

    @rule(index=st.sampled_from((0, 1)), back=st.integers(0, 5))
    def revoke_token(self, index: int, back: int) -> None:
        user = self.users[index]
        if not self.tokens:
            return
        token = self.tokens[-1 - back % len(self.tokens)]
        is_own = token.owner is user and not token.is_revoked
        done = attempt(
            lambda: self.app.do(user.actor, self.app.api_tokens.revoke, token.id, ORIGIN),
            None if user.is_active else SessionEnded,
            None if is_own or not user.is_active else ApiTokenNotFound,
        )
        if done:
            token.is_revoked = True
            self._expect_event(user, Kind.API_TOKEN_REVOKE)

    @rule(back=st.integers(0, 5), writes=st.booleans())
    def act_by_token(self, back: int, writes: bool) -> None:
        if not self.tokens:
            return
        token = self.tokens[-1 - back % len(self.tokens)]
        actor = api_token.actor_of(token.text)
        assert (actor.user_id, actor.token_id) == (token.owner.actor.user_id, token.id)
        is_invalid = token.is_revoked or not token.owner.is_active
        is_invalid = is_invalid or (token.expires_at is not None and self.clock.now() >= token.expires_at)
        needed = Scope.TASKS_WRITE if writes else Scope.TASKS_READ
        attempt(
            lambda: (
                self.app.do(actor, self.app.tasks.create, {"title": "by script"})
                if writes
                else self.app.see(actor, self.app.categories.list)
            ),
            SessionEnded if is_invalid else None,
            InsufficientScope if not is_invalid and needed not in token.scopes else None,
        )

    # ------------------------------------------------------------ two factors

    @rule(index=st.sampled_from((0, 1)), password=st.sampled_from(PASSWORDS))
    def enrol(self, index: int, password: str) -> None:
        user = self.users[index]
        right = password == user.password
        done = attempt(
            lambda: self.app.two_factor.enrol(user.actor, password, ORIGIN),
            None if user.is_active else SessionEnded,
            InvalidInput if user.is_active and not right and not user.has_second_factor else None,
            TwoFactorOn if user.is_active and user.has_second_factor else None,
        )
        if done:
            user.secret = done[0].secret
        elif user.is_active and not user.has_second_factor:
            self._expect_event(user, Kind.TWO_FACTOR_ENABLE, Outcome.FAILURE)

    @rule(index=st.sampled_from((0, 0, 1)), offset=st.sampled_from((0, 0, 0, -1, 1, 2)))
    def confirm(self, index: int, offset: int) -> None:
        user = self.users[index]
        step = self._now_step() + offset
        active, open_ = user.is_active, user.secret is not None and not user.has_second_factor
        wrong = abs(offset) > 1
        done = attempt(
            lambda: self.app.two_factor.confirm(user.actor, self._code(user, step), ORIGIN),
            None if active else SessionEnded,
            TwoFactorOff if active and user.secret is None else None,
            TwoFactorOn if active and user.has_second_factor else None,
            InvalidInput if active and open_ and wrong else None,
        )
        if done:
            user.has_second_factor, user.used_step, user.recovery = True, step, list(done[0])
            self._expect_event(user, Kind.TWO_FACTOR_ENABLE)
        elif active and open_:
            self._expect_event(user, Kind.TWO_FACTOR_ENABLE, Outcome.FAILURE)

    @rule(
        index=st.sampled_from((0, 0, 1)),
        password=st.sampled_from(PASSWORDS),
        code=st.sampled_from((-1, 0, 0, 1, 2, "recovery", "used", "nonsense")),
    )
    def disable_second_factor(self, index: int, password: str, code: int | str) -> None:
        user = self.users[index]
        text, accept = self._choose(user, code)
        right = password == user.password
        on, active = user.has_second_factor, user.is_active
        done = attempt(
            lambda: self.app.two_factor.disable(user.actor, password, text, ORIGIN),
            None if active else SessionEnded,
            InvalidInput if active and not right else None,
            TwoFactorOff if active and right and not on else None,
            InvalidInput if active and right and on and accept is None else None,
        )
        if done:
            if code == "recovery":
                self._expect_event(user, Kind.RECOVERY_CODE_USE)
            user.secret, user.has_second_factor, user.recovery, user.used_step = None, False, [], 0
            self._expect_event(user, Kind.TWO_FACTOR_DISABLE)
        elif active and (not right or on):
            self._expect_event(user, Kind.TWO_FACTOR_DISABLE, Outcome.FAILURE)

    @rule(
        index=st.sampled_from((0, 0, 0, 1)),
        right=st.sampled_from((True, True, True, False)),
        code=st.sampled_from((None, -1, 0, 0, 0, 1, 2, "recovery", "recovery", "used", "nonsense")),
    )
    def log_in(self, index: int, right: bool, code: int | str | None) -> None:
        user = self.users[index]
        password = user.password if right else "something else"
        text, accept = (None, None) if code is None else self._choose(user, code)
        good, on = right and user.is_active, user.has_second_factor
        done = attempt(
            lambda: self.app.sessions.login(user.name, password, None, text, ORIGIN),
            None if good else AccountDisabled if right else InvalidCredentials,
            CodeRequired if good and on and text is None else None,
            InvalidCredentials if good and on and text is not None and accept is None else None,
        )
        if done:
            if on and accept is not None:
                accept()
                if code == "recovery":
                    self._expect_event(user, Kind.RECOVERY_CODE_USE)
            user.actor = self.app.actor(done[0])
            self._expect_event(user, Kind.LOGIN)
        elif not (good and on and text is None):
            self._expect_event(user, Kind.LOGIN, Outcome.FAILURE)

    # ------------------------------------------------------------ accounts

    @rule(
        index=st.sampled_from((0, 1)),
        current=st.sampled_from(PASSWORDS),
        new=st.sampled_from(PASSWORDS),
        code=st.sampled_from((None, 0, 0, 1, 2, "recovery", "nonsense")),
    )
    def change_password(self, index: int, current: str, new: str, code: int | str | None) -> None:
        user = self.users[index]
        right = current == user.password
        text, accept, lacks_code, is_wrong = self._second_factor(user, code)
        done = attempt(
            lambda: self.app.accounts.change_password(user.actor, current, new, ORIGIN, text),
            None if user.is_active else SessionEnded,
            InvalidInput if user.is_active and not right else None,
            ConfirmationRequired if user.is_active and right and lacks_code else None,
            InvalidInput if user.is_active and right and is_wrong else None,
        )
        if done:
            accept()
            user.password = new
            self._expect_event(user, Kind.PASSWORD_CHANGE)
        elif user.is_active and not (right and lacks_code):
            self._expect_event(user, Kind.PASSWORD_CHANGE, Outcome.FAILURE)

    @rule(index=st.sampled_from((0, 1)), is_active=st.sampled_from((True, True, False)))
    def enable_or_disable(self, index: int, is_active: bool) -> None:
        user = self.users[index]
        self.app.do(SYSTEM, self.app.set_active, user.name, is_active)
        was_enabled = is_active and not user.is_active
        if is_active != user.is_active:
            self._expect_event(user, Kind.ENABLE if is_active else Kind.DISABLE)
        user.is_active = is_active
        if was_enabled:
            # Disabling the user ended all sessions: log in again.
            self._log_in_again(user)

    # ------------------------------------------------------------ events

    @invariant()
    def events_match_the_model(self) -> None:
        for user in self.users:
            with self.store.reading(SYSTEM) as work:
                page = work.activity.list(user.actor.user_id, None, MAX_PAGE)
            newest_first = [(event.kind, event.outcome) for event in page.items]
            assert newest_first == user.events[::-1][:MAX_PAGE]
            assert (
                newest_first
                == [
                    (event.kind, event.outcome)
                    for event in reversed(self.audit_log.events)
                    if event.user_id == user.actor.user_id
                ][:MAX_PAGE]
            )

    @invariant()
    def tokens_that_were_not_revoked_are_listed(self) -> None:
        for user in self.users:
            with self.store.reading(SYSTEM) as work:
                found = [token.id for token in work.api_tokens.list(user.actor.user_id)]
            active = [token for token in self.tokens if token.owner is user and not token.is_revoked]
            assert sorted(found) == sorted(token.id for token in active)

    # ------------------------------------------------------------ the model

    def _log_in_again(self, user: ModelUser) -> None:
        code = None
        if user.has_second_factor:
            while self._now_step() <= user.used_step:
                self.clock.advance(seconds=STEP)
            user.used_step = self._now_step()
            code = self._code(user, user.used_step)
        user.actor = self.app.actor(self.app.sessions.login(user.name, user.password, None, code, ORIGIN))
        self._expect_event(user, Kind.LOGIN)

    def _choose(self, user: ModelUser, code: int | str) -> tuple[str, Callable[[], None] | None]:
        """Return a code, and a function that records its use, or None if it must be refused."""
        if isinstance(code, int):
            step = self._now_step() + code

            def use_step() -> None:
                user.used_step = step

            return self._code(user, step), use_step if abs(code) <= 1 and step > user.used_step else None
        if code == "recovery" and user.recovery:
            text = user.recovery[-1]
            return text.upper().replace("-", " "), lambda: user.recovery.remove(text)
        if code == "used":
            return self._code(user, user.used_step), None
        return "nonsense", None

    def _second_factor(
        self, user: ModelUser, code: int | str | None
    ) -> tuple[str | None, Callable[[], None], bool, bool]:
        """Return a code, a function that records its use, whether a required code is missing, and whether it is bad."""
        text, use = (None, None) if code is None else self._choose(user, code)
        on = user.has_second_factor

        def accept() -> None:
            if on and use is not None:
                use()
                if code == "recovery":
                    self._expect_event(user, Kind.RECOVERY_CODE_USE)

        return text, accept, on and text is None, on and text is not None and use is None

    def _code(self, user: ModelUser, step: int) -> str:
        return self.app.codes.code(user.secret or "SECRET", step)

    def _now_step(self) -> int:
        return int(self.clock.now().timestamp()) // STEP

    def _expect_event(self, user: ModelUser, kind: Kind, outcome: Outcome = Outcome.SUCCESS) -> None:
        user.events.append((kind, outcome))


class TestCredentials:
    def test_credentials_are_accepted_if_and_only_if_the_model_accepts_them(
        self, backend: Backend, store: Storage, clock: ManualClock, audit_log: RecordingAuditLog
    ) -> None:
        run_state_machine(lambda: CredentialMachine(store, clock, audit_log), backend, in_memory=12)
