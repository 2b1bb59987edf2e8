"""Encryption of what must be read again, by Fernet (AES-128-CBC and HMAC-SHA-256) with keys derived from the ring."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tasktracker.adapters.security.keys import KeyRing

PURPOSE = "second-factor"


class FernetSecretCipher:
    """Implements SecretCipher: the ring's first secret seals, all of them open."""

    def __init__(self, keys: KeyRing) -> None:
        boxes = [Fernet(urlsafe_b64encode(keys.key(kid, PURPOSE))) for kid in keys.ids]
        self._first = boxes[0]
        self._all = MultiFernet(boxes)

    def seal(self, secret: str) -> str:
        """Return the secret encrypted."""
        return self._first.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return what was sealed. Raises ValueError."""
        try:
            return self._all.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise ValueError("sealed under none of the keys in SECRET_KEYS") from None

    def is_current(self, sealed: str) -> bool:
        """Whether the first key opens it."""
        try:
            self._first.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True
