"""Merging by field."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tasktracker.domain.history.change import Change, FieldChange
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.sync.merge import conflicts_of, is_current
from tasktracker.domain.sync.mutation import FieldConflict
from tests.fakes import START

NONE: frozenset[int] = frozenset()


def changes(*titles: str) -> list[Change]:
    """Return changes of a title that was "base" in version 1, each by one version."""
    before, made = "base", []
    for version, title in enumerate(titles, start=2):
        fields = {"title": FieldChange(before, title), "priority": FieldChange(1, version)}
        made.append(
            Change(
                id=UUID(int=version),
                task_id=UUID(int=9),
                at=START,
                action=Action.EDIT,
                version=version,
                actor=UUID(int=1),
                session_id=UUID(int=2),
                token_id=None,
                fields=fields,
            )
        )
        before = title
    return made


def test_a_field_conflicts_if_a_version_that_is_not_own_changed_it_since_the_base() -> None:
    for titles, own, conflicts in (
        ((), (), False),
        (("a",), (2,), False),
        (("a", "b"), (2, 3), False),
        (("a",), (), True),
        (("a",), (3,), True),
        (("a", "b"), (2,), True),
        (("a", "b"), (3,), True),
    ):
        current = {"title": titles[-1] if titles else "base", "state": "open"}
        found = conflicts_of({"title": "mine", "state": "done"}, current, changes(*titles), frozenset(own))
        assert found == ({"title": FieldConflict("base", "mine", current["title"])} if conflicts else {}), titles


def test_the_same_value_never_conflicts() -> None:
    assert conflicts_of({"title": "a"}, {"title": "a"}, changes("a"), NONE) == {}
    assert conflicts_of({"title": "a"}, {"title": "a"}, None, NONE) == {}


def test_without_a_history_every_field_that_differs_conflicts() -> None:
    wanted = {"title": "mine", "state": "open", "priority": 1}
    assert conflicts_of(wanted, {"title": "a", "state": "open", "priority": 2}, None, NONE) == {
        "title": FieldConflict(None, "mine", "a"),
        "priority": FieldConflict(None, 1, 2),
    }


def test_exclusive_fields_conflict_together() -> None:
    day, moment = START.date(), START
    (change,) = changes("a")

    def found(
        mine: dict[str, object], before: tuple[object, object], after: tuple[object, object], own: int = 0
    ) -> object:
        fields = {
            name: FieldChange(old, new)  # type: ignore[arg-type]
            for name, old, new in zip(("on", "at"), before, after, strict=True)
            if old != new
        }
        current = dict(zip(("on", "at"), after, strict=True))
        return conflicts_of(mine, current, [replace(change, fields=fields)], frozenset({own}), ("on", "at"))

    nothing = (None, None)
    assert found({"on": day, "at": None}, nothing, (None, moment)) == {
        "on": FieldConflict(None, day, None),
        "at": FieldConflict(None, None, moment),
    }
    assert found({"at": None}, (None, moment), (day, None)) == {
        "on": FieldConflict(None, None, day),
        "at": FieldConflict(moment, None, None),
    }
    assert found({"on": day, "at": None}, nothing, (None, moment), own=2) == {}
    assert found({"on": day, "at": None}, nothing, (day, None)) == {}
    assert found({"at": None}, nothing, (day, None)) == {}


def test_own_changes_and_those_of_others_of_exclusive_fields_are_followed_from_the_base() -> None:
    day, moment = START.date(), START
    planned, moved = changes("a", "b")
    planned = replace(planned, fields={"on": FieldChange(None, day)})
    moved = replace(moved, fields={"on": FieldChange(day, None), "at": FieldChange(None, moment)})
    current, names = {"on": None, "at": moment}, ("on", "at")
    conflict = {"on": FieldConflict(None, day, None), "at": FieldConflict(None, None, moment)}
    assert conflicts_of({"at": None}, current, [planned, moved], frozenset({2}), names) == conflict
    titled = replace(moved, fields={"title": FieldChange("base", "b")})
    assert conflicts_of({"on": None}, {"on": day, "at": None}, [planned, titled], frozenset({2}), names) == {}
    assert conflicts_of({"on": day}, current, None, NONE, names) == {"on": FieldConflict(None, day, None)}
    assert conflicts_of({"at": moment}, current, None, NONE, names) == {}


def test_a_change_that_follows_from_another_task_is_not_in_conflict() -> None:
    moves = [replace(change, action=Action.MOVE) for change in changes("a")]
    assert conflicts_of({"title": "mine"}, {"title": "a"}, moves, NONE) == {}
    assert conflicts_of({"title": "mine"}, {"title": "a"}, moves, NONE, ("title",)) == {}


def test_a_base_is_current_if_only_own_versions_follow_it() -> None:
    for base, version, own, expected in (
        (None, 7, (), True),
        (7, 7, (), True),
        (5, 7, (6, 7), True),
        (5, 7, (7,), False),
        (5, 7, (6,), False),
        (8, 7, (8,), False),
        (1, 2**31, (2, 3), False),
    ):
        assert is_current(base, version, frozenset(own)) is expected, (base, version, own)
