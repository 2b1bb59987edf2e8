"""Runs the statements of one unit of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable

from tasktracker.domain.errors import DomainError

Parameters = Mapping[str, Any]


class Executor:
    """A unit of work's access to its connection, until it is closed."""

    __slots__ = ("_connection", "failure", "is_writing")

    def __init__(self, connection: Connection, *, is_writing: bool) -> None:
        self._connection: Connection | None = connection
        self.is_writing = is_writing
        self.failure: DomainError | None = None

    def one(self, statement: Executable, parameters: Parameters) -> Sequence[Any] | None:
        """Return the first row, if there is one."""
        return self._execute(statement, parameters).first()

    def all(self, statement: Executable, parameters: Parameters) -> Sequence[Sequence[Any]]:
        """Return all rows."""
        return self._execute(statement, parameters).all()

    def change(self, statement: Executable, parameters: Parameters) -> int:
        """Change rows, and return how many."""
        if not self.is_writing:
            raise RuntimeError("This unit of work was opened for reading only.")
        return self._execute(statement, parameters).rowcount

    def change_all(self, statement: Executable, rows: Sequence[Parameters]) -> None:
        """Make the same change with one set of parameters after the other."""
        if not self.is_writing:
            raise RuntimeError("This unit of work was opened for reading only.")
        if rows:
            self._execute(statement, rows)

    def changed(self, statement: Executable, parameters: Parameters) -> Sequence[Sequence[Any]]:
        """Change rows, and return those that the statement returns."""
        if not self.is_writing:
            raise RuntimeError("This unit of work was opened for reading only.")
        return self._execute(statement, parameters).all()

    def close(self) -> None:
        """Allow nothing more."""
        self._connection = None

    def _execute(
        self, statement: Executable, parameters: Parameters | Sequence[Parameters]
    ) -> CursorResult[*tuple[Any, ...]]:
        if self._connection is None:
            raise RuntimeError("This unit of work is closed.")
        try:
            return self._connection.execute(statement, parameters)
        except DomainError as failure:
            self.failure = failure
            raise
