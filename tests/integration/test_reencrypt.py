"""Replacing a key by the command, as in the deployment guide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasktracker.adapters.security.keys import KeyRing
from tasktracker.adapters.security.secret_cipher import FernetSecretCipher
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import Uuid7Generator
from tests.contracts.base import Seed
from tests.fakes import SYSTEM, ManualClock, SequentialIds
from tests.http import run

OLD, NEW, OTHER = (f"{name} secret that is long enough to be one" for name in ("old", "new", "other"))


@pytest.fixture
def store(migrated_url: str) -> Iterator[SqlStore]:
    store = SqlStore(open_database(migrated_url), ManualClock(), Uuid7Generator())
    yield store
    store.close()


def test_a_key_can_be_retired_after_reencryption(store: SqlStore, migrated_url: str, tmp_path: Path) -> None:
    seed = Seed(store, ManualClock(), SequentialIds())
    users = [seed.user() for _ in range(3)]
    for user, key in zip(users, (OLD, OTHER, OLD), strict=True):
        seed.second_factor(user, sealed_secret=FernetSecretCipher(KeyRing([key])).seal(user.username))

    def reencrypt(keys: str) -> tuple[int, str]:
        result = run(tmp_path, "keys", "reencrypt", DATABASE_URL=migrated_url, SECRET_KEYS=keys)
        return result.returncode, result.stdout + result.stderr

    status, output = reencrypt(f"{NEW},{OLD}")
    assert status == 1
    assert "re-encrypted 2 secrets" in output
    assert "no key in SECRET_KEYS decrypts 1 secrets" in output
    assert reencrypt(f"{NEW},{OTHER}") == (0, "re-encrypted 1 secrets\n")
    assert reencrypt(NEW) == (0, "re-encrypted 0 secrets\n")
    with store.reading(SYSTEM) as work:
        factors = [work.second_factors.find(user.id) for user in users]
    box = FernetSecretCipher(KeyRing([NEW]))
    assert [factor and box.open(factor.sealed_secret) for factor in factors] == [user.username for user in users]
