"""Checking codes of second factors."""

from __future__ import annotations

from tasktracker.domain.accounts.ports import AccountWork, OneTimeCodes, SecretCipher
from tasktracker.domain.accounts.second_factor import SecondFactor
from tasktracker.domain.activity.event import Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.kernel.actors import AnyActor
from tasktracker.domain.kernel.clock import Clock


class CodeVerifier:
    """Checks one-time and recovery codes, each of which works once. The caller limits the attempts."""

    def __init__(self, *, codes: OneTimeCodes, cipher: SecretCipher, clock: Clock, recorder: Recorder) -> None:
        self._codes = codes
        self._cipher = cipher
        self._clock = clock
        self._recorder = recorder

    def spend(self, work: AccountWork[AnyActor], factor: SecondFactor, code: str, origin: Origin) -> bool:
        """Use a code up, and return whether it was right. The unit of work must have locked the user."""
        accepted = factor.accept_step(self.step(factor, code)) or factor.accept_recovery(code)
        if accepted is None:
            return False
        work.second_factors.save(accepted)
        if accepted.recovery_hashes != factor.recovery_hashes:
            self._recorder.success(work, Kind.RECOVERY_CODE_USE, origin, factor.user_id)
        return True

    def step(self, factor: SecondFactor, code: str) -> int | None:
        """Return the time step of a one-time code, or None if it is wrong."""
        try:
            secret = self._cipher.open(factor.sealed_secret)
        except ValueError:
            # The key of the secret was removed from the key ring too early. Recovery codes are not encrypted, and still
            # work.
            return None
        return self._codes.step(secret, code, self._clock.now())
