"""A user's second factor: an authenticator app with one-time passwords (RFC 6238), and recovery codes."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from tasktracker.domain.kernel.fields import text

RECOVERY_CODES = 10
RECOVERY_BYTES = 10  # 80 bits: too many to guess, online or offline
MAX_CODE_LENGTH = 64
MAX_STEPS_AHEAD = 10  # 5 minutes. A later `last_step` was stored by a clock that ran ahead

_code_text = text(longest=MAX_CODE_LENGTH, trim=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """A second factor. Once it is confirmed, logging in requires a code besides the password.

    `sealed_secret` is the encrypted secret of the authenticator app. `last_step` is the newest time step of an accepted
    code: a code of this or an earlier step is refused (RFC 6238 §5.2).
    """

    user_id: UUID
    sealed_secret: str = field(repr=False)
    confirmed_at: datetime | None = None
    last_step: int = 0
    recovery_hashes: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def id(self) -> UUID:
        """The user's id, as each user has at most one factor."""
        return self.user_id

    @property
    def is_required(self) -> bool:
        """Whether logging in requires a code."""
        return self.confirmed_at is not None

    def confirm(self, step: int, now: datetime) -> tuple[SecondFactor, Sequence[str]]:
        """Return the confirmed factor, and its recovery codes."""
        return replace(self, confirmed_at=now, last_step=step).with_new_codes()

    def with_new_codes(self) -> tuple[SecondFactor, Sequence[str]]:
        """Return the factor with new recovery codes, and the codes. Only their hashes are stored."""
        codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
        return replace(self, recovery_hashes=frozenset(_hash(code) for code in codes)), codes

    def accept_step(self, step: int | None) -> SecondFactor | None:
        """Return the factor after a code of this time step was used, or None if the code is not accepted."""
        if step is None or step <= self.last_step <= step + MAX_STEPS_AHEAD:
            return None
        return replace(self, last_step=step)

    def accept_recovery(self, code: str) -> SecondFactor | None:
        """Return the factor after a recovery code was used, or None if the code is wrong or already used."""
        used = _hash(code)
        if used not in self.recovery_hashes:
            return None
        return replace(self, recovery_hashes=self.recovery_hashes - {used})


def _recovery_code() -> str:
    text = b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def canonical_code(value: str) -> str:
    """A one-time or recovery code as typed, in small ASCII letters and digits, without spaces, dashes and the like."""
    return _folded(_code_text(value))


def _folded(code: str) -> str:
    folded = unicodedata.normalize("NFKC", code).lower()
    return "".join(str(unicodedata.decimal(each, each)) for each in folded if each.isalnum())


def _hash(code: str) -> str:
    return hashlib.sha256(_folded(code).encode()).hexdigest()
