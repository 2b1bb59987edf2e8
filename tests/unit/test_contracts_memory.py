"""The memory adapter honours every contract."""

from __future__ import annotations

import pytest

from tasktracker.adapters.memory.rate_limiter import MemoryRateLimiter
from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.domain.throttling.ports import RateLimiter
from tasktracker.domain.work import Storage
from tests.contracts.accounts import AccountHistoryContract
from tests.contracts.activity import ActivityContract
from tests.contracts.api_tokens import ApiTokenContract, TokenAdmissionContract
from tests.contracts.base import Contract, examples
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
from tests.fakes import ManualClock, RecordingAuditLog, SequentialIds


class InMemory(Contract):
    @pytest.fixture
    def store(self, clock: ManualClock, audit_log: RecordingAuditLog) -> Storage:
        return MemoryStore(clock, SequentialIds(), audit_log)

    @pytest.fixture
    def limiter(self) -> RateLimiter:
        return MemoryRateLimiter()


class TestUserInMemory(InMemory, UserContract):
    pass


class TestSessionInMemory(InMemory, SessionContract):
    pass


class TestCategoryInMemory(InMemory, CategoryContract):
    pass


class TestFeedInMemory(InMemory, FeedContract):
    pass


class TestTaskInMemory(InMemory, TaskContract):
    pass


class TestApiTokenInMemory(InMemory, ApiTokenContract):
    pass


class TestTokenAdmissionInMemory(InMemory, TokenAdmissionContract):
    pass


class TestSecondFactorInMemory(InMemory, SecondFactorContract):
    pass


class TestActivityInMemory(InMemory, ActivityContract):
    pass


class TestRateLimiterInMemory(InMemory, RateLimiterContract):
    pass


class TestTrashInMemory(InMemory, TrashContract):
    pass


class TestHistoryInMemory(InMemory, HistoryContract):
    pass


class TestIdempotencyInMemory(InMemory, IdempotencyContract):
    pass


class TestListInMemory(InMemory, ListContract):
    lists = examples(80)


class TestSharingHistoryInMemory(InMemory, SharingHistoryContract):
    histories = examples(150, stateful_step_count=60)


class TestAdmissionInMemory(InMemory, AdmissionContract):
    pass


class TestWorkInMemory(InMemory, WorkContract):
    pass


class TestSecretInMemory(InMemory, SecretContract):
    pass


class TestFieldInMemory(InMemory, FieldContract):
    pass


class TestAccountHistoryInMemory(InMemory, AccountHistoryContract):
    histories = examples(120, stateful_step_count=50)


class TestCredentialHistoryInMemory(InMemory, CredentialHistoryContract):
    histories = examples(100, stateful_step_count=40)


class TestFilingHistoryInMemory(InMemory, FilingHistoryContract):
    histories = examples(60, stateful_step_count=50)
