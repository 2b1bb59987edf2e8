"""The position of a device for which entries were left out, because categories were not ready for its user."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.feed.ports import FeedState
from tasktracker.domain.sync.cursor import SyncCursor
from tests.fakes import START

HOME, GARDEN = UUID(int=1), UUID(int=2)
STARTED = SyncCursor.start(FeedState(head=9, epoch=b"epoch"), START)


def test_the_feed_is_read_again_from_the_first_entry_that_was_left_out() -> None:
    held = STARTED.holding(3, {HOME, GARDEN}).holding(5, {HOME, GARDEN})
    assert held.resumed({GARDEN, HOME}) is held
    assert held.resumed({GARDEN}).sequence == 2
    assert held.resumed({GARDEN}).resumed(()) == held.resumed({GARDEN})


def test_a_device_that_lacks_nothing_continues() -> None:
    assert STARTED.resumed({HOME}) is STARTED
