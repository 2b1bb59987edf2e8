"""Conditions with different SQL for each dialect, so that planners choose the index with the order of a list; the later
of two times.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class OneOf(ColumnElement[bool]):
    """Whether a column is one of the values of a query with few rows, which runs at most once.

    PostgreSQL adds the cost of a query in `IN` to each row of a join, and SQLite runs it even for null.
    """

    inherit_cache = False
    type = Boolean()
    _is_implicitly_boolean = True

    def __init__(self, column: ColumnElement[Any], values: Select[Any]) -> None:
        self.column = column
        self.values = values


class Later(FunctionElement[Any]):
    """The latest of some times, none of which is null."""

    inherit_cache = True


@compiles(Later, "postgresql")
def _greatest(element: Later, compiler: SQLCompiler, **options: Any) -> str:
    return f"greatest({compiler.process(element.clauses, **options)})"


@compiles(Later, "sqlite")
def _max(element: Later, compiler: SQLCompiler, **options: Any) -> str:
    return f"max({compiler.process(element.clauses, **options)})"


@compiles(OneOf, "postgresql")
def _one_of_on_postgresql(element: OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in (element.column, element.values))
    return f"({column} = ANY (ARRAY({values})))"


@compiles(OneOf, "sqlite")
def _one_of_on_sqlite(element: OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in (element.column, element.values))
    return f"({column} IS NOT NULL AND {column} IN ({values}))"


class Mostly(ColumnElement[bool]):
    """A condition that is true for most rows.

    PostgreSQL's planner assumes that a comparison excludes many rows, and that `IS NOT NULL` excludes nearly none.
    """

    inherit_cache = False
    type = Boolean()
    _is_implicitly_boolean = True

    def __init__(self, condition: ColumnElement[bool]) -> None:
        self.condition = condition


@compiles(Mostly, "postgresql")
def _mostly_on_postgresql(element: Mostly, compiler: SQLCompiler, **options: Any) -> str:
    return f"(CASE WHEN {compiler.process(element.condition, **options)} THEN 1 END IS NOT NULL)"


@compiles(Mostly, "sqlite")
def _mostly_on_sqlite(element: Mostly, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.condition, **options)})"
