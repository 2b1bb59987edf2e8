"""Encryption of secrets, and rotation of its keys."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from tasktracker.adapters.security.keys import KeyRing
from tasktracker.adapters.security.secret_cipher import FernetSecretCipher

FIRST, SECOND, THIRD = (f"{name} secret, long enough to be one at all" for name in ("first", "second", "third"))


def cipher(*secrets: str) -> FernetSecretCipher:
    return FernetSecretCipher(KeyRing(secrets))


@pytest.mark.parametrize("secret", ["JBSWY3DPEHPK3PXP", "", "\U0001f427", "x" * 10_000])
def test_a_sealed_secret_can_be_opened_and_is_not_readable(secret: str) -> None:
    sealed = cipher(FIRST).seal(secret)
    assert cipher(FIRST).open(sealed) == secret
    assert not secret or secret not in sealed


def test_sealing_a_secret_twice_gives_different_texts() -> None:
    assert cipher(FIRST).seal("secret") != cipher(FIRST).seal("secret")


def test_every_key_opens_and_the_first_key_seals() -> None:
    sealed = cipher(FIRST).seal("secret")
    for ring in ((FIRST,), (FIRST, SECOND), (SECOND, FIRST), (SECOND, THIRD, FIRST)):
        assert cipher(*ring).open(sealed) == "secret"
    assert cipher(FIRST).open(cipher(FIRST, SECOND).seal("secret")) == "secret"
    with pytest.raises(ValueError, match="SECRET_KEYS"):
        cipher(FIRST).open(cipher(SECOND, FIRST).seal("secret"))


def test_a_text_sealed_with_the_first_key_is_current() -> None:
    sealed = cipher(FIRST).seal("secret")
    assert cipher(FIRST).is_current(sealed)
    assert cipher(FIRST, SECOND).is_current(sealed)
    assert not cipher(SECOND, FIRST).is_current(sealed)
    assert not cipher(SECOND).is_current(sealed)
    assert not cipher(FIRST).is_current("nonsense")


def test_a_retired_key_opens_only_resealed_texts() -> None:
    sealed = cipher(FIRST).seal("secret")
    resealed = cipher(SECOND, FIRST).seal(cipher(SECOND, FIRST).open(sealed))
    assert cipher(SECOND).open(resealed) == "secret"
    with pytest.raises(ValueError, match="none of the keys"):
        cipher(SECOND, THIRD).open(sealed)


@pytest.mark.parametrize("text", ["", "x", "gAAAA", "\U0001f427", "\0", "=" * 100, "x" * 10_000])
def test_a_malformed_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="none of the keys"):
        cipher(FIRST).open(text)


def test_a_changed_text_is_refused() -> None:
    sealed = cipher(FIRST).seal("secret")
    for position in range(0, len(sealed) - 2, 9):
        other = "A" if sealed[position] != "A" else "B"
        with pytest.raises(ValueError, match="none of the keys"):
            cipher(FIRST).open(sealed[:position] + other + sealed[position + 1 :])


def test_a_text_sealed_with_an_unrelated_key_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the keys"):
        cipher(FIRST).open(Fernet(Fernet.generate_key()).encrypt(b"secret").decode())
