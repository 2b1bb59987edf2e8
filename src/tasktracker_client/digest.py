"""The digest that verifies that a copy matches the server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from tasktracker_client.items import ItemType


def bucket_of(id: str) -> str:
    """Return the bucket of an id: the first byte of its SHA-256, as two hexadecimal digits."""
    return hashlib.sha256(id.encode()).hexdigest()[:2]


def buckets_of(items: Iterable[tuple[ItemType, str, int]]) -> Mapping[str, str]:
    """Return the hash of each non-empty bucket. Items are given as type, id and version."""
    lines: dict[str, list[str]] = {}
    for kind, item_id, version in items:
        lines.setdefault(bucket_of(item_id), []).append(f"{kind} {item_id} {version}\n")
    return {name: hashlib.sha256("".join(sorted(each)).encode()).hexdigest() for name, each in lines.items()}
