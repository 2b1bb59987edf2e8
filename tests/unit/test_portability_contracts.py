"""The memory adapter honours the contracts of snapshots and archives."""

from __future__ import annotations

import pytest

from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.domain.work import Storage
from tests.contracts.archive import ArchiveContract
from tests.contracts.base import Contract
from tests.contracts.snapshots import SnapshotContract
from tests.fakes import ManualClock, SequentialIds


class InMemory(Contract):
    @pytest.fixture
    def store(self, clock: ManualClock) -> Storage:
        return MemoryStore(clock, SequentialIds())


class TestSnapshotInMemory(InMemory, SnapshotContract):
    pass


class TestArchiveInMemory(InMemory, ArchiveContract):
    pass
