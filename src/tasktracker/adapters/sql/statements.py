"""Statements compiled once for a driver.

SQLAlchemy takes longer to compile a statement than a database takes to run it. Its execution layer takes longer, too.
This module caches the text, the order of the parameters, and the functions that convert parameters and columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.selectable import Select
from sqlalchemy.types import TypeEngine

Parameters = Mapping[str, Any]
Row = Sequence[Any]
Process = Callable[[Any], Any]

# Far more statements than the program has, if lists with every combination of filters are not counted.
MAX_CACHED = 1000


class Compiled:
    """A statement in the SQL of a driver."""

    __slots__ = ("_constants", "_parameters", "_results", "is_single_use", "text")

    def __init__(
        self,
        text: str,
        parameters: Sequence[tuple[str, Process | None]],
        constants: Parameters,
        results: Sequence[tuple[int, Process]],
        *,
        is_single_use: bool,
    ) -> None:
        self.text = text
        self.is_single_use = is_single_use
        self._parameters = parameters
        self._constants = constants
        self._results = results

    def values(self, parameters: Parameters) -> list[Any]:
        """Return the parameters in order, converted for the driver."""
        if self._constants:
            parameters = {**self._constants, **parameters}
        return [
            parameters[name] if process is None else process(parameters[name]) for name, process in self._parameters
        ]

    def columns(self, rows: Sequence[Row]) -> list[Sequence[Any]]:
        """Return the columns of fetched rows, converted. There are none if there are no rows."""
        columns: list[Any] = list(zip(*rows, strict=True))
        if columns:
            for number, process in self._results:
                column = columns[number]
                nulls = column.count(None)
                if not nulls:
                    columns[number] = list(map(process, column))
                elif nulls < len(column):
                    columns[number] = [None if value is None else process(value) for value in column]
        return columns

    def results(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Convert fetched rows: a single one by itself, more column by column, which takes less for each."""
        if not self._results:
            return rows
        if len(rows) > 1:
            return list(zip(*self.columns(rows), strict=True))
        found = [list(row) for row in rows]
        for row in found:
            for number, process in self._results:
                if row[number] is not None:
                    row[number] = process(row[number])
        return found


class Statements:
    """Compiles statements for a dialect. `dump`, if given, converts every parameter instead of the column types."""

    def __init__(self, dialect: Dialect, dump: Process | None = None) -> None:
        self._dialect = dialect
        self._dump = dump
        self._cache: dict[tuple[object, ...], Callable[[Parameters], Compiled]] = {}

    def compiled(self, statement: Executable, parameters: Parameters) -> Compiled:
        """Return the statement compiled for parameters of these names, with lists of these lengths."""
        # The names of the parameters determine which columns are inserted or updated.
        key = (statement, *parameters)
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
            found = self._cache[key] = self._compile(statement, parameters)
        return found(parameters)

    def _compile(self, statement: Executable, parameters: Parameters) -> Callable[[Parameters], Compiled]:
        names = list(parameters) if statement.is_insert or statement.is_update else None
        compiled = cast(ClauseElement, statement).compile(dialect=self._dialect, column_keys=names)
        assert isinstance(compiled, SQLCompiler)
        own = compiled.params
        dumps = {name: self._dumping(bind.type) for name, bind in compiled.binds.items()}
        results = [(number, load) for number, type_ in enumerate(_types(statement)) if (load := self._loading(type_))]

        def expand(parameters: Parameters) -> Compiled:
            # A list becomes as many parameters as it has values.
            expanded = compiled.construct_expanded_state({**own, **parameters})
            origins = {new: name for name, all_new in expanded.parameter_expansion.items() for new in all_new}
            has_lists = any(name in parameters for name in expanded.parameter_expansion)
            order = expanded.positiontup or ()
            of_types = [(name, dumps[origins.get(name, name)]) for name in order]
            constants = {name: expanded.parameters[name] for name in order if name not in parameters}
            return Compiled(expanded.statement, of_types, constants, results, is_single_use=has_lists)

        first = expand(parameters)
        return expand if first.is_single_use else lambda _: first

    def _dumping(self, type_: TypeEngine[Any]) -> Process | None:
        return self._dump or type_.dialect_impl(self._dialect).bind_processor(self._dialect)

    def _loading(self, type_: TypeEngine[Any]) -> Process | None:
        implementation = type_.dialect_impl(self._dialect)
        # Our types have `load`. It is faster than a result processor, because it does not check for null.
        load: Process | None = getattr(implementation, "load", None)
        return load or implementation.result_processor(self._dialect, None)


def _types(statement: Executable) -> list[TypeEngine[Any]]:
    """Return the types of a statement's result columns, if it declares them."""
    if isinstance(statement, Select):
        return [column["type"] for column in statement.column_descriptions]
    if isinstance(statement, UpdateBase):
        return [column["type"] for column in statement.returning_column_descriptions]
    return []
