"""A time-based one-time password generator (RFC 6238) in a user's hands, and codes for the day it is lost."""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

RECOVERY_CODES = 10
RECOVERY_BYTES = 10  # 80 bits: nothing that could be guessed, online or off
MAX_CODE_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """What a user needs beside the password, once it is confirmed.

    `sealed_secret` is the generator's secret, encrypted. `last_step` is the newest time step of which a code was
    accepted: no code at or before it is accepted again (RFC 6238 §5.2).
    """

    user_id: UUID
    sealed_secret: str = field(repr=False)
    confirmed_at: datetime | None = None
    last_step: int = 0
    recovery_hashes: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def id(self) -> UUID:
        """The user's id: nobody has two."""
        return self.user_id

    @property
    def is_required(self) -> bool:
        """Whether logging in takes a code."""
        return self.confirmed_at is not None

    def confirm(self, step: int, now: datetime) -> tuple[SecondFactor, Sequence[str]]:
        """Return the factor required from now on, and fresh recovery codes, which cannot be had again."""
        codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
        confirmed = replace(
            self, confirmed_at=now, last_step=step, recovery_hashes=frozenset(_hash(code) for code in codes)
        )
        return confirmed, codes

    def accept_step(self, step: int | None) -> SecondFactor | None:
        """Return the factor after a code of this time step was used, or None where it cannot be (again)."""
        return replace(self, last_step=step) if step is not None and step > self.last_step else None

    def accept_recovery(self, code: str) -> SecondFactor | None:
        """Return the factor after a recovery code was used, or None where it is none, or no more."""
        used = _hash(code)
        if used not in self.recovery_hashes:
            return None
        return replace(self, recovery_hashes=self.recovery_hashes - {used})


def _recovery_code() -> str:
    text = b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _hash(code: str) -> str:
    spelled = "".join(character for character in code.lower() if character.isalnum())
    return hashlib.sha256(spelled.encode()).hexdigest()
