"""The ring of secrets that everything is signed with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MIN_SECRET_LENGTH = 32


class KeyRing:
    """Secrets in order: the first signs, all of them verify.

    No secret is used itself. Each purpose has its own key, derived by HKDF (RFC 5869) under the purpose's name, so
    that what is signed for one purpose means nothing to another.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or any(len(secret) < MIN_SECRET_LENGTH for secret in secrets):
            raise ValueError(f"a key ring needs at least one secret, each of at least {MIN_SECRET_LENGTH} characters")
        self._secrets = {key_id(secret): secret for secret in secrets}
        self.signing = key_id(secrets[0])

    @property
    def ids(self) -> Sequence[str]:
        """The names of the keys, as tokens carry them in `kid`."""
        return list(self._secrets)

    def key(self, kid: str, purpose: str) -> bytes:
        """Return the 32-byte key of a secret for a purpose."""
        return derive(self._secrets[kid].encode(), purpose)


def derive(secret: bytes, purpose: str) -> bytes:
    """Return the 32-byte key for one purpose."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"tasktracker/{purpose}".encode()).derive(secret)


def key_id(secret: str) -> str:
    """Name a secret without telling anything of it."""
    return hashlib.sha256(derive(secret.encode(), "key-id")).hexdigest()[:12]
