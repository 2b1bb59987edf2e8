"""Digests over HTTP. Devices compare them with their own data."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, get
from litestar.params import FromPath
from msgspec import Meta, Struct

from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.sync.service import BUCKETS, SyncService
from tasktracker.entrypoints.http.changes import SyncCursors, Typed
from tasktracker.entrypoints.http.core.operation import operation
from tasktracker.entrypoints.http.core.request import Request, query
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread


class DigestView(Struct):
    """A summary of all items of the caller."""

    as_of: Annotated[str, Meta(description="A cursor: the digest contains no changes after it.")]
    count: int
    buckets: Annotated[
        dict[str, str],
        Meta(
            description=(
                "The SHA-256 of each bucket. The bucket of an item is the first byte of the SHA-256 of its id, in "
                "hexadecimal."
            )
        ),
    ]


class EntryView(Struct):
    """An item and its version."""

    type: ItemType
    id: UUID
    version: int


class BucketView(Struct):
    """One bucket of a digest."""

    items: list[EntryView]


class DigestController(Controller):
    """`/api/sync/digest/`."""

    path = "/api/sync/digest"
    tags = ("sync",)

    sync: SyncService
    sync_cursors: SyncCursors
    threads: ThreadRunner

    @get("/", operation_id="digest", summary="Get the digest", opt=operation(query=Typed))
    @on_thread
    def digest(self, request: Request) -> DigestView:
        """Hashes of the caller's items. A device compares them with its own, to find differences."""
        types = query(Typed, request).chosen
        digest = self.sync.digest(request.user, types)
        as_of = self.sync_cursors.seal(digest.as_of, request.user, types)
        return DigestView(as_of, digest.count, dict(digest.buckets))

    @get(
        "/{bucket:str}",
        operation_id="digestBucket",
        summary="List a bucket of the digest",
        opt=operation(InvalidInput, query=Typed),
    )
    @on_thread
    def digest_bucket(self, request: Request, bucket: FromPath[str]) -> BucketView:
        """The items of one bucket, with their versions."""
        types = query(Typed, request).chosen
        if bucket not in BUCKETS:
            raise InvalidInput.of("bucket", "must be two lower-case hexadecimal digits")
        entries = self.sync.bucket(request.user, bucket, types)
        return BucketView([EntryView(entry.type, entry.id, entry.version) for entry in entries])
