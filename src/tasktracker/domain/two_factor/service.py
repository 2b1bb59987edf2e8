"""Turning two-factor authentication on and off, and passing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasktracker.domain.accounts.passwords import OwnPassword
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.actors import SessionActor
from tasktracker.domain.errors import InvalidInput, TwoFactorOff, TwoFactorOn
from tasktracker.domain.two_factor.ports import OneTimeCodes, SecretBox
from tasktracker.domain.two_factor.second_factor import CODE_LONGEST, SecondFactor
from tasktracker.domain.work import Clock, Store, UnitOfWork

BATCH = 500


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a generator app is given: the secret, as it is and as a URI for a QR code."""

    secret: str
    provisioning_uri: str


class TwoFactorService:
    """The actor's own second factor."""

    def __init__(
        self,
        *,
        store: Store,
        recorder: Recorder,
        own_password: OwnPassword,
        codes: OneTimeCodes,
        box: SecretBox,
        clock: Clock,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._own_password = own_password
        self._codes = codes
        self._box = box
        self._clock = clock

    def enrol(self, actor: SessionActor, password: str) -> Enrolment:
        """Make a secret for a generator. Nothing changes before it is confirmed; another call replaces the secret.

        Raises InvalidInput for a wrong password, TwoFactorOn, TooManyRequests.
        """
        secret = self._codes.new_secret()

        def enrol(work: UnitOfWork, user: User) -> Enrolment:
            factor = work.second_factors.find(user.id)
            if factor is not None and factor.is_required:
                raise TwoFactorOn
            work.second_factors.save(SecondFactor(user_id=user.id, sealed_secret=self._box.seal(secret)))
            return Enrolment(secret, self._codes.provisioning_uri(secret, user.username))

        return self._own_password.write(actor, password, "password", enrol)

    def confirm(self, actor: SessionActor, code: str, origin: Origin = UNKNOWN_ORIGIN) -> Sequence[str]:
        """Require codes from now on, given one that shows the generator works. Returns the recovery codes, once.

        Raises InvalidInput for a wrong code, TwoFactorOff when none was enrolled, TwoFactorOn, TooManyRequests.
        """
        self._own_password.spend(actor)
        now = self._clock.now()
        with self._store.writing(actor) as work:
            work.users.find(actor.user_id)
            factor = work.second_factors.find(actor.user_id)
            if factor is None:
                raise TwoFactorOff("Two-factor authentication has not been enrolled.")
            if factor.is_required:
                raise TwoFactorOn
            step = self._codes.step(self._box.open(factor.sealed_secret), code, now)
            if step is None:
                raise InvalidInput.of("code", "is wrong")
            confirmed, recovery = factor.confirm(step, now)
            work.second_factors.save(confirmed)
            self._recorder.success(work, Kind.TWO_FACTOR_ENABLE, origin, actor.user_id, actor.session_id)
        return recovery

    def disable(self, actor: SessionActor, password: str, code: str, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Require no codes any more, given the password and a code of either kind.

        Raises InvalidInput, TwoFactorOff, TooManyRequests.
        """

        def disable(work: UnitOfWork, user: User) -> None:
            factor = work.second_factors.find(user.id)
            if factor is None or not factor.is_required:
                raise TwoFactorOff
            if self.accept(factor, code) is None:
                raise InvalidInput.of("code", "is wrong")
            work.second_factors.remove(user.id)
            self._recorder.success(work, Kind.TWO_FACTOR_DISABLE, origin, user.id, actor.session_id)

        self._own_password.write(actor, password, "password", disable)

    def accept(self, factor: SecondFactor, code: str) -> SecondFactor | None:
        """Return the factor as it is after a code was used, or None where the code is wrong or used already."""
        if len(code) > CODE_LONGEST:
            return None
        step = self._codes.step(self._box.open(factor.sealed_secret), code, self._clock.now())
        return factor.accept_step(step) or factor.accept_recovery(code)

    def reseal(self) -> int:
        """Encrypt every secret anew that is not under the ring's first key, and return how many there were."""
        resealed, after = 0, None
        while True:
            with self._store.reading(None) as work:
                users = work.second_factors.list_users(after, BATCH)
            for user_id in users:
                with self._store.writing(None) as work:
                    work.users.find(user_id)
                    factor = work.second_factors.find(user_id)
                    if factor is not None and not self._box.is_current(factor.sealed_secret):
                        secret = self._box.open(factor.sealed_secret)
                        work.second_factors.save(replace(factor, sealed_secret=self._box.seal(secret)))
                        resealed += 1
            if len(users) < BATCH:
                return resealed
            after = users[-1]
