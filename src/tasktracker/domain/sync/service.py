"""Telling devices what has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from tasktracker.domain.feed.entries import FeedEntry, FeedItem, ItemType
from tasktracker.domain.feed.ports import EPOCH
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.paging import DEFAULT_PAGE
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.work import Store, UnitOfWork

WINDOW = timedelta(days=30)
ALL_TYPES = frozenset(ItemType)
BUCKETS = frozenset(f"{number:02x}" for number in range(256))


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since a cursor, and the cursor to go on from. `head` is how far the feed had come by then."""

    items: Sequence[FeedItem]
    next: SyncCursor
    head: int
    has_more: bool
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Digest:
    """A summary of all that a user has: the number of items, and a hash for each bucket that is not empty."""

    as_of: SyncCursor
    count: int
    buckets: Mapping[str, str]


class SyncService:
    """The feed of an actor's own and shared items."""

    def __init__(self, *, store: Store, clock: Clock, window: timedelta = WINDOW) -> None:
        self._store = store
        self._clock = clock
        self._window = window

    def pull(
        self,
        actor: Actor,
        cursor: SyncCursor | None = None,
        limit: int = DEFAULT_PAGE,
        types: Collection[ItemType] = ALL_TYPES,
    ) -> Changes:
        """Return the changes since a cursor; from None the full state. Raises CursorExpired."""
        with self._store.reading(actor) as work:
            changes = self._pull(work, actor, cursor, limit, types)
        if changes is None:
            # Nobody has ever asked before.
            self._store.secret(EPOCH)
            return self.pull(actor, cursor, limit, types)
        return changes

    def _pull(
        self, work: UnitOfWork, actor: Actor, cursor: SyncCursor | None, limit: int, types: Collection[ItemType]
    ) -> Changes | None:
        now = self._clock.now()
        state = work.feed.state(actor.user_id)
        if not state.epoch:
            return None
        if cursor is None:
            cursor = SyncCursor.start(state, now)
        cursor.require_valid(state, now, self._window)
        found = work.feed.page(actor.user_id, cursor.sequence, limit + 1, types, cursor.began)
        items, has_more = found[:limit], len(found) > limit
        reached = items[-1].sequence if items else cursor.sequence
        # Once a device has all there was, its cursor is as good as new.
        following = replace(cursor, sequence=reached, since=cursor.since if has_more else now)
        return Changes(items, following, state.head, has_more, following.valid_until(self._window))

    def latest(self, actor: Actor) -> SyncCursor:
        """Return the cursor of a device that knows everything there is."""
        now = self._clock.now()
        with self._store.reading(actor) as work:
            state = work.feed.state(actor.user_id)
        if not state.epoch:
            self._store.secret(EPOCH)
            return self.latest(actor)
        return SyncCursor(state.epoch, state.head, state.head, now)

    def require_valid(self, actor: Actor, cursor: SyncCursor) -> None:
        """Raise CursorExpired where changes can no longer be told from a cursor."""
        with self._store.reading(actor) as work:
            state = work.feed.state(actor.user_id)
        cursor.require_valid(state, self._clock.now(), self._window)

    def digest(self, actor: Actor, types: Collection[ItemType] = ALL_TYPES) -> Digest:
        """Return the summary of all the actor has."""
        now = self._clock.now()
        with self._store.snapshot(actor) as work:
            state = work.feed.state(actor.user_id)
            marks = work.feed.marks(actor.user_id, types) if state.epoch else []
        if not state.epoch:
            self._store.secret(EPOCH)
            return self.digest(actor, types)
        count, buckets = digest_of(marks)
        return Digest(SyncCursor(state.epoch, state.head, state.head, now), count, buckets)

    def bucket(self, actor: Actor, name: str, types: Collection[ItemType] = ALL_TYPES) -> Sequence[FeedEntry]:
        """Return what is in one bucket, ordered by type and id."""
        with self._store.reading(actor) as work:
            marks = work.feed.marks(actor.user_id, types)
        return sorted(
            (mark for mark in marks if bucket_of(mark.id) == name), key=lambda mark: (mark.type, str(mark.id))
        )


def bucket_of(item_id: UUID) -> str:
    """Return the name of the bucket of an id: the first byte of its SHA-256, as two hexadecimal digits."""
    return hashlib.sha256(str(item_id).encode()).hexdigest()[:2]


def digest_of(marks: Iterable[FeedEntry]) -> tuple[int, Mapping[str, str]]:
    """Return the number of items, and the hashes of their ids and versions by bucket.

    A bucket's hash is the SHA-256 of its lines "<type> <id> <version>\\n" in the order of their bytes.
    """
    lines: dict[str, list[str]] = {}
    count = 0
    for mark in marks:
        lines.setdefault(bucket_of(mark.id), []).append(f"{mark.type} {mark.id} {mark.version}\n")
        count += 1
    hashes = {
        name: hashlib.sha256("".join(sorted(of_bucket)).encode()).hexdigest()
        for name, of_bucket in sorted(lines.items())
    }
    return count, hashes
