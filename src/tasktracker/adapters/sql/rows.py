"""Maps entities to the rows of tables and back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from enum import Enum
from itertools import repeat
from operator import attrgetter
from types import UnionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from sqlalchemy import ColumnElement, Table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Entity = TypeVar("Entity", bound="DataclassInstance")
Convert = Callable[[Any], Any]


class Rows(Generic[Entity]):
    """Maps an entity to a table that has a column for each of its fields, of the same name.

    An enum is stored as its value, and any other value unchanged, unless `load` and `dump` convert the field. `sparse`
    fields are null, and None, in most rows; `load` is not called for these. `derived` columns are computed from the
    entity when it is stored. Other code fills the `unmapped` columns. `fixed` fields never change. `read_only` fields
    have no column: an expression reads each of them, and other code stores it.

    Raises TypeError if the table and the entity do not match.
    """

    def __init__(
        self,
        entity: type[Entity],
        table: Table,
        *,
        load: Mapping[str, Convert] = {},
        dump: Mapping[str, Convert] = {},
        derived: Mapping[str, Callable[[Entity], Any]] = {},
        fixed: Collection[str] = (),
        unmapped: Collection[str] = (),
        read_only: Mapping[str, ColumnElement[Any]] = {},
        sparse: Collection[str] = (),
    ) -> None:
        if "__slots__" not in vars(entity) or hasattr(entity, "__post_init__"):
            raise TypeError(f"{entity.__name__} must have slots, and no __post_init__, which reading a row would skip")
        names = [field.name for field in fields(entity)]
        mapped, found = {*names, *derived, *unmapped} - {*read_only}, {*table.columns.keys()}
        _require_none(f"{table.name} lacks columns for {entity.__name__}", mapped - found)
        _require_none(f"{table.name} has columns that {entity.__name__} does not fill", found - mapped)
        _require_none(f"{entity.__name__} lacks fields", {*load, *dump, *fixed, *read_only} - {*names})
        self.columns: tuple[ColumnElement[Any], ...] = tuple(
            read_only[name].label(name) if name in read_only else table.columns[name] for name in names
        )
        self.fixed = fixed
        self._entity = entity
        # Setting the slots one by one takes half the time of a constructor with keyword arguments.
        self._set = [getattr(entity, name).__set__ for name in names]
        self._stored_names = [name for name in names if name not in read_only]
        self._values = attrgetter(*self._stored_names)
        self._derived = list(derived.items())
        enums = _enums(entity)
        loads = {**{name: members.__getitem__ for name, members in enums.items()}, **load}
        dumps = {**{name: _inverse(members).__getitem__ for name, members in enums.items()}, **dump}
        self._loads = [(names.index(name), convert) for name, convert in loads.items() if name not in sparse]
        self._sparse = [(names.index(name), loads[name]) for name in sparse]
        self._dumps = list(dumps.items())

    def entity(self, row: Sequence[Any]) -> Entity:
        """Return the entity of a row that holds `columns`."""
        values = list(row)
        for number, load in self._loads:
            values[number] = load(values[number])
        for number, load in self._sparse:
            if values[number] is not None:
                values[number] = load(values[number])
        entity = object.__new__(self._entity)
        for set_value, value in zip(self._set, values, strict=True):
            set_value(entity, value)
        return entity

    def entities(self, rows: Sequence[Sequence[Any]]) -> list[Entity]:
        """Return the entities of rows with the values of `columns`. Reading column by column takes half the time."""
        return self.of_columns(list(zip(*rows, strict=True)))

    def of_columns(self, columns: Sequence[Sequence[Any]]) -> list[Entity]:
        """Return the entities of all rows with these `columns`. Without a row, there are no columns."""
        if not columns:
            return []
        found = list(map(object.__new__, repeat(self._entity, len(columns[0]))))
        values: list[Iterable[Any]] = list(columns)
        for number, load in self._loads:
            values[number] = map(load, columns[number])
        for number, load in self._sparse:
            if any(columns[number]):
                values[number] = [None if value is None else load(value) for value in columns[number]]
        for set_value, column in zip(self._set, values, strict=True):
            deque(map(set_value, found, column), maxlen=0)
        return found

    def row(self, entity: Entity) -> dict[str, Any]:
        """Return the values of all mapped and derived columns, by name."""
        row = dict(zip(self._stored_names, self._values(entity), strict=True))
        for name, dump in self._dumps:
            row[name] = dump(row[name])
        for name, derive in self._derived:
            row[name] = derive(entity)
        return row

    def changes(self, entity: Entity, before: Entity | None = None) -> dict[str, Any]:
        """Return the values to update in the row, which contains `before` if that is known. Fixed fields are left out.

        Unchanged fields are left out, too, because SQLite would write their indexes again.
        """
        row = self.row(entity)
        for name in self.fixed:
            del row[name]
        if before is not None:
            for name, value, was in zip(self._stored_names, self._values(entity), self._values(before), strict=True):
                if (value is was or value == was) and name in row:
                    del row[name]
        return row


def _enums(entity: type) -> dict[str, dict[Any, Any]]:
    """Return the fields that hold an enum, each with the enum's members by their stored values.

    A dictionary look-up takes a tenth of the time of calling the enum.
    """
    found = {}
    for name, hint in get_type_hints(entity).items():
        kinds = get_args(hint) if get_origin(hint) is UnionType else [hint]
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, Enum):
                found[name] = {each.value: each for each in kind} | ({None: None} if type(None) in kinds else {})
    return found


def _inverse(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
    return {value: key for key, value in mapping.items()}


def _require_none(what: str, names: Collection[str]) -> None:
    if names:
        raise TypeError(f"{what}: {', '.join(sorted(names))}")
