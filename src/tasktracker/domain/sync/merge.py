"""Merging by field: a device's changes with the changes of others since the device's base version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasktracker.domain.history.change import Change
from tasktracker.domain.kernel.actors import Actor, SessionActor
from tasktracker.domain.sync.mutation import FieldConflict


def conflicts_of(
    wanted: Mapping[str, Any], current: Mapping[str, Any], since: Sequence[Change] | None, actor: Actor
) -> Mapping[str, FieldConflict]:
    """Return the `wanted` fields that others changed, since the base version, to a different value.

    `since` are the changes after the base, the oldest first. It is None if they are no longer stored; then every field
    with a different value is in conflict. A change by the device itself is no conflict.
    """
    conflicts = {}
    for name, value in wanted.items():
        theirs = current[name]
        if value == theirs:
            continue
        if since is None:
            conflicts[name] = FieldConflict(None, value, theirs)
            continue
        changes = [change for change in since if name in change.fields]
        if any(not is_by(change, actor) for change in changes):
            conflicts[name] = FieldConflict(changes[0].fields[name].before, value, theirs)
    return conflicts


def is_by(change: Change, actor: Actor) -> bool:
    """Whether a change was made by the same device: in the same session, or by the same API token."""
    if isinstance(actor, SessionActor):
        return change.session_id == actor.session_id
    return change.token_id == actor.token_id
