"""What a database's own module offers, in one form for all databases."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import psycopg

from tasktracker.adapters.sql.statements import Compiled, Row, Statements

DRIVER_ERRORS = (sqlite3.Error, psycopg.Error)


class Driver(ABC):
    """An open connection of a database's own module, which a pool keeps. It is used by one thread at a time.

    Its methods raise the errors of that module, `DRIVER_ERRORS`.
    """

    dialect: ClassVar[str]
    statements: ClassVar[Statements]

    @abstractmethod
    def fetch(self, compiled: Compiled, values: list[Any]) -> Sequence[Row]:
        """Run a statement, and return all its rows as they are stored."""

    @abstractmethod
    def change(self, compiled: Compiled, values: list[Any]) -> int:
        """Run a statement, and return how many rows it changed."""

    @abstractmethod
    def change_all(self, compiled: Compiled, rows: list[list[Any]]) -> None:
        """Run a statement with one list of values after the other."""

    @abstractmethod
    def run(self, command: str) -> None:
        """Run a command that has neither parameters nor results."""

    @property
    @abstractmethod
    def is_lost(self) -> bool:
        """Whether it leads to no database any more."""

    @property
    @abstractmethod
    def is_at_rest(self) -> bool:
        """Whether another unit of work can use it: it is not lost, and no transaction is open."""

    @abstractmethod
    def is_alive(self) -> bool:
        """Return whether it is still of use after it lay idle, at little cost."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection to the database."""
