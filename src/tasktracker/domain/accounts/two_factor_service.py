"""Turning two-factor authentication on and off, and renewing recovery codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasktracker.domain.accounts.code_verifier import CodeVerifier
from tasktracker.domain.accounts.password_confirmation import PasswordConfirmation
from tasktracker.domain.accounts.ports import AccountWork, OneTimeCodes, SecretCipher
from tasktracker.domain.accounts.second_factor import SecondFactor, canonical_code
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import InvalidInput, TwoFactorOff, TwoFactorOn
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.throttling.limit import CODE_BY_ACCOUNT, Bucket
from tasktracker.domain.throttling.throttle import Throttle

CODE_RULES = {"code": canonical_code}


@dataclass(frozen=True, slots=True)
class TwoFactorState:
    """Whether logging in requires a code, and the number of unused recovery codes."""

    enabled: bool
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The secret for an authenticator app, as text and as a URI for a QR code."""

    secret: str
    provisioning_uri: str


class TwoFactorService:
    """Use cases and processes on the actor's own second factor. Each change verifies a proof or counts an attempt."""

    def __init__(
        self,
        *,
        store: Store[SessionActor, AccountWork[SessionActor]],
        recorder: Recorder,
        confirmation: PasswordConfirmation[AccountWork[SessionActor]],
        codes: OneTimeCodes,
        cipher: SecretCipher,
        verifier: CodeVerifier,
        throttle: Throttle,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._confirmation = confirmation
        self._throttle = throttle
        self._codes = codes
        self._cipher = cipher
        self._verifier = verifier

    def state(self, work: AccountWork[SessionActor]) -> TwoFactorState:
        """Return the state of the actor's second factor."""
        factor = work.second_factors.find(work.actor.user_id)
        if factor is None or not factor.is_required:
            return TwoFactorState(enabled=False, recovery_codes_left=0)
        return TwoFactorState(enabled=True, recovery_codes_left=len(factor.recovery_hashes))

    def enrol(self, actor: SessionActor, password: str | None = None, origin: Origin = UNKNOWN_ORIGIN) -> Enrolment:
        """Create a secret for an authenticator app. Codes are not required until `confirm`.

        Another call replaces the secret. Raises InvalidInput for a wrong password, ConfirmationRequired, TwoFactorOn,
        TooManyRequests.
        """
        with self._store.reading(actor) as work:
            if self.state(work).enabled:
                raise TwoFactorOn  # before it asks for a code
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
            step = self._verifier.step(factor, code)
            if step is not None:
                confirmed, recovery_codes = factor.confirm(step, work.now)
                work.second_factors.save(confirmed)
                work.sessions.clear_proofs(actor.user_id)  # from now on, a proof takes a code
                self._recorder.success(work, Kind.TWO_FACTOR_ENABLE, origin, actor.user_id, actor.session_id)
        if not recovery_codes:
            self._recorder.failure(Kind.TWO_FACTOR_ENABLE, origin, actor.user_id, actor.session_id)
            raise InvalidInput.of("code", "is wrong")
        self._throttle.refund(bucket)
        return recovery_codes

    def disable(
        self,
        actor: SessionActor,
        password: str | None = None,
        code: str | None = None,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> None:
        """Stop requiring codes.

        Raises InvalidInput for a wrong password or code, ConfirmationRequired, TwoFactorOff, TooManyRequests.
        """

        def disable(work: AccountWork[SessionActor], user: User) -> None:
            _required(work)
            work.second_factors.remove(user.id)
            self._recorder.success(work, Kind.TWO_FACTOR_DISABLE, origin, user.id, actor.session_id)

        self._confirmation.write(actor, password, "password", Kind.TWO_FACTOR_DISABLE, origin, disable, code)

    def renew_recovery_codes(
        self,
        actor: SessionActor,
        password: str | None = None,
        code: str | None = None,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> Sequence[str]:
        """Replace all recovery codes, and return the new ones, this time only. Raises like `disable`."""

        def renew(work: AccountWork[SessionActor], user: User) -> Sequence[str]:
            renewed, recovery_codes = _required(work).with_new_codes()
            work.second_factors.save(renewed)
            self._recorder.success(work, Kind.RECOVERY_CODES_RENEW, origin, user.id, actor.session_id)
            return recovery_codes

        return self._confirmation.write(actor, password, "password", Kind.RECOVERY_CODES_RENEW, origin, renew, code)


def _required(work: AccountWork[SessionActor]) -> SecondFactor:
    """Return the actor's confirmed factor. Raises TwoFactorOff."""
    factor = work.second_factors.find(work.actor.user_id)
    if factor is None or not factor.is_required:
        raise TwoFactorOff
    return factor
