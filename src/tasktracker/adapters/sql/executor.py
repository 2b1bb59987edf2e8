"""Runs the statements of one unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from sqlalchemy import Executable

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.statements import Parameters, Row
from tasktracker.domain.kernel.errors import DomainError


class Executor:
    """A unit of work's access to its connection, until it is closed."""

    __slots__ = ("_connection", "failure", "is_writing")

    def __init__(self, connection: Connection, *, is_writing: bool) -> None:
        self._connection: Connection | None = connection
        self.is_writing = is_writing
        self.failure: DomainError | None = None

    def one(self, statement: Executable, parameters: Parameters) -> Row | None:
        """Return the first row, if there is one."""
        rows = self.all(statement, parameters)
        return rows[0] if rows else None

    def all(self, statement: Executable, parameters: Parameters) -> Sequence[Row]:
        """Return all rows."""
        connection = self._connection or _closed()
        try:
            return connection.rows(statement, parameters)
        except DomainError as failure:
            self.failure = failure
            raise

    def change(self, statement: Executable, parameters: Parameters) -> int:
        """Change rows, and return how many."""
        connection = self._for_writing()
        try:
            return connection.change(statement, parameters)
        except DomainError as failure:
            self.failure = failure
            raise

    def change_all(self, statement: Executable, rows: Sequence[Parameters]) -> None:
        """Make the same change with one set of parameters after the other."""
        connection = self._for_writing()
        try:
            if rows:
                connection.change_all(statement, rows)
        except DomainError as failure:
            self.failure = failure
            raise

    def changed(self, statement: Executable, parameters: Parameters) -> Sequence[Row]:
        """Change rows, and return those that the statement returns."""
        self._for_writing()
        return self.all(statement, parameters)

    def close(self) -> None:
        """Allow nothing more."""
        self._connection = None

    def _for_writing(self) -> Connection:
        if not self.is_writing:
            raise RuntimeError("This unit of work was opened for reading only.")
        return self._connection or _closed()


def _closed() -> NoReturn:
    raise RuntimeError("This unit of work is closed.")
