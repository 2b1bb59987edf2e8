"""Merging by field: a device's changes with the changes of others since the device's base version."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tasktracker.domain.history.change import Change
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.sync.mutation import FieldConflict


def conflicts_of(
    wanted: Mapping[str, Any],
    current: Mapping[str, Any],
    since: Sequence[Change] | None,
    own: frozenset[int],
    joined: Collection[str] = (),
) -> Mapping[str, FieldConflict]:
    """Return the `wanted` fields that others changed, since the base version, to a different value.

    `since` are the changes after the base, the oldest first. If it is None, they are not known, and every field with a
    different value is in conflict. A change is no conflict if it only follows from a change of another task, or if it
    made one of the versions `own`, which are the device's own. The `joined` fields are compared as one.
    """
    conflicts = _conflicts_of_one(wanted, current, since, own, joined)
    for name, value in wanted.items():
        theirs = current[name]
        if value == theirs:
            continue
        if since is None:
            conflicts[name] = FieldConflict(None, value, theirs)
            continue
        changes = [change for change in since if name in change.fields]
        if any(is_of_others(change, own) for change in changes):
            conflicts[name] = FieldConflict(changes[0].fields[name].before, value, theirs)
    return conflicts


def _conflicts_of_one(
    wanted: Mapping[str, Any],
    current: Mapping[str, Any],
    since: Sequence[Change] | None,
    own: frozenset[int],
    names: Collection[str],
) -> dict[str, FieldConflict]:
    """Return the conflicts of fields that are compared as one: of all of them, or none."""
    named = {name: value for name, value in wanted.items() if name in names}
    if since is None:
        is_same = all(value == current[name] for name, value in named.items())
        return {} if is_same else {name: FieldConflict(None, value, current[name]) for name, value in named.items()}
    changes = [change for change in since if not change.fields.keys().isdisjoint(names)]
    theirs = {name: current[name] for name in names}
    base = dict(theirs)
    for change in reversed(changes):
        base |= {name: each.before for name, each in change.fields.items() if name in names}
    yours = dict(base)
    for change in changes:
        if change.version in own:
            yours |= {name: each.after for name, each in change.fields.items() if name in names}
    yours |= named
    changes_nothing = all(value == base[name] == theirs[name] for name, value in named.items())
    if changes_nothing or yours == theirs or not any(is_of_others(change, own) for change in changes):
        return {}
    return {name: FieldConflict(base[name], yours[name], theirs[name]) for name in names}


def is_of_others(change: Change, own: frozenset[int]) -> bool:
    """Whether others made a change, and it does not only follow from a change of another task."""
    return change.version not in own and change.action is not Action.MOVE


def is_current(base: int | None, version: int, own: frozenset[int]) -> bool:
    """Whether only versions of `own`, which the device itself made, lie between a base version and the current one."""
    return base is None or (base <= version and own.issuperset(range(base + 1, version + 1)))
