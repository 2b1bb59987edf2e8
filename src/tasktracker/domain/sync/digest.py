"""Digests, by which a device and the server compare what they have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from tasktracker.domain.feed.entries import FeedEntry
from tasktracker.domain.sync.cursor import SyncCursor


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest of all items that a user can see: their number, and a hash for each bucket that is not empty."""

    as_of: SyncCursor
    count: int
    buckets: Mapping[str, str]


def bucket_of(item_id: UUID) -> str:
    """Return the name of the bucket of an id: the first byte of its SHA-256, as two hexadecimal digits."""
    return hashlib.sha256(str(item_id).encode()).hexdigest()[:2]


def digest_of(entries: Iterable[FeedEntry]) -> tuple[int, Mapping[str, str]]:
    """Return the number of items, and the hashes of their ids and versions by bucket.

    A bucket's hash is the SHA-256 of its lines "<type> <id> <version>\\n" in the order of their bytes.
    """
    lines: dict[str, list[str]] = {}
    count = 0
    for entry in entries:
        lines.setdefault(bucket_of(entry.id), []).append(f"{entry.type} {entry.id} {entry.version}\n")
        count += 1
    hashes = {
        name: hashlib.sha256("".join(sorted(of_bucket)).encode()).hexdigest()
        for name, of_bucket in sorted(lines.items())
    }
    return count, hashes
