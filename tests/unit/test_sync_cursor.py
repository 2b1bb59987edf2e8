"""The position of a device for which entries were left out, because categories were not ready, and digests."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.feed.entries import FeedEntry
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.feed.ports import FeedState
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.sync.digest import bucket_of, digest_of
from tests.fakes import START

HOME, GARDEN = UUID(int=1), UUID(int=2)
STARTED = SyncCursor.start(FeedState(head=9, epoch=b"epoch"), START)


def test_the_feed_is_read_again_from_the_first_entry_that_was_left_out() -> None:
    held = STARTED.holding(3, [HOME, GARDEN]).holding(5, [HOME, GARDEN])
    assert held.resumed([GARDEN, HOME]) is held
    assert held.resumed({GARDEN}).sequence == 2
    assert held.resumed({GARDEN}).resumed(()) == held.resumed({GARDEN})


def test_a_device_that_lacks_nothing_continues() -> None:
    assert STARTED.resumed({HOME}) is STARTED


def test_a_digest_does_not_depend_on_the_order_of_its_items() -> None:
    ids = [id_ for id_ in map(UUID, (f"{number:032x}" for number in range(1000))) if bucket_of(id_) == "00"]
    entries = [FeedEntry(UUID(int=1), ItemType.TASK, id_, 1) for id_ in ids]
    assert len(ids) > 1
    assert digest_of(entries) == digest_of(entries[::-1])
