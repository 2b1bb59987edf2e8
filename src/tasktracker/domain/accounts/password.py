"""Which passwords may be chosen, and the form in which they are hashed."""

from __future__ import annotations

import unicodedata

from tasktracker.domain.kernel.fields import Refused, Rule, require_storable

MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 8, 128
MAX_CREDENTIAL_LENGTH = 1024


def normalized(password: str) -> str:
    """The one spelling of a password, however a keyboard composed it (RFC 8265 §4.2, OpaqueString: NFC)."""
    return unicodedata.normalize("NFC", password)


def new_password(shortest: int = MIN_PASSWORD_LENGTH) -> Rule:
    """A password that is being chosen: long enough, and never so long that hashing it becomes a burden."""

    def rule(value: str) -> str:
        require_storable(value)
        value = normalized(value)
        if len(value) < shortest:
            raise Refused(f"must be at least {shortest} characters long")
        if len(value) > MAX_PASSWORD_LENGTH:
            raise Refused(f"must be at most {MAX_PASSWORD_LENGTH} characters long")
        return value

    return rule


def credential(value: str) -> str:
    """Something presented to log in with. Wrong is for the login to find out; unusable is refused here."""
    require_storable(value)
    if len(value) > MAX_CREDENTIAL_LENGTH:
        raise Refused(f"must be at most {MAX_CREDENTIAL_LENGTH} characters long")
    return normalized(value)
