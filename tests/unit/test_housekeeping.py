"""What a sweep removes, after which time, and in which pieces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tasktracker.domain import housekeeping
from tasktracker.domain.administration.statistics import DAYS, Counted, Maintenance
from tasktracker.domain.housekeeping import BATCH, HousekeepingService
from tasktracker.domain.kernel.retention import MARGIN
from tasktracker.domain.notifications.notification import KEPT_FOR
from tests.fakes import START, ManualClock

RETENTION = timedelta(days=7)
BEFORE = START - RETENTION
ENDS = {
    "history": BEFORE,
    "idempotency": START - MARGIN,
    "activity": BEFORE,
    "sessions": BEFORE,
    "feed": BEFORE - MARGIN,
    "links": START - MARGIN,
    "invites": BEFORE,
    "share_invitations": START - MARGIN,
    "tickets": START - MARGIN,
    "deliveries": BEFORE,
    "notifications": START - KEPT_FOR,
    "import_jobs": BEFORE,
}
"""Before which time each kind has expired. What has its own end is kept a little longer, because clocks differ."""


class Rows:
    """The expired rows of one kind. Records the calls."""

    def __init__(self, name: str, made: list[Any], left: int) -> None:
        self._name, self._made, self.left = name, made, left

    def purge_before(self, before: datetime, limit: int) -> int:
        self._made.append((self._name, before, limit))
        removed = min(limit, self.left)
        self.left -= removed
        return removed

    def purge_notifications(self, before: datetime, limit: int) -> list[None]:
        return [None] * self.purge_before(before, limit)

    def expired(self, before: datetime, limit: int) -> list[int]:
        self._made.append((self._name, before, limit))
        return list(range(min(limit, self.left)))

    def purge(self, found: list[int], _: int) -> int:
        self.left -= len(found)
        return len(found)


class Data:
    """A store whose units of work contain the given numbers of expired rows."""

    def __init__(self, swept_at: datetime | None = None, **left: int) -> None:
        self.made: list[Any] = []
        self.rows = {name: Rows(name, self.made, left.get(name, 0)) for name in (*ENDS, "trash")}
        notifications = SimpleNamespace(purge_before=self.rows["notifications"].purge_notifications)
        self.work = SimpleNamespace(
            **self.rows | {"notifications": notifications},
            changes=SimpleNamespace(record_removal=lambda _: self.made.append("removal")),
            statistics=SimpleNamespace(
                marks=lambda: {Maintenance.SWEEP: swept_at} if swept_at else {},
                count=lambda counted, begin, _: self.made.append(("count", counted, begin.date())),
                save=lambda day, counts: self.made.append(("save", day, set(counts))),
                mark=lambda kind, at: self.made.append(("mark", kind, at)),
                purge_before=lambda day: self.made.append(("purge counts", day)),
            ),
        )
        self.service = HousekeepingService(store=self, clock=ManualClock(), retention=RETENTION)  # type: ignore[arg-type]

    @contextmanager
    def writing(self, _: object) -> Iterator[Any]:
        yield self.work

    reading = writing


def test_each_kind_is_removed_after_its_time() -> None:
    data = Data(swept_at=START)
    assert data.service.sweep() == 0
    counted = [each for each in data.made if each[0] == "save"]
    assert counted == [("save", START.date() - timedelta(days=gap), set(Counted)) for gap in (1, 0)]
    removed = [each for each in data.made if each[0] in data.rows]
    assert removed == [("trash", BEFORE, BATCH), *((name, before, BATCH) for name, before in ENDS.items())]
    assert data.made.index(counted[-1]) < data.made.index(removed[0]), "days are counted before their data is removed"
    days = (START - timedelta(days=2 * DAYS)).date()
    assert data.made[-2:] == [("mark", Maintenance.SWEEP, START), ("purge counts", days)]


@pytest.mark.parametrize(
    ("limit", "batches", "removed"),
    [
        (None, [BATCH, BATCH, BATCH], BATCH + 10),
        (BATCH + 5, [BATCH, 5], BATCH + 5),
        (3, [3], 3),
    ],
)
def test_a_kind_is_removed_in_batches_up_to_the_limit(limit: int | None, batches: list[int], removed: int) -> None:
    data = Data(history=BATCH + 10, import_jobs=2, notifications=1)
    assert data.service.sweep(limit) == removed + 3, "the limit is one of each kind"
    assert [each[2] for each in data.made if each[0] == "trash"] == batches[:1]
    assert [each[2] for each in data.made if each[0] == "history"] == batches


def test_tasks_that_are_still_in_the_trash_since_before_are_purged(monkeypatch: pytest.MonkeyPatch) -> None:
    data = Data(trash=2)

    def purge(_: object, task_id: object, before: datetime) -> int:
        data.made.append(("purge", task_id, before))
        data.rows["trash"].left -= 1
        return 1

    monkeypatch.setattr(housekeeping, "purge_expired", purge)
    assert data.service.sweep() == 2
    assert [each for each in data.made if each[0] == "purge"] == [("purge", number, BEFORE) for number in range(2)]


def test_a_sweep_that_is_asked_to_end_begins_no_further_batch() -> None:
    data = Data(history=3 * BATCH)
    assert data.service.sweep(None, lambda: data.rows["history"].left < 3 * BATCH) == BATCH
    assert not [each for each in data.made if each[0] == "activity"]
