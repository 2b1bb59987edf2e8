"""Runs the statements of one unit of work."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from sqlalchemy import Executable

from tasktracker.adapters.sql.driver import DRIVER_ERRORS, Driver
from tasktracker.adapters.sql.statements import Compiled, Parameters, Row
from tasktracker.adapters.sql.violations import unavailable, violated
from tasktracker.domain.kernel.errors import DomainError

NOTHING: Parameters = {}
# The most values in one statement. It is below the parameter limit of every database.
MAX_VALUES = 1000


class Connection:
    """Gives one unit of work access to a driver. After `close`, every method raises RuntimeError.

    A driver's error is raised as the corresponding domain error. An error without a corresponding
    domain error is raised unchanged. `failure` is the last domain error that was raised for a change.
    """

    __slots__ = ("_driver", "failure", "is_writing")

    def __init__(self, driver: Driver, *, is_writing: bool) -> None:
        self._driver: Driver | None = driver
        self.is_writing = is_writing
        self.failure: DomainError | None = None

    @property
    def driver(self) -> Driver:
        """The driver that runs the statements."""
        if self._driver is None:
            raise RuntimeError("This unit of work is closed.")
        return self._driver

    def driver_for_writing(self) -> Driver:
        """Return the driver. Raises RuntimeError if the connection is for reading only."""
        if not self.is_writing:
            raise RuntimeError("This unit of work was opened for reading only.")
        return self.driver

    def rows(self, statement: Executable, parameters: Parameters = NOTHING) -> Sequence[Row]:
        """Run a statement and return all its rows."""
        compiled, rows = self._fetch(statement, parameters)
        return compiled.results(rows)

    def columns(self, statement: Executable, parameters: Parameters = NOTHING) -> list[Sequence[Any]]:
        """Run a statement and return the columns of all its rows; none if it finds no row."""
        compiled, rows = self._fetch(statement, parameters)
        return compiled.columns(rows)

    def _fetch(self, statement: Executable, parameters: Parameters) -> tuple[Compiled, Sequence[Row]]:
        driver = self.driver
        compiled = driver.statements.compiled(statement, parameters)
        try:
            return compiled, driver.fetch(compiled, compiled.values(parameters))
        except DRIVER_ERRORS as error:
            self._raise(error, statement, parameters)

    def rows_of_many(
        self, statement: Executable, name: str, values: Collection[Any], parameters: Parameters = NOTHING
    ) -> Sequence[Row]:
        """Run a statement for each batch of values, passed as the list parameter `name`. Return all rows."""
        found: list[Row] = []
        remaining = list(values)
        while remaining:
            found += self.rows(statement, {**parameters, name: remaining[:MAX_VALUES]})
            del remaining[:MAX_VALUES]
        return found

    def one(self, statement: Executable, parameters: Parameters = NOTHING) -> Row | None:
        """Run a statement and return its first row, or None."""
        rows = self.rows(statement, parameters)
        return rows[0] if rows else None

    def value(self, statement: Executable, parameters: Parameters = NOTHING) -> Any:
        """Run a statement and return the first column of its first row, or None."""
        rows = self.rows(statement, parameters)
        return rows[0][0] if rows else None

    def change(self, statement: Executable, parameters: Parameters = NOTHING) -> int:
        """Run a statement and return the number of rows it changed."""
        driver = self.driver_for_writing()
        compiled = driver.statements.compiled(statement, parameters)
        try:
            return driver.change(compiled, compiled.values(parameters))
        except DRIVER_ERRORS as error:
            self._raise(error, statement, parameters)

    def change_all(self, statement: Executable, rows: Sequence[Parameters]) -> None:
        """Run a statement once for each set of parameters, all with the same names."""
        driver = self.driver_for_writing()
        if not rows:
            return
        compiled = driver.statements.compiled(statement, rows[0])
        try:
            driver.change_all(compiled, [compiled.values(row) for row in rows])
        except DRIVER_ERRORS as error:
            self._raise(error, statement, rows[0])

    def change_returning(self, statement: Executable, parameters: Parameters) -> Sequence[Row]:
        """Run a statement that changes rows, and return the rows of its RETURNING clause."""
        self.driver_for_writing()
        return self.rows(statement, parameters)

    def run(self, command: str) -> Any:
        """Run commands without parameters, and return the first column of the last one's first row, or None."""
        try:
            return self.driver.run(command)
        except DRIVER_ERRORS as error:
            self._raise(error)

    @contextmanager
    def transaction(self, begin: str) -> Iterator[Any]:
        """Begin a transaction with the command `begin`, and yield its result. Commit, or roll back on an exception."""
        result = self.run(begin)
        try:
            yield result
            self.run("COMMIT")
        except BaseException:
            self.rollback()
            raise

    def rollback(self) -> None:
        """Roll back the open transaction, if there is one."""
        if not (self.driver.is_idle or self.driver.is_lost):
            self.run("ROLLBACK")

    def close(self) -> None:
        """Release the driver, which another unit of work may use next."""
        self._driver = None

    def refusal(self, error: DomainError) -> DomainError:
        """Return the error, and mark the unit of work as failed, even if a caller handles the error."""
        self.failure = error
        return error

    def _raise(
        self, error: Exception, statement: Executable | None = None, parameters: Parameters = NOTHING
    ) -> NoReturn:
        meaning = unavailable(error, is_lost=self.driver.is_lost) or violated(error, statement, parameters)
        if meaning is None:
            raise error
        raise self.refusal(meaning) from error
