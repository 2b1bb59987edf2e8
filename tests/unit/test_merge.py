"""Merging by field."""

from __future__ import annotations

from uuid import UUID

import pytest

from tasktracker.domain.history.change import Change, FieldChange
from tasktracker.domain.kernel.actors import Actor, SessionActor, TokenActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.sync.merge import conflicts_of
from tasktracker.domain.sync.mutation import FieldConflict
from tests.fakes import START

USER, PHONE, LAPTOP, SCRIPT = (UUID(int=number) for number in range(4))
ON_PHONE = SessionActor(USER, PHONE, 1)
BY_SCRIPT = TokenActor(USER, SCRIPT, b"hash")


def changes(*titles: tuple[UUID, str]) -> list[Change]:
    """Return changes of a title that was "base", each by a session or API token."""
    before, made = "base", []
    for version, (device, title) in enumerate(titles, start=2):
        fields = {"title": FieldChange(before, title), "priority": FieldChange(1, version)}
        made.append(
            Change(
                id=UUID(int=version),
                task_id=UUID(int=9),
                at=START,
                action=Action.EDIT,
                version=version,
                actor=USER,
                session_id=None if device == SCRIPT else device,
                token_id=device if device == SCRIPT else None,
                fields=fields,
            )
        )
        before = title
    return made


@pytest.mark.parametrize("actor", [ON_PHONE, BY_SCRIPT], ids=["session", "token"])
def test_a_field_conflicts_if_another_device_changed_it_since_the_base(actor: Actor) -> None:
    me = SCRIPT if actor is BY_SCRIPT else PHONE
    for made, conflicts in (
        ([], False),
        ([(me, "a")], False),
        ([(me, "a"), (me, "b")], False),
        ([(LAPTOP, "a")], True),
        ([(me, "a"), (LAPTOP, "b")], True),
        ([(LAPTOP, "a"), (me, "b")], True),
    ):
        current = {"title": made[-1][1] if made else "base", "state": "open"}
        found = conflicts_of({"title": "mine", "state": "done"}, current, changes(*made), actor)
        assert found == ({"title": FieldConflict("base", "mine", current["title"])} if conflicts else {}), made


def test_the_same_value_never_conflicts() -> None:
    assert conflicts_of({"title": "a"}, {"title": "a"}, changes((LAPTOP, "a")), ON_PHONE) == {}
    assert conflicts_of({"title": "a"}, {"title": "a"}, None, ON_PHONE) == {}


def test_without_a_history_every_field_that_differs_conflicts() -> None:
    found = conflicts_of({"title": "mine", "state": "open"}, {"title": "a", "state": "open"}, None, ON_PHONE)
    assert found == {"title": FieldConflict(None, "mine", "a")}
