"""Password hashing with argon2id (RFC 9106), and an estimate of password strength."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tasktracker.domain.kernel.deadline import paused

MIN_SCORE = 3  # zxcvbn: "safely unguessable", beyond 10^8 guesses
MAX_ESTIMATED_LENGTH = 32  # characters: longer texts may take seconds, and more characters never weaken a password


# On a busy core, the scheduler gives a thread of this niceness a tenth of the time of other threads. With an even lower
# priority, a thread that holds the interpreter lock would block all others until it is scheduled again.
NICENESS = 10


class Argon2PasswordHasher:
    """Hashes with argon2id on low-priority threads, whose number limits the concurrent hashes.

    The default parameters are the OWASP minimum: 19 MiB, two passes, one lane.
    """

    def __init__(self, *, memory_kib: int = 19 * 1024, passes: int = 2, lanes: int = 1, threads: int = 1) -> None:
        self._argon2 = PasswordHasher(memory_cost=memory_kib, time_cost=passes, parallelism=lanes)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="hashing", initializer=_lower_priority)
        self._dummy: str | None = None

    def hash(self, password: str) -> str:
        """Return a salted hash with its parameters, as a PHC string."""
        with paused():
            return self._executor.submit(self._argon2.hash, password).result()

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Check a password against its hash. Without a hash, return False after the same work, with a dummy hash."""
        known_hash = password_hash or self._dummy_hash()
        try:
            with paused():
                self._executor.submit(self._argon2.verify, known_hash, password).result()
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Return whether the hash was made with other parameters."""
        return self._argon2.check_needs_rehash(password_hash)

    def _dummy_hash(self) -> str:
        if self._dummy is None:
            self._dummy = self.hash(secrets.token_urlsafe())
        return self._dummy


def _lower_priority() -> None:
    if sys.platform == "linux":  # there it applies to the calling thread; elsewhere, to the whole process
        os.nice(NICENESS)


class ZxcvbnPasswordStrength:
    """Rates passwords with zxcvbn (Wheeler, USENIX Security 2016), by dictionaries and patterns, not by composition."""

    def weakness(self, password: str, guesses: Sequence[str]) -> str | None:
        """Return why the password is too easy to guess, or None."""
        # Imported late: loading its dictionaries takes longer than starting the rest of the server.
        from zxcvbn import zxcvbn

        result = zxcvbn(password[:MAX_ESTIMATED_LENGTH], user_inputs=list(guesses))
        if result["score"] >= MIN_SCORE:
            return None
        warning: str = result["feedback"]["warning"]
        return warning or "Add another word or two; uncommon words are better."
