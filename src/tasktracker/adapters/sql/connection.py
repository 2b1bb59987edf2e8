"""Runs the statements of one unit of work."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from sqlalchemy import Executable

from tasktracker.adapters.sql.driver import DRIVER_ERRORS, Driver
from tasktracker.adapters.sql.statements import Parameters, Row
from tasktracker.adapters.sql.violations import unavailable, violated
from tasktracker.domain.kernel.errors import DomainError

NOTHING: Parameters = {}
# Values of one statement, below what any database takes as its parameters.
MAX_VALUES = 1000


class Connection:
    """Lends a driver to one unit of work, until it is closed; after that, every method raises RuntimeError.

    Errors of the driver are raised as the domain errors that they mean, the last of which is kept as the `failure`,
    and unchanged where they mean none.
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
        """Return the driver, where it may be used to change anything. Raises RuntimeError where not."""
        if not self.is_writing:
            raise RuntimeError("This unit of work was opened for reading only.")
        return self.driver

    def rows(self, statement: Executable, parameters: Parameters = NOTHING) -> Sequence[Row]:
        """Run a statement, and return all its rows."""
        driver = self.driver
        compiled = driver.statements.compiled(statement, parameters)
        try:
            return compiled.results(driver.fetch(compiled, compiled.values(parameters)))
        except DRIVER_ERRORS as error:
            self._raise(error, statement, parameters)

    def rows_of_many(
        self, statement: Executable, name: str, values: Collection[Any], parameters: Parameters = NOTHING
    ) -> Sequence[Row]:
        """Run a statement that takes a list, by this name, as often as the number of values needs; return all rows."""
        found: list[Row] = []
        remaining = list(values)
        while remaining:
            found += self.rows(statement, {**parameters, name: remaining[:MAX_VALUES]})
            del remaining[:MAX_VALUES]
        return found

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
        driver = self.driver_for_writing()
        compiled = driver.statements.compiled(statement, parameters)
        try:
            return driver.change(compiled, compiled.values(parameters))
        except DRIVER_ERRORS as error:
            self._raise(error, statement, parameters)

    def change_all(self, statement: Executable, rows: Sequence[Parameters]) -> None:
        """Run a statement with one set of parameters after the other; all have the same names."""
        driver = self.driver_for_writing()
        if not rows:
            return
        compiled = driver.statements.compiled(statement, rows[0])
        try:
            driver.change_all(compiled, [compiled.values(row) for row in rows])
        except DRIVER_ERRORS as error:
            self._raise(error, statement, rows[0])

    def changed(self, statement: Executable, parameters: Parameters) -> Sequence[Row]:
        """Run a statement that changes rows, and return those that it returns."""
        self.driver_for_writing()
        return self.rows(statement, parameters)

    def run(self, command: str) -> None:
        """Run a command that has neither parameters nor results."""
        try:
            self.driver.run(command)
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

    def rollback(self) -> None:
        """Undo what was done since a transaction began, if one has and has not ended by itself."""
        if not (self.driver.is_at_rest or self.driver.is_lost):
            self.run("ROLLBACK")

    def close(self) -> None:
        """Take the driver away: another unit of work may have it next."""
        self._driver = None

    def _raise(
        self, error: Exception, statement: Executable | None = None, parameters: Parameters = NOTHING
    ) -> NoReturn:
        meaning = unavailable(error, is_lost=self.driver.is_lost) or violated(error, statement, parameters)
        if meaning is None:
            raise error
        self.failure = meaning
        raise meaning from error
