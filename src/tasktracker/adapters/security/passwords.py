"""Password hashing by argon2id (RFC 9106), and an estimate of how soon a password is guessed."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

STRONG_ENOUGH = 3  # zxcvbn: "safely unguessable", beyond 10^8 guesses
JUDGED = 32  # characters; the estimate takes seconds for some longer texts, and more cannot make a password weaker


# Enough to stand back: the scheduler gives these threads a tenth of what others get who want the same core. Lower
# still, a thread that holds the interpreter's lock for a moment would keep everybody waiting for its next turn.
NICENESS = 10


class Argon2PasswordHasher:
    """Hashes with argon2id, so many passwords at a time, whoever asks, on threads that stand back for all others.

    The default parameters are the OWASP minimum: 19 MiB, two passes, one lane.
    """

    def __init__(self, *, memory_kib: int = 19 * 1024, passes: int = 2, lanes: int = 1, at_a_time: int = 1) -> None:
        self._argon2 = PasswordHasher(memory_cost=memory_kib, time_cost=passes, parallelism=lanes)
        self._threads = ThreadPoolExecutor(at_a_time, thread_name_prefix="hashing", initializer=_stand_back)
        self._nobody: str | None = None

    def hash(self, password: str) -> str:
        """Return a salted hash with its parameters, as a PHC string."""
        return self._threads.submit(self._argon2.hash, password).result()

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password made the hash; without one, verify against a hash that no password made."""
        try:
            self._threads.submit(self._argon2.verify, password_hash or self._nobodys_hash(), password).result()
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Tell whether the parameters have changed since the hash was made."""
        return self._argon2.check_needs_rehash(password_hash)

    def _nobodys_hash(self) -> str:
        if self._nobody is None:
            self._nobody = self.hash(secrets.token_urlsafe())
        return self._nobody


def _stand_back() -> None:
    if sys.platform == "linux":  # where it is about the thread that asks; elsewhere, about the whole process
        os.nice(NICENESS)


class ZxcvbnPasswordStrength:
    """Judges passwords with zxcvbn (Wheeler, USENIX Security 2016): dictionaries and patterns, not composition."""

    def weakness(self, password: str, guesses: Sequence[str]) -> str | None:
        """Return why the password is too easy to guess, or None."""
        # Its dictionaries take longer to load than the rest of the server to start.
        from zxcvbn import zxcvbn

        result = zxcvbn(password[:JUDGED], user_inputs=list(guesses))
        if result["score"] >= STRONG_ENOUGH:
            return None
        warning: str = result["feedback"]["warning"]
        return warning or "Add another word or two; uncommon words are better."
