"""Password hashing by argon2id (RFC 9106), and an estimate of how soon a password is guessed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

STRONG_ENOUGH = 3  # zxcvbn: "safely unguessable", beyond 10^8 guesses
JUDGED = 32  # characters; the estimate takes seconds for some longer texts, and more cannot make a password weaker


class Argon2PasswordHasher:
    """Hashes with argon2id, so many passwords at a time, whoever asks, and keeps the others waiting.

    The default parameters are the OWASP minimum: 19 MiB, two passes, one lane.
    """

    def __init__(self, *, memory_kib: int = 19 * 1024, passes: int = 2, lanes: int = 1, at_a_time: int = 1) -> None:
        self._argon2 = PasswordHasher(memory_cost=memory_kib, time_cost=passes, parallelism=lanes)
        self._places = BoundedSemaphore(at_a_time)
        self._nobody: str | None = None

    def hash(self, password: str) -> str:
        """Return a salted hash with its parameters, as a PHC string."""
        with self._places:
            return self._argon2.hash(password)

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password made the hash; without one, verify against a hash that no password made."""
        try:
            with self._places:
                self._argon2.verify(password_hash or self._nobodys_hash(), password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Tell whether the parameters have changed since the hash was made."""
        return self._argon2.check_needs_rehash(password_hash)

    def _nobodys_hash(self) -> str:
        if self._nobody is None:
            self._nobody = self._argon2.hash(secrets.token_urlsafe())
        return self._nobody


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
