"""One interface to the Python modules of all databases."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import psycopg

from tasktracker.adapters.sql.statements import Compiled, Row, Statements
from tasktracker.domain.kernel.deadline import Deadline

DRIVER_ERRORS = (sqlite3.Error, psycopg.Error)


class Driver(ABC):
    """An open connection of a database's module, kept in a pool. Only one thread uses it at a time.

    Its methods raise the errors of that module, `DRIVER_ERRORS`.
    """

    dialect: ClassVar[str]
    statements: ClassVar[Statements]

    @abstractmethod
    def set_deadline(self, until: Deadline) -> None:
        """Set the time until which the next statements may wait. A statement that waits longer fails."""

    @abstractmethod
    def fetch(self, compiled: Compiled, values: list[Any]) -> Sequence[Row]:
        """Run a statement and return all its rows, unconverted."""

    @abstractmethod
    def change(self, compiled: Compiled, values: list[Any]) -> int:
        """Run a statement and return the number of rows it changed."""

    @abstractmethod
    def change_all(self, compiled: Compiled, rows: list[list[Any]]) -> None:
        """Run a statement once for each list of values."""

    @abstractmethod
    def run(self, command: str) -> Any:
        """Run commands without parameters, and return the first column of the last one's first row, or None."""

    @property
    @abstractmethod
    def is_lost(self) -> bool:
        """Whether the connection to the database is lost."""

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether another unit of work can use it: it is not lost, and no transaction is open."""

    @abstractmethod
    def is_alive(self) -> bool:
        """Return whether an idle connection can still be used, without a round trip."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection to the database."""
