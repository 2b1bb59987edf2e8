"""Re-encrypting stored secrets after a key was added to the key ring."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tasktracker.domain.accounts.ports import AccountWork, SecretCipher
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.store import Store

BATCH = 500


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """The number of secrets re-encrypted (`done`), and of those that no key of the ring decrypts (`lost`)."""

    done: int
    lost: int


class ReencryptionService:
    """The process that re-encrypts the secrets of all second factors with the first key of the ring."""

    def __init__(self, *, store: Store[SystemActor, AccountWork[SystemActor]], cipher: SecretCipher) -> None:
        self._store = store
        self._cipher = cipher

    def run(self) -> Reencrypted:
        """Re-encrypt every secret that is not encrypted with the first key, each in a separate unit of work."""
        actor = SystemActor("re-encrypt secrets")
        done, lost, after = 0, 0, None
        while True:
            with self._store.reading(actor) as work:
                users = work.second_factors.list_users(after, BATCH)
            for user_id in users:
                with self._store.writing(actor) as work:
                    work.users.find(user_id)
                    factor = work.second_factors.find(user_id)
                    if factor is None or self._cipher.is_current(factor.sealed_secret):
                        continue
                    try:
                        secret = self._cipher.open(factor.sealed_secret)
                    except ValueError:
                        lost += 1
                        continue
                    work.second_factors.save(replace(factor, sealed_secret=self._cipher.seal(secret)))
                    done += 1
            if len(users) < BATCH:
                return Reencrypted(done, lost)
            after = users[-1]
