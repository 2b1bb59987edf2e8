"""Entities are mapped to rows by the names of their fields. A mismatch is an error at import."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Column, Integer, MetaData, Table
from sqlalchemy.dialects import sqlite

from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import IsoMoment, task_entries
from tasktracker.adapters.sql.task_rows import TASKS, entry_of, entry_rows
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.tasks.task import Priority, State, Task
from tests.fakes import START


class Size(IntEnum):
    NONE = 0
    LARGE = 1


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    id: int
    label: str = ""
    size: Size
    colour: Colour | None = None
    tags: frozenset[str] = frozenset()


def test_a_time_is_stored_in_utc_in_text_of_one_length() -> None:
    stored = IsoMoment().bind_processor(sqlite.dialect())
    local = datetime(2026, 3, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    assert [stored(local), stored(None)] == ["2026-03-01 12:00:00.000000+00:00", None]
    with pytest.raises(ValueError, match="without an offset"):
        stored(local.replace(tzinfo=None))


def boxes(*columns: str) -> Table:
    return Table("boxes", MetaData(), *(Column(name, Integer) for name in columns))


ALL = ("tags", "colour", "label_key", "size", "label", "id", "place")
SPECIAL: dict[str, Any] = {
    "load": {"tags": lambda text: frozenset(text.split())},
    "dump": {"tags": lambda tags: " ".join(sorted(tags))},
    "derived": {"label_key": lambda box: box.label.casefold()},
    "fixed": ("id",),
    "unmapped": ("place",),
}
BOX = Box(id=1, label="Tools", size=Size.NONE, colour=Colour.RED, tags=frozenset("ba"))
ROW = {"id": 1, "label": "Tools", "size": 0, "colour": "red", "tags": "a b"}


@pytest.mark.parametrize(
    ("box", "row"), [(BOX, ROW), (replace(BOX, colour=None), ROW | {"colour": None})], ids=["a value", "none"]
)
def test_an_entity_equals_the_one_read_from_its_row(box: Box, row: dict[str, object]) -> None:
    rows = Rows(Box, boxes(*ALL), **SPECIAL)
    stored = rows.row(box)
    assert stored == row | {"label_key": "tools"}
    assert {type(stored["size"]), type(stored["colour"])} <= {int, str, type(None)}
    assert rows.changes(box) == {name: value for name, value in stored.items() if name != "id"}
    found = rows.entity([stored[column.name] for column in rows.columns])
    assert found == box
    assert found.size is box.size
    assert found.colour is box.colour


def test_entities_equal_those_read_from_rows_one_by_one() -> None:
    rows = Rows(Box, boxes(*ALL), **SPECIAL)
    stored = [[each[column.name] for column in rows.columns] for each in (ROW, ROW | {"id": 2, "colour": None})]
    assert rows.entities(stored) == [rows.entity(row) for row in stored] == [BOX, replace(BOX, id=2, colour=None)]
    assert rows.entities([]) == []


def test_a_sparse_field_that_is_null_is_none() -> None:
    special = SPECIAL | {"load": SPECIAL["load"] | {"colour": Colour}, "sparse": ("colour",)}
    rows = Rows(Box, boxes(*ALL), **special)
    stored = [[each[column.name] for column in rows.columns] for each in (ROW, ROW | {"colour": None})]
    for some in (stored, stored[1:]):
        expected = [BOX, replace(BOX, colour=None)][-len(some) :]
        assert rows.entities(some) == [rows.entity(row) for row in some] == expected


def test_an_update_of_a_known_row_has_the_changed_fields_and_all_derived_ones() -> None:
    rows = Rows(Box, boxes(*ALL), **SPECIAL)
    assert rows.changes(replace(BOX, size=Size.LARGE, tags=frozenset()), BOX) == {
        "size": 1,
        "tags": "",
        "label_key": "tools",
    }


def test_columns_come_in_the_order_of_the_fields() -> None:
    rows = Rows(Box, boxes(*ALL), **SPECIAL)
    assert [column.name for column in rows.columns] == ["id", "label", "size", "colour", "tags"]


def without(name: str) -> Table:
    return boxes(*(each for each in ALL if each != name))


@pytest.mark.parametrize(
    ("table", "special", "message"),
    [
        (without("size"), {}, "boxes lacks columns for Box: size"),
        (without("label_key"), {}, "boxes lacks columns for Box: label_key"),
        (boxes(*ALL, "weight"), {}, "boxes has columns that Box does not fill: weight"),
        (boxes(*ALL), {"unmapped": ()}, "boxes has columns that Box does not fill: place"),
        (boxes(*ALL), {"fixed": ("id", "made_at")}, "Box lacks fields: made_at"),
        (boxes(*ALL), {"load": {"tag": str.split}}, "Box lacks fields: tag"),
    ],
)
def test_a_schema_that_does_not_match_is_named(table: Table, special: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Rows(Box, table, **SPECIAL | special)


def test_an_entity_with_a_constructor_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Checked:
        id: int

        def __post_init__(self) -> None:
            raise AssertionError

    @dataclass(frozen=True)
    class WithoutSlots:
        id: int

    for entity in (Checked, WithoutSlots):
        with pytest.raises(TypeError, match="must have slots, and no __post_init__"):
            Rows(entity, boxes("id"))


def test_entries_have_all_columns_and_only_those_of_the_owner_a_category() -> None:
    task = Task(
        id=UUID(int=1),
        root=UUID(int=1),
        title="Bread",
        priority=Priority.HIGH,
        state=State.DONE,
        category=UUID(int=7),
        members=(Member(UUID(int=9), Role.VIEWER),),
        owner=UUID(int=2),
        created_by=UUID(int=2),
        created_at=START,
        updated_at=START,
    )
    entries = entry_rows(task, TASKS.row(task))
    for entry in entries:
        assert set(entry) == set(task_entries.columns.keys())
        assert (entry["title_key"], entry["priority"], entry["state"]) == ("bread", Priority.HIGH, State.DONE)
    assert [entry["category"] for entry in entries] == [UUID(int=7), None]
    assert [entry["via"] for entry in entries] == [None, None]
    assert set(task_entries.columns.keys()) - set(entry_of(TASKS.changes(task))) == {
        "task_id",
        "user_id",
        "role",
        "via",
        "category",
        "created_at",
    }
