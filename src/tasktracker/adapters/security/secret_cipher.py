"""Encryption of stored secrets by Fernet (AES-128-CBC and HMAC-SHA-256), with keys derived from the key ring."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tasktracker.adapters.security.keys import KeyRing

PURPOSE = "second-factor"


class FernetSecretCipher:
    """Implements SecretCipher: the first key of the key ring encrypts, and every key decrypts."""

    def __init__(self, keys: KeyRing) -> None:
        ciphers = [Fernet(urlsafe_b64encode(keys.key(kid, PURPOSE))) for kid in keys.ids]
        self._first = ciphers[0]
        self._all = MultiFernet(ciphers)

    def seal(self, secret: str) -> str:
        """Encrypt a secret."""
        return self._first.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt a secret. Raises ValueError if no key fits."""
        try:
            return self._all.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise ValueError("none of the keys in SECRET_KEYS decrypts this secret") from None

    def is_current(self, sealed: str) -> bool:
        """Return whether the secret is encrypted with the first key."""
        try:
            self._first.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True
