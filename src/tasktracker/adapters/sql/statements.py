"""Statements in the words of a driver, put into them once.

Compiling a statement takes SQLAlchemy longer than a database takes to run it, and so does everything it does around
running one. What is kept of it here is the text, the order of the parameters, and what turns values into what the
driver takes, and columns into values.
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

# Far more than there are, but for lists with every filter there can be.
MAX_KEPT = 1000


class Compiled:
    """A statement in the words of a driver."""

    __slots__ = ("_given", "_parameters", "_results", "is_for_once", "text")

    def __init__(
        self,
        text: str,
        parameters: Sequence[tuple[str, Process | None]],
        given: Parameters,
        results: Sequence[tuple[int, Process]],
        *,
        is_for_once: bool,
    ) -> None:
        self.text = text
        self.is_for_once = is_for_once
        self._parameters = parameters
        self._given = given
        self._results = results

    def values(self, parameters: Parameters) -> list[Any]:
        """Return the parameters as the driver takes them."""
        if self._given:
            parameters = {**self._given, **parameters}
        return [
            parameters[name] if process is None else process(parameters[name]) for name, process in self._parameters
        ]

    def results(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return what the driver has fetched as it was stored, a column after the other."""
        if not rows or not self._results:
            return rows
        columns: list[Any] = list(zip(*rows, strict=True))
        for number, process in self._results:
            columns[number] = [None if value is None else process(value) for value in columns[number]]
        return list(zip(*columns, strict=True))


class Statements:
    """Compiles statements for a dialect. `dump` turns any value into a parameter, where their types do not."""

    def __init__(self, dialect: Dialect, dump: Process | None = None) -> None:
        self._dialect = dialect
        self._dump = dump
        self._kept: dict[tuple[object, ...], Compiled] = {}

    def compiled(self, statement: Executable, parameters: Parameters) -> Compiled:
        """Return a statement as it is for parameters of these names."""
        # Which columns are inserted, or updated, depends on what there are values for.
        key = (statement, *parameters)
        found = self._kept.get(key)
        if found is None:
            found = self._compile(statement, parameters)
            if not found.is_for_once:
                if len(self._kept) >= MAX_KEPT:
                    self._kept.clear()
                self._kept[key] = found
        return found

    def _compile(self, statement: Executable, parameters: Parameters) -> Compiled:
        names = list(parameters) if statement.is_insert or statement.is_update else None
        compiled = cast(ClauseElement, statement).compile(dialect=self._dialect, column_keys=names)
        assert isinstance(compiled, SQLCompiler)
        # A list becomes as many parameters as it has values.
        expanded = compiled.construct_expanded_state({**compiled.params, **parameters})
        origins = {new: name for name, all_new in expanded.parameter_expansion.items() for new in all_new}
        lists = [name for name in expanded.parameter_expansion if name in parameters]
        order = expanded.positiontup or ()
        of_types = [(name, self._dumping(compiled.binds[origins.get(name, name)].type)) for name in order]
        given = {name: expanded.parameters[name] for name in order if name not in parameters}
        results = [(number, load) for number, type_ in enumerate(_types(statement)) if (load := self._loading(type_))]
        return Compiled(expanded.statement, of_types, given, results, is_for_once=bool(lists))

    def _dumping(self, type_: TypeEngine[Any]) -> Process | None:
        return self._dump or type_.dialect_impl(self._dialect).bind_processor(self._dialect)

    def _loading(self, type_: TypeEngine[Any]) -> Process | None:
        implementation = type_.dialect_impl(self._dialect)
        # Types of ours say how to read what is there, which is quicker than what asks each value whether it is.
        load: Process | None = getattr(implementation, "load", None)
        return load or implementation.result_processor(self._dialect, None)


def _types(statement: Executable) -> list[TypeEngine[Any]]:
    """Return the types of a statement's columns, as far as it says."""
    if isinstance(statement, Select):
        return [column["type"] for column in statement.column_descriptions]
    if isinstance(statement, UpdateBase):
        return [column["type"] for column in statement.returning_column_descriptions]
    return []
