"""The key ring: the secrets from which all keys are derived."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MIN_SECRET_LENGTH = 32


class KeyRing:
    """Secrets in order: the first one signs, and all of them verify.

    No secret is used directly. Each purpose has its own key, derived by HKDF (RFC 5869) from the purpose's name, so
    that a signature for one purpose is not valid for another.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or any(len(secret) < MIN_SECRET_LENGTH for secret in secrets):
            raise ValueError(f"a key ring needs at least one secret, each of at least {MIN_SECRET_LENGTH} characters")
        self._secrets = {key_id(secret): secret for secret in secrets}
        self.signing = key_id(secrets[0])

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the keys, as in the `kid` of tokens."""
        return list(self._secrets)

    def key(self, kid: str, purpose: str) -> bytes:
        """Return the 32-byte key derived from the secret `kid` for a purpose."""
        return derive(self._secrets[kid].encode(), purpose)


def derive(secret: bytes, purpose: str) -> bytes:
    """Derive the 32-byte key for one purpose."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"tasktracker/{purpose}".encode()).derive(secret)


def key_id(secret: str) -> str:
    """Return an id for a secret, which reveals nothing about it."""
    return hashlib.sha256(derive(secret.encode(), "key-id")).hexdigest()[:12]
