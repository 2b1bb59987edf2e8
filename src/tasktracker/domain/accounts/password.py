"""Rules for passwords, and the normalized form in which they are hashed."""

from __future__ import annotations

import unicodedata

from tasktracker.domain.accounts.ports import PasswordHasher, PasswordStrength
from tasktracker.domain.kernel.fields import Refused, Rule, require_storable

MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 8, 128
MAX_CREDENTIAL_LENGTH = 1024


def normalized(password: str) -> str:
    """A password in one form, independent of the keyboard (RFC 8265 §4.2, OpaqueString): ASCII spaces and NFC."""
    spaced = "".join(" " if unicodedata.category(each) == "Zs" else each for each in password)
    return unicodedata.normalize("NFC", spaced)


def matching_form(passwords: PasswordHasher, typed: str, password_hash: str | None) -> str | None:
    """Return the form of a typed password that matches a hash, or None: `normalized`, or as earlier versions hashed it.

    Earlier versions kept spaces as typed. Only a password with a space that is not ASCII takes a second try, for any
    user.
    """
    forms = dict.fromkeys((normalized(typed), unicodedata.normalize("NFC", typed)))
    return next((form for form in forms if passwords.verify(form, password_hash)), None)


def new_password(shortest: int = MIN_PASSWORD_LENGTH) -> Rule:
    """A new password: long enough, and short enough to be hashed quickly."""

    def rule(value: str) -> str:
        require_storable(value)
        value = normalized(value)
        if len(value) < shortest:
            raise Refused(f"must be at least {shortest} characters long")
        if len(value) > MAX_PASSWORD_LENGTH:
            raise Refused(f"must be at most {MAX_PASSWORD_LENGTH} characters long")
        return value

    return rule


class PasswordPolicy:
    """Requires new passwords to be long enough and not easy to guess."""

    def __init__(self, strength: PasswordStrength, min_length: int = MIN_PASSWORD_LENGTH) -> None:
        self._strength = strength
        self._choose = new_password(min_length)

    def rule(self, *guesses: str | None) -> Rule:
        """Return the rule for one user's new password. `guesses` are words that an attacker would try first."""

        def rule(value: str) -> str:
            chosen: str = self._choose(value)
            weakness = self._strength.weakness(chosen, [guess for guess in guesses if guess])
            if weakness:
                raise Refused(f"is too easy to guess: {weakness}")
            return chosen

        return rule


def credential(value: str) -> str:
    """A username or password in a login request, as typed. Refuses unusable text; the login checks the value."""
    require_storable(value)
    if len(value) > MAX_CREDENTIAL_LENGTH:
        raise Refused(f"must be at most {MAX_CREDENTIAL_LENGTH} characters long")
    return value
