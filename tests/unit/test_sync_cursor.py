"""The position of a device for which entries were left out, because categories were not ready, and digests."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from uuid import UUID

import pytest

from tasktracker.domain.feed.entries import FeedEntry
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.feed.ports import FeedState
from tasktracker.domain.kernel.errors import CursorExpired
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.sync.digest import bucket_of, digest_of
from tests.fakes import START

HOME, GARDEN = UUID(int=1), UUID(int=2)
STARTED = SyncCursor.start(FeedState(head=9, epoch=b"epoch"), START)


def test_the_feed_is_read_again_from_the_first_entry_that_was_left_out() -> None:
    held = STARTED.holding(3, [HOME, GARDEN]).holding(5, [HOME, GARDEN])
    assert held.resumed([GARDEN, HOME]) is held
    assert held.resumed({GARDEN}) == replace(STARTED, sequence=2)
    assert STARTED.holding(3, [HOME]).resumed({GARDEN}) == replace(STARTED, sequence=2)
    assert held.resumed({GARDEN}).resumed(()) == held.resumed({GARDEN})


def test_a_device_that_lacks_nothing_continues() -> None:
    assert STARTED.resumed({HOME}) is STARTED


@pytest.mark.parametrize(
    ("head", "epoch", "swept", "is_valid"),
    [
        (5, b"epoch", 5, True),
        (1, b"epoch", 0, False),  # the cursor is ahead
        (5, b"other", 0, False),
        (9, b"epoch", 6, False),  # a deletion after the cursor was purged
    ],
)
@pytest.mark.parametrize(("sequence", "began"), [(5, 2), (2, 5)])
def test_a_cursor_expires(sequence: int, began: int, head: int, epoch: bytes, swept: int, is_valid: bool) -> None:
    cursor = replace(STARTED, sequence=sequence, began=began)
    with nullcontext() if is_valid else pytest.raises(CursorExpired):
        cursor.require_valid(FeedState(head, epoch, swept))


def test_a_digest_does_not_depend_on_the_order_of_its_items() -> None:
    ids = [id_ for id_ in map(UUID, (f"{number:032x}" for number in range(1000))) if bucket_of(id_) == "00"]
    entries = [FeedEntry(UUID(int=1), ItemType.TASK, id_, 1) for id_ in ids]
    assert len(ids) > 1
    assert digest_of(entries) == digest_of(entries[::-1])
