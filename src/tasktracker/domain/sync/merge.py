"""Merging by field: what a device has changed, with what others have changed since it knew the item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasktracker.domain.history.change import Change
from tasktracker.domain.kernel.actors import Actor, SessionActor
from tasktracker.domain.sync.mutation import FieldConflict


def conflicts_of(
    wanted: Mapping[str, Any], current: Mapping[str, Any], since: Sequence[Change] | None, actor: Actor
) -> Mapping[str, FieldConflict]:
    """Return the fields that others have changed since to something other than what is wanted.

    `since` are the changes after the base, the first one first; None where they are not known any more, and every
    field that differs must be taken for changed. What the device itself has changed is no conflict: it knew.
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
