"""Two stores on one database, as in separate processes."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tasktracker.domain.kernel.errors import SessionEnded
from tasktracker.domain.work import Storage
from tests.backends import Backend, on_postgresql, on_sql
from tests.contracts.base import BackgroundCall, Seed
from tests.fakes import SYSTEM


@on_sql
class TestTwoStores:
    @pytest.fixture
    def another(self, store: Storage, backend: Backend) -> Iterator[Storage]:
        another = backend.another_store()
        yield another
        another.close()

    def test_secrets_are_the_same_everywhere(self, store: Storage, another: Storage) -> None:
        assert store.get_or_create_secret("first") == another.get_or_create_secret("first")
        assert another.get_or_create_secret("second") == store.get_or_create_secret("second")

    def test_every_store_sees_a_commit(self, store: Storage, another: Storage, seed: Seed) -> None:
        actor = seed.actor()
        with another.reading(actor) as work:
            assert work.users.find(actor.user_id) is not None
        with another.writing(SYSTEM) as work:
            work.sessions.remove(actor.session_id)
        with pytest.raises(SessionEnded), store.reading(actor):
            pass

    def test_a_store_waits_for_the_transaction_of_another(self, store: Storage, another: Storage, seed: Seed) -> None:
        user = seed.user(first_name="a")

        def append() -> None:
            with another.writing(SYSTEM) as work:
                found = work.users.find(user.id)
                assert found is not None
                work.users.save(found.edit({"first_name": found.first_name + "c"}))

        with store.writing(SYSTEM) as work:
            found = work.users.find(user.id)
            assert found is not None
            other = BackgroundCall(append)
            assert not other.wait(0.2)
            work.users.save(found.edit({"first_name": found.first_name + "b"}))
        other.result()
        with store.reading(SYSTEM) as work:
            found = work.users.find(user.id)
        assert found is not None
        assert found.first_name == "abc"


@on_postgresql
def test_postgresql_compares_keys_by_code_point_whatever_language_the_database_is_set_to(backend: Backend) -> None:
    """The server of the tests may have no locale, so the order of a list would prove nothing."""
    with psycopg.connect(backend.url) as connection:
        collations = connection.execute(
            "SELECT column_name, collation_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name IN ('username_key', 'email_key', 'name_key')"
        ).fetchall()
    assert sorted(collations) == [("email_key", "C"), ("name_key", "C"), ("username_key", "C")]
