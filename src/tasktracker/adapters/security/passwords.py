"""Password hashing with argon2id (RFC 9106), and an estimate of password strength."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError
from argon2.low_level import error_to_str

from tasktracker.domain.kernel.deadline import paused
from tasktracker.domain.kernel.errors import Busy

T = TypeVar("T")

MIN_SCORE = 3  # zxcvbn: "safely unguessable", beyond 10^8 guesses
MAX_ESTIMATED_LENGTH = 32  # characters; longer texts may take seconds, and further characters never weaken a password


# On a busy core, the scheduler gives a thread with this niceness a tenth of the time of other threads. With a lower
# priority, a thread that holds the interpreter lock would block all others until it runs again.
NICENESS = 10

# Of argon2.h: ARGON2_MEMORY_ALLOCATION_ERROR, ARGON2_THREAD_FAIL.
_LACKS_RESOURCES = {error_to_str(-22), error_to_str(-33)}


class Argon2PasswordHasher:
    """Hashes with argon2id on low-priority threads, whose number limits the concurrent hashes.

    The default parameters are the OWASP minimum: 19 MiB, two passes, one lane.
    """

    def __init__(self, *, memory_kib: int = 19 * 1024, passes: int = 2, lanes: int = 1, threads: int = 1) -> None:
        self._argon2 = PasswordHasher(memory_cost=memory_kib, time_cost=passes, parallelism=lanes)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="hashing", initializer=_lower_priority)
        self._dummy: str | None = None

    def hash(self, password: str) -> str:
        """Return a salted hash with its parameters, as a PHC string. Raises Busy."""
        return self._run(self._argon2.hash, password)

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Check a password against its hash. Without a hash, check a dummy hash and return False.

        Raises Busy.
        """
        known_hash = password_hash or self._dummy_hash()
        try:
            self._run(self._argon2.verify, known_hash, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Return whether the hash was made with other parameters."""
        return self._argon2.check_needs_rehash(password_hash)

    def _run(self, function: Callable[..., T], *arguments: str) -> T:
        """Run a function on a hashing thread. Raises Busy if argon2 gets no memory. Then the password may be right."""
        try:
            with paused():
                return self._executor.submit(function, *arguments).result()
        except (HashingError, VerificationError) as error:
            if str(error) in _LACKS_RESOURCES:
                raise Busy("The server has too little free memory to process a password.") from error
            raise

    def _dummy_hash(self) -> str:
        if self._dummy is None:
            self._dummy = self.hash(secrets.token_urlsafe())
        return self._dummy


def _lower_priority() -> None:
    if sys.platform == "linux":  # on Linux, this applies to the calling thread; elsewhere, to the whole process
        os.nice(NICENESS)


class ZxcvbnPasswordStrength:
    """Rates passwords with zxcvbn (Wheeler, USENIX Security 2016), by dictionaries and patterns."""

    def weakness(self, password: str, guesses: Sequence[str]) -> str | None:
        """Return why the password is too easy to guess, or None."""
        # Imported late, because loading its dictionaries takes longer than starting the rest of the server.
        from zxcvbn import zxcvbn

        result = zxcvbn(password[:MAX_ESTIMATED_LENGTH], user_inputs=list(guesses))
        if result["score"] >= MIN_SCORE:
            return None
        warning: str = result["feedback"]["warning"]
        return warning or "Add another word or two; uncommon words are better."
