"""Turning two-factor authentication on and off, and checking codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasktracker.domain.accounts.password_confirmation import PasswordConfirmation
from tasktracker.domain.accounts.ports import AccountWork, OneTimeCodes, SecretCipher
from tasktracker.domain.accounts.second_factor import SecondFactor, canonical_code
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import InvalidInput, TwoFactorOff, TwoFactorOn
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.throttling.limit import CODE_BY_ACCOUNT, Bucket
from tasktracker.domain.throttling.throttle import Throttle

CODE_RULES = {"code": canonical_code}


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The secret for an authenticator app, as text and as a URI for a QR code."""

    secret: str
    provisioning_uri: str


class TwoFactorService:
    """Processes on the actor's own second factor. Each verifies a password or counts an attempt."""

    def __init__(
        self,
        *,
        store: Store[SessionActor, AccountWork[SessionActor]],
        recorder: Recorder,
        confirmation: PasswordConfirmation[AccountWork[SessionActor]],
        codes: OneTimeCodes,
        cipher: SecretCipher,
        throttle: Throttle,
        clock: Clock,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._confirmation = confirmation
        self._throttle = throttle
        self._codes = codes
        self._cipher = cipher
        self._clock = clock

    def enrol(self, actor: SessionActor, password: str, origin: Origin = UNKNOWN_ORIGIN) -> Enrolment:
        """Create a secret for an authenticator app. Codes are not required until `confirm`; another call replaces it.

        Raises InvalidInput for a wrong password, TwoFactorOn, TooManyRequests.
        """
        secret = self._codes.new_secret()

        def enrol(work: AccountWork[SessionActor], user: User) -> Enrolment:
            factor = work.second_factors.find(user.id)
            if factor is not None and factor.is_required:
                raise TwoFactorOn
            work.second_factors.save(SecondFactor(user_id=user.id, sealed_secret=self._cipher.seal(secret)))
            return Enrolment(secret, self._codes.provisioning_uri(secret, user.username))

        return self._confirmation.write(actor, password, "password", Kind.TWO_FACTOR_ENABLE, origin, enrol)

    def confirm(self, actor: SessionActor, code: str, origin: Origin = UNKNOWN_ORIGIN) -> Sequence[str]:
        """Require codes from now on, after the app produced a valid one. Return the recovery codes, this time only.

        Raises InvalidInput for a wrong code, TwoFactorOff without a preceding `enrol`, TwoFactorOn, TooManyRequests.
        """
        code = check(CODE_RULES, {"code": code})["code"]
        recovery_codes: Sequence[str] = ()
        bucket = Bucket.of(CODE_BY_ACCOUNT, str(actor.user_id))
        self._throttle.consume(bucket)
        with self._store.writing(actor) as work:
            work.users.find(actor.user_id)
            factor = work.second_factors.find(actor.user_id)
            if factor is None:
                raise TwoFactorOff("Two-factor authentication has not been set up.")
            if factor.is_required:
                raise TwoFactorOn
            step = self._step(factor, code)
            if step is not None:
                confirmed, recovery_codes = factor.confirm(step, work.now)
                work.second_factors.save(confirmed)
                self._recorder.success(work, Kind.TWO_FACTOR_ENABLE, origin, actor.user_id, actor.session_id)
        if not recovery_codes:
            self._recorder.failure(Kind.TWO_FACTOR_ENABLE, origin, actor.user_id, actor.session_id)
            raise InvalidInput.of("code", "is wrong")
        self._throttle.refund(bucket)
        return recovery_codes

    def disable(self, actor: SessionActor, password: str, code: str, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Stop requiring codes. Takes the password and a one-time or recovery code.

        Raises InvalidInput, TwoFactorOff, TooManyRequests.
        """
        code = check(CODE_RULES, {"code": code})["code"]

        def disable(work: AccountWork[SessionActor], user: User) -> bool:
            factor = work.second_factors.find(user.id)
            if factor is None or not factor.is_required:
                raise TwoFactorOff
            if self.accept(factor, code) is None:
                return False
            work.second_factors.remove(user.id)
            self._recorder.success(work, Kind.TWO_FACTOR_DISABLE, origin, user.id, actor.session_id)
            return True

        # An attacker with the password must not be able to try all codes.
        bucket = Bucket.of(CODE_BY_ACCOUNT, str(actor.user_id))
        self._throttle.consume(bucket)
        if not self._confirmation.write(actor, password, "password", Kind.TWO_FACTOR_DISABLE, origin, disable):
            self._recorder.failure(Kind.TWO_FACTOR_DISABLE, origin, actor.user_id, actor.session_id)
            raise InvalidInput.of("code", "is wrong")
        self._throttle.refund(bucket)

    def accept(self, factor: SecondFactor, code: str) -> SecondFactor | None:
        """Return the factor after a code was used, or None if the code is wrong or already used."""
        return factor.accept_step(self._step(factor, code)) or factor.accept_recovery(code)

    def _step(self, factor: SecondFactor, code: str) -> int | None:
        try:
            secret = self._cipher.open(factor.sealed_secret)
        except ValueError:
            # Its key was removed from the key ring too early. Recovery codes are not encrypted, and still work.
            return None
        return self._codes.step(secret, code, self._clock.now())
