"""Reading changes from feeds, and digests for comparing states."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from tasktracker.domain.feed.entries import FeedEntry, FeedItem, Op, Reason
from tasktracker.domain.feed.items import ItemType, can_see, is_awaited, synced_type_of
from tasktracker.domain.feed.ports import EPOCH, FeedState
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.paging import DEFAULT_PAGE
from tasktracker.domain.kernel.retention import RETENTION
from tasktracker.domain.kernel.store import SecretStore, Store
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.sync.digest import Digest, bucket_of, digest_of
from tasktracker.domain.sync.ports import FeedWork

DEFAULT_TYPES = frozenset({ItemType.TASK, ItemType.CATEGORY})
"""The types that the first clients know. Clients get other types only if they name them."""

BUCKETS = frozenset(f"{number:02x}" for number in range(256))


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes since a cursor, and the next cursor. `head` was the feed's highest sequence number."""

    items: Sequence[FeedItem]
    next: SyncCursor
    head: int
    has_more: bool
    valid_until: datetime


class SyncService:
    """Processes that read the feed of the actor's own and shared items. The first read creates the epoch."""

    def __init__(
        self, *, store: Store[Actor, FeedWork], secrets: SecretStore, retention: timedelta = RETENTION
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._retention = retention

    def pull(
        self,
        actor: Actor,
        cursor: SyncCursor | None = None,
        limit: int = DEFAULT_PAGE,
        types: Collection[ItemType] = DEFAULT_TYPES,
    ) -> Changes:
        """Return the changes since a cursor; without one, the full state. Raises CursorExpired."""
        while True:
            with self._store.reading(actor) as work:
                state = work.feed.state(actor.user_id)
                if state.epoch:
                    return self._read(work, actor, state, cursor, limit, types)
            self._secrets.get_or_create_secret(EPOCH)

    def latest(self, actor: Actor) -> SyncCursor:
        """Return the cursor of a device that has all items."""
        while True:
            with self._store.reading(actor) as work:
                state = work.feed.state(actor.user_id)
            if state.epoch:
                return SyncCursor(state.epoch, state.head, state.head, work.now)
            self._secrets.get_or_create_secret(EPOCH)

    def require_valid(self, actor: Actor, cursor: SyncCursor) -> None:
        """Raise CursorExpired if changes since a cursor can no longer be read."""
        with self._store.reading(actor) as work:
            cursor.require_valid(work.feed.state(actor.user_id))

    def digest(self, actor: Actor, types: Collection[ItemType] = DEFAULT_TYPES) -> Digest:
        """Return the digest of all items that the actor can see."""
        while True:
            with self._store.snapshot(actor) as work:
                state = work.feed.state(actor.user_id)
                entries = work.feed.entries(actor.user_id, types) if state.epoch else []
                not_ready = work.categories.not_ready(actor.user_id)
            if state.epoch:
                count, buckets = digest_of(entries)
                as_of = SyncCursor(state.epoch, state.head, state.head, work.now)
                return Digest(as_of.holding(1, not_ready) if not_ready else as_of, count, buckets)
            self._secrets.get_or_create_secret(EPOCH)

    def bucket(self, actor: Actor, name: str, types: Collection[ItemType] = DEFAULT_TYPES) -> Sequence[FeedEntry]:
        """Return the entries in one bucket, ordered by type and id."""
        with self._store.reading(actor) as work:
            entries = work.feed.entries(actor.user_id, types)
        return sorted(
            (entry for entry in entries if bucket_of(entry.id) == name), key=lambda entry: (entry.type, str(entry.id))
        )

    def _read(
        self,
        work: FeedWork,
        actor: Actor,
        state: FeedState,
        cursor: SyncCursor | None,
        limit: int,
        types: Collection[ItemType],
    ) -> Changes:
        begin = cursor or SyncCursor.start(state, work.now)
        if begin.held:
            begin = begin.resumed(work.categories.not_ready(actor.user_id))
        found = work.feed.page(actor.user_id, begin.sequence, limit + 1, types, begin.began)
        if cursor is not None:
            # Checked after the page was read: a sweep may have removed deletions from it since `state` was read.
            cursor.require_valid(work.feed.state(actor.user_id))
        has_more, found = len(found) > limit, found[:limit]
        sequence = found[-1].sequence if found else begin.sequence
        items: Sequence[FeedItem] = [_as_seen(each, actor) for each in found]
        if any(each.item and synced_type_of(type(each.item)).through(each.item, actor.user_id) for each in items):
            items, begin = _without_awaited(items, begin, actor, work.categories.not_ready(actor.user_id))
        if cursor is None:
            # The device never had these items.
            items = [each for each in items if each.entry.op is Op.UPSERT or each.sequence > begin.began]
        if has_more:
            following = replace(begin, sequence=sequence)
        else:
            # No entry of these types is left: the device need not read entries of other types up to now.
            following = replace(begin, sequence=max(sequence, state.head), since=work.now)
        return Changes(items, following, state.head, has_more, following.valid_until(self._retention))


def _as_seen(found: FeedItem, actor: Actor) -> FeedItem:
    """Return a deletion instead of an item that the actor cannot see any more.

    A change of rights takes effect at once; the entries of the feed are written later. If an item is not found, the
    account of its owner is being removed.
    """
    if found.entry.op is Op.DELETE or (found.item is not None and can_see(found.item, actor.user_id)):
        return found
    return _deletion(found)


def _without_awaited(
    found: Sequence[FeedItem], cursor: SyncCursor, actor: Actor, not_ready: Collection[UUID]
) -> tuple[Sequence[FeedItem], SyncCursor]:
    """Leave out items of categories that are not ready, and return a cursor that later goes back to them.

    A device may already have such an item, unless the entry says that access to it is new. Then the device gets a
    deletion now, and the item again when the category is ready.
    """
    shown = []
    for each in found:
        is_left_out = each.item is not None and is_awaited(each.item, actor.user_id, not_ready)
        if is_left_out:
            cursor = cursor.holding(each.sequence, not_ready)
        if not is_left_out:
            shown.append(each)
        elif each.entry.reason is not Reason.ACCESS_GRANTED:
            shown.append(_deletion(each))
    return shown, cursor


def _deletion(found: FeedItem) -> FeedItem:
    return replace(found, entry=replace(found.entry, op=Op.DELETE, reason=Reason.ACCESS_REVOKED), item=None)
