"""Encrypting stored secrets anew, after a key was added to the ring."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tasktracker.domain.accounts.ports import AccountWork, SecretCipher
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.store import Store

BATCH = 500


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """The outcome: secrets `done`, and `lost`, which no key of the ring decrypts."""

    done: int
    lost: int


class ReencryptionService:
    """A process that encrypts every second factor's secret under the first key of the ring."""

    def __init__(self, *, store: Store[SystemActor, AccountWork[SystemActor]], cipher: SecretCipher) -> None:
        self._store = store
        self._cipher = cipher

    def run(self) -> Reencrypted:
        """Encrypt every secret anew that is not under the ring's first key, each in a unit of work of its own."""
        actor = SystemActor("encrypt secrets anew")
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
