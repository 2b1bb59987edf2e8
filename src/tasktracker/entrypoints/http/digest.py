"""Digests over HTTP: how devices prove that they have everything."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, get
from litestar.params import FromPath
from msgspec import Meta, Struct

from tasktracker.domain.feed.entries import ItemType
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.sync.service import BUCKETS, SyncService
from tasktracker.entrypoints.http.changes import SyncCursors, Typed
from tasktracker.entrypoints.http.cursors import Cursors
from tasktracker.entrypoints.http.operation import operation
from tasktracker.entrypoints.http.wire import Injected


class DigestView(Struct):
    """A summary of all that the caller has."""

    as_of: Annotated[str, Meta(description="A cursor: what changes after it is not in this digest.")]
    count: int
    buckets: Annotated[
        dict[str, str],
        Meta(description="By the first byte of the SHA-256 of an item's id, in hexadecimal: SHA-256 of what is there."),
    ]


class EntryView(Struct):
    """An item and its version."""

    type: ItemType
    id: UUID
    version: int


class BucketView(Struct):
    """What is in one bucket of a digest."""

    items: list[EntryView]


class DigestController(Controller):
    """`/api/sync/digest/`."""

    path = "/api/sync/digest"
    tags = ("sync",)

    @get("/", operation_id="digest", summary="Summarise everything", sync_to_thread=True, opt=operation())
    def digest(
        self,
        actor: Injected[Actor],
        sync: Injected[SyncService],
        filters: Injected[Typed],
        cursors: Injected[Cursors],
    ) -> DigestView:
        """Hashes by which a device proves that it has everything, and finds out where it has not."""
        digest = sync.digest(actor, filters.chosen)
        as_of = SyncCursors(cursors).seal(digest.as_of, actor, filters.chosen)
        return DigestView(as_of, digest.count, dict(digest.buckets))

    @get(
        "/{bucket:str}",
        operation_id="digestBucket",
        summary="List a bucket of the digest",
        sync_to_thread=True,
        opt=operation(InvalidInput),
    )
    def digest_bucket(
        self, bucket: FromPath[str], actor: Injected[Actor], sync: Injected[SyncService], filters: Injected[Typed]
    ) -> BucketView:
        """The items of one bucket, with their versions."""
        if bucket not in BUCKETS:
            raise InvalidInput.of("bucket", "must be two hexadecimal digits, in lower case")
        marks = sync.bucket(actor, bucket, filters.chosen)
        return BucketView([EntryView(mark.type, mark.id, mark.version) for mark in marks])
