"""The stored result of an applied mutation, for a device that sends the mutation again or names it in `own`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from tasktracker.domain.idempotency.record import Request
from tasktracker.domain.sync.mutation import Mutation, Outcome, Status
from tasktracker.domain.sync.ports import PushWork


def request_of(mutation: Mutation) -> Request:
    """Return a mutation as an idempotent request."""
    return Request(_key(mutation.id), mutation.fingerprint)


def stored(mutation: Mutation, outcome: Outcome) -> bytes:
    """Return the stored form of the outcome of a mutation."""
    return json.dumps([outcome.version, list(outcome.dropped), _item(mutation), outcome.made]).encode()


def repeated(result: bytes) -> Outcome:
    """Return the outcome of a mutation that was applied before, from what `stored` returned then."""
    version, dropped, _, _ = _read(result)
    return Outcome(status=Status.DUPLICATE, version=version, dropped=dropped)


def base_and_own(work: PushWork, mutation: Mutation) -> tuple[int | None, frozenset[int]]:
    """Return the base version, and the versions of the item that the mutations in `own` made.

    A device that edits a new item before its first pull does not know a version. Then the base is the earliest own
    version, which the creation made. So later changes of others are not overwritten.
    """
    if not mutation.own:
        return mutation.base_version, frozenset()
    records = work.idempotency.find(work.actor.user_id, [_key(each) for each in mutation.own])
    found = (_read(record.result) for record in records)
    own = frozenset(made for _, _, item, made in found if item == _item(mutation) and made is not None)
    return min(own, default=None) if mutation.base_version is None else mutation.base_version, own


def _key(mutation_id: UUID) -> str:
    # It contains a space, so no Idempotency-Key header equals it.
    return f"sync {mutation_id}"


def _item(mutation: Mutation) -> str:
    return f"{mutation.type} {mutation.target}"


def _read(result: bytes) -> tuple[int, Sequence[str], str | None, int | None]:
    read = json.loads(result)
    if isinstance(read, int):  # stored by an earlier release, which stored only the version
        return read, (), None, None
    version, dropped, item, made = read
    return version, tuple(dropped), item, made
