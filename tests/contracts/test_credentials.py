"""API tokens and two-factor authentication, whatever is done in whatever order, against a model of what must happen.

A second machine beside that of `accounts`, which is about sessions and their tokens: this one is about what else opens
an account, and about what is on record of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tasktracker.domain.activity.event import Kind, Origin, Outcome
from tasktracker.domain.api_tokens import api_token
from tasktracker.domain.api_tokens.api_token import ApiTokenFields
from tasktracker.domain.kernel.actors import Scope, SessionActor
from tasktracker.domain.kernel.errors import (
    ApiTokenNotFound,
    CodeRequired,
    DomainError,
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
from tests.contracts.base import run
from tests.fakes import START, SYSTEM, App, ManualClock, RecordingAuditLog

PEOPLE = ("alice", "bob")
PASSWORDS = ("correct horse", "battery staple")
ORIGIN = Origin("192.0.2.1")
STEP = 30  # seconds
MOST = 4


@dataclass(eq=False)
class ModelPerson:
    """An account, and what opens it."""

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
    """An API token that was given out once."""

    owner: ModelPerson
    id: UUID
    text: str
    scopes: frozenset[Scope]
    expires_at: datetime | None
    is_revoked: bool = False


class CredentialMachine(RuleBasedStateMachine):
    """Two people who guard their accounts, more or less well."""

    def __init__(self, store: Storage, clock: ManualClock, audit_log: RecordingAuditLog) -> None:
        super().__init__()
        clock.set(START)
        self.store, self.clock, self.audit_log = store, clock, audit_log
        self.people: list[ModelPerson] = []
        self.tokens: list[ModelToken] = []

    @initialize()
    def begin(self) -> None:
        self.app = App(self.store, self.clock, api_token_limit=MOST)
        self.audit_log.events.clear()
        for name in PEOPLE:
            actor = self.app.actor(self.app.registration.register({"username": name}, PASSWORDS[0], origin=ORIGIN))
            person = ModelPerson(name, actor)
            self.people.append(person)
            self._happened(person, Kind.REGISTER)

    def teardown(self) -> None:
        for person in self.people:
            with self.store.writing(SYSTEM) as work:
                work.users.remove(person.actor.user_id)

    @rule(seconds=st.sampled_from((0.000001, 1, STEP - 1, STEP, STEP + 1, 3 * STEP, 3600)))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    # ------------------------------------------------------------ API tokens

    @rule(
        who=st.sampled_from((0, 1)),
        scopes=st.lists(st.sampled_from(Scope), min_size=1, max_size=3),
        life=st.sampled_from((None, -1, 0, 1, 60, 7200)),
    )
    def create_token(self, who: int, scopes: list[Scope], life: int | None) -> None:
        person = self.people[who]
        expires_at = None if life is None else self.clock.now() + timedelta(seconds=life)
        kept = [token for token in self.tokens if token.owner is person and not token.is_revoked]
        done = self._try(
            lambda: self.app.do(
                person.actor,
                self.app.api_tokens.create,
                ApiTokenFields(name=" script ", scopes=frozenset(scopes), expires_at=expires_at),
                ORIGIN,
            ),
            InvalidInput if life is not None and life <= 0 else None,
            None if person.is_active else SessionEnded,
            TooManyApiTokens if len(kept) >= MOST else None,
        )
        if done:
            token, text = done[0]
            assert (token.name, token.scopes, token.expires_at) == ("script", frozenset(scopes), expires_at)
            self.tokens.append(ModelToken(person, token.id, text, token.scopes, expires_at))
            self._happened(person, Kind.API_TOKEN_CREATE)

    @rule(who=st.sampled_from((0, 1)), back=st.integers(0, 5))
    def revoke_token(self, who: int, back: int) -> None:
        person = self.people[who]
        if not self.tokens:
            return
        token = self.tokens[-1 - back % len(self.tokens)]
        mine = token.owner is person and not token.is_revoked
        done = self._try(
            lambda: self.app.do(person.actor, self.app.api_tokens.revoke, token.id, ORIGIN),
            None if person.is_active else SessionEnded,
            None if mine or not person.is_active else ApiTokenNotFound,
        )
        if done:
            token.is_revoked = True
            self._happened(person, Kind.API_TOKEN_REVOKE)

    @rule(back=st.integers(0, 5), writes=st.booleans())
    def act_by_token(self, back: int, writes: bool) -> None:
        if not self.tokens:
            return
        token = self.tokens[-1 - back % len(self.tokens)]
        actor = api_token.actor_of(token.text)
        assert (actor.user_id, actor.token_id) == (token.owner.actor.user_id, token.id)
        dead = token.is_revoked or not token.owner.is_active
        dead = dead or (token.expires_at is not None and self.clock.now() >= token.expires_at)
        needed = Scope.TASKS_WRITE if writes else Scope.TASKS_READ
        self._try(
            lambda: (
                self.app.do(actor, self.app.tasks.create, {"title": "by script"})
                if writes
                else self.app.see(actor, self.app.categories.list)
            ),
            SessionEnded if dead else None,
            InsufficientScope if not dead and needed not in token.scopes else None,
        )

    # ------------------------------------------------------------ two factors

    @rule(who=st.sampled_from((0, 1)), password=st.sampled_from(PASSWORDS))
    def enrol(self, who: int, password: str) -> None:
        person = self.people[who]
        right = password == person.password
        done = self._try(
            lambda: self.app.two_factor.enrol(person.actor, password, ORIGIN),
            None if person.is_active else SessionEnded,
            InvalidInput if person.is_active and not right else None,
            TwoFactorOn if person.is_active and right and person.has_second_factor else None,
        )
        if done:
            person.secret = done[0].secret
        elif person.is_active and not right:
            self._happened(person, Kind.TWO_FACTOR_ENABLE, Outcome.FAILURE)

    @rule(who=st.sampled_from((0, 0, 1)), offset=st.sampled_from((0, 0, 0, -1, 1, 2)))
    def confirm(self, who: int, offset: int) -> None:
        person = self.people[who]
        step = self._now_step() + offset
        active, open_ = person.is_active, person.secret is not None and not person.has_second_factor
        wrong = abs(offset) > 1
        done = self._try(
            lambda: self.app.two_factor.confirm(person.actor, self._code(person, step), ORIGIN),
            None if active else SessionEnded,
            TwoFactorOff if active and person.secret is None else None,
            TwoFactorOn if active and person.has_second_factor else None,
            InvalidInput if active and open_ and wrong else None,
        )
        if done:
            person.has_second_factor, person.used_step, person.recovery = True, step, list(done[0])
            self._happened(person, Kind.TWO_FACTOR_ENABLE)
        elif active and open_:
            self._happened(person, Kind.TWO_FACTOR_ENABLE, Outcome.FAILURE)

    @rule(
        who=st.sampled_from((0, 0, 1)),
        password=st.sampled_from(PASSWORDS),
        code=st.sampled_from((-1, 0, 0, 1, 2, "recovery", "used", "nonsense")),
    )
    def disable_second_factor(self, who: int, password: str, code: int | str) -> None:
        person = self.people[who]
        text, accept = self._choose(person, code)
        right = password == person.password
        on, active = person.has_second_factor, person.is_active
        done = self._try(
            lambda: self.app.two_factor.disable(person.actor, password, text, ORIGIN),
            None if active else SessionEnded,
            InvalidInput if active and not right else None,
            TwoFactorOff if active and right and not on else None,
            InvalidInput if active and right and on and accept is None else None,
        )
        if done:
            person.secret, person.has_second_factor, person.recovery, person.used_step = None, False, [], 0
            self._happened(person, Kind.TWO_FACTOR_DISABLE)
        elif active and (not right or on):
            self._happened(person, Kind.TWO_FACTOR_DISABLE, Outcome.FAILURE)

    @rule(
        who=st.sampled_from((0, 0, 0, 1)),
        right=st.sampled_from((True, True, True, False)),
        code=st.sampled_from((None, -1, 0, 0, 0, 1, 2, "recovery", "recovery", "used", "nonsense")),
    )
    def log_in(self, who: int, right: bool, code: int | str | None) -> None:
        person = self.people[who]
        password = person.password if right else "something else"
        text, accept = (None, None) if code is None else self._choose(person, code)
        good, on = right and person.is_active, person.has_second_factor
        done = self._try(
            lambda: self.app.sessions.login(person.name, password, None, text, ORIGIN),
            None if good else InvalidCredentials,
            CodeRequired if good and on and text is None else None,
            InvalidCredentials if good and on and text is not None and accept is None else None,
        )
        if done:
            if on and accept is not None:
                accept()
                if code == "recovery":
                    self._happened(person, Kind.RECOVERY_CODE_USE)
            person.actor = self.app.actor(done[0])
            self._happened(person, Kind.LOGIN)
        elif not (good and on and text is None):
            self._happened(person, Kind.LOGIN, Outcome.FAILURE)

    # ------------------------------------------------------------ accounts

    @rule(who=st.sampled_from((0, 1)), current=st.sampled_from(PASSWORDS), new=st.sampled_from(PASSWORDS))
    def change_password(self, who: int, current: str, new: str) -> None:
        person = self.people[who]
        right = current == person.password
        done = self._try(
            lambda: self.app.accounts.change_password(person.actor, current, new, ORIGIN),
            None if person.is_active else SessionEnded,
            InvalidInput if person.is_active and not right else None,
        )
        if done:
            person.password = new
        if person.is_active:
            self._happened(person, Kind.PASSWORD_CHANGE, Outcome.SUCCESS if right else Outcome.FAILURE)

    @rule(who=st.sampled_from((0, 1)), is_active=st.sampled_from((True, True, False)))
    def enable_or_disable(self, who: int, is_active: bool) -> None:
        person = self.people[who]
        self.app.do(SYSTEM, self.app.accounts.set_active, person.name, is_active)
        came_back = is_active and not person.is_active
        person.is_active = is_active
        self._happened(person, Kind.ENABLE if is_active else Kind.DISABLE)
        if came_back:
            # Sessions are gone for good: somebody must be let in for the story to go on.
            self._come_in(person)

    # ------------------------------------------------------------ the record

    @invariant()
    def what_happened_is_on_record(self) -> None:
        for person in self.people:
            with self.store.reading(SYSTEM) as work:
                page = work.activity.list(person.actor.user_id, None, MAX_PAGE)
            newest_first = [(event.kind, event.outcome) for event in page.items]
            assert newest_first == person.events[::-1][:MAX_PAGE]
            assert (
                newest_first
                == [
                    (event.kind, event.outcome)
                    for event in reversed(self.audit_log.events)
                    if event.user_id == person.actor.user_id
                ][:MAX_PAGE]
            )

    @invariant()
    def tokens_that_were_not_revoked_are_listed(self) -> None:
        for person in self.people:
            with self.store.reading(SYSTEM) as work:
                found = [token.id for token in work.api_tokens.list(person.actor.user_id)]
            kept = [token for token in self.tokens if token.owner is person and not token.is_revoked]
            assert sorted(found) == sorted(token.id for token in kept)

    # ------------------------------------------------------------ the model

    def _come_in(self, person: ModelPerson) -> None:
        code = None
        if person.has_second_factor:
            while self._now_step() <= person.used_step:
                self.clock.advance(seconds=STEP)
            person.used_step = self._now_step()
            code = self._code(person, person.used_step)
        person.actor = self.app.actor(self.app.sessions.login(person.name, person.password, None, code, ORIGIN))
        self._happened(person, Kind.LOGIN)

    def _choose(self, person: ModelPerson, code: int | str) -> tuple[str, Callable[[], None] | None]:
        """Return a code, and what its use changes; None where it must not be accepted."""
        if isinstance(code, int):
            step = self._now_step() + code

            def use_step() -> None:
                person.used_step = step

            return self._code(person, step), use_step if abs(code) <= 1 and step > person.used_step else None
        if code == "recovery" and person.recovery:
            text = person.recovery[-1]
            return text.upper().replace("-", " "), lambda: person.recovery.remove(text)
        if code == "used":
            return self._code(person, person.used_step), None
        return "nonsense", None

    def _code(self, person: ModelPerson, step: int) -> str:
        return self.app.codes.code(person.secret or "SECRET", step)

    def _now_step(self) -> int:
        return int(self.clock.now().timestamp()) // STEP

    def _happened(self, person: ModelPerson, kind: Kind, outcome: Outcome = Outcome.SUCCESS) -> None:
        person.events.append((kind, outcome))

    def _try(self, call: Callable[[], object], *errors: type[Exception] | None) -> tuple[Any] | None:
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
            return (value,)
        assert type(caught) in expected, f"expected {expected or 'success'}, not {caught!r}"
        return None


class TestCredentialHistory:
    """However people guard their accounts, exactly that opens them which should, and all of it is on record."""

    def test_credentials_are_accepted_if_and_only_if_the_model_accepts_them(
        self, backend: Backend, store: Storage, clock: ManualClock, audit_log: RecordingAuditLog
    ) -> None:
        run(lambda: CredentialMachine(store, clock, audit_log), backend, in_memory=50)
