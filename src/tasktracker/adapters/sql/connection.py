"""What units of work need of a connection."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import psycopg
from sqlalchemy import Executable

from tasktracker.adapters.sql.statements import Compiled, Parameters, Row, Statements
from tasktracker.adapters.sql.violations import unavailable, violated

DRIVER_ERRORS = (sqlite3.Error, psycopg.Error)
NOTHING: Parameters = {}


class Connection(ABC):
    """Runs statements, on behalf of one thread at a time.

    All methods raise domain errors for what they cover, and the driver's for everything else.
    """

    dialect: str

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    def rows(self, statement: Executable, parameters: Parameters = NOTHING) -> Sequence[Row]:
        """Run a statement, and return all its rows."""
        compiled = self._statements.compiled(statement, parameters)
        try:
            return compiled.results(self._fetch(compiled, compiled.values(parameters)))
        except DRIVER_ERRORS as error:
            self._raise(error, statement, parameters)

    def one(self, statement: Executable, parameters: Parameters = NOTHING) -> Row | None:
        """Run a statement, and return its first row, if there is one."""
        rows = self.rows(statement, parameters)
        return rows[0] if rows else None

    def value(self, statement: Executable, parameters: Parameters = NOTHING) -> Any:
        """Run a statement, and return the first column of its first row, if there is one."""
        rows = self.rows(statement, parameters)
        return rows[0][0] if rows else None

    def change(self, statement: Executable, parameters: Parameters = NOTHING) -> int:
        """Run a statement, and return how many rows it changed."""
        compiled = self._statements.compiled(statement, parameters)
        try:
            return self._change(compiled, compiled.values(parameters))
        except DRIVER_ERRORS as error:
            self._raise(error, statement, parameters)

    def change_all(self, statement: Executable, rows: Sequence[Parameters]) -> None:
        """Run a statement with one set of parameters after the other; all have the same names."""
        compiled = self._statements.compiled(statement, rows[0])
        try:
            self._change_all(compiled, [compiled.values(row) for row in rows])
        except DRIVER_ERRORS as error:
            self._raise(error, statement, rows[0])

    def run(self, command: str) -> None:
        """Have something done that has neither parameters nor results."""
        try:
            self._run(command)
        except DRIVER_ERRORS as error:
            self._raise(error)

    @contextmanager
    def transaction(self, begin: str) -> Iterator[None]:
        """Begin a transaction by a command: leaving it normally commits, leaving it by an exception rolls back."""
        self.run(begin)
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self.rollback()
            raise

    @abstractmethod
    def rollback(self) -> None:
        """Undo what was done since a transaction began, if one has and has not ended by itself."""

    @property
    @abstractmethod
    def is_lost(self) -> bool:
        """Whether it leads to no database any more."""

    @property
    @abstractmethod
    def is_at_rest(self) -> bool:
        """Whether it is of use to somebody else: neither lost nor in the middle of anything."""

    @abstractmethod
    def is_alive(self) -> bool:
        """Tell whether it is still of use after it lay idle, at little cost."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    @abstractmethod
    def _fetch(self, compiled: Compiled, values: list[Any]) -> Sequence[Row]: ...

    @abstractmethod
    def _change(self, compiled: Compiled, values: list[Any]) -> int: ...

    @abstractmethod
    def _change_all(self, compiled: Compiled, rows: list[list[Any]]) -> None: ...

    @abstractmethod
    def _run(self, command: str) -> None: ...

    def _raise(
        self, error: Exception, statement: Executable | None = None, parameters: Parameters = NOTHING
    ) -> NoReturn:
        meaning = unavailable(error, is_lost=self.is_lost) or violated(error, statement, parameters)
        if meaning is None:
            raise error
        raise meaning from error
