"""Locks that a transaction takes on something else than a row."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal


class Locked(ColumnElement[bool]):
    """True, once this transaction has a lock on a text, by `lock` or `lock_shared`.

    SQLite needs none: one transaction writes at a time.
    """

    inherit_cache = True
    _traverse_internals = [("function", InternalTraversal.dp_string), ("number", InternalTraversal.dp_clauseelement)]
    type = Boolean()

    def __init__(self, function: str, text: ColumnElement[str]) -> None:
        self.function = function
        self.number = func.hashtextextended(text, 0)


@compiles(Locked, "postgresql")
def _locked_on_postgresql(element: Locked, compiler: SQLCompiler, **options: Any) -> str:
    return f"pg_advisory_xact_{element.function}({compiler.process(element.number, **options)}) IS NOT NULL"


@compiles(Locked, "sqlite")
def _locked_on_sqlite(_element: Locked, _compiler: SQLCompiler, **_options: Any) -> str:
    return "true"
