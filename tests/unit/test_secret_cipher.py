"""Encrypting what must be read again, and keys that come and go."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from tasktracker.adapters.security.keys import KeyRing
from tasktracker.adapters.security.secret_cipher import FernetSecretCipher

FIRST, SECOND, THIRD = (f"{name} secret, long enough to be one at all" for name in ("first", "second", "third"))


def box(*secrets: str) -> FernetSecretCipher:
    return FernetSecretCipher(KeyRing(secrets))


@pytest.mark.parametrize("secret", ["JBSWY3DPEHPK3PXP", "", "\U0001f427", "x" * 10_000])
def test_a_sealed_secret_can_be_opened_and_is_not_readable(secret: str) -> None:
    sealed = box(FIRST).seal(secret)
    assert box(FIRST).open(sealed) == secret
    assert not secret or secret not in sealed


def test_sealing_a_secret_twice_gives_different_texts() -> None:
    assert box(FIRST).seal("secret") != box(FIRST).seal("secret")


def test_every_key_opens_and_the_first_key_seals() -> None:
    sealed = box(FIRST).seal("secret")
    for ring in ((FIRST,), (FIRST, SECOND), (SECOND, FIRST), (SECOND, THIRD, FIRST)):
        assert box(*ring).open(sealed) == "secret"
    assert box(FIRST).open(box(FIRST, SECOND).seal("secret")) == "secret"
    with pytest.raises(ValueError, match="SECRET_KEYS"):
        box(FIRST).open(box(SECOND, FIRST).seal("secret"))


def test_a_text_sealed_with_the_first_key_is_current() -> None:
    sealed = box(FIRST).seal("secret")
    assert box(FIRST).is_current(sealed)
    assert box(FIRST, SECOND).is_current(sealed)
    assert not box(SECOND, FIRST).is_current(sealed)
    assert not box(SECOND).is_current(sealed)
    assert not box(FIRST).is_current("nonsense")


def test_a_retired_key_opens_only_resealed_texts() -> None:
    sealed = box(FIRST).seal("secret")
    resealed = box(SECOND, FIRST).seal(box(SECOND, FIRST).open(sealed))
    assert box(SECOND).open(resealed) == "secret"
    with pytest.raises(ValueError, match="none of the keys"):
        box(SECOND, THIRD).open(sealed)


@pytest.mark.parametrize("text", ["", "x", "gAAAA", "\U0001f427", "\0", "=" * 100, "x" * 10_000])
def test_a_malformed_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="none of the keys"):
        box(FIRST).open(text)


def test_a_changed_text_is_refused() -> None:
    sealed = box(FIRST).seal("secret")
    for position in range(0, len(sealed) - 2, 9):
        other = "A" if sealed[position] != "A" else "B"
        with pytest.raises(ValueError, match="none of the keys"):
            box(FIRST).open(sealed[:position] + other + sealed[position + 1 :])


def test_a_text_sealed_with_an_unrelated_key_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the keys"):
        box(FIRST).open(Fernet(Fernet.generate_key()).encrypt(b"secret").decode())
