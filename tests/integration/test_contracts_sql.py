"""The SQL adapter honours every contract, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import Uuid7Generator
from tasktracker.domain.kernel.errors import SessionEnded
from tasktracker.domain.work import Storage
from tests.contracts.accounts import AccountHistoryContract
from tests.contracts.activity import ActivityContract
from tests.contracts.api_tokens import ApiTokenContract, TokenAdmissionContract
from tests.contracts.base import Aside, Contract, Seed
from tests.contracts.categories import CategoryContract
from tests.contracts.credentials import CredentialHistoryContract
from tests.contracts.feed import FeedContract
from tests.contracts.fields import FieldContract
from tests.contracts.filing import FilingHistoryContract
from tests.contracts.history import HistoryContract
from tests.contracts.idempotency import IdempotencyContract
from tests.contracts.lists import ListContract
from tests.contracts.rate_limiter import RateLimiterContract
from tests.contracts.second_factors import SecondFactorContract
from tests.contracts.sessions import SessionContract
from tests.contracts.sharing import SharingHistoryContract
from tests.contracts.tasks import TaskContract
from tests.contracts.trash import TrashContract
from tests.contracts.users import UserContract
from tests.contracts.work import AdmissionContract, SecretContract, WorkContract
from tests.fakes import SYSTEM
from tests.integration.sql_stores import OnPostgreSQL, OnSqlite, Shared, postgresql, sqlite

__all__ = ["postgresql", "sqlite"]


class SharedDatabaseContract(Contract):
    """Stores of one database, as separate processes have them, agree."""

    @pytest.fixture
    def another(self, store: Storage, shared: Shared) -> Iterator[Storage]:
        another = SqlStore(open_database(shared.url), shared.clock, Uuid7Generator())
        yield another
        another.close()

    def test_secrets_are_the_same_everywhere(self, store: Storage, another: Storage) -> None:
        assert store.get_or_create_secret("first") == another.get_or_create_secret("first")
        assert another.get_or_create_secret("second") == store.get_or_create_secret("second")

    def test_what_one_commits_all_see(self, store: Storage, another: Storage, seed: Seed) -> None:
        actor = seed.actor()
        with another.reading(actor) as work:
            assert work.users.find(actor.user_id) is not None
        with another.writing(SYSTEM) as work:
            work.sessions.remove(actor.session_id)
        with pytest.raises(SessionEnded), store.reading(actor):
            pass

    def test_what_one_works_on_the_other_waits_for(self, store: Storage, another: Storage, seed: Seed) -> None:
        user = seed.user(first_name="a")

        def append() -> None:
            with another.writing(SYSTEM) as work:
                found = work.users.find(user.id)
                assert found is not None
                work.users.save(found.edit({"first_name": found.first_name + "c"}))

        with store.writing(SYSTEM) as work:
            found = work.users.find(user.id)
            assert found is not None
            other = Aside(append)
            assert not other.wait(0.2)
            work.users.save(found.edit({"first_name": found.first_name + "b"}))
        other.result()
        with store.reading(SYSTEM) as work:
            found = work.users.find(user.id)
        assert found is not None
        assert found.first_name == "abc"


class TestUserOnSqlite(OnSqlite, UserContract):
    pass


class TestSessionOnSqlite(OnSqlite, SessionContract):
    pass


class TestCategoryOnSqlite(OnSqlite, CategoryContract):
    pass


class TestFeedOnSqlite(OnSqlite, FeedContract):
    pass


class TestTaskOnSqlite(OnSqlite, TaskContract):
    pass


class TestApiTokenOnSqlite(OnSqlite, ApiTokenContract):
    pass


class TestTokenAdmissionOnSqlite(OnSqlite, TokenAdmissionContract):
    pass


class TestSecondFactorOnSqlite(OnSqlite, SecondFactorContract):
    pass


class TestActivityOnSqlite(OnSqlite, ActivityContract):
    pass


class TestRateLimiterOnSqlite(OnSqlite, RateLimiterContract):
    pass


class TestTrashOnSqlite(OnSqlite, TrashContract):
    pass


class TestHistoryOnSqlite(OnSqlite, HistoryContract):
    pass


class TestIdempotencyOnSqlite(OnSqlite, IdempotencyContract):
    pass


class TestListOnSqlite(OnSqlite, ListContract):
    pass


class TestSharingHistoryOnSqlite(OnSqlite, SharingHistoryContract):
    pass


class TestAdmissionOnSqlite(OnSqlite, AdmissionContract):
    pass


class TestWorkOnSqlite(OnSqlite, WorkContract):
    pass


class TestSecretOnSqlite(OnSqlite, SecretContract):
    pass


class TestFieldOnSqlite(OnSqlite, FieldContract):
    pass


class TestAccountHistoryOnSqlite(OnSqlite, AccountHistoryContract):
    pass


class TestCredentialHistoryOnSqlite(OnSqlite, CredentialHistoryContract):
    pass


class TestFilingHistoryOnSqlite(OnSqlite, FilingHistoryContract):
    pass


class TestSharedDatabaseOnSqlite(OnSqlite, SharedDatabaseContract):
    pass


class TestUserOnPostgreSQL(OnPostgreSQL, UserContract):
    pass


class TestSessionOnPostgreSQL(OnPostgreSQL, SessionContract):
    pass


class TestCategoryOnPostgreSQL(OnPostgreSQL, CategoryContract):
    pass


class TestFeedOnPostgreSQL(OnPostgreSQL, FeedContract):
    pass


class TestTaskOnPostgreSQL(OnPostgreSQL, TaskContract):
    pass


class TestApiTokenOnPostgreSQL(OnPostgreSQL, ApiTokenContract):
    pass


class TestTokenAdmissionOnPostgreSQL(OnPostgreSQL, TokenAdmissionContract):
    pass


class TestSecondFactorOnPostgreSQL(OnPostgreSQL, SecondFactorContract):
    pass


class TestActivityOnPostgreSQL(OnPostgreSQL, ActivityContract):
    pass


class TestRateLimiterOnPostgreSQL(OnPostgreSQL, RateLimiterContract):
    pass


class TestTrashOnPostgreSQL(OnPostgreSQL, TrashContract):
    pass


class TestHistoryOnPostgreSQL(OnPostgreSQL, HistoryContract):
    pass


class TestIdempotencyOnPostgreSQL(OnPostgreSQL, IdempotencyContract):
    pass


class TestListOnPostgreSQL(OnPostgreSQL, ListContract):
    pass


class TestSharingHistoryOnPostgreSQL(OnPostgreSQL, SharingHistoryContract):
    pass


class TestAdmissionOnPostgreSQL(OnPostgreSQL, AdmissionContract):
    pass


class TestWorkOnPostgreSQL(OnPostgreSQL, WorkContract):
    pass


class TestSecretOnPostgreSQL(OnPostgreSQL, SecretContract):
    pass


class TestFieldOnPostgreSQL(OnPostgreSQL, FieldContract):
    pass


class TestAccountHistoryOnPostgreSQL(OnPostgreSQL, AccountHistoryContract):
    pass


class TestCredentialHistoryOnPostgreSQL(OnPostgreSQL, CredentialHistoryContract):
    pass


class TestFilingHistoryOnPostgreSQL(OnPostgreSQL, FilingHistoryContract):
    pass


class TestSharedDatabaseOnPostgreSQL(OnPostgreSQL, SharedDatabaseContract):
    pass


def test_postgresql_compares_keys_by_code_point_whatever_language_the_database_is_set_to(postgresql: Shared) -> None:
    """The server of the tests may know no language at all, so that the order of a list would prove nothing."""
    with psycopg.connect(postgresql.url) as connection:
        collations = connection.execute(
            "SELECT column_name, collation_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name IN ('username_key', 'email_key', 'name_key')"
        ).fetchall()
    assert sorted(collations) == [("email_key", "C"), ("name_key", "C"), ("username_key", "C")]
